"""The Google Workspace loader against every real record, a second reading in plain Python, and quirk by quirk."""

import copy
import json
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings

from tests.loaders.conftest import whole
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

CLIENT = "4711.apps.googleusercontent.com"
MAIL, DRIVE = "https://www.googleapis.com/auth/gmail.readonly", "https://www.googleapis.com/auth/drive"

EXPECTED = {
    "elastic-admin-oauth.ndjson": (
        {"records": 8, "issuance": 1, "revocation": 4, "ignored": 3},
        {"policy for apps, which grants nothing by itself": 3},
    ),
    "elastic-token-authorize.ndjson": ({"records": 1, "issuance": 1}, {}),
    "grove-activities-001.json": ({"records": 1, "ignored": 1}, {"administration without bearing on apps": 1}),
    "panther-token-authorize.ndjson": ({"records": 2, "issuance": 2}, {}),
    "reports-api-token-activity.json": ({"records": 1, "usage": 1}, {}),
}


def parameter(name, value):
    """Write one parameter as the Reports API does: the type of the value chooses its key."""
    if isinstance(value, int):
        return {"name": name, "intValue": str(value)}
    if name == "scope_data":
        messages = [
            {"parameter": [{"name": "scope_name", "value": scope}, {"name": "product_bucket", "multiValue": ["OTHER"]}]}
            for scope in value
        ]
        return {"name": name, "multiMessageValue": messages}
    return {"name": name, "multiValue": value} if isinstance(value, list) else {"name": name, "value": value}


def happening(name, type="auth", **parameters):
    """Write one event."""
    return {"type": type, "name": name, "parameters": [parameter(*each) for each in parameters.items()]}


def activity(*events, application="token", email="Ada@Example.com", qualifier="-6709442587437772138", **more):
    """Write one item of the Reports API, with its events."""
    record = {
        "kind": "admin#reports#activity",
        "id": {
            "time": "2026-07-01T10:00:00.123Z",
            "uniqueQualifier": qualifier,
            "applicationName": application,
            "customerId": "C0acme",
        },
        "etag": '"e"',
        "actor": {"callerType": "USER", "email": email, "profileId": "113456549147281770764"},
        "ipAddress": "198.51.100.7",
        "events": list(events),
    }
    return record | more


def authorize(*scopes, **more):
    """Write the consent of a user."""
    return happening(
        "authorize", client_id=CLIENT, app_name="Mail copilot", client_type="WEB", scope=list(scopes), **more
    )


def call(method="gmail.users.messages.get", size=670, **more):
    """Write a call."""
    parameters = {"api_name": "gmail", "method_name": method, "client_id": CLIENT, "num_response_bytes": size}
    return happening("activity", **parameters, product_bucket="GMAIL", app_name="Mail copilot", **more)


def revoke():
    """Write the user's own revocation."""
    return happening("revoke", client_id=CLIENT, app_name="Mail copilot")


def administer(name, type="USER_SETTINGS", **parameters):
    """Write one item of the admin application."""
    return activity(happening(name, type, **parameters), application="admin", email="admin@example.com")


def as_elastic(record):
    """Split the item, as Elastic's collector does: `events` is an object; numbers stay numbers."""
    identity = record["id"] | {"uniqueQualifier": record["id"]["uniqueQualifier"]}
    return [record | {"id": identity, "events": event} for event in record["events"]]


def as_panther(record):
    """Flatten the item, as Panther's collector does: name on top, `parameters` an object, times with a blank."""
    flat = []
    for event in record["events"]:
        values = {}
        for each in event["parameters"]:
            value = each.get("value", each.get("multiValue", each.get("multiMessageValue")))
            values[each["name"]] = int(each["intValue"]) if "intValue" in each else value
        identity = record["id"] | {"time": record["id"]["time"].replace("T", " ").removesuffix("Z") + "000000"}
        rest = {name: value for name, value in record.items() if name not in ("events", "etag")}
        flat.append(rest | {"id": identity, "name": event["name"], "type": event["type"], "parameters": values})
    return flat


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/google_workspace" / name))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "google_workspace"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert loaded.rejected == []


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/google_workspace").iterdir()} - {"PROVENANCE.txt"} == set(
        EXPECTED
    )


