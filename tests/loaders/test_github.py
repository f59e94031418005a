"""The GitHub loader against every real record, against a second reading in plain Python, and quirk by quirk."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings

from grantlens.loaders.github import LOADER
from tests.loaders.conftest import whole
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

NO_TOKEN = "event that names no token"
AWAITS = "request for access that awaits approval"
EXPECTED = {
    "elastic-api-request.ndjson": ({"records": 2, "usage": 1, "ignored": 1}, {NO_TOKEN: 1}, {}),
    "elastic-org-audit.ndjson": (
        {"records": 189, "issuance": 2, "usage": 2, "revocation": 7, "ignored": 178},
        {NO_TOKEN: 178},
        {},
    ),
    # the two personal access tokens give two rows each: whoever makes one consents by making it
    "sentinel-security-log-tokens.ndjson": (
        {"records": 11, "issuance": 9, "revocation": 2, "ignored": 2},
        {NO_TOKEN: 1, AWAITS: 1},
        {},
    ),
    "webhook-github_app_authorization-revoked.json": (
        {"records": 1, "rejected": 1},
        {},
        {1: "webhook tells neither which app nor when: only its delivery knows"},
    ),
    "webhook-installation-created.json": ({"records": 1, "issuance": 1}, {}, {}),
    "webhook-installation-new_permissions_accepted.json": ({"records": 1, "issuance": 1}, {}, {}),
    "webhook-installation-suspend.json": ({"records": 1, "revocation": 1}, {}, {}),
}
TOKENS = "sentinel-security-log-tokens.ndjson"

START = 1_782_900_000_000
HASH = base64.b64encode(hashlib.sha256(b"a token").digest()).decode()


# Records of our own.


def event(action, *, number=1, at=START, **changes):
    """Write one audit log event; a change of None leaves the name out."""
    record = {
        "@timestamp": at,
        "_document_id": f"document {number}",
        "action": action,
        "actor": "ada",
        "actor_id": 7,
        "actor_is_bot": False,
        "created_at": at,
        "org": "acme",
        "org_id": 70,
        "business": "acme-group",
        "user_agent": "agent/1.0",
        **changes,
    }
    return {name: value for name, value in record.items() if value is not None}


def request(*, number=1, **changes):
    """Write one call of the REST API."""
    own = {
        "request_method": "GET",
        "route": "/repos/{owner}/{repo}/pulls",
        "status_code": 200,
        "hashed_token": HASH,
        "token_id": 99,
        "token_scopes": "repo,read:org",
        "programmatic_access_type": "OAuth access token",
    }
    return event("api.request", number=number, **(own | changes))


def token_event(action, *, number=1, **changes):
    """Write an event about a personal access token."""
    own = {
        "user": "ada",
        "user_id": 7,
        "user_programmatic_access_name": "nightly",
        "programmatic_access_type": "Fine-grained personal access token",
    }
    return event(action, number=number, **(own | changes))


def webhook(action, *, at="2026-07-01T10:00:00Z", permissions=(("contents", "write"), ("metadata", "read")), **more):
    """Write the delivery of an installation event."""
    return {
        "action": action,
        "installation": {
            "id": 42,
            "account": {"login": "acme", "id": 70},
            "app_id": 1234,
            "app_slug": "reviewer",
            "permissions": dict(permissions),
            "created_at": "2026-06-01T12:00:00.000+02:00",
            "updated_at": at,
            "suspended_at": at if action == "suspend" else None,
        },
        "sender": {"login": "ada", "id": 7, "type": "User"},
        **more,
    }


def each(load, log, cases, **also):
    """Load one record for each case, all in one file, and return a function that gives one column by case; `also` are the rows in other logs."""
    records = [record | {"_document_id": f"event {number}"} for number, record in enumerate(cases.values())]
    loaded = load(records)
    rows = {row["event_id"]: row for row in loaded.rows[log]}
    assert loaded.counts() == {"records": len(cases), log: len(cases), **also}, (loaded.counts(), loaded.rejected)
    return lambda column: {case: rows[f"event {number}"][column] for number, case in enumerate(cases)}


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/github" / name))


@pytest.fixture(scope="module")
def real_records(shared):
    """Return a function that reads one real file with json alone."""

    def read(name):
        text = (shared / "real-logs/github" / name).read_text()
        return [json.loads(text)] if name.startswith("webhook") else [json.loads(line) for line in text.splitlines()]

    return read


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored, rejected = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "github"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == rejected


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/github").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_claims_every_kind_of_real_record(real_records):
    assert all(LOADER.recognise(real_records(name)) for name in EXPECTED)


def test_real_token_events_read_twice(real, real_records):
    kinds = {
        "oauth_authorization.create": {"consent"},
        "oauth_access.create": {"token"},
        "oauth_access.regenerate": {"refresh"},
        "personal_access_token.create": {"consent", "token"},
        "personal_access_token.access_granted": {"consent"},
        "integration_installation.repositories_added": {"consent"},
    }
    for number, record in enumerate(real_records(TOKENS), 1):
        rows = [row for row in real(TOKENS).rows["issuance"] if row["line_no"] == number]
        assert {row["kind"] for row in rows} == kinds.get(record["action"], set())
        for row in rows:
            has_token = row["kind"] in ("token", "refresh")
            assert row["event_id"].split("#")[0] == record["_document_id"]
            assert row["issued_at"] == moment(record["@timestamp"])
            assert row["token_id"] == (record["hashed_token"] if has_token else None)
            assert row["subject_id"] == (None if "integration" in record else str(record["user_id"]))
            assert row["consent_actor"] == (None if has_token else str(record["actor_id"]))
            assert row["tenant"] == (record.get("org") or None)
            assert row["client_name"] == record.get("user_programmatic_access_name", record.get("integration"))
            assert row["user_agent"] == record["user_agent"]


def test_real_regeneration_repeats_the_hash(real, real_records):
    hashes = [record["hashed_token"] for record in real_records(TOKENS) if record["action"].startswith("oauth_access")]
    rows = [row for row in real(TOKENS).rows["issuance"] if row["token_id"] == hashes[0]]
    assert hashes == [hashes[0]] * 2
    assert {row["kind"]: row["issued_at"] for row in rows} == {
        "token": datetime(2024, 3, 12, 9, 30, 18, 432000, tzinfo=UTC),
        "refresh": datetime(2024, 3, 12, 9, 30, 18, 466000, tzinfo=UTC),
    }


def test_real_end_of_a_token_is_the_end_of_its_grant(real, real_records):
    """One name, made, ended and made again within seven minutes: no token is claimed for the end, time tells."""
    rows = real(TOKENS).rows
    made = [row for row in rows["issuance"] if (row["grant_id"] or "").startswith("pat:")]
    about_one = [r for r in real_records(TOKENS) if r["action"].startswith("personal_access_token")]
    (name,) = {record["user_programmatic_access_name"] for record in about_one}
    (owner,) = {record["user_id"] for record in about_one}
    assert {row["grant_id"] for row in made + rows["revocation"]} == {f"pat:{owner}:{name}"}
    assert {(row["kind"], row["target_kind"], row["token_id"]) for row in rows["revocation"]} == {
        ("revoke", "grant", None)
    }
    ended = [row["revoked_at"] for row in rows["revocation"]]
    tokens = sorted(row["issued_at"] for row in made if row["kind"] == "token")
    consents = sorted(row["issued_at"] for row in made if row["kind"] == "consent")
    assert tokens[0] < min(ended) < max(ended) < tokens[1] == consents[-1]


def test_real_call_read_twice(real, real_records):
    record = real_records("elastic-api-request.ndjson")[0]
    row = real("elastic-api-request.ndjson").one("usage")
    assert row["used_at"] == moment(record["created_at"])
    assert row["token_id"] == record["hashed_token"]
    assert row["token_scopes"] == record["token_scopes"].split(",")
    assert (row["method"], row["target"], row["operation"]) == (record["request_method"], record["route"], None)
    assert (row["status"], row["outcome"]) == (record["status_code"], "success")
    assert (row["subject_id"], row["tenant"]) == (str(record["actor_id"]), record["org"])
    assert row["resource_server"] == "api.github.com"


def test_real_uses_without_a_call(real, real_records):
    records = {record["action"]: record for record in real_records("elastic-org-audit.ndjson")}
    cloned, hooked = real("elastic-org-audit.ndjson").rows["usage"]
    assert (cloned["operation"], cloned["target"]) == ("git.clone", records["git.clone"]["repo"])
    assert (cloned["client_id"], cloned["subject_id"]) == (records["git.clone"]["actor"], None)
    assert (hooked["operation"], hooked["token_id"]) == ("hook.create", records["hook.create"]["hashed_token"])
    assert hooked["token_scopes"] == ["repo"]


def test_real_webhooks_read_twice(real, real_records):
    for name in ("webhook-installation-created.json", "webhook-installation-new_permissions_accepted.json"):
        installation = real_records(name)[0]["installation"]
        row = real(name).one("issuance")
        assert row["scopes"] == sorted(f"{key}:{level}" for key, level in installation["permissions"].items())
        assert row["issued_at"] == moment(installation["created_at"] * 1000)
        assert (row["client_id"], row["grant_id"]) == (
            str(installation["app_id"]),
            f"installation:{installation['id']}",
        )
        assert row["kind"] == ("consent" if "created" in name else "change")
    suspended = real("webhook-installation-suspend.json").one("revocation")
    assert (suspended["kind"], suspended["target_kind"], suspended["tenant"]) == ("disable", "client", "Codertocat")
    assert suspended["revoked_at"] == datetime(2021, 4, 29, 2, 32, 50, tzinfo=UTC)


def moment(milliseconds):
    """Read GitHub's milliseconds."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)


