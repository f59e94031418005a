"""An issuance stands behind a call: found in the store, of the same source, by a key that both name."""

import json
import re

import pytest

from grantlens import relations
from grantlens.conclusion.held import held
from grantlens.holdings import summary

CONSENT = {"log": "issuance", "issued_at": "2026-06-01T00:00:00Z", "kind": "consent", "scopes": ["x"]}
TOKEN = {"log": "issuance", "issued_at": "2026-06-02T00:00:00Z", "kind": "token", "token_id": "t1", "scopes": ["x"]}
CALL = {
    "log": "usage",
    "used_at": "2026-07-01T00:00:00Z",
    "token_scopes": ["x"],
    "resource_server": "r",
    "operation": "op",
}
WHO = {"outcome": "success", "client_id": "c", "subject_id": "s", "source": "a"}
GRANT = {"grant_id": "g1"}


@pytest.mark.parametrize(
    ("records", "calls", "attributed"),
    [
        ([CALL | GRANT], {"none": 1}, 0),  # it names a grant that no log issued
        ([CONSENT | GRANT, CALL | GRANT], {"grant": 1}, 1),
        ([CONSENT | GRANT, CALL | GRANT | {"source": "b"}], {"none": 1}, 0),  # the same id of another source
        ([CONSENT | GRANT, CALL], {"client and subject": 1}, 1),
        ([CONSENT | GRANT, CALL | {"subject_id": "t"}], {"none": 1}, 0),
        ([CONSENT | GRANT, TOKEN | GRANT, CALL | {"token_id": "t1"}], {"token": 1}, 1),
        ([CONSENT | GRANT, CALL | {"used_at": "2026-05-01T00:00:00Z"}], {"none": 1}, 0),  # before there was one
    ],
)
def test_a_call_is_attributed_where_its_issuance_is_found(store, tmp_path, records, calls, attributed):
    path = tmp_path / "log.ndjson"
    path.write_text("".join(json.dumps(WHO | record) + "\n" for record in records))
    assert not store.load(path).total("rejected")
    assert [row["attributed"] for row in store.providers()] == [attributed]
    assert [source.calls for source in held(store) if source.calls] == [calls]


def test_what_it_reads_is_worked_out():
    """A relation that it reads as a view is planned through all that it is made of, wherever it stands."""
    assert set(re.findall(r"(?:FROM|JOIN) (\w+)", summary.STANDING)) & set(relations.registry()) == set(summary.NEEDS)
