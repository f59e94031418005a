"""The Slack loader against every real record, and quirk by quirk."""

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime
from functools import cache

import pytest

NO_TIME = "date_create is missing"
EXPECTED = {
    "elastic-audit.ndjson": (
        {"records": 4, "ignored": 4},
        {"sign-in of a person": 1, "not about delegated access": 3},
        {},
    ),
    "grove-audit-page.json": ({"records": 1, "ignored": 1}, {"sign-in of a person": 1}, {}),
    # three records share one id, since their publisher copied it: the log's id is what makes an event the same
    "panther-audit-apps.ndjson": (
        {"records": 9, "issuance": 2, "revocation": 2, "duplicates": 2, "rejected": 3},
        {},
        {4: NO_TIME, 8: NO_TIME, 9: NO_TIME},
    ),
}
START = 1_760_000_000


def event(action, *, number=1, at=START, entity=None, details=None, **changes):
    """Write one audit event; a change of None leaves the name out."""
    record = {
        "id": f"event {number}",
        "date_create": at,
        "action": action,
        "actor": {"type": "user", "user": {"id": "U1", "name": "Ada", "email": "ada@example.com", "team": "T1"}},
        "entity": entity or app(),
        "context": {
            "location": {"type": "workspace", "id": "T1", "name": "Acme", "domain": "acme"},
            "ua": "agent/1.0",
            "ip_address": "192.0.2.7",
            "session_id": 913,
        },
        "details": details or {},
        **changes,
    }
    return {name: value for name, value in record.items() if value is not None}


def app(**changes):
    """Write the entity of an app."""
    return {"type": "app", "app": {"id": "A1", "name": "Bot", "scopes": ["chat:write", "users:read"]} | changes}


def person(number="U2"):
    """Write the entity of a person."""
    return {"type": "user", "user": {"id": number, "name": "Bob", "email": "bob@example.com"}}


@pytest.fixture(scope="module")
def real(shared, load_file):
    return cache(lambda name: load_file(shared / "real-logs/slack" / name))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_record_is_accounted_for(real, name):
    counts, ignored, rejected = EXPECTED[name]
    loaded = real(name)
    assert loaded.batch["loader"] == "slack"
    assert loaded.counts() == counts
    assert loaded.ignored == ignored
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == rejected


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/slack").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_real_app_events_read_twice(real, shared):
    text = (shared / "real-logs/slack/panther-audit-apps.ndjson").read_text()
    records = dict(enumerate(map(json.loads, text.splitlines()), 1))
    rows = real("panther-audit-apps.ndjson").rows
    seen = Counter(records[row["line_no"]]["action"] for log in rows for row in rows[log])
    assert seen == Counter(("app_scopes_expanded", "app_installed", "app_restricted", "org_app_workspace_removed"))
    for row in rows["issuance"] + rows["revocation"]:
        record = records[row["line_no"]]
        named = record["entity"].get("app", {})
        at = datetime.fromisoformat(record["date_create"]).replace(tzinfo=UTC)
        assert row.get("issued_at", row.get("revoked_at")) == at
        assert (row["client_id"], row["tenant"]) == (named.get("id"), record["context"]["location"]["id"])
        if "scopes" in row:
            assert row["scopes"] == named.get("scopes", record["details"].get("new_scopes"))


def test_times(load):
    cases = [START, str(START), START * 1000, "2025-10-09 08:53:20", "2025-10-09T08:53:20Z"]
    loaded = load([event("app_installed", number=number, at=at) for number, at in enumerate(cases)])
    assert {row["issued_at"] for row in loaded.rows["issuance"]} == {datetime.fromtimestamp(START, UTC)}
    assert loaded.batch["issuance"] == len(cases)


def test_installation_is_a_consent_of_the_workspace(load):
    row = load([event("app_installed")]).one("issuance")
    assert (row["kind"], row["outcome"], row["client_id"], row["client_name"]) == ("consent", "success", "A1", "Bot")
    assert row["scopes"] == ["chat:write", "users:read"]
    assert (row["subject_id"], row["subject_kind"]) == (None, "service")
    assert (row["consent_actor"], row["consent_kind"], row["tenant"]) == ("U1", "user", "T1")
    assert row["grant_id"].startswith("derived:")
    assert (row["ip"], row["user_agent"]) == ("192.0.2.7", "agent/1.0")


