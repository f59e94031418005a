"""What is said to be concluded, on records as the providers themselves write them: each rule is really asked.

The generic cases of `test_conclusion` take a loader's word for what it reads; these go through the loader.
"""

from __future__ import annotations

import json

import pytest

from grantlens import detect
from grantlens.catalogue.model import Catalogue
from grantlens.conclusion.conclusion import conclude, source_of
from grantlens.conclusion.held import held
from grantlens.loaders import loaders
from grantlens.register.server import Servers
from grantlens.rules import find
from grantlens.schema.register import SERVER
from grantlens.store import Store
from tests.loaders import test_auth0 as auth0
from tests.loaders import test_aws_cloudtrail as aws
from tests.loaders import test_github as github
from tests.loaders import test_google_workspace as google
from tests.loaders import test_microsoft_entra as entra
from tests.loaders import test_okta as okta
from tests.loaders import test_slack as slack

DAY = "2026-07-01T"
WINDOW = {"since": "2026-07-01", "until": "2026-07-02", "now": "2026-07-02"}

# Okta: a key of its own API, by its id from issue to end.


def okta_key(what, clock, **more):
    thing = {"id": "00Tkey", "type": "Token", "alternateId": "unknown", "displayName": "nightly", "detailEntry": None}
    who = {"actor": okta.person(), "published": f"{DAY}{clock}Z", "uuid": f"e-{clock}"}
    if what == "use":
        return okta.event(
            "user.lifecycle.create", okta.person("00uNew"), transaction=okta.called_with("00Tkey"), **who, **more
        )
    return okta.event(f"system.api_token.{what}", thing, **who, **more)


OKTA_KEY = [
    okta_key("create", "10:00:00.0"),
    okta_key("use", "10:05:00.0"),
    okta_key("revoke", "10:30:00.0"),
    okta_key("use", "10:40:00.0"),
    okta_key("use", "10:41:00.0", result="DENY"),
    okta_key("use", "10:42:00.0"),
]
OKTA_GRANT = [
    okta.event("app.oauth2.as.token.grant.refresh_token", okta.person(), okta.token("refresh_token", "oar1")),
    okta.event("user.session.start", uuid="e-last", published="2026-07-01T23:00:00.000Z"),
]

# Google Workspace: client and person, no token.


def google_event(event, clock, number):
    identity = {**google.activity()["id"], "time": f"{DAY}{clock}Z", "uniqueQualifier": str(number)}
    return google.activity(event, id=identity)


MAIL = "https://www.googleapis.com/auth/gmail.readonly"
GOOGLE = [
    google_event(google.authorize(MAIL), "10:00:00.0", 1),
    google_event(google.call(), "10:05:00.0", 2),
    google_event(google.call("gmail.users.messages.delete"), "10:06:00.0", 3),
    google_event(google.revoke(), "10:30:00.0", 4),
    google_event(google.call(), "10:40:00.0", 5),
]

# Entra: a call by its token, the end of a grant by client and person.

ENTRA = [
    entra.delegated(None, "Mail.Read", consent="Principal", principal=entra.USER),
    entra.sign_in(),
    entra.call(),
    entra.delegated(
        "Mail.Read",
        None,
        consent="Principal",
        principal=entra.USER,
        removal=True,
        number=2,
        activityDateTime="2026-07-01T10:10:00.1+00:00",
    ),
]
ENTRA_SILENT = [
    *ENTRA,
    entra.sign_in(number=7, userId="another"),
    entra.call(number=7, userId="another", timeGenerated="2026-07-01T23:59:59.1Z"),
]
ENTRA_USED = [*ENTRA, entra.call(requestId="late", timeGenerated="2026-07-01T10:30:00.1Z")]

# GitHub: a call by the hash of its token, the end of a token by person and name.


def github_event(make, action, minutes, number, **more):
    return make(action, number=number, at=github.START + 60_000 * minutes, **more)


GITHUB_NAME = {"user_programmatic_access_name": "nightly"}
GITHUB = [
    github_event(github.token_event, "personal_access_token.create", 0, 1, hashed_token=github.HASH),
    github.request(number=2, at=github.START + 60_000 * 5, **GITHUB_NAME),
    github_event(github.token_event, "personal_access_token.destroy", 30, 3),
    github.request(number=4, at=github.START + 60_000 * 40, **GITHUB_NAME),
]

# Slack: nothing joins a call to the app.

SLACK_DAY = {"since": "2025-10-09", "until": "2025-10-10", "now": "2025-10-10"}
SLACK = [
    slack.event("app_installed"),
    slack.event("mcp_slack_read_channel_tool_called", number=2, at=slack.START + 60),
    slack.event("app_uninstalled", number=3, at=slack.START + 600),
    slack.event("mcp_slack_read_channel_tool_called", number=4, at=slack.START + 1200),
]

