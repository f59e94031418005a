"""What goes out as OCSF events: every record, in the shape of the schema, with the delegation that it happened under."""

import gzip
import json
import random

import pytest

from grantlens.errors import GrantlensError
from grantlens.store import Store

BASE = {
    "activity_id", "activity_name", "category_name", "category_uid", "class_name", "class_uid", "end_time", "metadata", "severity",
    "severity_id", "status", "status_code", "status_detail", "status_id", "time", "type_name", "type_uid", "unmapped",
    "actor", "src_endpoint", "ai_agent", "delegation",
}  # fmt: skip
ALLOWED = {6003: BASE | {"api", "http_request", "resources"}, 3004: BASE | {"comment", "entity"}}
"""What OCSF 1.9.0 knows of these classes, with profile ai_operation; of it what grantlens can fill."""
REQUIRED = {6003: {"actor", "api", "src_endpoint"}, 3004: {"entity"}}
EVERYWHERE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}


@pytest.fixture
def exported(tmp_path):
    def run(records, *, register=None, name="out.ndjson"):
        log = tmp_path / "log.ndjson"
        log.write_text("".join(json.dumps(record) + "\n" for record in records))
        with Store(":memory:") as store:
            report = store.load(log)
            assert not report.failed
            assert not report.total("rejected")
            if register:
                row = "SELECT $id AS client_id, $kind AS kind, $name AS name, 'active' AS status"
                store.engine.execute(f"INSERT INTO register BY NAME {row}", register)
            (path,) = store.export(tmp_path / name, ocsf=True)
        text = gzip.decompress(path.read_bytes()).decode() if name.endswith(".gz") else path.read_text()
        return [json.loads(line) for line in text.split("\n")[:-1]]

    return run


def issue(number, **changes):
    row = {
        "log": "issuance",
        "issued_at": f"2026-07-01T08:{number:02}:00Z",
        "kind": "token",
        "outcome": "success",
        "event_id": f"i{number}",
        "source": "idp",
    }
    return row | changes


def call(number, **changes):
    row = {
        "log": "usage",
        "used_at": f"2026-07-01T09:{number:02}:00Z",
        "outcome": "success",
        "event_id": f"u{number}",
        "source": "idp",
    }
    return row | changes


def end(number, **changes):
    row = {"log": "revocation", "revoked_at": f"2026-07-01T10:{number:02}:00Z", "kind": "revoke", "outcome": "success", "target_kind": "token",
           "event_id": f"r{number}", "source": "idp"}  # fmt: skip
    return row | changes


def nothings(value):
    """Give what OCSF leaves out where it is not known."""
    if value is None or value == {}:
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from nothings(each)