def valued(parameters):
    """Read a list of parameters with plain Python."""
    keys = ("value", "intValue", "multiValue", "multiMessageValue")
    return {each["name"]: next(each[key] for key in keys if key in each) for each in parameters}


def test_the_real_call_agrees_with_a_reading_in_plain_python(shared, real):
    path = shared / "real-logs/google_workspace/reports-api-token-activity.json"
    (item,) = json.loads(path.read_text())["items"]
    values = valued(item["events"][0]["parameters"])
    row = real(path.name).one("usage")
    assert row["used_at"] == datetime.fromisoformat(item["id"]["time"])
    assert (row["tenant"], row["ip"]) == (item["id"]["customerId"], item["ipAddress"])
    assert row["client_id"] == values["client_id"]
    assert row["client_name"] == values["app_name"]
    assert row["subject_id"] == item["actor"]["email"]
    assert (row["resource_server"], row["operation"]) == (values["api_name"], values["method_name"])
    assert row["response_bytes"] == int(values["num_response_bytes"])
    assert (row["outcome"], row["token_id"], row["status"]) == ("success", None, None)


def test_the_real_operation_is_the_discovery_method(shared, real):
    methods = set()

    def walk(node):
        methods.update(method["id"] for method in node.get("methods", {}).values())
        for below in node.get("resources", {}).values():
            walk(below)

    walk(json.loads((shared / "catalogues/google-discovery/admin.reports_v1.json").read_text()))
    assert real("reports-api-token-activity.json").one("usage")["operation"] in methods


def test_the_real_consents_agree_with_a_reading_in_plain_python(shared, real):
    folder = shared / "real-logs/google_workspace"
    (split,) = [json.loads(line) for line in (folder / "elastic-token-authorize.ndjson").read_text().splitlines()]
    values = valued(split["events"]["parameters"])
    named = {
        each["value"]
        for message in values["scope_data"]
        for each in message["parameter"]
        if each["name"] == "scope_name"
    }
    row = real("elastic-token-authorize.ndjson").one("issuance")
    assert row["scopes"] == sorted(named | set(values["scope"]))
    assert row["client_id"] == values["client_id"]
    assert row["subject_id"] == row["consent_actor"] == split["actor"]["email"]
    flat = [json.loads(line) for line in (folder / "panther-token-authorize.ndjson").read_text().splitlines()]
    rows = {row["line_no"]: row for row in real("panther-token-authorize.ndjson").rows["issuance"]}
    for number, record in enumerate(flat, 1):
        row = rows[number]
        assert row["scopes"] == sorted(record["parameters"]["scope"])
        assert row["client_name"] == record["parameters"]["app_name"]
        assert row["issued_at"] == datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
        assert (row["kind"], row["consent_kind"], row["outcome"]) == ("consent", "user", "success")