def test_installation_for_the_organisation_is_an_admins(load):
    row = load([event("org_app_installed")]).one("issuance")
    assert (row["kind"], row["client_id"], row["consent_kind"]) == ("consent", "A1", "admin")


def test_no_scopes_are_not_unknown_scopes(load):
    given, unknown = load(
        [event("app_installed", entity=app(scopes=[])), event("app_installed", number=2, entity=app(scopes=None))]
    ).rows["issuance"]
    assert (given["scopes"], unknown["scopes"]) == ([], None)


def test_approval_opens_nothing(load):
    loaded = load([event("app_approved")])
    assert loaded.ignored == {"approval of an app that is not installed": 1}


def test_widening_without_an_app_guesses_none(load):
    workspace = {"type": "workspace", "workspace": {"id": "T1", "name": "Acme"}}
    details = {"new_scopes": ["chat:write", "files:read"], "previous_scopes": ["chat:write"]}
    nameless = load([event("app_scopes_expanded", entity=workspace, details=details)]).one("issuance")
    assert (nameless["kind"], nameless["client_id"], nameless["grant_id"]) == ("change", None, None)
    assert nameless["scopes"] == ["chat:write", "files:read"]
    named = load([event("app_scopes_expanded", details=details)]).one("issuance")
    assert (named["client_id"], named["scopes"]) == ("A1", ["chat:write", "files:read"])


@pytest.mark.parametrize(
    ("action", "kind", "outcome", "target"),
    [
        ("app_uninstalled", "revoke", "success", "client"),
        ("org_app_workspace_removed", "revoke", "success", "client"),
        ("org_app_uninstalled", "revoke", "success", "client"),
        ("app_deleted", "disable", "success", "client"),
        ("app_restricted", "signal", "success", "client"),
        ("app_removed_from_whitelist", "signal", "success", "client"),
        ("app_token_preserved", "revoke", "denied", "client"),
    ],
)
def test_ends_of_apps(load, action, kind, outcome, target):
    row = load([event(action)]).one("revocation")
    assert (row["kind"], row["outcome"], row["target_kind"]) == (kind, outcome, target)
    assert (row["client_id"], row["tenant"], row["token_id"], row["reason"]) == ("A1", "T1", None, action)


def test_removal_without_a_workspace_does_not_end_the_app_everywhere(load):
    assert load([event("app_uninstalled", context={})]).one("revocation")["target_kind"] == "grant"


def test_installation_and_removal_meet(tmp_path):
    from grantlens.store import Store

    records = [event("app_installed"), event("app_uninstalled", number=2, at=START + 60)]
    path = tmp_path / "slack.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(path)
        (state,) = store.sql("SELECT client_id, ended_at, scopes FROM grant_state").to_pylist()
    assert (state["client_id"], state["scopes"]) == ("A1", ["chat:write", "users:read"])
    assert state["ended_at"] == datetime.fromtimestamp(START + 60, UTC)


def states(tmp_path, *records):
    """Return the scopes of each app from each moment on, in seconds."""
    from grantlens.store import Store

    path = tmp_path / "slack.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(path)
        rows = store.sql(
            "SELECT client_id, valid_from, scopes FROM grant_state ORDER BY client_id, valid_from"
        ).to_pylist()
    return [(row["client_id"], int(row["valid_from"].timestamp()) - START, row["scopes"]) for row in rows]


WIDENED = ["chat:write", "files:read"]


def test_a_widening_tells_all_scopes_and_without_them_they_are_not_known(tmp_path):
    installed, told = ("A1", 0, ["chat:write", "users:read"]), {"new_scopes": WIDENED}
    widened = event("app_scopes_expanded", number=2, at=START + 60, details=told)
    lost = event("app_scopes_expanded", number=3, at=START + 30)
    upgraded = event("bot_token_upgraded", number=4, at=START + 90, entity=app(scopes=None))
    assert states(tmp_path, event("app_installed"), widened) == [installed, ("A1", 60, WIDENED)]
    assert states(tmp_path, event("app_installed"), lost) == [installed, ("A1", 30, None)]
    told_again = [installed, ("A1", 30, None), ("A1", 60, WIDENED), ("A1", 90, None)]
    assert states(tmp_path, event("app_installed"), lost, widened, upgraded) == told_again