# Times, tenants, tokens.


def test_times(load):
    cases = {
        "milliseconds": request(at=1_782_900_000_123),
        "milliseconds as text": request(at="1782900000123"),
        "only created_at": request(**{"@timestamp": None}),
        "text": request(at="2026-07-01T10:00:00.5Z"),
        "text of a collector": request(**{"@timestamp": None, "at_sign_timestamp": "2026-07-01 10:00:00.500"}),
    }
    assert each(load, "usage", cases)("used_at") == {
        "milliseconds": moment(1_782_900_000_123),
        "milliseconds as text": moment(1_782_900_000_123),
        "only created_at": moment(START),
        "text": datetime(2026, 7, 1, 10, 0, 0, 500000, tzinfo=UTC),
        "text of a collector": datetime(2026, 7, 1, 10, 0, 0, 500000, tzinfo=UTC),
    }


def test_a_broken_record_is_named_and_the_rest_loads(load):
    broken = {
        1: (request(at="soon"), "time cannot be read"),
        2: (request(at=-5), "time cannot be read"),
        3: (request(at=10**18), "time cannot be read"),
        4: (request(at="infinity"), "time cannot be read"),
        5: (request(**{"@timestamp": None, "created_at": None}), "used_at: missing"),
        6: (
            token_event("personal_access_token.destroy", **{"@timestamp": None, "created_at": None}),
            "revoked_at: missing",
        ),
        7: (request(status_code="none"), "outcome: missing"),
        8: (event("x") | {"action": None}, "action is missing"),
        9: (webhook("deleted"), "revoked_at: missing"),
    }
    loaded = load([record for record, _ in broken.values()] + [request(number=2)], "github")
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        line: reason for line, (_, reason) in broken.items()
    }
    assert loaded.counts() == {"records": 10, "usage": 1, "rejected": 9}