def test_real_admin_records_name_the_user_and_not_the_admin(shared, real):
    lines = (shared / "real-logs/google_workspace/elastic-admin-oauth.ndjson").read_text().splitlines()
    records = {json.loads(line)["events"]["name"]: json.loads(line) for line in lines}
    rows = {row["reason"]: row for row in real("elastic-admin-oauth.ndjson").rows["revocation"]}
    assert set(rows) == {"REMOVE_API_CLIENT_ACCESS", "REVOKE_3LO_TOKEN", "REVOKE_ASP", "SUSPEND_USER"}
    for name, row in rows.items():
        values = valued(records[name]["events"]["parameters"])
        assert row["subject_id"] == values.get("USER_EMAIL")
        assert row["client_id"] == values.get("APP_ID", values.get("API_CLIENT_NAME"))
        assert row["actor_id"] == records[name]["actor"]["email"]
        assert (row["initiator"], row["outcome"]) == ("admin", "success")
    assert {name: row["target_kind"] for name, row in rows.items()} == {
        "REMOVE_API_CLIENT_ACCESS": "grant",
        "REVOKE_3LO_TOKEN": "grant",
        "REVOKE_ASP": "credential",
        "SUSPEND_USER": "subject",
    }
    given_ = real("elastic-admin-oauth.ndjson").one("issuance")
    assert given_["scopes"] == valued(records["AUTHORIZE_API_CLIENT_ACCESS"]["events"]["parameters"])["API_SCOPES"]
    assert given_["grant_id"] == rows["REMOVE_API_CLIENT_ACCESS"]["grant_id"]
    assert (given_["consent_kind"], given_["subject_id"]) == ("admin", None)


# The grant joins.


def test_consent_call_and_both_revocations_are_of_one_grant(load):
    loaded = load(
        [
            activity(authorize(MAIL), qualifier="1"),
            activity(call(), qualifier="2", email="ada@example.com"),
            activity(revoke(), qualifier="3", email="ADA@EXAMPLE.COM"),
            administer("REVOKE_3LO_TOKEN", APP_ID=CLIENT, USER_EMAIL="ada@Example.com"),
            activity(authorize(MAIL), qualifier="5", email="bob@example.com"),
        ]
    )
    rows = [row for log in loaded.rows.values() for row in log]
    grants = {row["grant_id"] for row in rows if row["subject_id"] == "ada@example.com"}
    assert len(rows) == 5
    assert len(grants) == 1
    assert grants.pop().startswith("derived:")
    assert len({row["grant_id"] for row in rows}) == 2
    by_user, by_admin = sorted(loaded.rows["revocation"], key=lambda row: row["line_no"])
    assert (by_user["target_kind"], by_user["initiator"], by_user["actor_id"]) == ("grant", "user", "ada@example.com")
    assert (by_admin["target_kind"], by_admin["initiator"], by_admin["actor_id"]) == (
        "grant",
        "admin",
        "admin@example.com",
    )


def test_a_domain_wide_delegation_and_its_removal_are_of_one_grant(load):
    given_ = {"API_CLIENT_NAME": "103", "DOMAIN_NAME": "example.com"}
    loaded = load(
        [
            administer("AUTHORIZE_API_CLIENT_ACCESS", "DOMAIN_SETTINGS", **given_, API_SCOPES=[MAIL, DRIVE]),
            administer("REMOVE_API_CLIENT_ACCESS", "DOMAIN_SETTINGS", **given_),
            administer(
                "AUTHORIZE_API_CLIENT_ACCESS", "DOMAIN_SETTINGS", API_CLIENT_NAME="103", DOMAIN_NAME="b.example"
            ),
        ]
    )
    # a delegation is for all users of the customer, whichever of its domains the record names
    ours, other = loaded.rows["issuance"]
    ended = loaded.one("revocation")
    assert ours["grant_id"] == ended["grant_id"] == other["grant_id"]
    assert (ours["scopes"], other["scopes"]) == (sorted([MAIL, DRIVE]), None)
    assert (ended["kind"], ended["target_kind"], ended["client_id"], ended["subject_id"]) == (
        "revoke",
        "grant",
        "103",
        None,
    )


ROBOT = "104711471147114711471"


def by_robot(name, **more):
    """Write what a service account does: its client id is a number, and the actor is whom it acts as."""
    return happening(name, client_id=ROBOT, app_name="Sync", client_type="WEB", **more)