def test_a_widening_that_names_no_app_may_be_of_any_in_the_workspace(tmp_path):
    workspace = {"type": "workspace", "workspace": {"id": "T1", "name": "Acme"}}
    widened = event("app_scopes_expanded", number=2, at=START + 60, entity=workspace, details={"new_scopes": WIDENED})
    elsewhere = event("app_installed", number=3, entity=app(id="A2"), context={"location": {"id": "T2"}})
    assert states(tmp_path, event("app_installed"), elsewhere, widened) == [
        ("A1", 0, ["chat:write", "users:read"]),
        ("A1", 60, None),
        ("A2", 0, ["chat:write", "users:read"]),
    ]


def test_sessions_and_people(load):
    loaded = load(
        [
            event("user_session_invalidated", entity=person()),
            event("user_session_reset_by_admin", number=2, entity=person("U1")),
            event("user_deactivated", number=3, entity=person()),
            event("bulk_session_reset_by_admin", number=4, entity={"type": "workspace", "workspace": {"id": "T1"}}),
        ]
    )
    ended = [
        (row["kind"], row["target_kind"], row["subject_id"], row["session_id"], row["initiator"])
        for row in loaded.rows["revocation"]
    ]
    assert ended == [
        ("revoke", "session", "U2", None, "admin"),
        ("revoke", "session", "U1", None, "user"),
        ("disable", "subject", "U2", None, "admin"),
        ("revoke", "session", None, None, "admin"),
    ]
    assert {row["client_id"] for row in loaded.rows["revocation"]} == {None}


def test_call_of_an_ai_app(load):
    row = load([event("mcp_slack_read_channel_tool_called")]).one("usage")
    assert (row["client_id"], row["subject_id"], row["session_id"]) == ("A1", "U1", "913")
    assert (row["operation"], row["outcome"]) == ("mcp_slack_read_channel_tool_called", "success")


def through(number="A7", **more):
    """Write the context of what was done through an app."""
    context = event("file_shared")["context"]
    return context | {"app": {"id": number, "name": "Runner", "scopes": [], "scopes_bot": ["files:write"], **more}}


@pytest.mark.parametrize(
    ("action", "entity"),
    [
        ("mcp_slack_send_message_tool_called", {"type": "enterprise", "enterprise": {"id": "E1"}}),
        ("file_shared", {"type": "file", "file": {"id": "F1"}}),
        ("private_channel_created", {"type": "channel", "channel": {"id": "C1"}}),
    ],
)
def test_what_was_done_through_an_app_is_a_use_by_it(load, action, entity):
    row = load([event(action, entity=entity, context=through())]).one("usage")
    assert (row["client_id"], row["client_name"], row["subject_id"], row["operation"]) == ("A7", "Runner", "U1", action)
    assert row["token_scopes"] is None, "those are the app's"


def test_a_person_who_is_ended_through_an_app_has_ended_and_the_app_has_called(load):
    loaded = load([event("user_deactivated", entity=person(), context=through())])
    assert loaded.one("revocation")["subject_id"] == "U2"
    assert loaded.one("usage")["client_id"] == "A7"


def test_a_sign_in_or_what_is_done_to_an_app_is_no_use(load):
    loaded = load(
        [
            event("user_login", entity=person(), context=through()),
            event("anomaly", number=2, entity=person(), context=through()),
            event("app_manifest_updated", number=3, context=through("A1")),
            event("canvas_created", number=4, entity=person(), context=through("")),
        ]
    )
    assert loaded.counts() == {"records": 4, "ignored": 4}


@pytest.mark.parametrize(
    ("held", "scopes"),
    [
        ({"scopes": ["users:read"], "bot_scopes": ["chat:write", "users:read"]}, ["users:read", "chat:write"]),
        ({"scopes": [], "bot_scopes": ["chat:write"]}, ["chat:write"]),
        ({"scopes": None, "bot_scopes": ["chat:write"]}, ["chat:write"]),
        ({"scopes": ["users:read"], "bot_scopes": None}, ["users:read"]),
        ({"scopes": [], "bot_scopes": []}, []),
        ({"scopes": None}, None),
    ],
)
def test_an_app_holds_its_own_scopes_and_those_for_people(load, held, scopes):
    row = load([event("org_app_upgraded_to_org_install", entity=app(**held))]).one("issuance")
    assert row["scopes"] == scopes


def test_a_workspace_that_is_deleted_is_named(load):
    gone = {"type": "workspace", "workspace": {"id": "T9"}}
    assert load([event("workspace_deleted", entity=gone)]).ignored == {
        "end of a workspace that does not name its apps": 1
    }


