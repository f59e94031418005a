"""The Cloudflare loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings

from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

SHOWN, OTHER, SIGN_IN = "API key shown to a person", "not about delegated access", "sign-in of a person"
EXPECTED = {
    "elastic-audit.ndjson": (
        {"records": 32, "issuance": 6, "revocation": 3, "ignored": 23},
        {SHOWN: 2, OTHER: 20, SIGN_IN: 1},
    )
}
PERSON, TAG = "person0000000000000000000000001", "aaaa0000000000000000000000000001"
AT = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


def event(action, *, id="1", result=True, when="2026-07-01T10:00:00Z", info=None, resource=None, **metadata):
    """Write one event as the API gives it."""
    told = {"type": action, "result": result} | ({"info": info} if info else {})
    return {
        "action": told,
        "actor": {"email": "ada@example.com", "id": PERSON, "ip": "198.51.100.7", "type": "user"},
        "id": f"event-{id}",
        "interface": "",
        "metadata": metadata,
        "newValue": "",
        "oldValue": "",
        "owner": {"id": PERSON},
        "resource": resource or {"id": PERSON, "type": "account"},
        "when": when,
    }


def as_logpush(record):
    """Write the event as Logpush does."""
    return {
        "ActionResult": record["action"]["result"],
        "ActionType": record["action"]["type"],
        "ActorEmail": record["actor"]["email"],
        "ActorID": record["actor"]["id"],
        "ActorIP": record["actor"]["ip"],
        "ActorType": record["actor"]["type"],
        "ID": record["id"],
        "Interface": record["interface"],
        "Metadata": record["metadata"],
        "NewValue": {},
        "OldValue": {},
        "OwnerID": record["owner"]["id"],
        "ResourceID": record["resource"]["id"],
        "ResourceType": record["resource"]["type"],
        "When": record["when"],
    }


def version2(method, uri, *, id="1", result="success", status=200, context="api_token", resource=None):
    """Write one event of version 2 of the log."""
    return {
        "id": f"v2-{id}",
        "account": {"id": "acc-1", "name": "Acme"},
        "action": {"description": "Did", "result": result, "time": "2026-07-01T10:00:00Z", "type": "create"},
        "actor": {
            "id": PERSON,
            "context": context,
            "email": "ada@example.com",
            "ip_address": "198.51.100.7",
            "token_id": TAG if context == "api_token" else None,
            "token_name": "ci" if context == "api_token" else None,
            "type": "user",
        },
        "raw": {"cf_ray_id": "r", "method": method, "status_code": status, "uri": uri, "user_agent": "agent/1.0"},
        "resource": {"id": resource, "product": "x", "type": "y"},
    }


def as_logpush2(record):
    """Write the event of version 2 as Logpush does, in its dataset `audit_logs_v2`."""
    action, actor = record["action"], record["actor"]
    return {
        "AccountID": record["account"]["id"],
        "AccountName": record["account"]["name"],
        "ActionDescription": action["description"],
        "ActionResult": action["result"],
        "ActionTimestamp": action["time"],
        "ActionType": action["type"],
        "ActorContext": actor["context"],
        "ActorEmail": actor["email"],
        "ActorID": actor["id"],
        "ActorIPAddress": actor["ip_address"],
        "ActorTokenDetails": {"token_id": actor["token_id"], "token_name": actor["token_name"]},
        "ActorType": actor["type"],
        "AuditLogID": record["id"],
        "Raw": record["raw"],
        "ResourceID": record["resource"]["id"],
        "ResourceProduct": record["resource"]["product"],
        "ResourceRequest": {"name": "SECRET"},
        "ResourceResponse": {"value": "SECRET"},
        "ResourceScope": "user",
        "ResourceType": record["resource"]["type"],
        "ResourceValue": {},
        "ZoneID": "",
        "ZoneName": "",
    }


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/cloudflare" / name))


def records_of(shared, name="elastic-audit.ndjson"):
    """Read a real file with json alone."""
    return [json.loads(line) for line in (shared / "real-logs/cloudflare" / name).read_text().splitlines()]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "cloudflare"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert loaded.rejected == []


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/cloudflare").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_real_tokens_join_as_plain_python_joins_them(shared, real):
    steps = {}
    for record in records_of(shared):
        if record["action"]["type"].startswith("token_"):
            step = steps.setdefault(record["metadata"]["token_tag"], {})
            step[record["action"]["type"].removeprefix("token_")] = datetime.fromisoformat(record["when"])
    shapes = Counter(tuple(sorted(step)) for step in steps.values())
    assert shapes == {("create", "revoke"): 2, ("revoke", "roll"): 1, ("create",): 1}
    lives = sorted(step["revoke"] - step["create"] for step in steps.values() if {"create", "revoke"} <= step.keys())
    assert (lives[0] < timedelta(minutes=5), lives[1] > timedelta(hours=6)) == (True, True)

    loaded = real("elastic-audit.ndjson")
    joined = {}
    for row in loaded.rows["issuance"]:
        if row["client_name"]:
            joined.setdefault(row["token_id"], {})[{"credential": "create", "refresh": "roll"}[row["kind"]]] = row[
                "issued_at"
            ]
    for row in loaded.rows["revocation"]:
        joined.setdefault(row["token_id"], {})["revoke"] = row["revoked_at"]
    assert joined == steps


def test_the_real_key_is_known_by_its_digest_in_both_events(shared, real):
    made = {record["action"]["type"]: record for record in records_of(shared) if "API_key" in record["action"]["type"]}
    digest = made["API_key_created"]["resource"]["id"]
    assert made["rotate_API_key"]["action"]["info"].endswith(digest)
    rows = [row for row in real("elastic-audit.ndjson").rows["issuance"] if row["client_name"] is None]
    assert sorted((row["kind"], row["token_id"]) for row in rows) == [("credential", digest), ("refresh", digest)]


def test_real_rows_agree_with_a_reading_in_plain_python(shared, real):
    records = {record["id"]: record for record in records_of(shared)}
    rows = real("elastic-audit.ndjson").rows
    for row in rows["issuance"]:
        record = records[row["event_id"]]
        assert (row["subject_id"], row["subject_name"]) == (record["actor"]["id"], record["actor"]["email"])
        assert (row["ip"], row["client_name"]) == (record["actor"]["ip"], record["metadata"].get("token_name"))
        assert (row["subject_kind"], row["outcome"], row["scopes"]) == ("user", "success", None)
    for row in rows["revocation"]:
        record = records[row["event_id"]]
        assert (row["actor_id"], row["reason"]) == (record["actor"]["id"], record["metadata"]["new_token_status"])


# Quirk by quirk.


def test_a_token_lives_under_its_tag(load):
    loaded = load(
        [
            event("token_create", id="1", token_name="ci", token_tag=TAG),
            event("token_roll", id="2", token_name="ci", token_tag=TAG, old_token_hash="a", new_token_hash="b"),
            event(
                "token_revoke",
                id="3",
                token_name="ci",
                token_tag=TAG,
                old_token_status="active",
                new_token_status="deleted",
            ),
        ]
    )
    made, rolled = loaded.rows["issuance"]
    ended = loaded.one("revocation")
    assert made["token_id"] == rolled["token_id"] == ended["token_id"] == TAG
    assert (made["kind"], rolled["kind"], ended["kind"]) == ("credential", "refresh", "revoke")
    assert made["grant_id"] == rolled["grant_id"]
    assert (ended["target_kind"], ended["initiator"], ended["client_name"]) == ("credential", "user", "ci")


def test_a_token_that_stays_active_is_not_revoked(load):
    loaded = load([event("token_revoke", token_tag=TAG, new_token_status="active")])
    assert loaded.ignored == {"token or key event that neither gives nor takes access": 1}


def test_a_failed_action_gives_and_ends_nothing(load):
    failed = [
        event(action, id=action, result=False, token_tag=TAG)
        for action in ("token_create", "token_roll", "token_revoke")
    ]
    loaded = load(failed)
    assert {row["outcome"] for rows in loaded.rows.values() for row in rows} == {"error"}
    assert loaded.counts() == {"records": 3, "issuance": 2, "revocation": 1}
    assert [row["token_id"] for row in loaded.rows["issuance"]] == [None, TAG]


def test_what_cannot_be_read_is_rejected_with_its_reason(load):
    token = event("token_create", token_tag=TAG)
    expected = [
        ("when is missing", token | {"when": None}),
        ("when is no time", token | {"when": "2021-11-31T20:19:48Z"}),
        ("when is no time", token | {"when": "-5"}),
        ("action.result is missing", token | {"action": {"type": "token_create", "result": None}}),
        ("action.type is missing", token | {"action": {"type": None, "result": True}}),
        ("names no token", event("token_revoke")),
    ]
    loaded = load([record for _, record in expected], loader="cloudflare")
    assert [row["reason"] for row in loaded.rejected] == [reason for reason, _ in expected]


@pytest.mark.parametrize(
    "when", ["2026-07-01T10:00:00Z", "2026-07-01T10:00:00.000000Z", 1782900000, 1782900000000000000, "1782900000"]
)
def test_times_are_seconds_nanoseconds_or_text(load, when):
    for record in (
        event("token_create", token_tag=TAG, when=when),
        as_logpush(event("token_create", token_tag=TAG, when=when)),
    ):
        assert load([record]).one("issuance")["issued_at"] == AT


def test_an_envelope_whose_event_is_cut_off_is_rejected(load):
    cut = {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(event("login"))[:40]}
    assert [row["reason"] for row in load([cut], loader="cloudflare").rejected] == ["action.type is missing"]


def test_hashes_of_token_values_are_not_kept(load):
    rolled = event("token_roll", token_tag=TAG, old_token_hash="SECRET", new_token_hash="SECRET", token="SECRET")
    loaded = load([rolled | {"newValue": "SECRET", "oldValue": "SECRET"}])
    assert "SECRET" not in json.dumps(loaded.rows, default=str)


def test_loading_an_event_twice_counts_once_whatever_its_shape(load):
    record = event("token_create", token_tag=TAG)
    assert load([record, record, as_logpush(record)]).counts() == {"records": 3, "issuance": 1, "duplicates": 2}


# Version 2.


def test_version_2_tells_the_use_of_a_token_beside_its_life(load):
    loaded = load(
        [
            event("token_create", id="1", token_name="ci", token_tag=TAG),
            version2("PUT", "/client/v4/zones/z1/dns_records/r1?x=1", id="2"),
            version2("DELETE", f"/client/v4/user/tokens/{TAG}", id="3", context="dash"),
        ]
    )
    made, used, ended = (loaded.one(log) for log in ("issuance", "usage", "revocation"))
    assert made["token_id"] == used["token_id"] == ended["token_id"] == TAG
    assert made["client_id"] == used["client_id"]
    assert (used["method"], used["target"], used["tenant"]) == ("PUT", "/client/v4/zones/z1/dns_records/r1", "acc-1")
    assert (used["client_name"], used["status"], used["resource_server"]) == ("ci", 200, "api.cloudflare.com")


@pytest.mark.parametrize("written", [lambda record: record, lambda record: as_logpush2(record)], ids=["api", "logpush"])
@pytest.mark.parametrize(
    "among", [[], [event("token_create", id="9", token_name="ci", token_tag=TAG)]], ids=["", "beside v1"]
)
def test_the_token_of_a_call_stands_in_an_object_of_its_own_too(load, written, among):
    """The page of version 2 knows `token_id`; an account was seen to write `token` with `id` and `name`."""
    record = written(version2("POST", "/client/v4/accounts/acc-1/d1/database/d/query"))
    if "actor" in record:
        del record["actor"]["token_id"], record["actor"]["token_name"]
        record["actor"]["token"] = {"id": TAG, "name": "ci"}
    else:
        record["ActorTokenDetails"] = {"id": TAG, "name": "ci"}
    used = load([record, *among]).one("usage")
    assert (used["token_id"], used["client_id"], used["client_name"]) == (TAG, TAG, "ci")


@pytest.mark.parametrize("context", ["api", "api_key", "oauth", "origin_ca_key"])
def test_a_call_with_another_credential_is_a_use_too(load, context):
    loaded = load(
        [version2("POST", "/certificates", context=context), version2("POST", "/certificates", id="2", context="dash")]
    )
    used = loaded.one("usage")
    assert (used["target"], used["token_id"], used["outcome"]) == ("/certificates", None, "success")
    assert loaded.ignored == {"not about delegated access": 1}


CALLS = {
    ("POST", "/accounts/a/tokens"): ("credential", "new"),
    ("POST", "/accounts/a/access/service_tokens"): ("credential", "new"),
    ("PUT", "/user/tokens/t1"): ("change", "t1"),
    ("PUT", "/user/tokens/t1/value"): ("refresh", "t1"),
    ("POST", "/accounts/a/access/service_tokens/t1/rotate"): ("refresh", "t1"),
    ("DELETE", "/accounts/a/tokens/t1"): ("revoke", "t1"),
    ("GET", "/user/tokens/verify"): None,
    ("DELETE", "/zones/z1/dns_records/t1"): None,
    ("POST", "/accounts/a/tokens/t1"): None,
}


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_version_2_tells_by_the_path_what_became_of_a_token(load, method, path):
    loaded = load([version2(method, path, resource="new", context="dash")])
    rows = loaded.rows["issuance"] + loaded.rows["revocation"]
    assert [(row["kind"], row["token_id"]) for row in rows] == ([CALLS[method, path]] if CALLS[method, path] else [])
    assert loaded.rows["usage"] == []  # on the dashboard a person acts


@pytest.mark.parametrize(
    "path", ["accounts/a/tokens", "accounts/a/access/service_tokens", "zones/z/access/service_tokens"]
)
def test_a_token_of_an_account_acts_for_nobody(load, path):
    """Cloudflare says that it goes on working when who made it has left; a user's token acts as that user."""
    made = [version2("POST", f"/{each}", id=each, resource="new", context="dash") for each in (path, "user/tokens")]
    of_account, of_user = load(made).rows["issuance"]
    assert (of_account["subject_id"], of_account["subject_name"], of_account["subject_kind"]) == (None, None, "service")
    assert (of_account["client_id"], of_account["consent_actor"]) == ("new", PERSON)
    assert (of_user["subject_id"], of_user["subject_kind"], of_user["consent_actor"]) == (PERSON, "user", None)