def test_org_is_written_in_many_ways(load):
    cases = {
        "text": request(org="acme"),
        "number": request(org=70),
        "empty list": request(org=[]),
        "list of one": request(org=["acme"]),
        "list of two": request(org=["acme", "other"]),
        "empty": request(org=""),
        "missing": request(org=None),
        "nowhere": request(org=None, business=None),
        "business in a list": request(org=[], business=["acme-group"]),
    }
    assert each(load, "usage", cases)("tenant") == {
        "text": "acme",
        "number": "70",
        "empty list": "acme-group",
        "list of one": "acme",
        "list of two": "acme,other",
        "empty": "acme-group",
        "missing": "acme-group",
        "nowhere": None,
        "business in a list": "acme-group",
    }


def test_which_token(load):
    cases = {
        "hash": request(),
        "number": request(hashed_token=None),
        "number as text": request(hashed_token="", token_id="99"),
        "zero": request(hashed_token=None, token_id=0),
        "zero as text": request(hashed_token=None, token_id="0"),
        "nothing": request(hashed_token=None, token_id=None),
    }
    assert each(load, "usage", cases)("token_id") == {
        "hash": HASH,
        "number": "99",
        "number as text": "99",
        "zero": None,
        "zero as text": None,
        "nothing": None,
    }


def test_scopes_tell_none_from_unknown(load):
    cases = {
        "several": request(),
        "one": request(token_scopes="repo"),
        "none, of a token that has scopes": request(token_scopes=""),
        "none, of a classic token": request(
            token_scopes="", programmatic_access_type="Personal access token (classic)"
        ),
        "empty, of a fine-grained token": request(
            token_scopes="", programmatic_access_type="Fine-grained personal access token"
        ),
        "empty, of an app": request(token_scopes="", programmatic_access_type="GitHub App server-to-server token"),
        "missing": request(token_scopes=None),
    }
    assert each(load, "usage", cases)("token_scopes") == {
        "several": ["repo", "read:org"],
        "one": ["repo"],
        "none, of a token that has scopes": [],
        "none, of a classic token": [],
        "empty, of a fine-grained token": None,
        "empty, of an app": None,
        "missing": None,
    }


# Uses.


def test_outcome_of_a_call(load):
    cases = {status: request(status_code=status) for status in (200, 201, 299, 304, 401, 403, 404, 429, 500, 99999)}
    column = each(load, "usage", cases)
    assert column("outcome") == {
        **dict.fromkeys((200, 201, 299), "success"),
        **dict.fromkeys((401, 403, 429), "denied"),
        **dict.fromkeys((304, 404, 500, 99999), "error"),
    }
    reasons = {status: reason for status, reason in column("denial_reason").items() if reason}
    assert reasons == {401: "token", 403: "other", 429: "rate"}


def test_what_is_a_use(load):
    cases = {
        "call": request(),
        "clone": event("git.clone", repo="acme/app", transport_protocol_name="http"),
        "push": event("git.push", repo="acme/app", hashed_token=HASH),
        "change through the API": event("hook.create", repo="acme/app", hashed_token=HASH, token_scopes="repo"),
        "known by number": event("hook.create", repo="acme/app", token_id=99),
    }
    column = each(load, "usage", cases)
    assert column("operation") == {
        "call": None,
        "clone": "git.clone",
        "push": "git.push",
        "change through the API": "hook.create",
        "known by number": "hook.create",
    }
    assert column("resource_server") == dict.fromkeys(cases, "api.github.com") | dict.fromkeys(
        ("clone", "push"), "github.com"
    )
    assert set(column("outcome").values()) == {"success"}
    ignored = load([event("hook.create"), event("hook.create", number=2, token_id=0, hashed_token="")])
    assert ignored.ignored == {NO_TOKEN: 2}


def test_who_calls(load):
    cases = {
        "person": request(),
        "person without number": request(actor_id=None),
        "bot": request(actor="reviewer[bot]", actor_is_bot=True),
        "bot by its name": request(actor="reviewer[bot]", actor_is_bot=None),
        "OAuth app": request(oauth_application_id=55, oauth_application_name="Deployer"),
        "app by client id": request(application_client_id="Iv1.abc", oauth_application_id=55),
        "app by name": request(integration="Reviewer"),
        "personal access token": request(user_programmatic_access_name="nightly"),
    }
    column = each(load, "usage", cases)
    assert column("client_id") == {
        "person": None,
        "person without number": None,
        "bot": "reviewer[bot]",
        "bot by its name": "reviewer[bot]",
        "OAuth app": "55",
        "app by client id": "Iv1.abc",
        "app by name": "Reviewer",
        "personal access token": "pat:7:nightly",
    }
    subjects = dict.fromkeys(cases, "7") | {"person without number": "ada", "bot": None, "bot by its name": None}
    assert column("subject_id") == subjects


