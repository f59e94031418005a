"""The Zendesk loader against every real record, and quirk by quirk."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

NAME = "panther-zendesk.ndjson"


def record(action, source="api_token", *, number=1, at="2026-07-01T10:00:00Z", **changes):
    """Write one audit record."""
    return {
        "url": "https://acme.zendesk.com/api/v2/audit_logs/1.json",
        "id": number,
        "action": action,
        "action_label": action,
        "actor_id": 7,
        "actor_name": "Ada",
        "source_id": 55,
        "source_type": source,
        "source_label": "API token: nightly",
        "change_description": "",
        "ip_address": "192.0.2.7",
        "created_at": at,
    } | changes


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "zendesk"
    # the publisher wrote one id ten times: the second token event counts as the first
    assert loaded.counts() == {"records": 10, "issuance": 1, "duplicates": 1, "ignored": 8}
    assert loaded.ignored == {"not about delegated access": 8}


def test_real_token_events_read_twice(shared, load):
    lines = (shared / "real-logs/saas_misc" / NAME).read_text().splitlines()
    records = [json.loads(line) | {"id": number} for number, line in enumerate(lines, 1)]
    about = [entry for entry in records if entry["source_type"] == "api_token"]
    rows = load(records).rows["issuance"]
    assert Counter(row["kind"] for row in rows) == Counter(
        "credential" if entry["action"] == "create" else "change" for entry in about
    )
    for entry, row in zip(about, rows, strict=True):
        assert (row["event_id"], row["token_id"]) == (str(entry["id"]), str(entry["source_id"]))
        assert (row["client_name"], row["consent_actor"]) == (entry["source_label"], str(entry["actor_id"]))
        assert row["issued_at"] == datetime.fromisoformat(entry["created_at"])


@pytest.mark.parametrize("source", ["api_token", "apitoken"])
def test_token_from_making_to_destroying(load, source):
    loaded = load([record("create", source), record("destroy", source, number=2)])
    made, ended = loaded.one("issuance"), loaded.one("revocation")
    assert (made["kind"], made["token_kind"], made["token_id"], made["subject_id"]) == (
        "credential",
        "api_key",
        "55",
        None,
    )
    assert (ended["kind"], ended["target_kind"], ended["token_id"]) == ("revoke", "credential", "55")
    assert made["tenant"] == ended["tenant"] == "acme.zendesk.com"
    assert made["issued_at"] == datetime(2026, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "kind", "end", "target"),
    [
        ("oauth_token", "token", "revoke", "token"),
        ("oauth_client", "consent", "disable", "client"),
        ("zendesk/app_market/app", "consent", "disable", "client"),
    ],
)
def test_other_sources(load, source, kind, end, target):
    loaded = load([record("create", source), record("destroy", source, number=2)])
    assert loaded.one("issuance")["kind"] == kind
    ended = loaded.one("revocation")
    assert (ended["kind"], ended["target_kind"]) == (end, target)
    assert ended["token_id" if target == "token" else "client_id"] == "55"


def test_what_is_ignored(load):
    loaded = load([record("login", "user"), record("exported"), record("update", "user")])
    assert loaded.ignored == {
        "sign-in of a person": 1,
        "token or app event that neither gives nor takes access": 1,
        "not about delegated access": 1,
    }


def test_broken_and_double_records(load):
    good = record("create", number=9)
    loaded = load(
        [
            record("create", at="soon"),
            record("destroy", at=None),
            record("create", source_id=None),
            record(None),
            good,
            good,
        ],
        "zendesk",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "created_at is no time",
        2: "revoked_at: missing",
        3: "names no source",
        4: "action or source_type is missing",
    }
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)


@pytest.mark.parametrize("indent", [None, 1])
def test_the_answer_about_one_record_is_that_record(load_file, tmp_path, indent):
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"audit_log": record("create")}, indent=indent))
    loaded = load_file(path)
    assert loaded.batch["loader"] == "zendesk"
    assert loaded.one("issuance")["token_id"] == "55"