def test_a_service_account_acts_by_its_delegation_and_no_user_consents(load):
    call_ = {"api_name": "admin", "method_name": "directory.tokens.list", "num_response_bytes": 0}
    given_ = {"API_CLIENT_NAME": ROBOT, "DOMAIN_NAME": "example.com"}
    own = "sync@project.iam.gserviceaccount.com"
    loaded = load(
        [
            administer("AUTHORIZE_API_CLIENT_ACCESS", "DOMAIN_SETTINGS", **given_, API_SCOPES=[MAIL, DRIVE]),
            activity(by_robot("authorize", scope=[MAIL], scope_data=[MAIL])),
            activity(by_robot("activity", **call_), email="bob@b.example", qualifier="2"),
            administer("REMOVE_API_CLIENT_ACCESS", "DOMAIN_SETTINGS", **given_),
            activity(by_robot("authorize", scope=[DRIVE]), email=own, qualifier="3"),
            activity(authorize(MAIL), qualifier="4"),
        ]
    )
    delegated, minted, itself, consented = sorted(loaded.rows["issuance"], key=lambda row: row["line_no"])
    columns = ("kind", "token_kind", "subject_id", "subject_kind", "scopes", "consent_actor", "consent_kind")
    assert [tuple(row[name] for name in columns) for row in (delegated, minted, itself, consented)] == [
        ("consent", None, None, None, sorted([MAIL, DRIVE]), "admin@example.com", "admin"),
        ("token", "access", "ada@example.com", "user", [MAIL], None, None),
        ("token", "access", own, "service", [DRIVE], None, None),
        ("consent", None, "ada@example.com", "user", [MAIL], "ada@example.com", "user"),
    ]
    used, ended = loaded.one("usage"), loaded.one("revocation")
    assert (used["client_id"], used["subject_id"]) == (ROBOT, "bob@b.example")
    assert delegated["grant_id"] == minted["grant_id"] == used["grant_id"] == ended["grant_id"]
    assert len({row["grant_id"] for row in (delegated, itself, consented)}) == 3


# Dialects.


SAME = [
    activity(authorize(MAIL, DRIVE, scope_data=[MAIL, DRIVE]), qualifier="1"),
    activity(call(), call("gmail.users.messages.list", 12), revoke(), qualifier="2"),
    administer("REVOKE_3LO_TOKEN", APP_ID=CLIENT, USER_EMAIL="ada@example.com"),
    administer("SUSPEND_USER", USER_EMAIL="ada@example.com"),
    administer("AUTHORIZE_API_CLIENT_ACCESS", API_CLIENT_NAME="103", DOMAIN_NAME="example.com", API_SCOPES=[MAIL]),
    activity(happening("view", "access", doc_id="d"), application="drive"),
]


KEYS = ("line_no", "usage_id", "caller_id", "target_id")  # of this file, or of this store


def told(loaded):
    """Return the rows of all logs without what tells one file from another."""
    return sorted(
        (log, sorted((name, str(value)) for name, value in row.items() if name not in KEYS))
        for log, rows in loaded.rows.items()
        for row in rows
    )


def test_the_same_events_give_the_same_rows_in_every_dialect(load):
    reports = load(json.dumps({"kind": "admin#reports#activities", "items": SAME, "nextPageToken": "A:1"}))
    elastic = load([line for record in SAME for line in as_elastic(record)])
    panther = load([line for record in SAME for line in as_panther(record)])
    assert reports.counts() == {"records": 6, "issuance": 2, "usage": 2, "revocation": 3, "ignored": 1}
    assert told(reports) == told(elastic) == told(panther)
    assert reports.ignored == elastic.ignored == panther.ignored == {"other application than token and admin": 1}


def test_two_collectors_of_the_same_log_count_once(load):
    loaded = load([*SAME, *(line for record in SAME for line in as_panther(record))])
    assert {log: len(rows) for log, rows in loaded.rows.items()} == {"issuance": 2, "usage": 2, "revocation": 3}
    assert loaded.batch["duplicates"] == 7