def test_what_an_agent_does_is_its_use_for_the_person_who_started_it(load):
    agent = {"actor": "Copilot", "actor_id": 198982749, "actor_is_agent": True, "agent_session_id": "session-1"}
    cases = {
        "no token": event("pull_request.create", user="ada", user_id=7, **agent),
        "a token": request(user="ada", user_id=7, **agent),
        "git": event("git.push", repo="acme/app", user="ada", user_id=0, **agent),
        "nobody started it": event("pull_request.create", **agent),
        "a bot as well": event("pull_request.create", user="ada", user_id=7, **agent | {"actor_is_bot": True}),
        "through an app": request(integration="Coding agent", user="ada", user_id=7, **agent),
    }
    column = each(load, "usage", cases)
    assert column("client_id") == dict.fromkeys(cases, "Copilot") | {"through an app": "Coding agent"}
    assert column("subject_id") == dict.fromkeys(cases, "7") | {"git": "ada", "nobody started it": None}
    assert column("subject_name") == dict.fromkeys(cases, "ada") | {"nobody started it": None}
    assert column("operation")["no token"] == "pull_request.create"
    assert set(column("session_id").values()) == {"session-1"}
    assert all(chain == ["Copilot"] for chain in column("actor_chain").values())
    made = load([event("oauth_access.create", hashed_token=HASH, user="ada", user_id=7, **agent)]).one("issuance")
    assert (made["subject_id"], made["subject_kind"]) == ("7", "user")
    made = load([event("oauth_access.create", hashed_token=HASH, **agent)]).one("issuance")
    assert (made["client_id"], made["subject_kind"]) == ("Copilot", "agent")


def test_a_token_and_its_uses_meet(load):
    loaded = load([request(), event("oauth_access.create", number=2, hashed_token=HASH, user="ada", user_id=7)])
    assert loaded.one("usage")["token_id"] == loaded.one("issuance")["token_id"]


# Giving and taking.


def test_what_gives(load):
    consents = {
        "oauth_authorization.create": "user",
        "personal_access_token.access_granted": "user",
        "integration_installation.create": "admin",
        "integration_installation.unsuspend": "admin",
        "integration_installation.repositories_added": "admin",
        "integration_installation.version_updated": "admin",
        "integration.unsuspend": "admin",
        "org.oauth_app_access_approved": "admin",
        "org_credential_authorization.grant": "user",
    }
    tokens = {"oauth_access.create": "token", "oauth_access.regenerate": "refresh"}
    cases = {action: event(action, user="ada", user_id=7, hashed_token=HASH) for action in (*consents, *tokens)}
    column = each(load, "issuance", cases, revocation=3)
    assert column("kind") == dict.fromkeys(consents, "consent") | tokens
    assert column("consent_kind") == consents | dict.fromkeys(tokens)
    # the hash of a consent is the token it was given with
    assert column("token_id") == dict.fromkeys(consents) | dict.fromkeys(tokens, HASH)
    by_nobody = {action for action, subject in column("subject_id").items() if subject is None}
    assert by_nobody == {action for action in consents if action.startswith(("integration", "org."))}


def test_what_was_suspended_is_enabled_again_and_what_it_may_do_stands_beside(load):
    actions = [f"{what}.{end}suspend" for what in ("integration_installation", "integration") for end in ("", "un")]
    loaded = load([event(action, name="Reviewer", _document_id=action) for action in actions])
    assert [
        (row["event_id"], row["kind"], row["target_kind"], row["client_id"]) for row in loaded.rows["revocation"]
    ] == [(action, "enable" if "unsuspend" in action else "disable", "client", "Reviewer") for action in actions]
    assert [row["event_id"] for row in loaded.rows["issuance"]] == [name for name in actions if "unsuspend" in name]


def test_access_granted_by_another_is_an_admins(load):
    row = load([token_event("personal_access_token.access_granted", actor="grace", actor_id=8)]).one("issuance")
    assert (row["consent_kind"], row["consent_actor"], row["subject_id"]) == ("admin", "8", "7")


def test_making_a_personal_access_token_is_a_consent_too(load):
    rows = load([token_event("personal_access_token.create", hashed_token=HASH)]).rows["issuance"]
    assert {row["event_id"]: (row["kind"], row["token_id"]) for row in rows} == {
        "document 1": ("token", HASH),
        "document 1#consent": ("consent", None),
    }
    assert {row["grant_id"] for row in rows} == {"pat:7:nightly"}
    assert [row["token_kind"] for row in rows if row["kind"] == "token"] == ["api_key"]


def test_a_request_gives_nothing_before_it_is_approved(load):
    actions = ("request_created", "request_cancelled", "request_created", "access_granted")
    loaded = load([token_event(f"personal_access_token.{action}", number=n) for n, action in enumerate(actions)])
    assert loaded.ignored == {AWAITS: 2, "request for access taken back": 1}
    assert (loaded.one("issuance")["event_id"], loaded.one("issuance")["kind"]) == ("document 3", "consent")
    # the hash of the token that waits is no use of it
    waiting = token_event("personal_access_token.request_created", hashed_token=HASH)
    assert load([waiting]).counts() == {"records": 1, "ignored": 1}


def test_what_is_refused_gives_nothing(load):
    row = load([token_event("personal_access_token.request_denied")]).one("issuance")
    assert (row["outcome"], row["kind"], row["denial_reason"]) == ("denied", "consent", "consent")