def test_a_removed_member_is_ignored_by_name(load):
    record = version2("DELETE", "/accounts/a/members/m1", context="dash")
    assert load([record]).ignored == {"member removed, by an id that names no person": 1}


@pytest.mark.parametrize(
    ("status", "outcome", "reason"), [(401, "denied", "token"), (403, "denied", "other"), (500, "error", None)]
)
def test_version_2_tells_why_it_failed(load, status, outcome, reason):
    loaded = load([version2("DELETE", "/user/tokens/t1", result="failure", status=status)])
    assert {row["outcome"] for rows in loaded.rows.values() for row in rows} == {outcome}
    assert loaded.one("usage")["denial_reason"] == reason
    assert loaded.counts() == {"records": 1, "usage": 1, "revocation": 1}


OF_VERSION_2 = [
    version2("POST", "/accounts/a/tokens", id="1", context="dash", resource=TAG),
    version2("PUT", "/zones/z1/dns_records/r1", id="2"),
    version2("DELETE", f"/accounts/a/tokens/{TAG}", id="3", context="dash"),
    version2("POST", "/accounts/a/members", id="4", context="dash"),
]


@pytest.mark.parametrize("wrap", [as_logpush2, lambda record: {"message": json.dumps(as_logpush2(record))}])
def test_logpush_of_version_2_tells_what_the_api_tells(load, wrap):
    api, pushed = load(OF_VERSION_2), load([wrap(record) for record in OF_VERSION_2])
    assert pushed.batch["loader"] == "cloudflare"
    assert api.counts() == pushed.counts() == {"records": 4, "issuance": 1, "usage": 1, "revocation": 1, "ignored": 1}
    assert api.rows == pushed.rows
    assert "SECRET" not in json.dumps(pushed.rows, default=str)


