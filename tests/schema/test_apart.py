"""Ids of the logs that several tenants have: told apart inside, and shown as they stand in the logs."""

import json

import pyarrow as pa
import pytest

import grantlens as gl
from grantlens.relations import let_go, worked_out
from grantlens.rule.example import consent, decided, logs_from_to, revoked, token, use
from grantlens.schema.apart import shown, told_apart

OWN = chr(1) + "0" * 40
READ = "GET /v1/messages/7"


def of(tenant, client, *, end=True):
    """Return the records of one tenant: grant 12, its token 1, a call, and if it ended event 7 of the revocations."""
    who = {"tenant": tenant, "client_id": client}
    yield consent("10 08:00", ["mail.read"], "12", event_id="1", **who)
    yield token("10 09:00", "1", ["mail.read"], grant_id="12", event_id="2", **who)
    yield use("10 10:00", READ, "1", event_id="3", **who)
    if end:
        yield revoked(
            "11 10:00" if tenant == "north" else "11 10:10", "grant", grant_id="12", **{**who, "event_id": "7"}
        )
    yield use("12 10:00", READ, None, grant_id="12", event_id="4", **who)
    yield from ({**record, "tenant": tenant} for record in logs_from_to("01 08:00", "20 08:00"))


@pytest.fixture
def store_of(prepared, tmp_path):
    """Return a function that makes a store of native records."""

    def make(*records):
        log = tmp_path / "log.ndjson"
        log.write_text("".join(json.dumps({"event_id": f"e{n}", **row}) + "\n" for n, row in enumerate(records)))
        store = prepared(":memory:")
        assert store.load(log).total("rejected") == 0
        return store

    return make


def left(engine):
    return engine.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'temp' ORDER BY table_name"
    )


def grants(store):
    return {
        (row["tenant"], row["grant_id"]): row for row in gl.grants(store).pl().to_dicts() if row["grant_id"] == "12"
    }


def test_the_end_of_one_is_not_the_end_of_the_other(store_of):
    store = store_of(*of("north", "app"), *of("south", "helper", end=False))
    found = grants(store)
    assert found.keys() == {("north", "12"), ("south", "12")}
    assert [found[tenant, "12"]["state"] for tenant in ("north", "south")] == ["ended", "live"]
    assert [found[tenant, "12"]["client_id"] for tenant in ("north", "south")] == ["app", "helper"]
    used = gl.detect.run(store, "REV-1")[0].to_dicts()
    assert [(row["verdict"], row["tenant"], row["client_id"], row["grant_id"]) for row in used] == [
        ("violation", "north", "app", "12")
    ]
    assert used[0]["detail"]["revocation_event"] == "7"
    assert gl.review(store).document["taken_for_one"] == [{"source": "native", "kind": "token", "ids": 2}]


def test_both_revocations_of_one_id_are_kept_and_each_is_told(store_of):
    store = store_of(*of("north", "app"), *of("south", "helper"))
    assert store.sql("SELECT tenant, event_id FROM revocation ORDER BY tenant").to_pylist() == [
        {"tenant": tenant, "event_id": "7"} for tenant in ("north", "south")
    ]
    used = gl.detect.run(store, "REV-1")[0].to_dicts()
    assert [(row["tenant"], row["client_id"], row["grant_id"], row["detail"]["revocation_event"]) for row in used] == [
        ("north", "app", "12", "7"), ("south", "helper", "12", "7"),
    ]  # fmt: skip
    assert {pointer["event_id"] for row in used for pointer in row["evidence"]} == {"4", "7"}
    lag = gl.detect.revocation_lag(store).pl().to_dicts()
    assert {(row["tenant"], row["revocation_event"], row["grant_id"]) for row in lag} == {
        ("north", "7", "12"), ("south", "7", "12"),
    }  # fmt: skip


def test_a_grant_that_a_row_without_a_tenant_names_is_taken_for_one_and_told(store_of):
    store = store_of(*of("north", "app"), *of("south", "helper", end=False), use("13 10:00", READ, None, grant_id="12"))
    assert len(grants(store)) == 1
    told = gl.review(store).document
    assert {"source": "native", "kind": "grant", "ids": 1} in told["taken_for_one"]


@pytest.mark.parametrize(
    ("tenant", "verdicts"), [("north", {"clear"}), ("south", {"violation"}), (None, {"violation"})]
)
def test_a_decision_on_a_grant_is_about_that_of_its_tenant(store_of, tenant, verdicts):
    store = store_of(*of("north", "app"), *of("south", "helper", end=False))
    row = decided("11 09:30", "compromise", grant_id="12", tenant=tenant)
    columns = ", ".join(f"${name} AS {name}" for name in row)
    store.engine.execute(f"INSERT INTO decision BY NAME SELECT {columns}", row)
    found = gl.detect.run(store, "REV-10")[0].to_dicts()
    assert {finding["verdict"] for finding in found} == verdicts
    assert {finding["grant_id"] for finding in found} == {"12"}