def test_what_takes(load):
    actions = (
        "personal_access_token.access_revoked",
        "personal_access_token.credential_revoked",
        "personal_access_token.destroy",
        "oauth_authorization.destroy",
        "org_credential_authorization.revoke",
        "org_credential_authorization.deauthorize",
        "org_credential_authorization.deauthorized",
        "integration_installation.destroy",
    )
    # the hash beside an end is the token it was done with, never the one that ended
    cases = {
        action: event(action, user="ada", user_id=7, hashed_token=HASH, explanation="web_user") for action in actions
    }
    column = each(load, "revocation", cases)
    assert set(column("kind").values()) == {"revoke"}
    assert set(column("target_kind").values()) == {"grant"}
    assert set(column("token_id").values()) == {None}
    assert set(column("reason").values()) == {"web_user"}
    assert set(column("initiator").values()) == {"user", "admin"}


@pytest.mark.parametrize("action", ["oauth_access.destroy", "oauth_access.revoke"])
def test_the_end_of_an_oauth_token_names_none_and_ends_no_grant(load, action):
    about = {"user": "ada", "user_id": 7, "oauth_application_id": 55, "hashed_token": HASH, "token_id": 99}
    reasons = ("max_for_app", "expired", None)
    cases = {reason: event(action, explanation=reason, **about) for reason in reasons}
    column = each(load, "revocation", cases)
    assert column("kind") == {"max_for_app": "revoke", "expired": "expiry", None: "revoke"}
    assert column("reason") == {reason: reason for reason in reasons}
    for name, expected in {"target_kind": "token", "token_id": None, "client_id": "55", "subject_id": "7"}.items():
        assert set(column(name).values()) == {expected}


def test_a_deploy_key_is_no_person(load):
    """Its record has a word for an actor, and no number; a person may bear the name, who has one."""
    git = {"repo": "acme/app", "user_id": 0, "programmatic_access_type": "Public Key (User/Deploy)"}
    loaded = load(
        [
            event("git.clone", number=1, **git, actor="deploy_key", actor_id=None),
            event("git.clone", number=2, **git, actor="deploy_key"),
            event("git.clone", number=3, **git, actor="bob", actor_id=None),
        ]
    )
    people = [(row["subject_id"], row["subject_name"]) for row in loaded.rows["usage"]]
    assert people == [(None, None), ("7", "deploy_key"), ("bob", "bob")]
    assert {row["client_id"] for row in loaded.rows["usage"]} == {None}


def test_a_git_event_by_nobody_is_no_use_and_its_number_of_a_user_is_nobody(load):
    """Git events are written with `user_id` 0 and an empty `user`; who clones what is public is not named at all."""
    pat = {"programmatic_access_type": "Fine-grained personal access token", "user_programmatic_access_name": "ci"}
    git = {"actor_id": None, "user": "", "user_id": 0, "repo": "acme/app"}
    loaded = load(
        [
            event("git.clone", number=1, **git, actor=None, repository_public=True),
            event("git.clone", number=2, **git, **pat, hashed_token=HASH),
            event("git.clone", number=3, **git, **pat, actor="bob"),
            # What is not public was not cloned with nothing, whoever it was.
            event("git.clone", number=4, **git, actor=None, repository_public=False),
            event("git.clone", number=5, **git, actor=None),
        ]
    )
    assert loaded.ignored == {"event that names no token": 1}
    assert [row["client_id"] for row in loaded.rows["usage"]] == ["pat:ada:ci", "pat:bob:ci", None, None]


def test_the_tokens_beside_a_deleted_one_are_not_ended(tmp_path):
    """The eleventh token of an app deletes the first: neither the grant nor any token is taken for ended."""
    from grantlens.store import Store

    about = {"user": "ada", "user_id": 7, "oauth_application_id": 55, "oauth_application_name": "Deployer"}
    records = [
        event("oauth_authorization.create", number=1, **about),
        event("oauth_access.create", number=2, hashed_token="h1", **about),
        event("oauth_access.create", number=3, hashed_token="h2", at=START + 1000, **about),
        event("oauth_access.destroy", number=4, at=START + 2000, explanation="max_for_app", **about),
        event("oauth_authorization.destroy", number=5, at=START + 3000, **about),
    ]
    path = tmp_path / "audit.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(path)
        covered = store.engine.rows("SELECT DISTINCT revocation_event, token_id FROM covered_token ORDER BY ALL")
        ends = store.engine.rows("SELECT epoch_ms(ended_at) FROM grant_state")
    assert covered == [("document 5", "h1"), ("document 5", "h2"), ("document 5", None)]
    assert ends == [(START + 3000,)]


def test_an_oauth_app_that_is_deleted_is_switched_off(load):
    # beside the app stands the token with which it was deleted
    about = {
        "oauth_application": "Deployer",
        "oauth_application_id": 55,
        "application_client_id": "Iv1.abc",
        "user_programmatic_access_name": "nightly",
        "hashed_token": HASH,
    }
    cases = {
        "deleted": event("oauth_application.destroy", **about),
        "of a person": event("oauth_application.destroy", **about, org=None, business=None),
        "not named": event("oauth_application.destroy", **about | {"oauth_application_id": 0}),
        "all tokens": event("oauth_application.revoke_all_tokens", **about),
        "some tokens": event("oauth_application.revoke_tokens", **about),
    }
    column = each(load, "revocation", cases)
    assert column("kind") == dict.fromkeys(cases, "disable") | {"all tokens": "signal", "some tokens": "revoke"}
    assert column("target_kind") == dict.fromkeys(cases, "client") | {"some tokens": "token"}
    assert column("client_id") == dict.fromkeys(cases, "55") | {"not named": None}
    for name, expected in {"client_name": "Deployer", "initiator": "admin", "actor_id": "7"}.items():
        assert set(column(name).values()) == {expected}
    for name in ("subject_id", "grant_id", "token_id"):
        assert set(column(name).values()) == {None}