# AWS: a key by its id. Only sessions with a policy of their own have scopes, and none is here.

AWS_KEY = {"accessKeyId": "AKIAGRANTLENS0000001", "userName": "bob"}
BOB = aws.user("bob", AWS_KEY["accessKeyId"])
AWS = [
    aws.call("CreateAccessKey", asked={"userName": "bob"}, got={"accessKey": AWS_KEY}),
    aws.call("ListUsers", who=BOB, time=f"{DAY}10:05:00Z", eventID="e-1"),
    aws.call("DeleteAccessKey", asked=AWS_KEY, time=f"{DAY}10:30:00Z"),
    aws.call("ListUsers", who=BOB, time=f"{DAY}10:40:00Z", eventID="e-2"),
]

# Auth0: a grant by its id, a call by its token, which older exchanges do not name.

AUTH0_END = [
    auth0.call("delete", f"/api/v2/grants/{auth0.GRANT}", id="3", status=204, date="2026-07-01T10:30:00.123Z"),
    auth0.call("get", "/api/v2/users", id="4", date="2026-07-01T10:40:00.123Z", user=auth0.USER)
    | {"client_id": auth0.CLIENT},
]
AUTH0 = [
    auth0.login(auth0.given_()),
    auth0.event("seacft", id="2", date="2026-07-01T10:00:01.123Z", details={"access_token_jti": "a1b2c3"}),
    *AUTH0_END,
]

CATALOGUE = f"""
[catalogue]
name = "mail"
[[operation]]
name = "gmail.users.messages.get"
kind = "rpc"
requires = [["{MAIL}"]]
[[operation]]
name = "gmail.users.messages.delete"
kind = "rpc"
requires = [["https://mail.google.com/"]]
[[operation]]
name = "ListUsers"
kind = "rpc"
requires = [["iam:ListUsers"]]
"""

TOLD = {
    "okta: a key after its end": (OKTA_KEY, "okta", "REV-1", "verdict", "00Tkey"),
    "okta: refusals of a token are not told": (OKTA_KEY, "okta", "REV-5", "no", None),
    "okta: a refresh token that nobody uses": (OKTA_GRANT, "okta", "PRV-3", "bounds", None),
    "google: a grant after its end": (GOOGLE, "google_workspace", "REV-1", "bounds", None),
    "google: what a grant does not allow": (GOOGLE, "google_workspace", "OOS-1", "verdict", None),
    "google: no token is issued": (GOOGLE, "google_workspace", "REV-2", "no", None),
    "google: no token has a life": (GOOGLE, "google_workspace", "INT-2", "no", None),
    "entra: a token after the end of its grant": (ENTRA_USED, "microsoft_entra", "REV-1", "verdict", entra.uti(1)),
    "entra: an access token outlives its grant": (ENTRA_USED, "microsoft_entra", "REV-3", "verdict", entra.uti(1)),
    "entra: nobody tries again": (ENTRA_SILENT, "microsoft_entra", "REV-6", "verdict", None),
    "github: a token after the end of its grant": (GITHUB, "github", "REV-1", "verdict", github.HASH),
    "aws: a key after its end": (AWS, "aws_cloudtrail", "REV-1", "verdict", AWS_KEY["accessKeyId"]),
    "auth0: a token after the end of its grant": (AUTH0, "auth0", "REV-1", "verdict", "a1b2c3"),
    "slack: nothing joins": (SLACK, "slack", "REV-1", "no", None),
}


@pytest.fixture
def holding(tmp_path):
    """Return a function that opens a store with these records, and with all that can be brought beside them."""
    opened = []

    def load(records):
        log = tmp_path / "log.ndjson"
        log.write_text("".join(json.dumps(record) + "\n" for record in records))
        (tmp_path / "catalogue.toml").write_text(CATALOGUE)
        store = Store(tmp_path / "store.duckdb")
        opened.append(store)
        report = store.load(log)
        assert report.failed == []
        assert report.total("rejected") == 0
        called = store.engine.rows(
            "SELECT DISTINCT resource_server FROM usage_caller WHERE resource_server IS NOT NULL"
        )
        rows = [
            dict.fromkeys(SERVER.names) | {"resource_server": server, "validation": "introspection"}
            for (server,) in called
        ]
        store.add(Catalogue.build("toml", tmp_path / "catalogue.toml"), Servers(tuple(rows)))
        return store

    yield load
    for store in opened:
        store.close()