def test_every_record_is_an_event_of_its_class_and_says_nothing_that_is_not_there(exported):
    records = [
        issue(1, kind="consent", grant_id="g1", client_id="app", subject_id="jo", consent_kind="user", scopes=["mail.read"]),
        issue(2, token_id="t1", grant_id="g1", token_kind="access", client_id="app", expires_at="2026-07-01T09:08:00Z", ip="192.0.2.1"),
        issue(3, outcome="denied", denial_reason="reuse"),
        issue(4, kind="change", grant_id="g1"),
        call(1, token_id="t1", client_id="app", subject_id="jo", session_id="s", method="GET", target="/v1/mail", status=200, ip="192.0.2.1",
             user_agent="curl/8", resource_id="m1", resource_server="mail", ended_at="2026-07-01T09:01:01Z"),
        call(2, outcome="denied", denial_reason="scope", method="purge", operation="tools/call"),
        call(3),
        end(1, token_id="t1", reason="laptop stolen", actor_id="admin"),
        end(2, kind="downgrade", target_kind="grant", grant_id="g1", scopes_removed=["mail.read"]),
        end(3, kind="disable", target_kind="client", client_id="app", outcome="error"),
        end(4, kind="signal", target_kind="session", session_id="s"),
    ]  # fmt: skip
    events = exported(records)
    assert [event["metadata"]["uid"] for event in events] == [record["event_id"] for record in records]
    for event, record in zip(events, records, strict=True):
        number = event["class_uid"]
        assert number == (6003 if record["log"] == "usage" else 3004)
        assert EVERYWHERE | REQUIRED[number] <= set(event) <= ALLOWED[number]
        assert (event["category_uid"], event["type_uid"]) == (number // 1000, number * 100 + event["activity_id"])
        assert event["status_id"] == (1 if record["outcome"] == "success" else 2)
        assert list(nothings(event)) == []
    assert [event["activity_name"] for event in events] == [
        *("Create", "Create", "Create", "Update"), *("Read", "Unknown", "Unknown"), *("Delete", "Update", "Disable", "Signal")
    ]  # fmt: skip
    assert [event["activity_id"] for event in events[7:]] == [4, 3, 9, 99]
    full, empty = events[4], events[6]
    assert full["time"] == 1782896460000
    assert full["end_time"] - full["time"] == 1000
    assert full["actor"] == {"application": {"uid": "app"}, "user": {"uid": "jo"}, "session": {"uid": "s"}}
    assert full["api"] == {"operation": "GET /v1/mail", "service": {"name": "mail"}}
    assert full["http_request"] == {"http_method": "GET", "user_agent": "curl/8", "url": {"path": "/v1/mail"}}
    assert (full["src_endpoint"], full["status_code"]) == ({"ip": "192.0.2.1"}, "200")
    assert full["delegation"] == {"uid": "g1", "created_time": 1782892860000, "issuer_uid": "idp"}
    assert (full["unmapped"]["line"], len(full["unmapped"]["sha256"])) == (5, 64)
    assert (empty["actor"], empty["src_endpoint"]) == ({"application": {"name": "not logged"}}, {"name": "not logged"})
    assert "delegation" not in empty
    assert events[7]["entity"] == {"type": "token", "uid": "t1", "data": {"kind": "revoke"}}
    assert (events[7]["comment"], events[7]["delegation"]["uid"]) == ("laptop stolen", "g1")


def test_a_token_that_was_exchanged_is_a_delegation_below_that_of_the_token_before(exported):
    events = exported([
        issue(1, kind="consent", grant_id="g1", client_id="app"),
        issue(2, token_id="t1", grant_id="g1"),
        issue(3, kind="exchange", token_id="x1", parent_token_id="t1", grant_id="g1", client_id="agent"),
        issue(4, kind="refresh", token_id="x2", parent_token_id="x1", grant_id="g1", client_id="agent"),
        issue(5, kind="exchange", token_id="y1", parent_token_id="x2", grant_id="g1", client_id="tool"),
        call(1, token_id="x2"), call(2, token_id="y1"), call(3, token_id="t1"),
    ])  # fmt: skip
    assert [(event["delegation"]["uid"], event["delegation"].get("parent_uid")) for event in events] == [
        *[("g1", None)] * 2, ("x1", "g1"), ("x1", "g1"), ("y1", "x1"), *[("x1", "g1"), ("y1", "x1"), ("g1", None)]
    ]  # fmt: skip


def authority(records):
    """Work out in plain Python the delegation of each event: (uid, parent)."""
    given = [record for record in records if record["log"] == "issuance" and record["outcome"] == "success"]
    exchanged = {}
    for record in given:
        if record["kind"] == "exchange" and "token_id" in record:
            exchanged.setdefault(record["token_id"], []).append(record.get("parent_token_id"))

    def handed(token, seen=()):
        if token in exchanged:
            found = {token}
        else:
            found = set()
        for record in given:
            if (
                record["kind"] == "refresh"
                and record.get("token_id") == token
                and record.get("parent_token_id") not in (None, token, *seen)
            ):
                found |= handed(record["parent_token_id"], (*seen, token))
        return found

    def carried(token):
        found = handed(token)
        grants = {record["grant_id"] for record in given if record.get("token_id") == token and "grant_id" in record}
        return min(found) if found else min(grants) if len(grants) == 1 else None

    grants = {record["grant_id"] for record in given if "grant_id" in record}

    def parent(uid):
        above = [parent for parent in exchanged.get(uid, ()) if parent is not None]
        over = carried(min(above)) if above else None
        return None if over == uid else over

    for record in records:
        uid = (carried(record["token_id"]) if "token_id" in record else None) or record.get("grant_id")
        yield (uid, parent(uid)) if uid in grants or uid in exchanged else (None, None)


def world(source, chance):
    tokens, grants = ["a", "b", "c", "d"], ["g", "h"]

    def some(values):
        return chance.choice([*values, None])

    rows = []
    for number in range(chance.randint(1, 7)):
        row = issue(number, kind=chance.choice(["token", "refresh", "exchange", "consent"]), outcome=chance.choice(["success", "success", "denied"]),
                    token_id=some(tokens), parent_token_id=some(tokens), grant_id=some(grants))  # fmt: skip
        rows.append(row)
    rows += [call(number, token_id=some(tokens), grant_id=some(grants)) for number in range(3)]
    rows += [end(1, token_id=some(tokens), grant_id=some(grants))]
    return [
        {name: value for name, value in row.items() if value is not None}
        | {"source": source, "event_id": f"{source}-{row['event_id']}"}
        for row in rows
    ]


def test_delegations_beside_plain_python(exported):
    chance = random.Random(11)
    worlds = [world(f"w{number:03}", chance) for number in range(300)]
    expected = {}
    for records in worlds:
        expected |= {record["event_id"]: told for record, told in zip(records, authority(records), strict=True)}
    found = {
        event["metadata"]["uid"]: (
            event.get("delegation", {}).get("uid"),
            event.get("delegation", {}).get("parent_uid"),
        )
        for event in exported([record for records in worlds for record in records])
    }
    assert found == expected
    assert len({told[1] for told in expected.values()}) > 4


def test_the_delegations_of_a_tenant_are_its_own_where_another_has_grants_and_tokens_of_the_same_ids(exported):
    chance = random.Random(12)
    worlds = [(f"w{number:03}", ("north", "south")[turn]) for number in range(150) for turn in range(2)]
    records = [[{**row, "tenant": tenant} for row in world(name, chance)] for name, tenant in worlds]
    alone = {
        tenant: exported([row for rows in records[turn::2] for row in rows])
        for turn, tenant in enumerate(("north", "south"))
    }
    together = exported([row for rows in records for row in rows])

    def told(events, tenant):
        mine = (event for event in events if event["metadata"]["tenant_uid"] == tenant)
        return {event["metadata"]["uid"]: event.get("delegation") for event in mine}

    for tenant, events in alone.items():
        assert told(together, tenant) == told(events, tenant)


def test_a_record_without_a_tenant_has_no_delegation_where_several_have_the_token(exported):
    given = [
        issue(number, token_id="a", grant_id=f"g-{tenant}", tenant=tenant)
        for number, tenant in enumerate(("north", "south"))
    ]
    events = exported([*given, call(1, token_id="a"), call(2, token_id="a", tenant="south")])
    assert [event.get("delegation", {}).get("uid") for event in events[2:]] == [None, "g-south"]


def test_an_agent_of_the_register_is_named_as_one(exported):
    agent = {"id": "app", "kind": "agent", "name": "Mail copilot"}
    known, other = exported([call(1, client_id="app"), call(2, client_id="another")], register=agent)
    assert known["ai_agent"] == {"uid": "app", "name": "Mail copilot"}
    assert "ai_agent" not in other
    (tool,) = exported([call(1, client_id="app")], register=agent | {"kind": "mcp_tool"})
    assert "ai_agent" not in tool


def test_what_strangers_wrote_stays_text_on_one_line(exported):
    nasty = 'x"\\\n\r\t\x01\u2028\u202e{}},'
    (event,) = exported([call(1, client_id=nasty, user_agent=nasty, operation=nasty)], name="out.ndjson.gz")
    assert (
        event["actor"]["application"]["uid"]
        == event["http_request"]["user_agent"]
        == event["api"]["operation"]
        == nasty
    )


def test_an_empty_store_gives_an_empty_file(exported):
    assert exported([]) == []


def test_parquet_and_ocsf_at_once_are_refused(tmp_path):
    with Store(":memory:") as store, pytest.raises(GrantlensError, match="not as Parquet"):
        store.export(tmp_path / "out", parquet=True, ocsf=True)
