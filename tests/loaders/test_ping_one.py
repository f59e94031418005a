"""The PingOne loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import json
from collections import Counter
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings

from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

OTHER, SECRET, SIGN_IN = "not about delegated access", "secret of a client shown or renewed", "sign-in of a person"
SWITCHED = "user switched on or off: not said which"
EXPECTED = {
    "elastic-audit.ndjson": (
        {"records": 66, "issuance": 1, "usage": 2, "revocation": 5, "ignored": 58},
        {OTHER: 50, SECRET: 1, SIGN_IN: 6, SWITCHED: 1},
    )
}
APP, API, ADMIN, USER, PLACE = "app-1", "api-1", "admin-1", "user-1", "env-1"


def thing(kind, id, name="Mail copilot"):
    """Write a resource of an activity."""
    return {"type": kind, "id": id, "name": name, "environment": {"id": PLACE}, "href": "https://api.example/x"}


def event(action, *resources, told="Done", status="SUCCESS", id="1", **more):
    """Write one activity, as the API and webhooks give it."""
    return {
        "_links": {"self": {"href": "https://api.example/activities/1"}},
        "id": f"activity-{id}",
        "recordedAt": "2026-07-01T10:00:00.123Z",
        "createdAt": "2026-07-01T10:00:00.140Z",
        "correlationId": "c1",
        "actors": {
            "client": {"id": "adminui", "name": "adminui", "type": "CLIENT"},
            "user": {"id": ADMIN, "name": "admin@example.com", "environment": {"id": PLACE}, "type": "USER"},
        },
        "action": {"type": action, "description": "An action"},
        "resources": list(resources),
        "result": {"status": status, "description": told},
        **more,
    }


def grant(verb, *, id="1", application=APP, resource=API, **more):
    """Write that an application may, or may no longer, ask a resource for scopes."""
    told = f"{verb.capitalize()} Grant for application '{application}' to resource '{resource}'"
    return event(f"GRANT.{verb.upper()}", thing("APPLICATION", application), told=told, id=id, **more)


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/ping_one" / name))


def records_of(shared, name="elastic-audit.ndjson"):
    """Read a real file with json alone, by line."""
    lines = (shared / "real-logs/ping_one" / name).read_text().splitlines()
    return dict(enumerate(map(json.loads, lines), 1))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "ping_one"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert loaded.rejected == []


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/ping_one").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_real_rows_come_of_the_actions_that_plain_python_finds(shared, real):
    wanted = {
        "issuance": lambda action, told: action in ("GRANT.CREATED", "GRANT.UPDATED"),
        "usage": lambda action, told: action.startswith("USER.ACCESS_"),
        "revocation": lambda action, told: (
            action in ("GRANT.DELETED", "APPLICATION.DELETED", "USER.DELETED", "SCOPE.DELETED")
            or (action == "APPLICATION.UPDATED" and told.endswith("disabled state"))
        ),
    }
    loaded = real("elastic-audit.ndjson")
    for log, test in wanted.items():
        lines = [n for n, r in records_of(shared).items() if test(r["action"]["type"], r["result"]["description"])]
        assert [row["line_no"] for row in loaded.rows[log]] == lines


def test_real_times_and_names_agree_with_a_reading_in_plain_python(shared, real):
    records = records_of(shared)
    times = {"issuance": "issued_at", "usage": "used_at", "revocation": "revoked_at"}
    for log, rows in real("elastic-audit.ndjson").rows.items():
        for row in rows:
            record = records[row["line_no"]]
            assert row[times[log]] == datetime.fromisoformat(record["recordedAt"])
            assert row["tenant"] == record["resources"][0]["environment"]["id"]
            if "createdAt" in record:
                late = (row["received_at"] - row[times[log]]).total_seconds()
                assert row["received_at"] == datetime.fromisoformat(record["createdAt"])
                assert 0.013 <= late <= 0.483
            else:
                assert row["received_at"] is None


def test_the_real_records_share_one_id_and_are_no_duplicates_for_it(shared, real):
    records = records_of(shared)
    assert len({record["id"] for record in records.values()}) == 1
    assert real("elastic-audit.ndjson").batch["duplicates"] == 0


def test_the_real_grants_name_application_and_resource(shared, real):
    told = {
        n: r["result"]["description"] for n, r in records_of(shared).items() if r["action"]["type"].startswith("GRANT.")
    }
    rows = [row for rows in real("elastic-audit.ndjson").rows.values() for row in rows if row["line_no"] in told]
    assert len(rows) == len(told) == 2
    for row in rows:
        application, resource = told[row["line_no"]].split("'")[1::2]
        assert row["grant_id"] == f"grant:{application}:{resource}"
        assert row["client_id"] == application


# What joins.


def test_a_grant_its_change_and_its_end_join(load):
    loaded = load(
        [
            grant("created", id="1"),
            grant("updated", id="2"),
            grant("deleted", id="3"),
            grant("deleted", id="4", resource="api-2"),
        ]
    )
    given_, changed = loaded.rows["issuance"]
    ended, other = loaded.rows["revocation"]
    assert given_["grant_id"] == changed["grant_id"] == ended["grant_id"] != other["grant_id"]
    assert (given_["kind"], changed["kind"], ended["kind"]) == ("consent", "change", "revoke")
    assert (given_["client_id"], given_["audience"], given_["scopes"], given_["subject_id"]) == (APP, [API], None, None)
    assert (given_["consent_actor"], given_["consent_kind"]) == (ADMIN, "admin")
    assert (ended["target_kind"], ended["client_id"], ended["actor_id"], ended["tenant"]) == (
        "grant",
        APP,
        ADMIN,
        PLACE,
    )


def test_a_text_that_only_looks_like_a_grant_names_none(load):
    named = thing("APPLICATION", APP, name="x' to resource 'y")
    told = "Deleted Grant for application 'a' to resource 'b' and more"
    row = load([event("GRANT.DELETED", named, told=told)]).one("revocation")
    assert (row["grant_id"], row["client_id"]) == (None, APP)


def test_who_reached_an_application_is_a_use_by_that_user(load):
    actors = {"client": {"id": APP, "name": "Mail copilot"}, "user": {"id": USER, "name": "ada@example.com"}}
    loaded = load(
        [event(f"USER.ACCESS_{end}", thing("USER", USER), id=end, actors=actors) for end in ("ALLOWED", "DENIED")]
    )
    allowed, denied = loaded.rows["usage"]
    assert (allowed["client_id"], allowed["subject_id"], allowed["outcome"]) == (APP, USER, "success")
    assert (denied["outcome"], denied["denial_reason"]) == ("denied", "policy")


DISABLED = "Updated Application X using 'OPENID_CONNECT' protocol of type 'WEB_APP' with disabled state"
ENDS = {
    "APPLICATION.DELETED": ("Deleted", "APPLICATION", "client", "disable", "client_id"),
    "APPLICATION.UPDATED": (DISABLED, "APPLICATION", "client", "disable", "client_id"),
    "USER.DELETED": ("Deleted", "USER", "subject", "disable", "subject_id"),
}


@pytest.mark.parametrize("action", ENDS)
def test_what_is_ended(load, action):
    told, kind, target, how, column = ENDS[action]
    row = load([event(action, thing(kind, "it"), told=told)]).one("revocation")
    assert (row["kind"], row["target_kind"], row[column], row["outcome"]) == (how, target, "it", "success")


def test_a_deleted_scope_is_a_downgrade_of_whoever_holds_it(load):
    row = load([event("SCOPE.DELETED", thing("SCOPE", "s1", name="mail.read"))]).one("revocation")
    assert (row["kind"], row["target_kind"], row["scopes_removed"]) == ("downgrade", "policy", ["mail.read"])


def row_of_sentinel(activity, **more):
    """Write the activity as Microsoft's connector puts it into columns."""
    columns = {
        "TimeGenerated": "2026-07-01T10:05:00Z", "Id": activity["id"], "RecordedAt": activity["recordedAt"], "CreatedAt": activity["createdAt"],
        "ActionType": activity["action"]["type"], "ActionDescription": activity["action"]["description"],
        "Resources": activity["resources"], "SourceIpAddress": "203.0.113.9", "SourceUserAgent": "",
    }  # fmt: skip
    people = {
        f"{who.title()}{what.title()}": activity["actors"].get(who, {}).get(what, "")
        for who in ("client", "user")
        for what in ("id", "name")
    }
    return columns | people | {f"Result{name.title()}": value for name, value in activity["result"].items()} | more