def test_a_github_app_that_is_deleted_or_suspended_is_switched_off(load):
    about = {
        "integration": "deployer",
        "name": "Deployer",
        "application_client_id": "Iv1.abc",
        "oauth_application_id": 55,
        "user_programmatic_access_name": "nightly",
        "hashed_token": HASH,
    }
    kinds = {"destroy": "disable", "suspend": "disable", "revoke_all_tokens": "signal", "revoke_tokens": "revoke"}
    column = each(load, "revocation", {name: event(f"integration.{name}", **about) for name in kinds})
    assert column("kind") == kinds
    assert column("target_kind") == dict.fromkeys(kinds, "client") | {"revoke_tokens": "token"}
    for name, expected in {"client_id": "Iv1.abc", "client_name": "Deployer", "initiator": "admin"}.items():
        assert set(column(name).values()) == {expected}
    for name in ("subject_id", "grant_id", "token_id"):
        assert set(column(name).values()) == {None}


def test_an_app_that_an_organisation_lets_in_no_longer_ends_there(tmp_path):
    from grantlens.store import Store

    about = {"oauth_application_id": 55, "oauth_application_name": "Deployer"}
    records = [
        event("org.oauth_app_access_approved", number=1, **about),
        event("org.oauth_app_access_approved", number=2, **about, org="other"),
        event("org.oauth_app_access_denied", number=3, at=START + 1000, **about),
    ]
    path = tmp_path / "audit.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(path)
        ends = store.engine.rows("SELECT tenant, epoch_ms(ended_at) FROM grant_state ORDER BY tenant")
        rows = store.sql("SELECT kind, target_kind, client_id, subject_id FROM revocation ORDER BY line_no").to_pylist()
    assert ends == [("acme", START + 1000), ("other", None)]
    kinds = ("enable", "enable", "disable")
    assert [tuple(row.values()) for row in rows] == [(kind, "client", "55", None) for kind in kinds]


def test_a_person_who_was_suspended_is_enabled_again_and_an_approval_that_names_no_app_enables_none(load):
    about = {"user": "ada", "user_id": 7, "actor": "grace", "actor_id": 8}
    loaded = load(
        [
            event("user.suspend", number=1, **about),
            event("user.unsuspend", number=2, **about),
            event("user.unsuspend", number=3),
            event("org.oauth_app_access_approved", number=4),
        ]
    )
    rows = [
        tuple(row[name] for name in ("kind", "target_kind", "subject_id", "tenant"))
        for row in loaded.rows["revocation"]
    ]
    assert rows == [("disable", "subject", "7", None), ("enable", "subject", "7", None)]
    assert [row["reason"] for row in loaded.rejected] == ["names no user"]
    assert loaded.one("issuance")["kind"] == "consent"


def test_a_person_who_leaves_an_organisation_is_disabled_within_it_until_added_again(load):
    about = {"user": "ada", "user_id": 7, "actor": "grace", "actor_id": 8}
    loaded = load(
        [
            event("org.remove_member", number=1, **about),
            event("org.add_member", number=2, **about),
            event("org.remove_member", number=3, **about | {"actor": "ada", "actor_id": 7}),
            event("org.remove_member", number=4, hashed_token=HASH, **about),
            event("org.remove_member", number=5, **about | {"user": None, "user_id": None}),
            event("org.remove_member", number=6, **about | {"org": None}),  # else they would be disabled everywhere
        ]
    )
    names = ("kind", "target_kind", "subject_id", "tenant", "client_id", "initiator", "actor_id")
    org = event("x.y")["org"]
    assert [tuple(row[name] for name in names) for row in loaded.rows["revocation"]] == [
        ("disable", "subject", "7", org, None, "admin", "8"),
        ("enable", "subject", "7", org, None, "admin", "8"),
        ("disable", "subject", "7", org, None, "user", "7"),
        ("disable", "subject", "7", org, None, "admin", "8"),
    ]
    assert loaded.one("usage")["operation"] == "org.remove_member"
    assert [row["reason"] for row in loaded.rejected] == ["names no user"]
    assert loaded.ignored == {"event that names no token": 1}


def test_a_person_is_back_who_is_restored_or_comes_as_an_outside_collaborator(load):
    """The record of the latter names no id but that of who accepted; who is taken in by somebody else is not known."""
    restored = {"user": "ada", "user_id": 7, "actor": "grace", "actor_id": 8}
    came = {"invitee": "Ada", "inviter": "grace", "repo": "acme/site"}
    loaded = load(
        [
            event("org.restore_member", number=1, **restored),
            event("org.add_outside_collaborator", number=2, **came),
            event("org.add_outside_collaborator", number=3, **came, actor="grace", actor_id=8),
            event("org.remove_outside_collaborator", number=4, **restored),
        ]
    )
    names = ("kind", "target_kind", "subject_id", "client_id", "initiator", "actor_id")
    assert [tuple(row[name] for name in names) for row in loaded.rows["revocation"]] == [
        ("enable", "subject", "7", None, "admin", "8"),
        ("enable", "subject", "7", None, "user", "7"),
    ]
    assert loaded.ignored == {
        "event that names no token": 1,
        "outside collaborator removed, whose return names no id": 1,
    }


