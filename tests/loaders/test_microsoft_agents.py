"""What Copilot and agents did, as the unified audit log of Microsoft 365 tells it: records of our own, in the shape that Microsoft documents."""

import csv
import io
import json

import pytest
from hypothesis import given, settings

from grantlens.store import Store
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged
from tests.loaders.test_microsoft_365 import APP, CLIENT, consent, entry

TENANT, PERSON = "b0000000-0000-4000-8000-000000000001", "Ada@acme.example"
AGENT = "CopilotStudio.Declarative.T_11111111-2222-4333-8444-555555555555.reports"
SITE = "https://acme.sharepoint.example/sites/finance"


def resource(name="plan.docx", **more):
    """Write one resource that was used for an answer."""
    return {
        "Id": f"id-{name}",
        "Name": name,
        "SiteUrl": f"{SITE}/{name}?web=1&e=shared-secret",
        "Type": name.rpartition(".")[2],
        "Action": "Read",
        **more,
    }


def interaction(*resources, operation="CopilotInteraction", event=None, **more):
    """Write one interaction with Copilot or with an agent."""
    return {
        "AppIdentity": "Copilot.MicrosoftCopilot.BizChat",
        "ClientIP": "198.51.100.9:50001",
        "ClientRegion": "WEU",
        "CopilotEventData": {
            "AISystemPlugin": [{"Id": "BingWebSearch", "Name": "BuiltIn"}],
            "AccessedResources": list(resources),
            "AppHost": "Teams",
            "Contexts": [{"Id": f"{SITE}/context.docx", "Type": "docx"}],
            "Messages": [{"Id": "1", "isPrompt": True}, {"Id": "2", "isPrompt": False}],
            "ThreadId": "19:thread@thread.v2",
            **(event or {}),
        },
        "CreationTime": "2026-07-01T12:00:00",
        "Id": f"c-{operation}",
        "Operation": operation,
        "OrganizationId": TENANT,
        "RecordType": 261,
        "UserId": PERSON,
        "UserKey": "12d24f71-0000-4000-8000-000000000000",
        "UserType": 0,
        "Version": 1,
        "Workload": "Copilot",
        **more,
    }


def test_each_resource_of_an_answer_is_a_call_of_the_agent_for_the_person(load):
    loaded = load(
        [interaction(resource(), resource("costs.xlsx", Action="modify"), AgentId=AGENT, AgentName="Reports")]
    )
    read, changed = loaded.rows["usage"]
    assert loaded.counts() == {"records": 1, "usage": 2}
    assert [read[name] for name in ("client_id", "client_name", "subject_id", "ip", "tenant")] == [
        AGENT,
        "Reports",
        "ada@acme.example",
        "198.51.100.9",
        TENANT,
    ]
    assert read["actor_chain"] == [AGENT]
    assert (read["event_id"], changed["event_id"]) == ("c-CopilotInteraction", "c-CopilotInteraction#2")
    assert (read["operation"], changed["operation"]) == ("CopilotInteraction.read", "CopilotInteraction.modify")
    assert (read["resource_server"], read["outcome"], read["denial_reason"]) == ("Copilot", "success", None)
    assert changed["resource_id"] == f"{SITE}/costs.xlsx", "what follows the question mark may be a secret"


def test_without_a_resource_the_interaction_is_the_call_and_plugins_are_none(load):
    row = load([interaction()]).one("usage")
    assert (row["operation"], row["resource_id"]) == ("CopilotInteraction", None)
    assert row["client_id"] == "Copilot.MicrosoftCopilot.BizChat"


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ({"AgentId": "00000000-0000-0000-0000-000000000000"}, "Copilot.MicrosoftCopilot.BizChat"),
        ({"AgentId": "", "AppIdentity": None}, "Copilot"),
        ({"AgentId": "a0000000-0000-4000-8000-000000000007"}, "a0000000-0000-4000-8000-000000000007"),
        ({"AppIdentity": None, "Workload": "ConnectedAIApp", "AppId": "a-1"}, "a-1"),
    ],
)
def test_the_client_is_the_agent_else_the_app_else_copilot(load, said, client):
    assert load([interaction(**said)]).one("usage")["client_id"] == client


def test_an_interaction_that_names_nobody_is_ignored(load):
    loaded = load([interaction(AppIdentity=None, Workload="ConnectedAIApp", operation="ConnectedAIAppInteraction")])
    assert loaded.ignored == {"action that names no application": 1}