@pytest.mark.parametrize("written", [lambda found: found, json.dumps], ids=["list", "text"])
def test_rows_of_sentinel_tell_the_same_as_the_activities(load, written):
    actors = {"client": {"id": APP, "name": "Mail copilot"}, "user": {"id": USER, "name": "ada@example.com"}}
    activities = [
        grant("created", id="1"),
        grant("deleted", id="2"),
        event("USER.ACCESS_DENIED", thing("USER", USER), id="3", actors=actors),
        event("USER.DELETED", thing("USER", USER), id="4", actors={"client": {"id": "worker", "name": "Worker"}}),
        event("SESSION.CREATED", id="5"),
    ]
    rows = [row_of_sentinel(each, Resources=written(each["resources"])) for each in activities]
    told, in_columns = load(activities), load(rows)
    assert in_columns.batch["loader"] == "ping_one"
    assert (
        in_columns.counts() == told.counts() == {"records": 5, "issuance": 1, "usage": 1, "revocation": 2, "ignored": 1}
    )
    beside = {"batch_id", "ip", "user_agent", "usage_id", "caller_id", "target_id"}
    for log, wanted in told.rows.items():
        for row, found in zip(wanted, in_columns.rows[log], strict=True):
            assert {name: value for name, value in found.items() if name not in beside} == {
                name: value for name, value in row.items() if name not in beside
            }
    assert in_columns.rows["usage"][0]["ip"] == "203.0.113.9"