def test_client_secrets_are_credentials_of_their_app(load):
    app = {"oauth_application": "Deployer", "oauth_application_id": 55, "user": "acme", "user_id": 77}
    own = {"integration": "deployer", "name": "Deployer", "user": "acme", "user_id": 77}
    by_token = {"hashed_token": HASH, "user_programmatic_access_name": "nightly"}
    loaded = load(
        [
            event("oauth_application.generate_client_secret", number=1, **app),
            event("oauth_application.reset_secret", number=2, **app, **by_token),
            event("integration.generate_client_secret", number=3, **own),
            event("oauth_application.remove_client_secret", number=4, **app),
            event("integration.remove_client_secret", number=5, **own),
        ]
    )
    names = (
        "kind",
        "token_kind",
        "token_id",
        "client_id",
        "client_name",
        "subject_id",
        "subject_kind",
        "consent_actor",
    )
    assert [tuple(row[name] for name in names) for row in loaded.rows["issuance"]] == [
        ("credential", "api_key", None, "55", "Deployer", None, "service", "7"),
        ("credential", "api_key", None, "55", "Deployer", None, "service", "7"),
        ("credential", "api_key", None, "deployer", "Deployer", None, "service", "7"),
    ]
    names = ("kind", "target_kind", "token_id", "client_id", "subject_id", "actor_id")
    assert [tuple(row[name] for name in names) for row in loaded.rows["revocation"]] == [
        ("revoke", "credential", None, "55", None, "7"),
        ("revoke", "credential", None, "deployer", None, "7"),
    ]
    assert loaded.rows["usage"] == []


def test_a_secret_that_is_removed_leaves_what_people_had_let_the_app_do(tmp_path):
    from grantlens.store import Store

    app = {"oauth_application_id": 55, "oauth_application_name": "Deployer", "user": "ada", "user_id": 7}
    own = {"oauth_application": "Deployer", "oauth_application_id": 55, "user": "acme", "user_id": 77}
    records = [
        event("oauth_authorization.create", number=1, **app),
        event("oauth_access.create", number=2, at=START + 1000, hashed_token=HASH, token_scopes="repo", **app),
        event("oauth_application.remove_client_secret", number=3, at=START + 2000, **own),
    ]
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(log)
        assert store.engine.rows("SELECT client_id, subject_id, ended_at FROM grant_state") == [("55", "7", None)]


def test_repositories_taken_from_an_app_narrow_it(load):
    row = load([event("integration_installation.repositories_removed", name="Deployer")]).one("revocation")
    assert (row["kind"], row["target_kind"], row["client_id"]) == ("downgrade", "grant", "Deployer")


def test_what_a_token_does_to_an_app_ends_or_narrows_the_app_and_not_the_token(load):
    by_token = {"hashed_token": HASH, "user_programmatic_access_name": "nightly"}
    about = {"oauth_application_id": 55, "oauth_application_name": "Deployer"}
    cases = {
        "55": event("org.oauth_app_access_denied", **about, **by_token),
        "Deployer": event("integration_installation.repositories_removed", name="Deployer", **by_token),
    }
    column = each(load, "revocation", cases)
    assert column("client_id") == {name: name for name in cases}
    assert column("client_name") == dict.fromkeys(cases, "Deployer")
    assert set(column("grant_id").values()) == {None}


def test_a_change_of_a_github_app_that_ends_nothing_is_a_use_of_the_token(load):
    about = {"integration": "deployer", "name": "Deployer", "hashed_token": HASH}
    row = load([event("integration.create", **about, user_programmatic_access_name="nightly")]).one("usage")
    assert (row["client_id"], row["client_name"], row["grant_id"]) == ("pat:7:nightly", "nightly", "pat:7:nightly")


def test_a_person_who_is_suspended_or_deleted_is_so_everywhere(load):
    about = {"user": "bob", "user_id": 8, "hashed_token": HASH, "user_programmatic_access_name": "nightly"}
    column = each(
        load, "revocation", {kind: event(f"user.{kind}", **about) for kind in ("suspend", "delete", "destroy")}
    )
    for name, expected in {
        "kind": "disable",
        "target_kind": "subject",
        "subject_id": "8",
        "initiator": "admin",
    }.items():
        assert set(column(name).values()) == {expected}
    for name in ("tenant", "client_id", "grant_id", "token_id"):
        assert set(column(name).values()) == {None}
    # whoever suspends is not the one who is suspended
    assert [row["reason"] for row in load([event("user.suspend")]).rejected] == ["names no user"]


def test_names_of_personal_access_tokens(load):
    cases = {
        "by number": token_event("personal_access_token.destroy"),
        "by login": token_event("personal_access_token.destroy", user_id=None),
        "of another": token_event("personal_access_token.destroy", user="grace", user_id=8),
        "without name": token_event("personal_access_token.destroy", user_programmatic_access_name=""),
        "of nobody": token_event("personal_access_token.destroy", user=None, user_id=None, actor=None, actor_id=None),
    }
    assert each(load, "revocation", cases)("grant_id") == {
        "by number": "pat:7:nightly",
        "by login": "pat:ada:nightly",
        "of another": "pat:8:nightly",
        "without name": None,
        "of nobody": None,
    }