@pytest.mark.parametrize("told", TOLD)
def test_a_rule_says_as_much_as_is_concluded(told, holding):
    records, loader, rule, level, token = TOLD[told]
    assert conclude(find(rule), source_of(loader)).level == level
    store = holding(records)
    (source,) = held(store)
    assert source.source.name == loader
    assert conclude(find(rule), source.source).level == level
    given = {"parameters": {"dormant_days": 0.5}} if rule == "PRV-3" else {}
    window = SLACK_DAY if loader == "slack" else WINDOW
    found = detect.run(store, [rule], **window, **given)[0].to_dicts()
    violations = [finding for finding in found if finding["verdict"] == "violation"]
    if level == "verdict":
        assert token in {finding["token_id"] for finding in violations}
    elif level == "bounds":
        assert found
        assert [finding["token_id"] for finding in violations if finding["token_id"]] == []
        assert {finding["join_key"] for finding in violations} <= {"client_subject"}
    else:
        assert violations == []


def test_bounds_without_a_token_say_by_what_they_were_joined(holding):
    (finding,) = detect.run(holding(GOOGLE), ["REV-1"], **WINDOW)[0].to_dicts()
    assert (finding["verdict"], finding["token_id"], finding["join_key"]) == ("violation", None, "client_subject")
    assert finding["detail"]["last_success_s"] == 600


def test_a_store_says_less_where_its_rows_do(holding):
    issued = {name: value for name, value in GITHUB[0].items() if name != "hashed_token"}  # as the security log has it
    store = holding([issued, *GITHUB[1:]])
    (source,) = held(store)
    assert source.provider.join("issuance", "usage").strength == "token"
    assert source.source.join("issuance", "usage").strength == "grant"
    assert source.calls == {"grant": 2}, "no issuance names their tokens, one names their grant"
    assert conclude(find("INT-2"), source.provider).level == "verdict"
    concluded = conclude(find("INT-2"), source.source)
    assert (concluded.level, concluded.lacks) == ("no", ("issuance and usage join by grant only",))
    assert detect.run(store, ["INT-2"], **WINDOW)[0].to_dicts() == []


def test_auth0_concludes_less_from_exchanges_that_name_no_token(holding):
    store = holding([auth0.login(auth0.given_()), auth0.event("seacft", id="2"), *AUTH0_END])
    (source,) = held(store)
    assert source.provider.join("issuance", "usage").strength == "token"
    assert source.source.join("issuance", "usage").strength == "session"  # the consent's; calls name none
    assert conclude(find("REV-1"), source.source).level == "no"
    found = detect.run(store, ["REV-1"], **WINDOW)[0].to_dicts()
    assert [finding for finding in found if finding["verdict"] == "violation"] == []


def test_scopes_that_no_row_names_judge_nothing(holding):
    store = holding(AWS)
    (source,) = held(store)
    assert conclude(find("OOS-1"), source.provider).level == "verdict"
    concluded = conclude(find("OOS-1"), source.source)
    assert concluded.level == "no"
    assert "no issuance names scopes in this store" in concluded.lacks
    found = detect.run(store, ["OOS-1"], **WINDOW)[0].to_dicts()
    assert {finding["verdict"] for finding in found} == {"indeterminate"}


def test_what_a_store_does_not_hold_is_told_from_what_a_provider_never_logs(holding):
    (source,) = held(holding(OKTA_GRANT))
    assert conclude(find("INT-2"), source.provider).level == "verdict"
    assert conclude(find("INT-2"), source.source).lacks == ("the store holds no usage of it",)
    assert conclude(find("REV-5"), source.source).lacks != conclude(find("REV-5"), source.provider).lacks
    assert conclude(find("REV-5"), source.provider).level == "no"


def test_a_log_that_is_covered_and_empty_is_there(holding):
    """GitHub's log carries the ends of tokens: a day without one is an answer, not a gap."""
    (source,) = held(holding(GITHUB[:2]))
    assert {stretch.log: stretch.records for stretch in source.stretches} == {
        "issuance": 2,
        "usage": 1,
        "revocation": 0,
    }
    assert conclude(find("REV-6"), source.source).level == "verdict"


def test_a_log_without_any_call_of_the_api_does_not_show_that_none_was_made(holding):
    (source,) = held(holding([GITHUB[0], GITHUB[2]]))
    assert {stretch.log: stretch.records for stretch in source.stretches} == {"issuance": 2, "revocation": 1}
    assert conclude(find("REV-6"), source.source).level != "verdict"


def test_a_source_that_a_mapping_read_is_told_by_its_rows_and_by_what_was_declared(holding):
    from dataclasses import replace

    path = holding(GOOGLE).engine.path.replace("store.duckdb", "log.ndjson")
    google = loaders()["google_workspace"]
    for carries, level in ((google.carries, "verdict"), ((), "bounds")):
        store = Store(":memory:")
        store.load(path, loader=replace(google, name="of_our_own", dialect=None, carries=carries))
        (source,) = held(store)
        assert source.source.carries == carries
        assert source.source.join("issuance", "usage").strength == "client and subject"
        assert conclude(find("OOS-1"), source.source).level == "no", "no catalogue"
        assert conclude(find("PRV-3"), source.source).level == level
        store.close()
