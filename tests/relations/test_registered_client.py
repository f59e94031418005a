"""The register's row of a client, by whichever of its ids the logs name it, beside plain Python."""

import random

import pytest

import grantlens as gl
from grantlens.register.identities import Identities
from grantlens.register.register import Register
from grantlens.relations import worked_out
from grantlens.store import Store
from tests.ingest.oracle import issuance, ndjson

NAMES, IDS = ("copilot", "helper"), ("app", "object", "bot", "copilot")


@pytest.mark.parametrize("seed", range(12))
def test_each_id_has_the_row_that_plain_python_finds(tmp_path, seed):
    draw = random.Random(seed)
    said = {(source, id_): draw.choice(NAMES) for source in ("okta", "slack") for id_ in IDS if draw.random() < 0.5}
    rows = draw.sample([*IDS, "helper"], draw.randint(0, 3))
    logged = [(draw.choice(("okta", "slack")), draw.choice(IDS)) for _ in range(6)]
    with Store(tmp_path / "s.duckdb") as store:
        records = [issuance(n, source=source, client_id=id_) for n, (source, id_) in enumerate(logged)]
        store.load(ndjson(tmp_path / "a.ndjson", records))
        store.add(Register(tuple({"client_id": id_, "owner": f"owner of {id_}"} for id_ in rows)))
        store.add(
            Identities(tuple({"kind": "client", "name": name, "source": s, "id": i} for (s, i), name in said.items()))
        )
        with worked_out(store.engine, ("registered_client",), {}):
            found = store.engine.rows("SELECT client_id, registered_as, owner FROM registered_client")
    expected = {id_: id_ for id_ in rows}
    for (_, id_), name in said.items():
        same = {name} | {other for (_, other), its_name in said.items() if its_name == name}
        if id_ not in rows and same & set(rows):
            expected[id_] = min({expected.get(id_, "~"), *(same & set(rows))})
    assert sorted(found) == sorted((id_, row, f"owner of {row}") for id_, row in expected.items())


def test_the_list_of_grants_and_a_case_name_the_owner_of_a_client_that_is_registered_by_its_name(tmp_path):
    with Store(tmp_path / "s.duckdb") as store:
        store.load(
            ndjson(tmp_path / "a.ndjson", [issuance(1, source="okta", client_id="0oa1", kind="consent", grant_id="g")])
        )
        store.add(Register(({"client_id": "mail-copilot", "owner": "jo", "purpose": "mail"},)))
        assert [row["owner"] for row in gl.grants(store).to_dicts()] == [None]
        store.add(Identities(({"kind": "client", "name": "mail-copilot", "source": "okta", "id": "0oa1"},)))
        assert [row["owner"] for row in gl.grants(store).to_dicts()] == ["jo"]
        answers = {row["question"]: row["answer"] for row in gl.Case(store, client="0oa1").answers().to_dicts()}
        assert answers["Who owns it, and what is it for?"].startswith("mail-copilot: jo, for")