def test_a_change_whose_call_is_not_told_is_not_said_to_be_about_something_else(load):
    record = as_logpush2(version2("POST", "/accounts/a/tokens", context="dash"))
    assert load([record | {"Raw": {"Method": "POST"}}]).ignored == {"change whose call is not told": 1}


@pytest.mark.parametrize("path", ["apps/f1/revoke_tokens", "organizations/revoke_user?devices=true"])
def test_ended_sessions_of_access_are_ignored_by_name(load, path):
    record = version2("POST", f"/accounts/a/access/{path}", context="dash")
    assert load([record]).ignored == {"sessions of Cloudflare Access ended": 1}


EVERY_KIND = [
    event("token_create", id="1", token_name="ci", token_tag=TAG),
    event("token_roll", id="2", token_name="ci", token_tag=TAG),
    event("token_revoke", id="3", token_name="ci", token_tag=TAG, new_token_status="deleted"),
    event("API_key_created", id="4", resource={"id": "abcdef01", "type": "api_key"}),
    event("API_key_view", id="5"),
    event("login", id="6"),
    event("rec_del", id="7"),
]
WRAPS = {
    "logpush": as_logpush,
    "input": lambda record: {"json": record},
    "stored": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "event": {"original": json.dumps(record)}},
    "logpush stored": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(as_logpush(record))},
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_every_shape_gives_the_same_rows(load, wrap):
    bare, shaped = load(EVERY_KIND), load([WRAPS[wrap](record) for record in EVERY_KIND])
    assert bare.counts() == shaped.counts() == {"records": 7, "issuance": 3, "revocation": 1, "ignored": 3}
    assert bare.rows == shaped.rows
    assert bare.ignored == shaped.ignored


def test_shapes_may_be_mixed_in_one_file(load):
    wraps = [lambda record: record, *WRAPS.values()]
    for first in range(len(wraps)):
        mixed = [wraps[(first + number) % len(wraps)](record) for number, record in enumerate(EVERY_KIND)]
        assert load(mixed).counts() == load(EVERY_KIND).counts()


@settings(max_examples=6)
@given(
    lists_of_damaged(
        [
            *EVERY_KIND,
            *map(as_logpush, EVERY_KIND),
            *map(WRAPS["stored"], EVERY_KIND),
            version2("POST", "/user/tokens"),
            version2("PUT", "/x"),
            *map(as_logpush2, OF_VERSION_2),
        ]
    )
)
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "cloudflare")