def test_a_time_in_milliseconds_is_the_same_time(load):
    written = activity(call())
    exported = copy.deepcopy(written)
    moment = datetime(2026, 7, 1, 10, 0, 0, 123000, tzinfo=UTC)
    exported["id"]["time"] = {"value": int(moment.timestamp() * 1000), "timeZoneShift": 0, "dateOnly": False}
    loaded = load([written, exported])
    assert loaded.one("usage")["used_at"] == moment
    assert loaded.counts() == {"records": 2, "usage": 1, "duplicates": 1}


@pytest.mark.parametrize("qualifier", ["-6709442587437772138", -6709442587437772138])
def test_the_qualifier_is_a_text_or_a_number(load, qualifier):
    row = load([activity(call(), qualifier=qualifier)]).one("usage")
    assert row["event_id"].startswith("2026-07-01T10:00:00.123Z|-6709442587437772138|token|C0acme|")


# Quirk by quirk.


def test_each_event_of_an_activity_is_a_row(load):
    calls = [call("gmail.users.messages.get", size) for size in (1, 2, 3)]
    loaded = load([activity(*calls, authorize(MAIL), revoke())])
    assert loaded.counts() == {"records": 1, "issuance": 1, "usage": 3, "revocation": 1}
    ids = [row["event_id"] for rows in loaded.rows.values() for row in rows]
    assert len(set(ids)) == 5
    assert {row["line_no"] for rows in loaded.rows.values() for row in rows} == {1}


def test_alike_events_of_one_activity_are_still_two(load):
    record = activity(call(), call())
    assert load([record]).counts() == {"records": 1, "usage": 2}
    assert load([record, record]).counts() == {"records": 2, "usage": 2, "duplicates": 2}


def test_split_events_that_share_an_id_are_not_duplicates(load):
    users = [happening("REVOKE_3LO_TOKEN", APP_ID=CLIENT, USER_EMAIL=f"user{n}@example.com") for n in range(3)]
    lines = as_elastic(activity(*users, application="admin"))
    assert len({json.dumps(line["id"]) for line in lines}) == 1
    assert load(lines).counts() == {"records": 3, "revocation": 3}


def test_scopes_come_from_both_places_and_none_is_not_unknown(load):
    expected = {
        "both": [DRIVE, MAIL],
        "only scope": [DRIVE, MAIL],
        "only scope_data": [MAIL],
        "empty": [],
        "neither": None,
        "one text": [DRIVE, MAIL],
    }
    parameters = {
        "both": {"scope": [MAIL], "scope_data": [MAIL, DRIVE]},
        "only scope": {"scope": [MAIL, DRIVE]},
        "only scope_data": {"scope_data": [MAIL]},
        "empty": {"scope": []},
        "neither": {},
        "one text": {"scope": f"{MAIL} {DRIVE}"},
    }
    records = [
        activity(happening("authorize", client_id=CLIENT, **parameters[case]), qualifier=str(number))
        for number, case in enumerate(expected)
    ]
    rows = {row["line_no"]: row["scopes"] for row in load(records).rows["issuance"]}
    assert {case: rows[number] for number, case in enumerate(expected, 1)} == expected


def test_type_may_be_missing(load):
    event = authorize(MAIL)
    del event["type"]
    assert load([activity(event)]).counts() == {"records": 1, "issuance": 1}


def change_access(old, new, **more):
    """Write that an admin changed what an app may do."""
    values = {name: value for name, value in (("OLD_VALUE", old), ("NEW_VALUE", new)) if value is not None}
    return happening(
        "CHANGE_APP_ACCESS", "SECURITY_SETTINGS", OAUTH2_APP_ID=CLIENT, **values, ORG_UNIT_NAME="Sales", **more
    )


def by_admin(*events, **more):
    """Write one item of the admin application with these events."""
    return activity(*events, application="admin", email="admin@example.com", **more)


