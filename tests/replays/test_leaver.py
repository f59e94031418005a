"""The plainest leaver: somebody makes a key, is removed, and the key goes on working. The removal must find the calls, whoever names them how."""

import pytest

import grantlens as gl
from tests.loaders.test_anthropic_compliance import activity, key, person
from tests.loaders.test_databricks import ADMIN, MS, ROBOT, event
from tests.loaders.test_google_workspace import MAIL, administer, by_robot
from tests.loaders.test_google_workspace import ROBOT as ROBOT_CLIENT
from tests.loaders.test_google_workspace import activity as done
from tests.loaders.test_hashicorp_vault import CHILD, ENTITY, LOGIN, auth, response
from tests.loaders.test_openai_audit import START
from tests.loaders.test_openai_audit import event as openai
from tests.loaders.test_openai_audit import key as openai_key
from tests.loaders.test_openai_audit import session as openai_session

HOUR = 3_600_000


def found(store):
    """Return what REV-1 tells: undecided, as nobody says how long a server may go on taking a token."""
    return [
        (each["verdict"], each["detail"]["uses_after"])
        for part in gl.detect.run(store, ["REV-1"])
        for each in part.to_dicts()
    ]


def databricks(workspace, *later):
    """Return what one does who is removed at noon: from a workspace, or, where it is 0, from the account, whose events name no workspace."""
    calls = [
        event("tokenLogin", id=f"call-{n}", tokenId="h1") | {"timestamp": MS + at * HOUR}
        for n, at in enumerate((1, *later))
    ]
    gone = event("delete", id="gone", who=ADMIN, targetUserName="ada@example.com", endpoint="/users") | {
        "timestamp": MS + 2 * HOUR
    }
    return [event("generateDbToken", id="made", tokenHash="h1"), *calls, gone | {"workspaceId": workspace}]


@pytest.mark.parametrize(
    ("workspace", "expected"),
    [
        ("1234567890123456", [("indeterminate", 1)]),
        ("0", [("indeterminate", 1)]),
        (0, [("indeterminate", 1)]),
        ("77", []),
    ],
)
def test_who_leaves_an_account_of_databricks_leaves_its_workspaces(replay, workspace, expected):
    assert found(replay(audit_ndjson=databricks(workspace, 3))) == expected
    assert found(replay(audit_ndjson=databricks(workspace))) == []


def vault(call_in, *granted_by):
    """Return what a token does that somebody of the namespace `root` got, in another namespace, before and after that somebody was removed."""
    policies = {"policy_results": {"allowed": True, "granting_policies": [{"type": ""}, *granted_by]}}
    boss = auth("hmac-sha256:boss", entity_id="9", metadata={}, display_name="token")
    entries = [
        LOGIN,
        response("secret/data/mail", "read", caller=auth(**policies), id="before"),
        response(f"identity/entity/id/{ENTITY}", "delete", caller=boss, id="gone"),
        response("secret/data/mail", "read", caller=auth(**policies), id="after"),
    ]
    for hour, entry in enumerate(entries):
        namespace = {"id": call_in if entry["request"]["path"].startswith("secret/") else "root"}
        yield entry | {
            "time": f"2026-07-01T10:{hour * 10:02}:00Z",
            "request": entry["request"] | {"namespace": namespace},
        }


OF_ROOT, OF_TEAM = ({"name": "mail", "namespace_id": name, "type": "acl"} for name in ("root", "team1"))


@pytest.mark.parametrize(
    ("call_in", "granted_by", "expected"),
    [
        ("root", (), [("indeterminate", 1)]),
        ("team1", (OF_ROOT,), [("indeterminate", 1)]),
        ("team1", (OF_ROOT, OF_ROOT), [("indeterminate", 1)]),
        ("team1", (OF_TEAM,), []),
        ("team1", (OF_ROOT, OF_TEAM), []),
    ],
)
def test_a_token_of_vault_that_is_used_below_its_namespace_is_found(replay, call_in, granted_by, expected):
    assert found(replay(audit_ndjson=list(vault(call_in, *granted_by)))) == expected