def test_a_case_of_the_id_is_of_both_and_of_one_tenant_of_its_own(store_of):
    store = store_of(*of("north", "app"), *of("south", "helper", end=False))
    case = gl.Case(store, grant="12")
    assert {(row["client_id"], row["grant_id"]) for row in case.facts["consents"]} == {("app", "12"), ("helper", "12")}
    assert case.facts["used"]["calls"] == 4
    assert case.facts["used"]["after_revocation"] == 1
    assert [row["revocation_event"] for row in case.facts["revocations"]] == ["7"]
    assert "2 tenants of native (north and south)" in str(case.answers()["What cannot be known from these logs?"])
    assert "u0001" not in json.dumps(
        [case.to_dict(), case.answers().to_dicts(), gl.review(store).document], default=str
    )
    alone = gl.Case(store, client="helper")
    assert alone.facts["used"]["after_revocation"] == 0
    assert alone.facts["revocations"] == []


@pytest.mark.parametrize("later", [None, "renewed", "given again"])
def test_what_came_after_the_end_of_one_is_not_told_of_the_end_of_the_other(store_of, later):
    more = {
        None: [],
        "renewed": [token("12 09:00", "9", ["mail.read"], grant_id="12", tenant="north", event_id="9")],
        "given again": [consent("11 10:30", ["mail.read"], "12", tenant="north", event_id="9")],
    }[later]
    store = store_of(*of("north", "app"), *of("south", "helper"), *more)
    told = gl.review(store).document
    found = {row["tenant"]: row for row in told["revocations"] if row["revocation_event"] == "7"}
    assert found.keys() == {"north", "south"}
    assert [found[tenant]["reissued"] for tenant in ("north", "south")] == [later == "renewed", False]
    assert [found[tenant]["given_again_at"] is not None for tenant in ("north", "south")] == [
        later == "given again",
        False,
    ]
    assert told["lag"]["events"] == 2
    case = gl.Case(store, grant="12").facts["revocations"]
    assert [(row["tenant"], row["later"]["tenant"], row["reissued"]) for row in case] == [
        ("north", "north", later == "renewed"), ("south", "south", False),
    ]  # fmt: skip


def test_nothing_is_laid_over_the_tables_afterwards(store_of):
    engine = store_of(*of("north", "app"), *of("south", "helper")).engine
    before = left(engine)
    with worked_out(engine, ["grant_state"], {}):
        assert engine.value("SELECT count(DISTINCT grant_id) FROM grant_state WHERE client_id <> 'bystander'") == 2
        with worked_out(engine, ["issued"], {}):
            assert engine.value("SELECT count(DISTINCT event_id) FROM revocation") == 2
        assert {id for (id,) in engine.rows("SELECT event_id FROM revocation")} == {"7"}
    with pytest.raises(ZeroDivisionError), told_apart(engine):
        1 / 0  # noqa: B018
    let_go(engine)
    assert left(engine) == before
    assert engine.shown is None
    assert engine.value("SELECT count(DISTINCT event_id) FROM revocation") == 1


def test_where_no_id_is_of_several_tenants_nothing_is_laid(store_of):
    engine = store_of(*of("north", "app")).engine
    before = left(engine)
    with told_apart(engine):
        assert left(engine) == before
        assert engine.shown is None


def test_an_answer_shows_ids_as_the_logs_have_them_whatever_holds_them():
    def answer(own):
        return [
            {
                "text": f"grant 12{own} of",
                "listed": [f"12{own}", None],
                "nested": [{"id": f"7{own}", "n": 1}, None],
                "n": 1,
            },
            {"text": None, "listed": None, "nested": None, "n": None},
            {"text": json.dumps({"grant": f"12{own}"}), "listed": [], "nested": [], "n": 3},
        ]

    rows, expected = answer(OWN), answer("")
    nested = pa.list_(pa.struct({"id": pa.string(), "n": pa.int64()}))
    schema = pa.schema({"text": pa.string(), "listed": pa.list_(pa.string()), "nested": nested, "n": pa.int64()})
    table = pa.Table.from_pylist(rows, schema)
    assert shown(table).to_pylist() == expected
    assert shown(table.slice(1)).to_pylist() == expected[1:]
    assert shown(rows) == expected