@pytest.mark.parametrize(
    ("old", "new", "narrows"),
    [
        ("Trusted", "Blocked", True),
        ("Limited", "Blocked", True),
        (None, "BLOCKED", True),
        ("Trusted", "Limited", True),
        ("Trusted", "Specific Google data", True),
        ("Trusted", "Unconfigured", True),
        ("Blocked", "Trusted", False),
        ("Limited", "Trusted", False),
        ("Unconfigured", "Trusted", False),
        ("Specific Google data", "Limited", False),
        ("Limited", "Specific Google data", False),
        ("Trusted", "Trusted", False),
        ("Trusted", None, False),
        (None, None, False),
    ],
)
@pytest.mark.parametrize("written", [lambda record: [record], as_elastic, as_panther])
def test_the_old_and_the_new_value_tell_which_way_the_access_of_an_app_went(load, written, old, new, narrows):
    loaded = load(written(by_admin(change_access(old, new, OAUTH2_APP_NAME="Mail copilot"))))
    if not narrows:
        assert loaded.counts() == {"records": 1, "ignored": 1}
        assert loaded.ignored == {"policy for apps, which grants nothing by itself": 1}
        return
    assert loaded.counts() == {"records": 1, "revocation": 1}
    row = loaded.one("revocation")
    assert (row["kind"], row["target_kind"], row["client_id"], row["client_name"], row["reason"], row["initiator"]) == (
        "downgrade",
        "policy",
        CLIENT,
        "Mail copilot",
        "CHANGE_APP_ACCESS",
        "admin",
    )


def test_what_google_writes_under_the_older_and_the_newer_name_is_one_change(load):
    changes = (
        ("ADD_TO_BLOCKED_OAUTH2_APPS", "Limited", "Blocked"),
        ("ADD_TO_TRUSTED_OAUTH2_APPS", "Blocked", "Trusted"),
        ("ADD_TO_LIMITED_OAUTH2_APPS", "Trusted", "Limited"),
        ("ADD_TO_TRUSTED_BY_OAUTH_SCOPE_OAUTH2_APPS", "Trusted", "Specific Google data"),
        ("ADD_TO_BLOCKED_OAUTH2_APPS", None, None),
    )
    loaded = load(
        [
            by_admin(
                happening(older, "SECURITY_SETTINGS", OAUTH2_APP_ID=CLIENT, ORG_UNIT_NAME="Sales"),
                change_access(old, new),
                qualifier=str(number),
            )
            for number, (older, old, new) in enumerate(changes)
        ]
    )
    ended = sorted(loaded.rows["revocation"], key=lambda row: row["line_no"])
    assert [row["reason"] for row in ended] == [*["CHANGE_APP_ACCESS"] * 3, "ADD_TO_BLOCKED_OAUTH2_APPS"]
    assert {row["client_id"] for row in ended} == {CLIENT}
    assert loaded.ignored == {"policy for apps, which grants nothing by itself": 1}


def test_the_number_of_bytes_is_a_text_or_a_number(load):
    events = [call() for _ in range(3)]
    for event, value in zip(events, ({"intValue": "670"}, {"intValue": 671}, {"value": 672}), strict=True):
        event["parameters"] = [each for each in event["parameters"] if each["name"] != "num_response_bytes"]
        event["parameters"].append({"name": "num_response_bytes", **value})
    assert sorted(row["response_bytes"] for row in load([activity(*events)]).rows["usage"]) == [670, 671, 672]