def test_a_key_of_anthropic_outlives_who_made_it(replay):
    """The vendor says that keys are the organisation's and stay as they are when a person is removed: calls that go on are no use after an end."""
    boss, robot = person("user_2"), key("apikey_1")
    made = activity("platform_api_key_created", api_key_id="apikey_1")
    calls = [activity("claude_project_viewed", number=n, seconds=n * 600, actor=robot) for n in (1, 4)]
    gone = activity("org_user_deleted", number=2, seconds=1200, user_id="user_1", actor=boss)
    archived = activity("platform_api_key_updated", number=3, seconds=1800, api_key_id="apikey_1", actor=boss)
    archived["updates"] = [{"type": "status", "previous_value": "active", "current_value": "archived"}]
    assert found(replay(feed_ndjson=[made, *calls, gone])) == []
    assert found(replay(feed_ndjson=[made, *calls, gone, archived])) == [("indeterminate", 1)]


@pytest.mark.parametrize(("hours", "expected"), [((1, 3, 4), [("indeterminate", 2)]), ((1,), [])])
def test_keys_of_a_service_account_of_openai_end_with_it(replay, hours, expected):
    """A key of the account that is older than the log is known by its calls alone, which name the account."""
    made = openai("service_account.created", {"id": "sa-1"}, number=1)
    gone = openai("service_account.deleted", {"id": "sa-1"}, number=2, at=START + 2 * 3600)
    calls = [
        openai("project.created", {"id": "p"}, number=9 + n, at=START + n * 3600, actor=openai_key()) for n in hours
    ]
    assert found(replay(audit_ndjson=[made, *calls, gone])) == expected


def reasons(store):
    return {each["detail"].get("reason") for part in gl.detect.run(store, ["REV-1"]) for each in part.to_dicts()}


OTHERS = "the revocation is of who made this key, and its calls name somebody else"


@pytest.mark.parametrize(
    ("callers", "expected"), [((ROBOT, ROBOT), True), ((ADMIN, ROBOT), False), ((ADMIN, ADMIN), False)]
)
def test_a_token_that_an_admin_of_databricks_makes_for_a_service_principal_is_perhaps_not_the_admins(
    replay, callers, expected
):
    """Whose it is the making does not say: its calls do."""
    calls = [
        event("tokenLogin", id=f"call-{hour}", who=who, tokenId="h1") | {"timestamp": MS + hour * HOUR}
        for hour, who in zip((1, 3), callers, strict=True)
    ]
    gone = event("delete", id="gone", who="boss@example.com", targetUserName=ADMIN, endpoint="/users")
    made = event("generateDbToken", id="made", who=ADMIN, tokenHash="h1")
    store = replay(audit_ndjson=[made, *calls, gone | {"timestamp": MS + 2 * HOUR}])
    assert found(store) == [("indeterminate", 1)]
    assert (reasons(store) == {OTHERS}) == expected
    others = [each["verdict"] for part in gl.detect.run(store, ["INT-3"]) for each in part.to_dicts()]
    assert others == ["indeterminate"] * (ROBOT in callers)


@pytest.mark.parametrize(("account", "expected"), [("sa-1", True), (None, False)])
def test_a_key_that_somebody_makes_for_a_service_account_of_openai_is_perhaps_not_theirs(replay, account, expected):
    by_person = {"type": "api_key", "api_key": {"type": "user", "id": "key-1", "user": {"id": "user-1"}}}
    calls = [
        openai(
            "project.created",
            {"id": f"p{hour}"},
            number=hour,
            at=START + hour * 3600,
            actor=openai_key(account=account) if account else by_person,
        )
        for hour in (1, 3)
    ]
    made = openai("api_key.created", {"id": "key-1", "data": {"scopes": []}}, number=8)
    gone = openai("user.deleted", {"id": "user-1"}, number=9, at=START + 2 * 3600, actor=openai_session("user-2"))
    store = replay(audit_ndjson=[made, *calls, gone])
    assert found(store) == [("indeterminate", 1)]
    assert (reasons(store) == {OTHERS}) == expected


