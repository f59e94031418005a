"""The Box loader against every real record, and quirk by quirk."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

NAME = "panther-box.ndjson"
SERVICE = {"service_id": "5432", "service_name": "Box Sync"}


def event(kind, details=None, *, number=1, at="2026-07-01T03:00:00-07:00", **changes):
    """Write one enterprise event."""
    return {
        "type": "event",
        "event_type": kind,
        "event_id": f"event {number}",
        "created_at": at,
        "created_by": {"id": "7", "type": "user", "name": "Ada", "login": "ada@example.com"},
        "source": {"item_id": "99", "item_type": "file", "item_name": "plan.pdf"},
        "additional_details": details,
        "ip_address": "192.0.2.7",
        "session_id": None,
    } | changes


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "box"
    assert loaded.counts() == {"records": 10, "ignored": 9, "rejected": 1}
    assert loaded.ignored == {"not about delegated access": 8, "sign-in of a person": 1}
    assert [(row["line_no"], row["reason"]) for row in loaded.rejected] == [(2, "created_at is missing")]


def test_real_access_granted_once_it_has_a_time(shared, load):
    record = json.loads((shared / "real-logs/saas_misc" / NAME).read_text().splitlines()[1])
    row = load([record | {"created_at": "2026-07-01T10:00:00Z"}]).one("issuance")
    assert (row["kind"], row["subject_id"], row["client_id"]) == (
        "consent",
        record["created_by"]["id"],
        "Box technical support",
    )


def test_token_of_a_service_for_a_person(load):
    row = load([event("USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE", SERVICE)]).one("issuance")
    assert (row["kind"], row["token_kind"], row["token_id"]) == ("token", "access", None)
    assert (row["client_id"], row["client_name"], row["subject_id"]) == ("5432", "Box Sync", "7")
    assert row["issued_at"] == datetime(2026, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("details", [SERVICE, json.dumps(SERVICE)])
def test_what_came_through_a_service_is_a_use(load, details):
    row = load([event("DOWNLOAD", details)]).one("usage")
    assert (row["client_id"], row["subject_id"], row["operation"], row["resource_id"]) == (
        "5432",
        "7",
        "DOWNLOAD",
        "99",
    )


def shield(enforcement, mode):
    return SERVICE | {enforcement: {"item": {"id": 99}, "service": {"service": 5432}, "controlMode": mode}}


@pytest.mark.parametrize(
    ("kind", "enforcement"),
    [
        ("SHIELD_DOWNLOAD_BLOCKED", "shield_download_enforcement"),
        ("SHIELD_EXTERNAL_COLLAB_ACCESS_BLOCKED", "shield_external_collab_enforcement"),
        ("SHIELD_EXTERNAL_COLLAB_ACCESS_BLOCKED_MISSING_JUSTIFICATION", "shield_external_collab_enforcement"),
    ],
)
def test_what_a_policy_blocked_was_denied(load, kind, enforcement):
    row = load([event(kind, shield(enforcement, "enforced"))]).one("usage")
    assert (row["client_id"], row["outcome"], row["denial_reason"]) == ("5432", "denied", "policy")
    watched = load([event(kind, shield(enforcement, "monitoring"))])
    assert (watched.rows["usage"], watched.ignored) == ([], {"notice of a policy that blocked nothing": 1})


@pytest.mark.parametrize("kind", ["LOGIN", "ADMIN_LOGIN", "FAILED_LOGIN"])
def test_a_sign_in_is_no_use_of_a_service(load, kind):
    assert load([event(kind, SERVICE)]).ignored == {"sign-in of a person": 1}


@pytest.mark.parametrize("details", [None, {"key": "value"}, "no json, but service_id", ["service_id"]])
def test_what_names_no_service_is_none(load, details):
    assert load([event("DOWNLOAD", details)]).ignored == {"not about delegated access": 1}


def test_support_in_and_out(load):
    loaded = load([event("ACCESS_GRANTED"), event("ACCESS_REVOKED", number=2)])
    given, taken = loaded.one("issuance"), loaded.one("revocation")
    assert given["client_id"] == taken["client_id"] == "Box technical support"
    assert given["subject_id"] == taken["subject_id"] == "7"
    assert (given["consent_kind"], taken["target_kind"], taken["initiator"]) == ("user", "grant", "user")


def test_keys_of_apps_and_people_who_leave(load):
    key = {"id": "key-1", "type": "key"}
    loaded = load(
        [
            event("APPLICATION_PUBLIC_KEY_ADDED", SERVICE, source=key),
            event("APPLICATION_PUBLIC_KEY_DELETED", SERVICE, number=2, source=key),
            event("DELETE_USER", number=3, source={"id": "8", "type": "user", "name": "Bob"}),
        ]
    )
    made = loaded.one("issuance")
    assert (made["kind"], made["token_id"], made["client_id"], made["subject_id"]) == (
        "credential",
        "key-1",
        "5432",
        None,
    )
    ended, gone = loaded.rows["revocation"]
    assert (ended["target_kind"], ended["token_id"]) == ("credential", "key-1")
    assert (gone["kind"], gone["target_kind"], gone["subject_id"]) == ("disable", "subject", "8")


def test_a_key_is_one_of_the_app_that_is_its_source(load):
    app = {"type": "application", "name": "Nightly", "api_key": "client-1"}
    made = event("APPLICATION_PUBLIC_KEY_ADDED", source=app)
    loaded = load([made, event("APPLICATION_PUBLIC_KEY_DELETED", number=2, source=app)])
    for row in (loaded.one("issuance"), loaded.one("revocation")):
        assert (row["token_id"], row["client_id"], row["client_name"]) == (None, "client-1", "Nightly")
    assert loaded.one("revocation")["target_kind"] == "credential"


def test_the_end_of_a_token_or_session_is_no_use_of_the_service(load):
    loaded = load(
        [event("OAUTH2_ACCESS_TOKEN_REVOKE", SERVICE), event("REMOVE_LOGIN_ACTIVITY_DEVICE", SERVICE, number=2)]
    )
    assert loaded.counts() == {"records": 2, "revocation": 2}
    for row, target in zip(loaded.rows["revocation"], ("token", "session"), strict=True):
        assert (row["kind"], row["target_kind"], row["client_id"], row["actor_id"]) == ("revoke", target, "5432", "7")
        assert (row["token_id"], row["session_id"], row["subject_id"]) == (None, None, None)


def test_what_is_ignored(load):
    loaded = load([event("LOGIN"), event("ENTERPRISE_APP_AUTHORIZATION_UPDATE"), event("SHARE")])
    assert loaded.ignored == {
        "sign-in of a person": 1,
        "authorisation of an app that is not named": 1,
        "not about delegated access": 1,
    }


def test_broken_and_double_records(load):
    good = event("DOWNLOAD", SERVICE, number=9)
    loaded = load(
        [
            event("DOWNLOAD", SERVICE, at="soon"),
            event("ACCESS_GRANTED", at=None),
            event("DELETE_USER", source={}),
            event(None),
            good,
            good,
        ],
        "box",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "created_at is no time",
        2: "created_at is missing",
        3: "names no person",
        4: "event_type is missing",
    }
    assert (loaded.batch["usage"], loaded.batch["duplicates"]) == (1, 1)


TABLE = [
    "event_id",
    "event_type",
    "created_at",
    "recorded_at",
    "session_id",
    "ip_address",
    "action_by",
    "additional_details",
    "created_by_login",
    "source_parent_name",
]


def of_table(record, written=lambda value: value):
    """Write an event as a row of Microsoft's table: who and on what are columns, of which `source_api_key` is none."""
    row = dict.fromkeys(("TimeGenerated", *TABLE), "")
    for name, value in record.items():
        if name in ("created_by", "source"):
            row |= {f"{name}_{inner}": each for inner, each in value.items() if inner != "api_key"}
        else:
            row["event_category" if name == "type" else name] = (
                written(value) if isinstance(value, dict) else "" if value is None else value
            )
    return (
        dict.fromkeys(("source_id", "source_type", "source_name", "source_item_id"), "")
        | row
        | {"Type": "BoxEventsV2_CL"}
    )