def test_admin_events_about_people_and_policy(load):
    loaded = load(
        [
            administer("DELETE_USER", USER_EMAIL="Gone@example.com"),
            administer(
                "REVOKE_3LO_DEVICE_TOKENS", USER_EMAIL="gone@example.com", DEVICE_ID="d7", DEVICE_TYPE="ANDROID"
            ),
            administer("REMOVE_FROM_TRUSTED_OAUTH2_APPS", OAUTH2_APP_ID=CLIENT, OAUTH2_APP_NAME="Mail copilot"),
            administer("DISALLOW_SERVICE_FOR_OAUTH2_ACCESS", OAUTH2_SERVICE_NAME="GMAIL"),
            administer("ADD_TO_BLOCKED_OAUTH2_APPS", OAUTH2_APP_ID=CLIENT, ORG_UNIT_NAME="Sales"),
            administer("BLOCK_ALL_THIRD_PARTY_API_ACCESS"),
            administer("ARCHIVE_USER", USER_EMAIL="gone@example.com"),
            administer("ADD_TO_TRUSTED_OAUTH2_APPS", OAUTH2_APP_ID=CLIENT),
            administer("CHANGE_PASSWORD", USER_EMAIL="gone@example.com"),
            activity(happening("request", requester_email="x@example.com")),
        ]
    )
    columns = ("kind", "target_kind", "client_id", "subject_id", "token_id", "grant_id", "reason")
    assert [
        tuple(row[name] for name in columns)
        for row in sorted(loaded.rows["revocation"], key=lambda row: row["line_no"])
    ] == [
        ("disable", "subject", None, "gone@example.com", None, None, "DELETE_USER"),
        ("revoke", "credential", None, "gone@example.com", None, None, "REVOKE_3LO_DEVICE_TOKENS d7"),
        ("downgrade", "policy", CLIENT, None, None, None, "REMOVE_FROM_TRUSTED_OAUTH2_APPS"),
        ("downgrade", "policy", None, None, None, None, "DISALLOW_SERVICE_FOR_OAUTH2_ACCESS GMAIL"),
        ("downgrade", "policy", CLIENT, None, None, None, "ADD_TO_BLOCKED_OAUTH2_APPS"),
        ("downgrade", "policy", None, None, None, None, "BLOCK_ALL_THIRD_PARTY_API_ACCESS"),
        ("disable", "subject", None, "gone@example.com", None, None, "ARCHIVE_USER"),
    ]
    assert loaded.rows["issuance"] == []
    assert loaded.ignored == {
        "administration without bearing on apps": 1,
        "policy for apps, which grants nothing by itself": 1,
        "request for an app, nothing granted": 1,
    }


def test_an_account_that_google_disables_is_disabled_by_nobody_of_the_house(load):
    warnings = ("account_disabled_hijacked", "account_disabled_generic", "suspicious_login")
    parameters = {"affected_email_address": "Ada@example.com"}
    events = [happening(name, "account_warning", **parameters) for name in warnings]
    loaded = load([activity(event, application="login") for event in events])
    rows = loaded.rows["revocation"]
    assert [(row["kind"], row["target_kind"], row["subject_id"]) for row in rows] == [
        ("disable", "subject", "ada@example.com")
    ] * 2
    assert {(row["initiator"], row["actor_id"]) for row in rows} == {("system", None)}
    assert loaded.ignored == {"other application than token and admin": 1}


@pytest.mark.parametrize(
    ("rejection", "reason"),
    [("EXPLICIT_ADMIN_BLOCK", "policy"), ("EDU_UNDERAGE_BLOCK", "policy"), ("SCOPE_BLOCK", "scope"), (None, "policy")],
)
def test_an_app_that_a_person_was_refused(load, rejection, reason):
    parameters = {"client_id": CLIENT, "app_name": "Mail copilot", "client_type": "WEB", "scope": [MAIL]}
    told = {} if rejection is None else {"rejection_type": rejection}
    loaded = load([activity(happening("deny", **parameters, **told)), activity(happening("deny", app_name="x"))])
    [row] = loaded.rows["issuance"]
    assert (row["kind"], row["outcome"], row["denial_reason"]) == ("consent", "denied", reason)
    assert (row["client_id"], row["subject_id"], row["consent_kind"]) == (CLIENT, "ada@example.com", "user")
    assert (row["scopes_requested"], row["scopes"]) == ([MAIL], None)
    assert [rejected["reason"] for rejected in loaded.rejected] == ["deny names no client"]
    assert loaded.rows["revocation"] == []