ADA, BOB = "ada@example.com", "bob@example.com"


def by_delegation(*acts):
    """Return what a service account does to which a domain is delegated, an act an hour: gets a token as somebody, calls as somebody; and what admins do."""
    for hour, (act, who) in enumerate(acts, 10):
        called = {"api_name": "gmail", "method_name": "gmail.users.messages.get", "num_response_bytes": 0}
        given = {"API_CLIENT_NAME": ROBOT_CLIENT, "DOMAIN_NAME": "example.com", "API_SCOPES": [MAIL]}
        record = {
            "token": lambda who=who: done(by_robot("authorize", scope=[MAIL]), email=who),
            "call": lambda who=who, called=called: done(by_robot("activity", **called), email=who),
            "give": lambda given=given: administer("AUTHORIZE_API_CLIENT_ACCESS", "DOMAIN_SETTINGS", **given),
            "end": lambda given=given: administer("REMOVE_API_CLIENT_ACCESS", "DOMAIN_SETTINGS", **given),
            "leaves": lambda who=who: administer("SUSPEND_USER", USER_EMAIL=who),
        }[act]()
        yield record | {"id": record["id"] | {"time": f"2026-07-01T{hour}:00:00Z", "uniqueQualifier": str(hour)}}


GIVE, END, LEAVES = ("give", None), ("end", None), ("leaves", ADA)
AS_ADA, AS_BOB = (("token", ADA), ("call", ADA)), (("token", BOB), ("call", BOB))


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        ((*AS_ADA, *AS_BOB, LEAVES, ("call", BOB)), []),
        ((*AS_ADA, LEAVES, *AS_BOB), []),
        ((("token", ADA), GIVE, ("call", ADA), LEAVES, ("call", BOB)), []),
        ((GIVE, *AS_ADA, LEAVES, ("call", BOB)), []),
        ((*AS_ADA, *AS_BOB, LEAVES, END, ("call", BOB)), [("indeterminate", 1)]),
        ((*AS_ADA, LEAVES, ("call", ADA)), [("indeterminate", 1)]),
    ],
)
def test_a_domain_wide_delegation_is_nobodys_who_may_leave(replay, acts, expected):
    """A service account acts by it as anybody of the domain: it goes on without one of them, and ends where it is taken away."""
    assert found(replay(google_ndjson=list(by_delegation(*acts)))) == expected


@pytest.mark.parametrize(
    ("path", "asked", "expected"),
    [
        ("auth/token/create", {}, [("indeterminate", 1)]),
        ("auth/token/create", {"no_parent": True}, []),
        ("auth/token/create-orphan", {}, []),
        ("auth/token/create/ci", {}, []),
    ],
)
def test_a_wrapped_token_of_vault_that_is_an_orphan_outlives_who_made_it(replay, path, asked, expected):
    """Of a child its maker's entity is known to be its own; of what a role makes nobody tells."""
    boss = auth("hmac-sha256:boss", entity_id="9", metadata={}, display_name="token")
    whose = ENTITY if expected else ""
    entries = [
        LOGIN,
        response(path, id="made", data=asked, response={"wrap_info": {"wrapped_accessor": CHILD, "token": "x"}}),
        response(f"identity/entity/id/{ENTITY}", id="gone", data={"disabled": True}, caller=boss),
        response(
            "secret/data/mail",
            "read",
            id="after",
            caller=auth(CHILD, entity_id=whose, display_name="token", metadata={}),
        ),
    ]
    timed = [entry | {"time": f"2026-07-01T10:{n:02}:00Z"} for n, entry in enumerate(entries)]
    store = replay(audit_ndjson=timed)
    assert found(store) == expected
    # by whose name it is used tells nothing of another client
    assert [each for part in gl.detect.run(store, ["INT-3"]) for each in part.to_dicts()] == []
