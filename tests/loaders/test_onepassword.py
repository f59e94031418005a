"""The 1Password loader against every real record, and quirk by quirk."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

NAME = "panther-onepassword.ndjson"


def audit(action, kind, *, number=1, at="2026-07-01T10:00:00.250Z", **changes):
    """Write one audit event."""
    return {
        "uuid": f"uuid {number}",
        "timestamp": at,
        "actor_uuid": "u-1",
        "actor_details": {"uuid": "u-1", "name": "Ada", "email": "ada@example.com"},
        "action": action,
        "object_type": kind,
        "object_uuid": "object-1",
        "aux_uuid": "sa-1",
        "aux_info": "deploy",
        "session": {"uuid": "s", "ip": "192.0.2.7"},
    } | changes


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "onepassword"
    assert loaded.counts() == {"records": 10, "ignored": 7, "rejected": 3}
    assert loaded.ignored == {"sign-in of a person": 4, "use of an item by a person": 3}
    lines = (shared / "real-logs/saas_misc" / NAME).read_text().splitlines()
    foreign = [number for number, line in enumerate(lines, 1) if json.loads(line)["p_log_type"].startswith("Okta.")]
    assert [row["line_no"] for row in loaded.rejected] == foreign
    assert {row["reason"] for row in loaded.rejected} == {"is no event of 1Password"}


@pytest.mark.parametrize("end", ["delete", "revoke", "trevoke"])
def test_token_of_a_service_account(load, end):
    loaded = load([audit("create", "satoken"), audit(end, "satoken", number=2)])
    made, ended = loaded.one("issuance"), loaded.one("revocation")
    assert (made["kind"], made["token_kind"], made["token_id"], made["client_id"]) == (
        "credential",
        "api_key",
        "object-1",
        "sa-1",
    )
    assert (made["subject_id"], made["subject_kind"], made["consent_actor"]) == (None, "service", "u-1")
    assert (ended["kind"], ended["target_kind"], ended["token_id"]) == ("revoke", "credential", "object-1")
    assert made["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)


def test_accounts_and_people(load):
    loaded = load(
        [
            audit("create", "sa"),
            audit("delete", "sa", number=2),
            audit("suspend", "user", number=3),
            audit("create", "vault", number=4),
        ]
    )
    made = loaded.one("issuance")
    assert (made["kind"], made["client_id"], made["client_name"], made["token_id"]) == (
        "consent",
        "object-1",
        "deploy",
        None,
    )
    assert [(row["kind"], row["target_kind"]) for row in loaded.rows["revocation"]] == [
        ("disable", "client"),
        ("disable", "subject"),
    ]
    assert loaded.ignored == {"not about delegated access": 1}


def test_who_is_reactivated_is_enabled_as_disabled(load):
    loaded = load(
        [audit("suspend", "user"), audit("reactive", "user", number=2), audit("reactive", "device", number=3)]
    )
    rows = [(row["kind"], row["target_kind"], row["subject_id"], row["initiator"]) for row in loaded.rows["revocation"]]
    assert rows == [("disable", "subject", "object-1", "admin"), ("enable", "subject", "object-1", "admin")]
    assert loaded.ignored == {"not about delegated access": 1}


def test_broken_and_double_records(load):
    good = audit("create", "satoken", number=9)
    loaded = load(
        [
            audit("create", "satoken", at="soon"),
            audit("create", "satoken", at=None),
            audit("delete", "satoken", object_uuid=None),
            {"uuid": "x", "timestamp": "2026-07-01T10:00:00Z"},
            good,
            good,
        ],
        "onepassword",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "timestamp is no time",
        2: "issued_at: missing",
        3: "names no object",
        4: "is no event of 1Password",
    }
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)


TABLE = (
    "session_uuid country category action_type details target_user client location actor_uuid actor_details action object_type object_uuid "
    "aux_uuid aux_info session used_version vault_uuid item_uuid user"
)


def of_table(record, written=lambda value: value):
    """Write an event as a row of Microsoft's table, whose cells hold objects or, as `written` tells, their text."""
    event = {name: written(value) if isinstance(value, dict) else value for name, value in record.items()}
    row = (
        {"TimeGenerated": "2026-07-01T10:01:00Z", "uuid_s": event.pop("uuid")}
        | dict.fromkeys(TABLE.split(), "")
        | event
    )
    return row | {"Type": "OnePasswordEventLogs_CL"}


@pytest.mark.parametrize("form", ["objects", "texts", "csv"])
def test_rows_of_microsofts_table_are_the_same_events(load, form):
    signed = {
        "uuid": "uuid 5",
        "timestamp": "2026-07-01T10:04:00Z",
        "session_uuid": "s",
        "category": "success",
        "target_user": {"uuid": "u-1"},
    }
    used = {
        "uuid": "uuid 6",
        "timestamp": "2026-07-01T10:05:00Z",
        "item_uuid": "i",
        "vault_uuid": "v",
        "user": {"uuid": "u-1"},
    }
    records = [
        audit("create", "sa", number=1),
        audit("create", "satoken", number=2),
        audit("revoke", "satoken", number=3),
        audit("suspend", "user", number=4, aux_uuid="", aux_info=""),
        signed,
        used,
    ]
    rows = [of_table(record, json.dumps if form != "objects" else lambda value: value) for record in records]
    if form == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        rows = text.getvalue()
    loaded, plain = load(rows), load(records)
    assert loaded.ignored == plain.ignored == {"sign-in of a person": 1, "use of an item by a person": 1}
    assert loaded.counts() == plain.counts() == {"records": 6, "issuance": 2, "revocation": 2, "ignored": 2}
    for log in ("issuance", "revocation"):
        assert [row | {"line_no": 0} for row in loaded.rows[log]] == [row | {"line_no": 0} for row in plain.rows[log]]
    assert {row["ip"] for row in loaded.rows["issuance"]} == {"192.0.2.7"}