def test_only_the_log_of_tokens_covers_a_time(covered):
    ends = [administer("SUSPEND_USER", USER_EMAIL="ada@example.com"), activity(application="login")]
    assert whole(covered(ends)) == ()
    assert whole(covered([*ends, activity(call())])) == ("issuance", "usage", "revocation")


def test_only_a_log_with_calls_tells_that_there_was_none(covered):
    consent = activity(authorize(MAIL))
    assert whole(covered([consent])) == ("issuance", "revocation")
    assert whole(covered([consent, consent | {"events": call()}])) == ("issuance", "usage", "revocation")
    called = call()
    parameters = {each["name"]: each.get("value", each.get("intValue")) for each in called["parameters"]}
    on_top = {name: value for name, value in consent.items() if name != "events"}
    on_top |= {"name": "activity", "parameters": parameters}
    assert whole(covered([consent, on_top])) == ("issuance", "usage", "revocation")


def test_what_is_wrong_is_named(load):
    def at(time):
        record = activity(call())
        record["id"]["time"] = time
        return record

    nameless = happening("authorize", client_id=CLIENT)
    del nameless["name"]
    without_application = activity(call())
    del without_application["id"]["applicationName"]
    expected = [
        ("id.time is no time", at("2020-10-08T18=>08=>41.204Z")),
        ("id.time is no time", at({"value": "soon"})),
        ("id.time is no time", at({"value": 10**18})),
        ("id.time is missing", at(None)),
        ("id.applicationName is missing", without_application),
        ("activity without events", activity()),
        ("event without a name", activity(nameless)),
        ("authorize names no client", activity(happening("authorize", scope=[MAIL]))),
        ("revoke names no client", activity(happening("revoke"))),
        ("REVOKE_3LO_TOKEN names no client", administer("REVOKE_3LO_TOKEN", USER_EMAIL="a@example.com")),
        ("REVOKE_3LO_TOKEN names no user", administer("REVOKE_3LO_TOKEN", APP_ID=CLIENT)),
        ("SUSPEND_USER names no user", administer("SUSPEND_USER")),
    ]
    loaded = load([record for _, record in expected], loader="google_workspace")
    assert [row["reason"] for row in loaded.rejected] == [reason for reason, _ in expected]
    assert loaded.counts() == {"records": len(expected), "rejected": len(expected)}


def test_an_unsound_event_does_not_take_the_sound_ones_beside_it_along(load):
    nameless = {"type": "auth", "parameters": []}
    odd = happening("revoke")  # names no client
    dull = happening("CREATE_USER", USER_EMAIL="a@example.com")
    loaded = load(
        [
            activity(authorize(MAIL), odd, revoke(), nameless, qualifier="1"),
            activity(call(), odd, qualifier="2"),
            activity(odd, nameless, qualifier="3"),
            # beside it stands one that says nothing about access: it would go without a trace
            activity(dull, odd, qualifier="4"),
        ]
    )
    assert loaded.counts() == {"records": 4, "issuance": 1, "usage": 1, "revocation": 1, "rejected": 2}
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        3: "event without a name",
        4: "revoke names no client",
    }
    assert [loaded.one(log)["line_no"] for log in ("issuance", "usage", "revocation")] == [1, 2, 1]


@pytest.mark.parametrize("page", ['{"kind": "admin#reports#activities", "items": []}', "[]", ""])
def test_an_empty_page_is_normal(load, page):
    loaded = load(page)
    assert loaded.counts() == {}
    assert "empty" in loaded.batch["note"]


# Whatever is missing or of a wrong type: nothing fails, and every record is counted.


LINES = [line for record in SAME for line in (record, *as_elastic(record), *as_panther(record))]


@settings(max_examples=8)
@given(lists_of_damaged(LINES))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "google_workspace")
