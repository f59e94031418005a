"""The OpenAI loader against every real record, and quirk by quirk."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from grantlens.store import Store

NAME = "panther-audit.ndjson"
COUNTS = {"records": 20, "issuance": 5, "usage": 1, "revocation": 1, "ignored": 13}
IGNORED = {"not about delegated access": 4, "role of a person, group or account": 4, "sign-in of a person": 5}
START = 1_760_000_000


def session(number="user-1"):
    return {
        "type": "session",
        "session": {"user": {"id": number, "email": "ada@example.com"}, "ip_address": "192.0.2.7", "user_agent": "a/1"},
    }


def key(number="key-1", account="sa-1"):
    return {
        "type": "api_key",
        "api_key": {"type": "service_account", "id": number, "service_account": {"id": account}},
    }


def event(kind, payload=None, *, number=1, at=START, actor=None, dotted=True, **changes):
    """Write one audit event, its payload under the name of the type."""
    record = {"id": f"log {number}", "type": kind, "effective_at": at, "actor": actor or session()}
    if payload is not None:
        record[kind if dotted else kind.replace(".", "_")] = payload
    return record | changes


@pytest.fixture(scope="module")
def real(shared, load_file):
    return load_file(shared / "real-logs/openai_audit" / NAME)


@pytest.fixture(scope="module")
def records(shared):
    text = (shared / "real-logs/openai_audit" / NAME).read_text()
    return dict(enumerate(map(json.loads, text.splitlines()), 1))


def test_every_real_record_is_accounted_for(real, shared):
    assert {path.name for path in (shared / "real-logs/openai_audit").iterdir()} == {NAME, "PROVENANCE.txt"}
    assert real.batch["loader"] == "openai_audit"
    assert (real.counts(), real.ignored, real.rejected) == (COUNTS, IGNORED, [])


def test_real_keys_read_twice(real, records):
    about_keys = Counter(record["type"] for record in records.values() if record["type"].startswith("api_key."))
    assert about_keys == {"api_key.created": 3, "api_key.updated": 2, "api_key.deleted": 1}
    for row in real.rows["issuance"]:
        record = records[row["line_no"]]
        payload = record.get(record["type"].replace(".", "_"), {})
        assert row["token_id"] == payload.get("id")
        assert row["scopes"] == payload.get("data", {}).get("scopes")
        assert row["issued_at"] == datetime.fromtimestamp(record["effective_at"], UTC)
        assert row["kind"] == {"api_key.created": "credential", "api_key.updated": "change"}[record["type"]]
    ended = real.one("revocation")
    assert ended["token_id"] == records[ended["line_no"]]["api_key_deleted"]["id"]
    used = real.one("usage")
    assert used["token_id"] == records[used["line_no"]]["actor"]["api_key"]["id"]
    assert used["operation"] == records[used["line_no"]]["type"]


@pytest.mark.parametrize("dotted", [True, False])
def test_payload_under_either_name(load, dotted):
    data = {"name": "Nightly", "scopes": ["api.model.request"]}
    row = load([event("api_key.created", {"id": "key-1", "data": data}, dotted=dotted)]).one("issuance")
    assert (row["kind"], row["token_kind"], row["token_id"]) == ("credential", "api_key", "key-1")
    assert (row["scopes"], row["client_name"]) == (["api.model.request"], "Nightly")
    assert (row["subject_id"], row["subject_kind"], row["ip"]) == ("user-1", "user", "192.0.2.7")


def test_payload_may_be_missing(load):
    made, ended = event("api_key.created"), event("api_key.deleted", number=2)
    loaded = load([made, ended])
    assert (loaded.one("issuance")["token_id"], loaded.one("issuance")["scopes"]) == (None, None)
    assert (loaded.one("revocation")["token_id"], loaded.one("revocation")["target_kind"]) == (None, "credential")


def test_no_scopes_are_not_unknown_scopes(load):
    assert load([event("api_key.created", {"id": "k", "data": {"scopes": []}})]).one("issuance")["scopes"] == []


@pytest.mark.parametrize("where", ["changes_requested", "data"])
def test_change_of_scopes(load, where):
    row = load([event("api_key.updated", {"id": "key-1", where: {"scopes": ["admin"]}})]).one("issuance")
    assert (row["kind"], row["token_id"], row["scopes"]) == ("change", "key-1", ["admin"])
    assert (row["consent_actor"], row["subject_id"]) == ("user-1", None)


def test_key_made_by_a_key_is_a_delegation(load):
    loaded = load([event("api_key.created", {"id": "key-2", "data": {}}, actor=key())])
    row, use = loaded.one("issuance"), loaded.one("usage")
    assert (row["token_id"], row["parent_token_id"], row["actor_chain"]) == ("key-2", "key-1", ["sa-1"])
    assert row["subject_id"] is None, "nobody says whose key it is"
    assert (use["token_id"], use["client_id"], use["operation"]) == ("key-1", "sa-1", "api_key.created")
    assert use["resource_id"] == "key-2"


def test_what_a_key_does_is_a_use_though_it_is_not_named(load):
    owned = {"type": "user", "user": {"id": "user-9", "email": "ada@example.com"}}
    robot = {"type": "service_account", "service_account": {"id": "sa-9"}}
    loaded = load(
        [
            event("project.archived", {"id": "proj-1"}, actor={"type": "api_key", "api_key": owned}),
            event("api_key.deleted", {"id": "key-2"}, number=2, actor={"type": "api_key", "api_key": robot}),
        ]
    )
    first, second = loaded.rows["usage"]
    assert (first["token_id"], first["subject_id"], first["operation"]) == (None, "user-9", "project.archived")
    assert (second["token_id"], second["client_id"], second["resource_id"]) == (None, "sa-9", "key-2")
    ended = loaded.one("revocation")
    assert (ended["token_id"], ended["initiator"], ended["actor_id"]) == ("key-2", "client", "sa-9")


def test_ends(load):
    loaded = load(
        [
            event("api_key.deleted", {"id": "key-1"}),
            event("service_account.deleted", {"id": "sa-1"}, number=2),
            event("user.deleted", {"id": "user-2"}, number=3),
        ]
    )
    ended = [
        (row["kind"], row["target_kind"], row["token_id"], row["client_id"], row["subject_id"])
        for row in loaded.rows["revocation"]
    ]
    assert ended == [
        ("revoke", "credential", "key-1", None, None),
        ("disable", "client", None, "sa-1", None),
        ("disable", "subject", None, None, "user-2"),
    ]


@pytest.mark.parametrize("dotted", [True, False])
def test_a_workload_identity_mapping_is_a_grant_of_its_service_account(load, dotted):
    name = "workload_identity_provider_mapping"
    made = {"id": "map-1", "identity_provider_id": "wip-1", "data": {"service_account_id": "sa-1"}}
    over = {"id": "map-1", "identity_provider_id": "wip-1", "project_id": "proj-1", "service_account_id": "sa-1"}
    loaded = load(
        [
            event(f"{name}.created", made, dotted=dotted),
            event(f"{name}.updated", {"id": "map-1", "changes_requested": {}}, number=2, dotted=dotted),
            event(f"{name}.deleted", over, number=3, dotted=dotted),
        ]
    )
    given, changed = loaded.rows["issuance"]
    assert (given["kind"], given["grant_id"], given["client_id"]) == ("consent", "map-1", "sa-1")
    assert (given["consent_actor"], given["consent_kind"], given["token_id"]) == ("user-1", "admin", None)
    assert (changed["kind"], changed["grant_id"], changed["token_id"]) == ("change", "map-1", None)
    ended = loaded.one("revocation")
    assert (ended["kind"], ended["target_kind"], ended["grant_id"]) == ("revoke", "grant", "map-1")
    assert (ended["client_id"], ended["token_id"], ended["initiator"]) == ("sa-1", None, "admin")


def test_tenant_events_are_ignored_as_what_they_are(load):
    kinds = ("admin_api_key.created", "service_account.token.revoked", "session_revocation.started")
    loaded = load([event(f"tenant.{kind}", number=n) for n, kind in enumerate(kinds)])
    assert loaded.ignored == {"event of a tenant, of which no payload is documented": 3}


def test_the_end_of_an_identity_provider_is_ignored_as_what_it_is(load):
    loaded = load([event("workload_identity_provider.deleted", {"id": "wip-1", "name": "ci"})])
    assert loaded.ignored == {"end of an identity provider that does not name its mappings": 1}


def test_service_account_is_a_client(load):
    row = load([event("service_account.created", {"id": "sa-1", "data": {"role": "member"}})]).one("issuance")
    assert (row["kind"], row["client_id"], row["subject_kind"], row["consent_kind"]) == (
        "consent",
        "sa-1",
        "service",
        "admin",
    )


def test_key_from_creation_over_use_to_deletion(tmp_path):
    """The use after the deletion is found by the key's id alone."""
    log = [
        event("api_key.created", {"id": "key-1", "data": {"scopes": []}}),
        event("project.created", number=2, at=START + 10, actor=key()),
        event("api_key.deleted", {"id": "key-1"}, number=3, at=START + 60),
        event("project.updated", number=4, at=START + 90, actor=key()),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"object": "list", "data": log, "has_more": False}, indent=1))
    with Store(":memory:") as store:
        (batch,) = store.load(path)
        assert (batch["issuance"], batch["usage"], batch["revocation"]) == (1, 2, 1)
        after = store.sql(
            "SELECT u.event_id FROM usage u JOIN covered_token c USING (source, token_id) WHERE u.used_at > c.revoked_at"
        ).to_pylist()
    assert after == [{"event_id": "log 4"}]


def test_certificates_stay_out(load):
    pem = "-----BEGIN CERTIFICATE-----"
    loaded = load([event("certificate.deleted", {"id": "c", "certificate": pem}, actor=key())])
    assert pem not in str(loaded.rows)


def test_twice_is_a_duplicate(load):
    record = event("api_key.created", {"id": "key-1", "data": {}})
    assert load([record, record]).batch["duplicates"] == 1


def test_broken_records_are_named_and_the_rest_loads(load):
    loaded = load(
        [
            event("api_key.created", {"id": "k"}, at="soon"),
            event("api_key.created", {"id": "k"}, at=None),
            event("api_key.deleted", {"id": "k"}, at=-1),
            event("x", type=None),
            event("api_key.created", {"id": "k"}, number=9),
        ],
        "openai_audit",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "effective_at is no time",
        2: "issued_at: missing",
        3: "effective_at is no time",
        4: "type is missing",
    }
    assert loaded.batch["issuance"] == 1
