"""Who made a token and who holds it, where a log names both: the maker leaves, and only what was the maker's own has ended."""

import pytest

import grantlens as gl
from tests.loaders import test_github as github
from tests.loaders import test_gitlab as gitlab
from tests.loaders import test_okta as okta
from tests.loaders import test_slack as slack


def uses_after(store):
    return [each["detail"]["uses_after"] for part in gl.detect.run(store, ["REV-1"]) for each in part.to_dicts()]


def still_live(store):
    return store.sql("SELECT ended_at IS NULL AS live FROM grant_state")["live"].to_pylist()


BOT = 31


@pytest.mark.parametrize(
    ("made", "token", "holder", "expected"),
    [
        (gitlab.PAT, ("PersonalAccessToken", 12), gitlab.ADA, [1]),
        (gitlab.PROJECT, ("PersonalAccessToken", 13), BOT, []),
        (gitlab.GROUP, ("PersonalAccessToken", 14), BOT, []),
        (gitlab.DEPLOY, ("DeployToken", 12), None, []),
    ],
)
def test_tokens_of_projects_and_groups_of_gitlab_are_of_users_of_their_own(replay, made, token, holder, expected):
    """GitLab makes a bot user for each, and a deploy token has no user at all."""
    blocked = gitlab.streamed("user_blocked", "Blocked user", id="7", author=gitlab.ADMIN)
    who = {"user_id": holder} if holder else {"user_id": None, "username": None}
    uses = [
        gitlab.call(id=str(hour), token=token, **who) | {"time": f"2026-07-01T{hour}:00:00.500Z"} for hour in (11, 13)
    ]
    blocked["created_at"] = "2026-07-01T12:00:00.123Z"
    assert uses_after(replay(audit_ndjson=[made, blocked], calls_ndjson=uses)) == expected


HOUR = 3_600_000


@pytest.mark.parametrize(
    "left", [{"action": "org.remove_member"}, {"action": "user.suspend", "org": None, "business": None}]
)
def test_an_installation_of_a_github_app_stays_when_who_installed_it_leaves(replay, left):
    installed = github.event(
        "integration_installation.create", integration="reviewer", name="reviewer", application_client_id="Iv1.app"
    )
    gone = github.event(number=2, at=github.START + HOUR, actor="boss", actor_id=8, user="ada", user_id=7, **left)
    used = github.request(
        number=3,
        at=github.START + 2 * HOUR,
        actor="reviewer[bot]",
        actor_id=41,
        actor_is_bot=True,
        application_client_id="Iv1.app",
        programmatic_access_type="GitHub App server-to-server token",
        token_scopes=None,
    )
    store = replay(audit_ndjson=[installed, gone, used])
    assert still_live(store) == [True]
    assert uses_after(store) == []
    own = [github.token_event("personal_access_token.create", hashed_token=github.HASH), gone]
    called = github.request(
        number=4,
        at=github.START + 2 * HOUR,
        user_programmatic_access_name="nightly",
        programmatic_access_type="Fine-grained personal access token",
        user="ada",
        user_id=7,
    )
    assert uses_after(replay(audit_ndjson=[*own, called])) == [1]


@pytest.mark.parametrize(("leaver", "expected"), [(okta.USER, [1]), ("00uOther", [])])
def test_an_api_token_of_okta_ends_with_who_made_it(replay, leaver, expected):
    """Okta refuses tokens of users who are deactivated."""
    thing = {"id": "00Tkey", "type": "Token", "alternateId": "unknown", "displayName": "nightly", "detailEntry": None}
    records = [
        okta.event("system.api_token.create", thing, actor=okta.person(), uuid="e1"),
        okta.event("user.lifecycle.deactivate", okta.person(leaver), actor=okta.person("00uAdmin"), uuid="e2"),
        okta.event(
            "user.lifecycle.create",
            okta.person("00uNew"),
            actor=okta.person(),
            uuid="e3",
            transaction=okta.called_with("00Tkey"),
        ),
    ]
    timed = [record | {"published": f"2026-07-01T1{hour}:00:00.123Z"} for hour, record in enumerate(records)]
    assert uses_after(replay(syslog_ndjson=timed)) == expected


def test_an_app_of_slack_stays_when_who_installed_it_is_deactivated(replay):
    installed = slack.event("app_installed")
    gone = slack.event("user_deactivated", number=2, at=slack.START + 3600, entity=slack.person("U1"))
    removed = slack.event("app_uninstalled", number=3, at=slack.START + 7200)
    assert still_live(replay(audit_ndjson=[installed, gone])) == [True]
    assert still_live(replay(audit_ndjson=[installed, gone, removed])) == [False]