def test_a_row_without_a_result_is_no_failure(load):
    loaded = load([row_of_sentinel(grant("created")), row_of_sentinel(grant("deleted", id="2"), ResultStatus="")])
    assert loaded.counts() == {"records": 2, "issuance": 1, "rejected": 1}
    assert [(row["line_no"], row["reason"]) for row in loaded.rejected] == [(2, "result.status is missing")]


def test_what_ends_nothing_is_ignored_by_name(load):
    expected = Counter({OTHER: 1, SECRET: 2, SIGN_IN: 1, SWITCHED: 1, "token event of a kind not known": 1})
    loaded = load(
        [
            event("APPLICATION.UPDATED", thing("APPLICATION", APP), told=f"{DISABLED} or so", id="2"),
            event("SECRET.READ", thing("APPLICATION", APP), id="3"),
            event("RESOURCE_SECRET.UPDATED", thing("RESOURCE", API), id="4"),
            event("FLOW.UPDATED", thing("FLOW", "f1"), id="5"),
            event("USER.UPDATED", thing("USER", USER), told="Updated enabled for User ada", id="6"),
            event("TOKEN.SOMETHING", id="7"),
        ]
    )
    assert loaded.ignored == expected


def test_an_application_that_is_on_is_enabled(load):
    enabled = DISABLED.replace("disabled", "enabled")
    row = load([event("APPLICATION.UPDATED", thing("APPLICATION", APP), told=enabled)]).one("revocation")
    assert (row["kind"], row["target_kind"], row["client_id"]) == ("enable", "client", APP)
    unnamed = load([event("APPLICATION.UPDATED", told=enabled)])
    assert [row["reason"] for row in unnamed.rejected] == ["names no application"]


# What failed.


def test_a_failed_action_gives_and_ends_nothing(load):
    failed = [grant("created", id="1", status="FAILED"), grant("deleted", id="2", status="FAILED")]
    loaded = load([*failed, event("USER.ACCESS_ALLOWED", thing("USER", USER), status="FAILED", id="3")])
    assert {row["outcome"] for rows in loaded.rows.values() for row in rows} == {"error"}
    assert loaded.counts() == {"records": 3, "issuance": 1, "usage": 1, "revocation": 1}


