"""The HCP Terraform loader against every real record, and quirk by quirk."""

import json
from datetime import UTC, datetime
from functools import cache

import pytest

EXPECTED = {
    "grove-audit-trails-001.json": {"records": 1, "issuance": 1},
    "grove-audit-trails-003.json": {"records": 5, "issuance": 1, "duplicates": 4},
    "grove-audit-trails-004.json": {"records": 1, "issuance": 1},
}


def event(kind, action, *, number=1, at="2026-07-01T10:00:00.250Z", named="at-1", accessor="user-1", **auth):
    """Write one audit event."""
    return {
        "id": f"event {number}",
        "version": "0",
        "type": "Resource",
        "timestamp": at,
        "auth": {
            "accessor_id": accessor,
            "description": "ada",
            "type": "Client",
            "impersonator_id": None,
            "organization_id": "org-1",
            **auth,
        },
        "request": {"id": f"request {number}"},
        "resource": {"id": named, "type": kind, "action": action, "meta": None},
    }


@pytest.fixture(scope="module")
def real(shared, load_file):
    return cache(lambda name: load_file(shared / "real-logs/terraform_cloud" / name))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, shared, name):
    loaded = real(name)
    assert loaded.batch["loader"] == "terraform_cloud"
    assert (loaded.counts(), loaded.ignored, loaded.rejected) == (EXPECTED[name], {}, [])
    records = json.loads((shared / "real-logs/terraform_cloud" / name).read_text())["data"]
    assert len({record["id"] for record in records}) == loaded.batch["issuance"]
    record, row = records[0], loaded.one("issuance")
    assert (row["event_id"], row["token_id"]) == (record["id"], record["resource"]["id"])
    assert (row["subject_id"], row["tenant"]) == (record["auth"]["accessor_id"], record["auth"]["organization_id"])
    assert row["issued_at"] == datetime.fromisoformat(record["timestamp"])
    assert (row["kind"], row["token_kind"], row["subject_kind"]) == ("credential", "api_key", "user")


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/terraform_cloud").iterdir()} - {"PROVENANCE.txt"} == set(
        EXPECTED
    )


def test_token_from_making_to_destroying(load):
    loaded = load([event("authentication_token", "create"), event("authentication_token", "destroy", number=2)])
    made, ended = loaded.one("issuance"), loaded.one("revocation")
    assert made["token_id"] == ended["token_id"] == "at-1"
    assert (ended["kind"], ended["target_kind"], ended["actor_id"]) == ("revoke", "credential", "user-1")
    assert made["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)


def test_token_made_for_somebody_else(load):
    row = load([event("authentication_token", "create", type="Impersonated", impersonator_id="user-9")]).one("issuance")
    assert (row["subject_id"], row["actor_chain"]) == ("user-1", ["user-9"])


def test_a_team_acts_by_token_and_a_person_may_use_a_browser(load):
    loaded = load([event("run", "create", accessor="team-1", named="run-1"), event("run", "create", number=2)])
    row = loaded.one("usage")
    assert (row["client_id"], row["operation"], row["resource_id"]) == ("team-1", "run.create", "run-1")
    assert (row["token_id"], row["tenant"]) == (None, "org-1")
    assert loaded.ignored == {"act of a person, by browser or token": 1}


def test_what_is_ignored(load):
    loaded = load(
        [
            event("oauth_token", "create", accessor="team-1"),
            event("authentication_token", "show", number=2),
            event("run", "apply", number=3, accessor="team-1", type="System"),
            event("organization_user", "destroy", number=4, named="ou-1"),
            event("organization_user", "update", number=5, named="ou-1"),
        ]
    )
    assert loaded.ignored == {
        "credential at another service": 1,
        "token event that neither gives nor takes access": 1,
        "act of the service itself": 1,
        "person removed, by an id of which nothing is told": 1,
        "act of a person, by browser or token": 1,
    }


def test_broken_records_are_named_and_the_rest_loads(load):
    loaded = load(
        [
            event("authentication_token", "create", at="soon"),
            event("authentication_token", "create", at=None),
            event("authentication_token", "destroy", named=None),
            event(None, "create"),
            event("authentication_token", "create", number=9),
        ],
        "terraform_cloud",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "timestamp is no time",
        2: "issued_at: missing",
        3: "names no token",
        4: "resource is missing",
    }
    assert loaded.batch["issuance"] == 1
