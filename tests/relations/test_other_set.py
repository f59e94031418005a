"""What else may have been held: the clocks are those of the caller's tenant, and each set is named once."""

import json

import pytest

from grantlens import relations
from grantlens.catalogue.model import Catalogue
from grantlens.register.clocks import Clocks
from grantlens.rule.example import CATALOGUE, consent, use
from grantlens.store import Store

WINDOW = {"since": "2026-07-01T00:00:00Z", "until": "2026-08-01T00:00:00Z", "every_call": False}


@pytest.fixture
def others(tmp_path):
    """Return a function that answers other_set for these records."""

    def answer(records, clocks="", columns="*"):
        (tmp_path / "catalogue.toml").write_text(CATALOGUE)
        (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
        with Store(":memory:") as store:
            store.add(Catalogue.build("toml", tmp_path / "catalogue.toml"))
            if clocks:
                (tmp_path / "clocks.toml").write_text(clocks)
                store.add(Clocks.read(tmp_path / "clocks.toml"))
            assert store.load(tmp_path / "log.ndjson").total("rejected") == 0
            with relations.worked_out(store.engine, ("other_set", "used_pair", "named_caller"), WINDOW):
                return store.engine.rows(
                    f"SELECT {columns} FROM other_set SEMI JOIN used_pair USING (first_no) JOIN named_caller USING (caller_id)"
                )

    return answer


def test_a_clock_that_is_stated_for_one_tenant_leaves_the_others_as_they_are(others):
    records = [
        row
        for tenant in ("exact", "loose")
        for row in (
            consent("10 09:00", ["mail.read"], f"g-{tenant}", tenant=tenant),
            use("10 09:59:58.5", "POST /v1/messages", None, grant_id=f"g-{tenant}", tenant=tenant),
            consent("10 10:00", ["mail.send"], f"g-{tenant}", tenant=tenant),
        )
    ]
    assert {tenant for (tenant,) in others(records, columns="tenant")} == {"exact", "loose"}
    stated = '[[clock]]\nsource = "native"\ntenant = "exact"\nerror_seconds = 0.1\n'
    assert others(records, stated, "tenant") == [("loose",)]