def test_a_resource_that_was_kept_back_is_no_use(load):
    policy = {"PolicyId": "p-1", "PolicyName": "No secrets for Copilot"}
    loaded = load(
        [
            interaction(
                resource(Status="failure", PolicyDetails=[policy]),
                resource("b.docx", PolicyDetails=policy),
                resource("c.docx", Status="Failed"),
                resource("d.docx", Status="success", PolicyDetails=[]),
                resource("e.docx", PolicyDetails=None),
            )
        ]
    )
    assert [(row["outcome"], row["denial_reason"]) for row in loaded.rows["usage"]] == [
        ("denied", "policy"),
        ("denied", "policy"),
        ("error", None),
        ("success", None),
        ("success", None),
    ]


@pytest.mark.parametrize(
    ("said", "known_as"),
    [
        ({"SiteUrl": f"{SITE}/_layouts/15/Doc.aspx?sourcedoc=%7B9%7D"}, "id-plan.docx"),
        ({"SiteUrl": f"{SITE}/_layouts/15/Doc.aspx?sourcedoc=%7B9%7D", "Id": None, "ID": "7"}, "7"),
        ({"SiteUrl": "", "Id": None}, "plan.docx"),
        ({"SiteUrl": None, "Id": "", "listItemUniqueId": "item-1"}, "item-1"),
        ({"SiteUrl": f"{SITE}/a%20b.docx#page=2"}, f"{SITE}/a%20b.docx"),
    ],
)
def test_a_resource_is_known_by_its_address_or_its_id(load, said, known_as):
    assert load([interaction(resource(**said))]).one("usage")["resource_id"] == known_as


@pytest.mark.parametrize("more", [{"Action": None}, {"Action": ""}])
def test_what_was_done_to_a_resource_may_not_be_told(load, more):
    assert load([interaction(resource(**more))]).one("usage")["operation"] == "CopilotInteraction"


def test_a_tool_that_an_agent_ran_is_named_or_stays_unknown(load):
    loaded = load(
        [
            interaction(operation="AIExecuteTool", AgentId=AGENT, ToolName="mail.send", Id="1", CopilotEventData=None),
            interaction(operation="AIExecuteTool", AgentId=AGENT, Id="2", CopilotEventData=None),
            interaction(operation="AIInvokeAgent", AgentId=AGENT, Id="3", event={"AccessedResources": None}),
        ]
    )
    assert [row["operation"] for row in loaded.rows["usage"]] == [
        "AIExecuteTool.mail.send",
        "AIExecuteTool",
        "AIInvokeAgent",
    ]


TRIAGE, CALLING = "e0000000-0000-4000-8000-000000000007", "e0000000-0000-4000-8000-000000000008"


def of_agent_365(operation, event=None, **more):
    """Write one record of Agent 365, whose operation is not the name of its record type."""
    record = interaction(operation=operation, event=event, Workload="Agent365", **more)
    del record["AppIdentity"]
    return record


def test_agent_365_names_the_agent_and_its_failures_in_places_of_its_own(load):
    loaded = load(
        [
            of_agent_365("InvokeAgent", TargetAgentId=TRIAGE, TargetAgentName="Triage"),
            of_agent_365("InvokeAgent", TargetAgentId=TRIAGE, AgentId=CALLING, AgentName="Front", Id="between agents"),
            of_agent_365("InvokeAgent", PlatformTargetAgentId="T_1", Id="of another platform"),
            of_agent_365("InferenceCall", {"AgentId": TRIAGE}),
            of_agent_365("InferenceCall", {"AgentId": TRIAGE, "ErrorType": "TimeoutError"}, Id="in the event"),
            of_agent_365("ExecuteToolBySDK", AgentId=TRIAGE, ToolName="read_orders"),
            of_agent_365("ExecuteToolByGateway", AgentId=TRIAGE, ToolName="refund", ErrorType="PermissionError"),
            of_agent_365("ExecuteToolByMCPServer", AgentId=TRIAGE, ToolName="refund", ErrorMessage="hunter2"),
        ]
    )
    assert loaded.counts() == {"records": 8, "usage": 8}
    told = [
        (row["operation"], row["client_id"], row["client_name"], row["actor_chain"], row["outcome"])
        for row in loaded.rows["usage"]
    ]
    assert told == [
        ("InvokeAgent", TRIAGE, "Triage", [TRIAGE], "success"),
        ("InvokeAgent", TRIAGE, None, [TRIAGE, CALLING], "success"),
        ("InvokeAgent", "T_1", None, ["T_1"], "success"),
        ("InferenceCall", TRIAGE, None, [TRIAGE], "success"),
        ("InferenceCall", TRIAGE, None, [TRIAGE], "error"),
        ("ExecuteToolBySDK.read_orders", TRIAGE, None, [TRIAGE], "success"),
        ("ExecuteToolByGateway.refund", TRIAGE, None, [TRIAGE], "error"),
        ("ExecuteToolByMCPServer.refund", TRIAGE, None, [TRIAGE], "error"),
    ]
    assert {row["subject_id"] for row in loaded.rows["usage"]} == {"ada@acme.example"}
    assert "hunter2" not in repr(loaded.rows)