def test_what_cannot_be_read_is_rejected_with_its_reason(load):
    expected = [
        ("recordedAt is missing", grant("created") | {"recordedAt": None}),
        ("recordedAt is no time", grant("created") | {"recordedAt": "2026-02-30T10:00:00Z"}),
        ("recordedAt is no time", grant("created") | {"recordedAt": 1782900000}),
        ("action.type is missing", grant("created") | {"action": {}}),
        ("result.status is missing", grant("created") | {"result": {}}),
        ("names no application", event("APPLICATION.DELETED", thing("USER", USER))),
        ("names no user", event("USER.DELETED")),
        ("names no grant", event("GRANT.DELETED")),
        ("names no scope", event("SCOPE.DELETED")),
    ]
    loaded = load([record for _, record in expected], loader="ping_one")
    assert [row["reason"] for row in loaded.rejected] == [reason for reason, _ in expected]


# Quirk by quirk.


def test_times_of_event_and_storage_are_kept_apart(load):
    row = load([grant("created")]).one("issuance")
    assert row["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 123000, tzinfo=UTC)
    assert row["received_at"] == datetime(2026, 7, 1, 10, 0, 0, 140000, tzinfo=UTC)


def test_an_event_delivered_again_counts_once_and_scrubbed_ids_do_not_merge(load):
    first = grant("created")
    again = first | {"createdAt": "2026-07-01T10:05:00Z", "_embedded": {}}
    later = first | {"recordedAt": "2026-07-01T10:00:01.000Z"}
    assert load([first, again, later]).counts() == {"records": 3, "issuance": 2, "duplicates": 1}


@pytest.mark.parametrize("written", ["2026-07-01T10:00:00.1230000Z", "2026-07-01T12:00:00.123+02:00"])
def test_an_event_whose_time_another_store_writes_in_its_own_way_counts_once(load, written):
    first = grant("created")
    assert load([first, first | {"recordedAt": written}]).counts() == {"records": 2, "issuance": 1, "duplicates": 1}


EVERY_KIND = [
    grant("created", id="1"),
    grant("deleted", id="2"),
    event("USER.ACCESS_ALLOWED", thing("USER", USER), id="3"),
    event("APPLICATION.DELETED", thing("APPLICATION", APP), id="4"),
    event("USER.DELETED", thing("USER", USER), id="5"),
    event("SCOPE.DELETED", thing("SCOPE", "s1"), id="6"),
    event("SECRET.READ", thing("APPLICATION", APP), id="7"),
]
WRAPS = {
    "input": lambda record: {"json": record},
    "stored": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "event": {"original": json.dumps(record)}},
    "message": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(record)},
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_a_collector_puts_around_changes_nothing(load, wrap):
    bare, wrapped = load(EVERY_KIND), load([WRAPS[wrap](record) for record in EVERY_KIND])
    assert bare.counts() == wrapped.counts() == {"records": 7, "issuance": 1, "usage": 1, "revocation": 4, "ignored": 1}
    assert bare.rows == wrapped.rows
    assert bare.ignored == wrapped.ignored


@pytest.mark.parametrize("indent", [None, 1])
def test_a_page_of_the_api_is_read_as_it_comes(load_file, load, tmp_path, indent):
    next_page = {"_links": {"next": {"href": "https://api.example/activities?cursor=2"}}}
    path = tmp_path / "page.json"
    path.write_text(json.dumps(next_page | {"_embedded": {"activities": EVERY_KIND}, "size": 7}, indent=indent))
    loaded = load_file(path)
    assert loaded.batch["loader"] == "ping_one"
    assert loaded.counts() == load(EVERY_KIND).counts()


@settings(max_examples=6)
@given(lists_of_damaged([*EVERY_KIND, *map(WRAPS["stored"], EVERY_KIND)]))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "ping_one")