RECORDED = (
    event("USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE", SERVICE, source={"id": "7", "type": "user", "name": "Ada"}),
    event("DOWNLOAD", SERVICE, number=2),
    event("SHIELD_DOWNLOAD_BLOCKED", shield("shield_download_enforcement", "active"), number=3),
    event("DELETE_USER", number=4, source={"id": "8", "type": "user", "name": "Bo"}),
    event("LOGIN", number=5, source={"id": "7", "type": "user", "name": "Ada"}),
)


@pytest.mark.parametrize("form", ["objects", "texts", "csv"])
def test_rows_of_microsofts_table_are_the_same_events(load, form):
    rows = [of_table(record, json.dumps if form != "objects" else lambda value: value) for record in RECORDED]
    if form == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, dict.fromkeys(name for row in rows for name in row))
        writer.writeheader()
        writer.writerows(rows)
        rows = text.getvalue()
    loaded, plain = load(rows), load(list(RECORDED))
    assert (loaded.counts(), loaded.ignored) == (plain.counts(), plain.ignored)
    assert [len(plain.rows[log]) for log in ("issuance", "usage", "revocation")] == [1, 2, 1]
    for log in ("issuance", "usage", "revocation"):
        assert [row | {"line_no": 0} for row in loaded.rows[log]] == [row | {"line_no": 0} for row in plain.rows[log]]


def test_a_key_in_microsofts_table_names_its_app_and_no_client(load):
    source = {"type": "application", "id": "55", "name": "Sync", "api_key": "client"}
    made = load([of_table(event("APPLICATION_PUBLIC_KEY_ADDED", source=source))]).one("issuance")
    assert (made["kind"], made["client_id"], made["client_name"], made["token_id"]) == (
        "credential",
        None,
        "Sync",
        None,
    )


@settings(max_examples=4)
@given(lists_of_damaged([of_table(record) for record in RECORDED]))
def test_a_damaged_table_never_raises_and_always_adds_up(load, records):
    assert_all_accounted_for(load, records, "box")
