"""The GitLab loader against every real record, and against what GitLab's source and event list say it writes."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings

from tests.loaders.conftest import whole
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

OTHER, SIGN_IN = "not about delegated access", "sign-in of a person"
EXPECTED = {"elastic-audit.ndjson": ({"records": 2, "ignored": 2}, {OTHER: 1, SIGN_IN: 1})}
ADA, ADMIN = 7, 1


def streamed(action, told, *, id="1", author=ADA, target=(ADA, "User", "Ada Byron"), path="acme/mail", **details):
    """Write one audit event as GitLab streams it."""
    target_id, target_type, target_name = target
    return {
        "id": f"event-{id}",
        "author_id": author,
        "author_name": "Ada Byron",
        "entity_id": 3,
        "entity_type": "Project",
        "entity_path": path,
        "details": {
            "author_name": "Ada Byron",
            "author_class": "User",
            "target_id": target_id,
            "target_type": target_type,
            "target_details": target_name,
            "custom_message": told,
            "ip_address": "198.51.100.7",
            "entity_path": path,
            **details,
        },
        "ip_address": "198.51.100.7",
        "target_details": target_name,
        "created_at": "2026-07-01T10:00:00.123Z",
        "target_type": target_type,
        "target_id": target_id,
        "event_type": action,
    }


def as_line(record):
    """Write the event as a line of audit_json.log: flat, keys with dots, and no id."""
    flat = {name: value for name, value in record.items() if name not in ("id", "details", "event_type", "ip_address")}
    flat |= {name: value for name, value in record["details"].items() if name not in flat and name != "ip_address"}
    return {
        "severity": "INFO",
        "time": "2026-07-01T10:00:00.130Z",
        "correlation_id": "c1",
        "meta.caller_id": "X#create",
        "meta.remote_ip": "198.51.100.7",
        "meta.user": "ada",
        **flat,
        "created_at": record["created_at"].replace("Z", "+00:00"),
    }


def as_api(record):
    """Write the event as the audit events API gives it."""
    names = ("id", "author_id", "entity_id", "entity_type", "details", "created_at")
    return {name: record[name] for name in names} | {"event_name": record["event_type"]}


def call(path="/api/v4/projects/3", *, id="1", status=200, token=("PersonalAccessToken", 12), application=None, **more):
    """Write a line of api_json.log."""
    kind, number = token or (None, None)
    record = {
        "time": "2026-07-01T11:00:00.500Z",
        "severity": "INFO",
        "duration_s": 0.25,
        "status": status,
        "method": "GET",
        "path": path,
        "params": [{"key": "private_token", "value": "[FILTERED]"}],
        "host": "gitlab.example.com",
        "remote_ip": "198.51.100.9",
        "ua": "curl/8",
        "route": "/api/:version/projects/:id",
        "correlation_id": f"corr-{id}",
        "meta.caller_id": "GET /api/:version/projects/:id",
        "user_id": ADA,
        "username": "ada",
    }
    if token:
        record |= {"token_type": kind, "token_id": number, "token_application_id": application}
    return record | more


SCOPES = 'with scopes: ["api", "read_repository"]'
PAT = streamed("personal_access_token_created", "Created personal access token with id 12")
PROJECT = streamed(
    "project_access_token_created",
    f"Created project access token with token_id: 13 {SCOPES} and Maintainer access level.",
    id="2",
    target=(13, "PersonalAccessToken", "ci-bot"),
)
GROUP = streamed(
    "group_access_token_created",
    "Created group token with token_id: 14 with scopes: [:api].",
    id="3",
    target=(14, "PersonalAccessToken", "group-bot"),
    path="acme",
)
DEPLOY = streamed(
    "deploy_token_created",
    f"Created project deploy token with name: puller with token_id: 12 {SCOPES}.",
    id="4",
    target=(12, "DeployToken", "puller"),
)
CONSENT = streamed(
    "user_authorized_oauth_application",
    "User authorized an OAuth application.",
    id="5",
    target=(5, "Authn::OauthApplication", "Mail copilot"),
    application_name="Mail copilot",
    application_id=5,
    scopes=["api", "openid"],
)


# Every real record.


@pytest.fixture(scope="module")
def real(shared, load_file):
    """Return a function that gives what came of one real file, loaded once."""
    return cache(lambda name: load_file(shared / "real-logs/gitlab" / name))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "gitlab"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert loaded.rejected == []


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/gitlab").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_the_real_records_are_what_their_reasons_say(shared):
    lines = (shared / "real-logs/gitlab/elastic-audit.ndjson").read_text().splitlines()
    signed_in, changed = map(json.loads, lines)
    assert signed_in["with"] == "standard"
    assert "meta.user" in signed_in  # keys with literal dots
    assert {"time", "created_at"} <= signed_in.keys()
    assert changed["change"] == "visibility"


# What joins.


def test_a_personal_token_joins_from_issue_by_use_to_revocation(load):
    revoked = streamed(
        "personal_access_token_revoked",
        "Revoked personal access token with id 12",
        id="9",
        author=ADMIN,
        revocation_source="self",
    )
    loaded = load([PAT, revoked, call()])
    issued, used, ended = (loaded.one(log) for log in ("issuance", "usage", "revocation"))
    assert issued["token_id"] == used["token_id"] == ended["token_id"] == "PersonalAccessToken/12"
    assert issued["client_id"] == used["client_id"] == ended["client_id"]
    assert issued["subject_id"] == used["subject_id"] == ended["subject_id"] == "7"
    assert (issued["kind"], issued["token_kind"], issued["scopes"]) == ("credential", "api_key", None)
    assert (ended["target_kind"], ended["initiator"], ended["actor_id"], ended["reason"]) == (
        "credential",
        "admin",
        "1",
        "self",
    )


TOKENS = {
    "project": (PROJECT, "PersonalAccessToken/13", ["api", "read_repository"], "ci-bot", ["acme/mail"]),
    "group": (GROUP, "PersonalAccessToken/14", ["api"], "group-bot", ["acme"]),
    "deploy": (DEPLOY, "DeployToken/12", ["api", "read_repository"], "puller", ["acme/mail"]),
}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("spelling", ["stream", "line", "api"])
def test_the_message_names_token_and_scopes_in_every_spelling(load, kind, spelling):
    record, token, scopes, name, audience = TOKENS[kind]
    row = load([{"stream": lambda r: r, "line": as_line, "api": as_api}[spelling](record)]).one("issuance")
    assert (row["token_id"], row["scopes"], row["client_name"], row["audience"]) == (token, scopes, name, audience)
    assert (row["subject_id"], row["subject_kind"]) == (None, "service")


ENDS = {
    "Revoked project access token with token_id: 13": "PersonalAccessToken/13",
    "Revoked project access token with id 13": "PersonalAccessToken/13",
    "Revoked group access token with token_id: 14": "PersonalAccessToken/14",
    f"Revoked project deploy token with name: puller with token_id: 12 {SCOPES}.": "DeployToken/12",
    f"Destroyed group deploy token with name: puller with token_id: 12 {SCOPES}.": "DeployToken/12",
}


@pytest.mark.parametrize("told", ENDS)
def test_revocations_are_told_by_the_message_alone_where_there_is_no_type(load, told):
    row = load([streamed(None, told, target=(None, None, "x"))]).one("revocation")
    assert (row["kind"], row["outcome"], row["token_id"]) == ("revoke", "success", ENDS[told])


def test_a_deploy_token_may_be_called_anything(load):
    told = f"Created project deploy token with name: a with token_id: 99 with scopes: [:api]\nb with token_id: 12 {SCOPES}."
    row = load([streamed("deploy_token_created", told, target=(None, None, "a"))]).one("issuance")
    assert (row["token_id"], row["scopes"]) == ("DeployToken/12", ["api", "read_repository"])


def test_a_consent_names_application_user_and_scopes(load):
    row = load([CONSENT]).one("issuance")
    assert (row["kind"], row["client_id"], row["client_name"], row["subject_id"]) == (
        "consent",
        "5",
        "Mail copilot",
        "7",
    )
    assert (row["scopes"], row["consent_actor"], row["consent_kind"]) == (["api", "openid"], "7", "user")


def test_a_consent_through_the_service_for_sign_in_says_what_was_granted(load):
    told = {
        "application_name": "Mail copilot",
        "application_id": "app-5",
        "scopes": ["api", "openid"],
        "granted_scopes": ["openid"],
    }
    record = streamed(
        "user_authorized_iam_oauth_application",
        "User authorized an OAuth application.",
        target=(ADA, "User", "Mail copilot"),
        **told,
    )
    row = load([record]).one("issuance")
    assert (row["kind"], row["client_id"], row["client_name"], row["subject_id"]) == (
        "consent",
        "app-5",
        "Mail copilot",
        "7",
    )
    assert row["scopes"] == ["openid"]


@pytest.mark.parametrize(
    "told",
    [
        "Blocked user",
        "Deactivated user",
        "User ada scheduled for deletion",
        "User ada scheduled for deletion. Reason: Membership expired",
    ],
)
def test_the_end_of_a_user_is_told_by_the_message_alone_where_there_is_no_type(load, told):
    row = load([as_line(streamed(None, told, author=ADMIN))]).one("revocation")
    assert (row["kind"], row["target_kind"], row["subject_id"], row["initiator"]) == (
        "disable",
        "subject",
        "7",
        "admin",
    )


@pytest.mark.parametrize("spelled", [as_api, as_line])
def test_a_removed_user_is_told_by_what_was_removed_where_there_is_neither_type_nor_message(load, spelled):
    def removed(what, id):
        record = streamed(None, None, id=id, author=ADMIN, remove=what) | {"entity_id": ADA, "entity_type": "User"}
        del record["details"]["custom_message"]
        return spelled(record)

    loaded = load([removed("user", "1"), removed("user_access", "2")])
    row = loaded.one("revocation")
    assert (row["kind"], row["target_kind"], row["subject_id"], row["initiator"]) == (
        "disable",
        "subject",
        "7",
        "admin",
    )
    assert loaded.ignored == {OTHER: 1}


def test_a_message_that_only_begins_like_an_end_is_none(load):
    told = ("Blocked user from group", "Unblocked user from group", "User ada b scheduled for deletion")
    loaded = load([as_line(streamed(None, each, author=ADMIN)) for each in told])
    assert loaded.ignored == {"not about delegated access": 3}


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("unblock_user", "Unblocked user"),
        ("unban_user", "Unbanned user"),
        ("user_activate", "Activated user"),
        ("ban_user", "Unbanned user"),
        (None, "Unblocked user"),
        (None, "Unbanned user"),
        (None, "Activated user"),
    ],
)
def test_a_user_who_is_back_is_enabled_as_disabled(load, action, told):
    row = load([as_line(streamed(action, told, author=ADMIN))]).one("revocation")
    names = ("kind", "outcome", "target_kind", "subject_id", "token_id", "client_id", "initiator")
    assert [row[name] for name in names] == ["enable", "success", "subject", "7", None, None, "admin"]


def test_the_call_of_an_oauth_token_joins_its_consent_by_application_and_user(load):
    loaded = load([CONSENT, call(token=("OauthAccessToken", 55), application=5)])
    consent, used = loaded.one("issuance"), loaded.one("usage")
    assert (used["token_id"], used["client_id"]) == ("OauthAccessToken/55", "5")
    assert (consent["client_id"], consent["subject_id"]) == (used["client_id"], used["subject_id"])


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("user_blocked", "Blocked user"),
        ("user_destroyed", "User scheduled for removal"),
        ("user_deactivate", "Deactivated"),
        ("ban_user", "Banned user"),
    ],
)
def test_a_user_who_is_gone_is_disabled(load, action, told):
    row = load([streamed(action, told, author=ADMIN)]).one("revocation")
    assert (row["kind"], row["target_kind"], row["subject_id"], row["token_id"]) == ("disable", "subject", "7", None)


def test_what_gives_and_ends_nothing_is_ignored_by_name(load):
    audited = "API request with token scopes [:ai_workflows] - GET /api/v4/projects/1"
    loaded = load(
        [
            streamed("api_request_access_with_scope", audited, id="1"),
            streamed("oauth_application_created", "User created an OAuth application.", id="2"),
            streamed("ban_user", "Attempted to ban user", id="3"),
            streamed("authenticated_with_two_factor", "Signed in", id="4"),
            streamed("project_created", "Added project", id="5"),
            streamed("cluster_agent_token_created", "Created agent token", id="6"),
            streamed("cluster_agent_token_revoked", "Revoked agent token", id="7"),
            streamed(
                "repository_git_operation",
                {"protocol": "http", "action": "git-upload-pack"},
                id="8",
                author=-2,
                target=(3, "Project", "mail"),
                author_name="mail-deploy",
                author_class="DeployToken",
            ),
        ]
    )
    assert loaded.ignored == {
        "audited API request that does not say what came of it": 1,
        "token or app event that neither gives nor takes access": 1,
        "token of a kind that is not read": 2,
        "Git operation that does not say with which token": 1,
        OTHER: 2,
        SIGN_IN: 1,
    }


# What failed.


def test_an_attempt_gives_and_ends_nothing_though_the_type_says_created(load):
    loaded = load(
        [
            streamed(
                "personal_access_token_created",
                "Attempted to create personal access token but failed with message: no",
                id="1",
            ),
            streamed(
                "project_access_token_creation_failed",
                "Attempted to create project access token but failed with message: no with token_id: 9",
                id="2",
                target=(0, "NilClass", None),
            ),
            streamed(
                "personal_access_token_revoked",
                "Attempted to revoke personal access token with id 12 but failed with message: no",
                id="3",
            ),
        ]
    )
    assert [(row["outcome"], row["token_id"], row["client_id"]) for row in loaded.rows["issuance"]] == [
        ("denied", None, None)
    ] * 2
    ended = loaded.one("revocation")
    assert (ended["outcome"], ended["token_id"]) == ("error", "PersonalAccessToken/12")


REFUSALS = {
    (401, "token_revoked"): ("denied", "token"),
    (401, "token_expired"): ("denied", "token"),
    (403, "insufficient_scope"): ("denied", "scope"),
    (401, None): ("denied", None),
    (403, None): ("denied", "other"),
    (429, None): ("denied", "rate"),
    (404, None): ("error", None),
}


@pytest.mark.parametrize(("status", "reason"), REFUSALS)
def test_a_refused_call_names_its_token_where_gitlab_knew_it(load, status, reason):
    failed = {"meta.auth_fail_reason": reason, "meta.auth_fail_token_id": "PersonalAccessToken/12"} if reason else {}
    loaded = load([call(status=status, token=None if reason else ("PersonalAccessToken", 12), **failed)])
    row = loaded.one("usage")
    outcome, why = REFUSALS[status, reason]
    assert (row["outcome"], row["token_id"]) == (outcome, "PersonalAccessToken/12")
    assert row["denial_reason"] == (why if (status, reason) != (401, None) else "token")


def test_a_failed_token_of_a_call_that_succeeded_is_not_its_token(load):
    loaded = load([call(token=None, **{"meta.auth_fail_token_id": "PersonalAccessToken/12"})])
    assert loaded.ignored == {"call without a token": 1}


def test_what_cannot_be_read_is_rejected_with_its_reason(load):
    expected = [
        ("time is missing", PAT | {"created_at": None}),
        ("time is no time", PAT | {"created_at": "2026-02-30T10:00:00Z"}),
        ("author_id is missing", PAT | {"author_id": None}),
        ("status is missing", call(status=None)),
        ("status is missing", call(status="fine")),
        ("names no token", streamed("personal_access_token_revoked", "Revoked it")),
        ("names no user", streamed("user_blocked", "Blocked", target=(1, "Group", "x"))),
    ]
    loaded = load([record for _, record in expected], loader="gitlab")
    assert [row["reason"] for row in loaded.rejected] == [reason for reason, _ in expected]


# Quirk by quirk.


def test_when_it_happened_and_when_it_was_written_down_are_kept_apart(load):
    row = load([as_line(PAT)]).one("issuance")
    assert row["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 123000, tzinfo=UTC)
    assert row["received_at"] == datetime(2026, 7, 1, 10, 0, 0, 130000, tzinfo=UTC)
    assert row["ip"] == "198.51.100.7"  # from meta.remote_ip, whose dot is part of the key


def test_a_call_began_before_it_was_logged(load):
    row = load([call("/api/v4/user?private_token=SECRET")]).one("usage")
    assert row["ended_at"] == datetime(2026, 7, 1, 11, 0, 0, 500000, tzinfo=UTC)
    assert row["ended_at"] - row["used_at"] == timedelta(seconds=0.25)
    assert (row["method"], row["target"], row["resource_server"]) == ("GET", "/api/v4/user", "gitlab.example.com")


def test_what_a_project_bot_does_is_a_use_without_a_token(load):
    row = load([streamed("issue_created_by_project_bot", "Created issue", author=77)]).one("usage")
    assert (row["subject_id"], row["operation"], row["token_id"]) == ("77", "issue_created_by_project_bot", None)


def test_an_event_delivered_twice_counts_once(load):
    assert load([PAT, PAT, as_api(PAT)]).counts() == {"records": 3, "issuance": 1, "duplicates": 2}
    assert load([call(), call()]).counts() == {"records": 2, "usage": 1, "duplicates": 1}
    assert load([as_line(PAT), as_line(PAT)]).counts() == {"records": 2, "issuance": 1, "duplicates": 1}


def test_calls_that_share_the_id_of_a_request_are_each_a_call(load):
    """Where ids of requests are propagated, a caller may send one and the same with all its calls."""
    calls = [call(), call(time="2026-07-01T11:00:00.600Z"), call(method="DELETE"), call(duration_s=0.2501)]
    loaded = load([*calls, call(method="DELETE")])
    assert loaded.counts() == {"records": 5, "usage": 4, "duplicates": 1}
    assert sorted(row["method"] for row in loaded.rows["usage"]) == ["DELETE", "GET", "GET", "GET"]


def test_a_file_of_calls_shows_no_absence_of_anything(covered):
    assert whole(covered([call(), call(id="2")])) == ()
    assert whole(covered([PAT, call(), as_line(PAT)])) == ("issuance", "revocation")
    for records, logs in (([call(), call(id="2")], {"usage"}), ([PAT, PROJECT], {"issuance", "revocation"})):
        assert {log for log, *_ in covered(records)} == logs


def test_no_secret_is_kept(load):
    secret = {"token": "glpat-SECRET", "params": [{"key": "private_token", "value": "SECRET"}]}
    loaded = load([PAT | secret, call("/api/v4/user?private_token=SECRET") | secret])
    assert loaded.counts() == {"records": 2, "issuance": 1, "usage": 1}
    assert "SECRET" not in json.dumps(loaded.rows, default=str)


EVERY_KIND = [
    PAT,
    PROJECT,
    DEPLOY,
    CONSENT,
    streamed(
        "project_access_token_deleted",
        "Revoked project access token with token_id: 13",
        id="6",
        target=(13, "PersonalAccessToken", "b"),
    ),
    streamed("user_blocked", "Blocked user", id="7", author=ADMIN),
    streamed("issue_created_by_project_bot", "Created issue", id="8"),
    streamed("project_created", "Added project", id="9"),
]
SPELLINGS = {"line": as_line, "api": as_api}
WRAPS = {
    "input": lambda record: {"json": record},
    "stored": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "event": {"original": json.dumps(record)}},
    "message": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(record)},
}
EVIDENCE = {"event_id", "received_at"}


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_a_collector_puts_around_changes_nothing(load, wrap):
    records = [*EVERY_KIND, call(), call(id="2", token=None)]
    bare, wrapped = load(records), load([WRAPS[wrap](record) for record in records])
    assert (
        bare.counts() == wrapped.counts() == {"records": 10, "issuance": 4, "usage": 2, "revocation": 2, "ignored": 2}
    )
    assert bare.rows == wrapped.rows
    assert bare.ignored == wrapped.ignored


def untyped(record):
    """True if the message alone tells what happened: a line may have no type."""
    return record["event_type"] != "issue_created_by_project_bot"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_gives_the_same_rows(load, spelling):
    told = [record for record in EVERY_KIND if spelling != "line" or untyped(record)]
    stream, other = load(told), load([SPELLINGS[spelling](record) for record in told])
    assert stream.counts() == other.counts()
    for log, rows in stream.rows.items():
        for mine, theirs in zip(rows, other.rows[log], strict=True):
            assert {k: v for k, v in mine.items() if k not in EVIDENCE} == {
                k: v for k, v in theirs.items() if k not in EVIDENCE
            }


@settings(max_examples=6)
@given(lists_of_damaged([*EVERY_KIND, *map(as_line, EVERY_KIND), call(), *map(WRAPS["stored"], EVERY_KIND)]))
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "gitlab")