def test_who_changes_an_agent_is_not_the_agent(load):
    names = ["BlockedAgent", "UnblockedAgent", "DeployedAgent", "RemovedAgent", "DeletedAgent", "UpdatedAgent"]
    loaded = load([interaction(operation=name, AgentId=AGENT, Workload="M365AdminCenter") for name in names])
    assert loaded.ignored == {"agent that was deployed, changed, blocked or removed": len(names)}


def test_an_agent_with_an_identity_in_entra_is_one_client_with_it(tmp_path):
    """A grant's id names the object id of an agent's identity, and its client is the application id: an agent may be written as either."""
    records = [
        consent(after=entry("Mail.Read")),
        interaction(resource(), AgentId=CLIENT),
        interaction(AgentId=APP, Id="other"),
    ]
    (tmp_path / "audit.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(tmp_path)
        known = store.sql("SELECT id, name FROM canonical_identity WHERE kind = 'client'").to_pylist()
    assert {(row["id"], row["name"]) for row in known} == {(APP, APP), (CLIENT, APP)}


DIALECTS = {
    "as a search gives it": lambda record: {"RecordType": "CopilotInteraction", "AuditData": json.dumps(record)},
    "as the query API of Graph gives it": lambda record: {"id": record["Id"], "auditData": record},
    "as Elastic keeps it": lambda record: {"event": {"original": json.dumps(record)}},
    "as Elastic takes it apart": lambda record: {"o365": {"audit": record}},
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_gives_the_same_rows(load, dialect):
    records = [
        interaction(resource(), resource("b.docx", Status="failure", PolicyDetails=[{"PolicyId": "p"}]), AgentId=AGENT),
        interaction(operation="AIExecuteTool", ToolName="mail.send", AgentId=AGENT),
    ]
    plain, other = load(records), load([DIALECTS[dialect](record) for record in records])
    assert plain.counts() == other.counts() == {"records": 2, "usage": 3}
    assert plain.rows["usage"] == other.rows["usage"]


def as_table(record, *, as_text=False):
    """Write the record as a row of Sentinel's table."""
    event = record["CopilotEventData"]
    return {
        "TenantId": "a0000000-0000-4000-8000-00000000000f",
        "TimeGenerated": record["CreationTime"] + "Z",
        "RecordId": record["Id"],
        "RecordType": record["Operation"],
        "ActorName": record["UserId"],
        "ActorUserType": "Regular",
        "SrcIpAddr": record["ClientIP"],
        "LLMEventData": json.dumps(event) if as_text else event,
        "Type": "CopilotActivity",
        **{name: record.get(name) for name in ("AgentId", "AgentName", "AppIdentity", "OrganizationId", "Workload")},
    }


@pytest.mark.parametrize("as_text", [True, False])
def test_a_table_of_sentinel_gives_the_same_rows(load, as_text):
    records = [
        interaction(resource(), resource("b.docx", Status="failure", PolicyDetails=[{"PolicyId": "p"}]), AgentId=AGENT),
        interaction(Id="2"),
        interaction(operation="UpdateCopilotSettings", AppIdentity=None, Id="3"),
    ]
    plain, other = load(records), load([as_table(record, as_text=as_text) for record in records])
    assert other.batch["loader"] == "microsoft_365"
    assert plain.counts() == other.counts() == {"records": 3, "usage": 3, "ignored": 1}
    assert plain.rows["usage"] == other.rows["usage"]
    assert plain.ignored == other.ignored
    damaged = [{**as_table(records[0]), "LLMEventData": what} for what in (None, 7, "no JSON", [], "[]")]
    assert load([{**row, "RecordId": str(number)} for number, row in enumerate(damaged)]).counts() == {
        "records": 5,
        "usage": 5,
    }


def test_the_csv_of_a_search_gives_the_same_rows(load, load_file, tmp_path):
    record = interaction(resource(), AgentId=AGENT)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData"])
    writer.writerow([record["Id"], record["CreationTime"], 261, record["Operation"], PERSON, json.dumps(record)])
    (tmp_path / "search.csv").write_text(text.getvalue())
    (row,) = load_file(tmp_path / "search.csv").rows["usage"]
    assert (row["client_id"], row["operation"]) == (AGENT, "CopilotInteraction.read")


@settings(max_examples=5)
@given(
    lists_of_damaged(
        [
            interaction(resource(), resource("b.docx", PolicyDetails=[{"PolicyId": "p"}]), AgentId=AGENT),
            interaction(operation="AIExecuteTool", ToolName="mail.send", AgentId=AGENT),
        ]
    )
)
def test_a_damaged_record_never_stops_a_load(load, records):
    assert_all_accounted_for(load, records, "microsoft_365")