def test_installations_in_webhooks(load):
    loaded = load(
        [
            webhook("created"),
            webhook("new_permissions_accepted", permissions=[("contents", "read")]),
            webhook("suspend"),
            webhook("unsuspend", at="2026-07-02T10:00:00Z"),
            webhook("deleted", created_at="2026-07-03T10:00:00Z"),
            webhook("renamed"),
        ]
    )
    assert [(row["kind"], row["scopes"], row["issued_at"].isoformat()) for row in loaded.rows["issuance"]] == [
        ("consent", ["contents:write", "metadata:read"], "2026-06-01T10:00:00+00:00"),
        ("change", ["contents:read"], "2026-07-01T10:00:00+00:00"),
        ("consent", ["contents:write", "metadata:read"], "2026-07-02T10:00:00+00:00"),
    ]
    assert [(row["kind"], row["target_kind"], row["revoked_at"].day) for row in loaded.rows["revocation"]] == [
        ("disable", "client", 1),
        ("enable", "client", 2),
        ("disable", "client", 3),
    ]
    every = loaded.rows["issuance"] + loaded.rows["revocation"]
    assert {(row["grant_id"], row["client_id"], row["tenant"]) for row in every} == {
        ("installation:42", "1234", "acme")
    }
    assert loaded.ignored == {"webhook that neither gives nor takes access": 1}


def test_new_permissions_are_all_that_the_app_holds_and_without_them_it_is_not_known(tmp_path):
    from grantlens.store import Store

    records = [
        webhook("created"),
        webhook("new_permissions_accepted", at="2026-07-01T10:00:00Z", permissions={"contents": "read"}),
        webhook("new_permissions_accepted", at="2026-07-02T10:00:00Z"),
    ]
    del records[-1]["installation"]["permissions"]
    path = tmp_path / "webhooks.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(path)
        rows = store.sql("SELECT scopes FROM grant_state ORDER BY valid_from").to_pylist()
    assert [row["scopes"] for row in rows] == [["contents:write", "metadata:read"], ["contents:read"], None]


def test_an_app_suspended_nobody_knows_where_ends_its_installation_only(load):
    record = webhook("suspend")
    del record["installation"]["account"]
    row = load([record]).one("revocation")
    assert (row["target_kind"], row["grant_id"]) == ("grant", "installation:42")


def test_permissions_that_are_no_map_are_unknown(load):
    records = [webhook("created") for _ in range(4)]
    for record, odd in zip(records, (None, [], "all", {}), strict=True):
        record["installation"]["permissions"] = odd
    assert [row["scopes"] for row in load(records).rows["issuance"]] == [None, None, None, []]


def test_an_event_delivered_twice_is_one(load):
    assert load([request(), request()]).counts() == {"records": 2, "usage": 1, "duplicates": 1}
    nameless = {name: value for name, value in request().items() if name != "_document_id"}
    assert load([nameless, nameless, nameless | {"status_code": 404}]).counts() == {
        "records": 3,
        "usage": 2,
        "duplicates": 1,
    }


def test_a_name_used_again_is_a_new_grant(tmp_path):
    """Newest first, as GitHub exports: made, ended, made again under the same name."""
    from grantlens.store import Store

    life = ["personal_access_token.create", "personal_access_token.destroy", "personal_access_token.create"]
    records = [
        token_event(action, number=n, at=START + n * 60_000, hashed_token=f"h{n}") for n, action in enumerate(life)
    ]
    path = tmp_path / "audit.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in reversed(records)))
    with Store(":memory:") as store:
        store.load(path)
        intervals = store.engine.rows(
            "SELECT epoch_ms(opened_at), epoch_ms(ended_at) FROM grant_state ORDER BY opened_at"
        )
    assert intervals == [(START, START + 60_000), (START + 120_000, None)]


# Secrets and strangers.


def test_raw_tokens_are_not_kept(load):
    raw = "ghp_" + "a1B2" * 9
    loaded = load(
        [
            request(hashed_token=raw),
            token_event("personal_access_token.create", number=2, user_programmatic_access_name=raw, hashed_token=HASH),
            token_event("personal_access_token.destroy", number=3, user_programmatic_access_name=raw),
        ]
    )
    assert loaded.counts() == {"records": 3, "usage": 1, "issuance": 2, "revocation": 1}
    assert raw not in str(loaded.rows)
    assert loaded.one("revocation")["grant_id"] == loaded.rows["issuance"][0]["grant_id"]


SEEDS = [
    request(),
    event("git.clone", repo="acme/app"),
    event("repo.create"),
    token_event("personal_access_token.create", hashed_token=HASH),
    token_event("personal_access_token.destroy"),
    event("integration_installation.create", integration="Reviewer", name="Reviewer"),
    webhook("created"),
    webhook("suspend"),
    {"action": "revoked", "sender": {"login": "ada", "id": 7}},
]


@settings(max_examples=12)
@given(lists_of_damaged(SEEDS))
def test_damaged_records_never_raise_and_always_add_up(load, records):
    assert_all_accounted_for(load, records, "github")


def test_what_the_page_saves_names_no_token_and_shows_no_silence(load, covered):
    row = {
        "action": "personal_access_token.access_granted",
        "actor": "ada",
        "user": "ada",
        "actor_location.country_code": "DE",
        "org": "acme",
        "created_at": "1782900000250",
        "data.team": "acme/all",
    }
    assert load(",".join(row) + "\n" + ",".join(row.values()) + "\n").one("issuance")["token_id"] is None
    assert whole(covered([row])) == ()
    assert whole(covered([row | {"_document_id": "d"}])) == ("issuance", "revocation")


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([event("oauth_access.create"), request(number=2)], ("issuance", "usage", "revocation")),
        # as the log's API gives it: calls are streamed only
        ([event("oauth_access.create"), event("git.clone", number=2, hashed_token=HASH)], ("issuance", "revocation")),
        ([webhook("created")], ("issuance", "revocation")),
        ([event("team.create")], ()),
    ],
)
def test_only_what_holds_calls_of_the_api_shows_who_called_nothing(covered, records, told):
    assert whole(covered(records)) == told
