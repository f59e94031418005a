"""The Tines loader against every real record, and quirk by quirk."""

import json
from datetime import UTC, datetime

import pytest

NAME = "panther-tines.ndjson"


def record(operation, inputs=None, *, number=1, at="2026-07-01 10:00:00", **changes):
    """Write one audit record."""
    own = {
        "id": number,
        "created_at": at,
        "operation_name": operation,
        "tenant_id": "8",
        "user_id": "17",
        "user_name": "Ada",
        "user_email": "ada@example.com",
        "request_ip": "192.0.2.7",
        "request_user_agent": "a/1",
    }
    return own | ({"inputs": {"inputs": inputs}} if inputs is not None else {}) | changes


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "tines"
    assert loaded.counts() == {"records": 9, "issuance": 1, "ignored": 8}
    assert loaded.ignored == {"not about delegated access": 7, "sign-in of a person": 1}
    row = loaded.one("issuance")
    made = json.loads((shared / "real-logs/saas_misc" / NAME).read_text().splitlines()[row["line_no"] - 1])
    assert row["client_name"] == made["inputs"]["inputs"]["name"]
    assert made["inputs"]["inputs"]["isServiceToken"] is True
    assert (row["subject_id"], row["consent_actor"]) == (None, made["user_id"])
    assert (row["event_id"], row["tenant"]) == (str(made["id"]), made["tenant_id"])


@pytest.mark.parametrize(("service", "subject", "kind"), [(True, None, "service"), (False, "17", "user")])
def test_key_of_the_tenant_or_of_a_person(load, service, subject, kind):
    row = load([record("AuthenticationTokenCreation", {"isServiceToken": service, "name": "nightly"})]).one("issuance")
    assert (row["kind"], row["token_kind"], row["token_id"]) == ("credential", "api_key", None)
    assert (row["subject_id"], row["subject_kind"], row["client_name"]) == (subject, kind, "nightly")
    assert row["issued_at"] == datetime(2026, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(("inputs", "token"), [({"authenticationTokenId": 693}, "693"), (None, None)])
def test_deleted_key(load, inputs, token):
    row = load([record("AuthenticationTokenDeletion", inputs)]).one("revocation")
    assert (row["kind"], row["target_kind"], row["token_id"], row["actor_id"]) == ("revoke", "credential", token, "17")


def test_inputs_of_any_shape_and_no_secret(load):
    shapes = ["text", 5, [1], {"inputs": "x"}, {"inputs": {"name": ["a"], "secret": "hunter2"}}]
    loaded = load(
        [record("AuthenticationTokenCreation", number=number, inputs=shape) for number, shape in enumerate(shapes)]
        + [record("UserCredentialCreation", {"value": "hunter2"})]
    )
    assert loaded.batch["issuance"] == len(shapes)
    assert "hunter2" not in str(loaded.rows)
    assert loaded.ignored == {"credential at another service": 1}


def test_a_deleted_person_is_ignored_by_name(load):
    assert load([record("UserDeletion")]).ignored == {"person deleted, by fields that were not seen": 1}


def test_broken_and_double_records(load):
    good = record("AuthenticationTokenCreation", {}, number=9)
    loaded = load(
        [
            record("AuthenticationTokenCreation", at="soon"),
            record("AuthenticationTokenDeletion", at=None),
            record(None),
            record("AuthenticationTokenRead"),
            good,
            good,
        ],
        "tines",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "created_at is no time",
        2: "revoked_at: missing",
        3: "operation_name is missing",
    }
    assert loaded.ignored == {"key event that neither gives nor takes access": 1}
    assert (loaded.batch["issuance"], loaded.batch["duplicates"]) == (1, 1)