@pytest.mark.parametrize("told", [{"details": {"acting_agent": "Slackbot"}}, {"acting_agent": "Slackbot"}])
def test_what_an_agent_does_for_a_person_is_a_use_by_the_agent(load, told):
    canvas = {"type": "canvas", "canvas": {"id": "F1"}}
    row = load([event("canvas_edited", entity=canvas, **told)]).one("usage")
    assert (row["client_id"], row["subject_id"], row["operation"]) == ("Slackbot", "U1", "canvas_edited")


def test_an_agent_that_is_not_named_did_nothing(load):
    loaded = load([event("canvas_edited", details={"acting_agent": ""}), event("canvas_edited", number=2)])
    assert loaded.ignored == {"not about delegated access": 2}


def test_what_is_ignored(load):
    actions = (
        "user_login",
        "external_auth_oauth2_token_fetched",
        "app_manifest_updated",
        "agentforce_agent_slack_connection_removed",
        "canvas_created",
    )
    loaded = load([event(action, number=number) for number, action in enumerate(actions)])
    assert loaded.ignored == {
        "sign-in of a person": 1,
        "token of a service outside Slack": 1,
        "app event that neither gives nor takes access": 1,
        "agent of Agentforce, of which no record is documented": 1,
        "not about delegated access": 1,
    }


def test_broken_records_are_named_and_the_rest_loads(load):
    loaded = load(
        [
            event("app_installed", at="soon"),
            event("app_installed", at=None),
            event("app_installed", at="infinity"),
            event("app_installed", entity={"type": "workspace"}),
            event("user_session_invalidated", entity={"type": "user"}),
            event("app_installed") | {"action": None},
            event("app_installed", number=9),
        ],
        "slack",
    )
    assert {row["line_no"]: row["reason"] for row in loaded.rejected} == {
        1: "date_create is no time",
        2: NO_TIME,
        3: "date_create is no time",
        4: "names no app",
        5: "names no person",
        6: "action is missing",
    }
    assert loaded.batch["issuance"] == 1


def test_twice_is_a_duplicate_and_the_page_gives_the_same_rows(load):
    records = [event("app_installed"), event("app_uninstalled", number=2)]
    assert load(records + records).batch["duplicates"] == 2
    page = json.dumps({"entries": records, "response_metadata": {"next_cursor": ""}}, indent=1)
    by_line, by_page = load(records).rows, load(page).rows
    for log in by_line:
        lines, pages = ([row | {"line_no": 0} for row in rows[log]] for rows in (by_line, by_page))
        assert lines == pages


def of_table(record, written=lambda value: value):
    """Write an event as a row of Microsoft's table, whose cells hold objects or, as `written` tells, their text."""
    row = {"".join(map(str.capitalize, name.split("_"))): value for name, value in record.items()}
    cells = {name: written(value) if isinstance(value, dict) else value for name, value in row.items()}
    return {"TimeGenerated": "2026-07-01T10:00:00Z", **cells, "ActionDescription": " ", "Type": "SlackAuditV2_CL"}


@pytest.mark.parametrize("form", ["objects", "texts", "csv"])
def test_rows_of_microsofts_table_are_the_same_events(load, form):
    records = [
        event("app_installed"),
        event("app_scopes_expanded", number=2, details={"new_scopes": ["files:read"]}),
        event("file_downloaded", number=3, details={"acting_agent": "Slackbot"}),
        event("app_uninstalled", number=4),
        event("user_login", number=5, entity=person()),
    ]
    if form == "csv":
        rows = [of_table(record, json.dumps) for record in records]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        loaded = load(text.getvalue())
    else:
        loaded = load([of_table(record, json.dumps if form == "texts" else lambda value: value) for record in records])
    plain = load(records)
    assert (loaded.counts(), loaded.ignored) == (plain.counts(), {"sign-in of a person": 1})
    unnumbered = {"line_no": 0}
    for log in ("issuance", "usage", "revocation"):
        assert [row | unnumbered for row in loaded.rows[log]] == [row | unnumbered for row in plain.rows[log]]


@pytest.mark.parametrize("cell", ["{", "[1]", 7, None])
def test_a_broken_cell_of_microsofts_table_raises_nothing(load, cell):
    whole = [of_table(event("app_installed")), of_table(event("user_login", number=2))]
    loaded = load([*whole, of_table(event("app_uninstalled", number=3)) | {"Entity": cell}])
    assert loaded.one("issuance")["client_id"] == "A1"
    assert (loaded.rows["revocation"], len(loaded.rejected)) == ([], 1)
