"""Microsoft 365: what Copilot and agents did for a person.

What the mapping decides, and why:

- **The agent is the client**: `AgentId`, which may be the object id of an agent identity in Entra; else `AppIdentity`, such as
  `Copilot.MicrosoftCopilot.BizChat`; else, in older records, the workload `Copilot`. An id of zeros only names nobody.
- **The person is the subject**, for whom the agent acts (`actor_chain`). It reads what the person may read, so no consent stands behind it in this log.
- **One call for each resource** that was used for the answer, with what was done to it: `CopilotInteraction.read`. Without any, or where the
  record does not list them, the interaction itself is the call. A resource that a policy kept back is a denied call.
- **Agent 365** names the record type `AIInvokeAgent`, and the operation `InvokeAgent`; so the others, but that a tool was run by `ExecuteToolBySDK`,
  `...ByGateway` or `...ByMCPServer`: one call may be told by each of them. Of an invocation the agent is the one that was invoked, `TargetAgentId`:
  `AgentId` is the agent that called it, if any, and comes second in the chain. Whether it failed stands in `ErrorType` or `ErrorMessage`, beside no
  `ResultStatus`. The person may be the one who answers for the agent (seen in one tenant, by a public repository).
- Plugins are those that were switched on for the interaction, used or not: they are no calls. A tool that an agent ran
  (`AIExecuteTool`) is named where the record names it; else it stays an unknown tool.
- A resource is known by its address without what follows `?`, in which links carry secrets; pages that show any document by a
  parameter, by their id.
- Who deployed, blocked or removed an agent is not read: under which names those records tell which, no page that was read says.

The shape is that of "Copilot schema" (Office 365 Management Activity API). What it does not have yet - `AgentId`, `AgentName`, `AppIdentity`,
`Status`, `PolicyDetails` - stands in Microsoft's "Audit logs for Copilot and AI applications", which was read only as others quote it, and
`ToolName` in queries of others alone. The fields of Agent 365 are those of Microsoft's "Observability attribute reference", as a public
repository quotes it, its operations those of Microsoft's own query for them ("Verifying ingestion"), and of records that two public repositories
counted in audit logs of tenants.
Proven on records of our own in that shape: there are none among those that the tests read.
"""

INVOCATIONS = "('invokeagent', 'invoke_agent', 'aiinvokeagent')"
"""Activities in which a person or another agent has an agent work."""

INTERACTIONS = """('copilotinteraction', 'connectedaiappinteraction', 'aiappinteraction', 'invokeagent', 'invoke_agent', 'aiinvokeagent',
    'executetoolbysdk', 'executetoolbygateway', 'executetoolbymcpserver', 'execute_tool', 'aiexecutetool', 'inferencecall', 'aiinferencecall')"""
"""Activities in which an agent works for a person."""

ABOUT_AGENTS = "('blockedagent', 'unblockedagent', 'deployedagent', 'removedagent', 'deletedagent', 'updatedagent', 'updatedtenantsettings')"
"""Activities in which an administrator changes which agents there are."""

READ_FOR_AGENTS = """"AgentId": "VARCHAR", "AgentName": "VARCHAR", "AppIdentity": "VARCHAR", "ToolName": "VARCHAR",
    "TargetAgentId": "VARCHAR", "TargetAgentName": "VARCHAR", "PlatformTargetAgentId": "VARCHAR", "ErrorType": "VARCHAR", "ErrorMessage": "VARCHAR",
    "CopilotEventData": {"AccessedResources": ["JSON"], "AgentId": "VARCHAR", "ErrorType": "VARCHAR"}"""
"""The fields of a record that are read for agents."""

AS_TABLE = """{"RecordId": "VARCHAR", "TimeGenerated": "VARCHAR", "RecordType": "VARCHAR", "Workload": "VARCHAR", "OrganizationId": "VARCHAR",
    "ActorName": "VARCHAR", "ActorUserType": "VARCHAR", "AgentId": "VARCHAR", "AgentName": "VARCHAR", "AppIdentity": "VARCHAR",
    "SrcIpAddr": "VARCHAR", "LLMEventData": "JSON"}"""
"""The same in Sentinel, as its tables `CopilotActivity` and `LLMActivity` have it: the activity is the type of the record there."""

OF_TABLE = """SELECT line_no, from_json(json_object(
           'Id', r.RecordId, 'CreationTime', r.TimeGenerated, 'Operation', r.RecordType, 'Workload', r.Workload, 'RecordType', r.RecordType,
           'OrganizationId', r.OrganizationId, 'UserId', r.ActorName, 'UserType', r.ActorUserType, 'ClientIP', r.SrcIpAddr,
           'AgentId', r.AgentId, 'AgentName', r.AgentName, 'AppIdentity', r.AppIdentity,
           'CopilotEventData', CASE WHEN json_type(r.LLMEventData) = 'VARCHAR' THEN TRY_CAST(r.LLMEventData ->> '$' AS JSON) ELSE r.LLMEventData END),
           '{record}') AS e
FROM record WHERE r IS NOT NULL"""
"""A row of such a table as the record of the audit log that it was; `record` are the fields of one."""


def _named(column: str) -> str:
    """Return SQL for the id of an agent, NULL where it names nobody."""
    return f"CASE WHEN NOT regexp_full_match({column}, '[0-]*') THEN {column} END"


INVOKED = f"CASE WHEN activity IN {INVOCATIONS} THEN {_named('e.TargetAgentId')} END"
"""The agent that was invoked."""

AGENT = f"""coalesce(invoked, {_named("e.AgentId")}, {_named("e.CopilotEventData.AgentId")}, nullif(e.PlatformTargetAgentId, ''), nullif(e.AppIdentity, ''),
                CASE WHEN lower(e.Workload) = 'copilot' THEN e.Workload END)"""
"""Who works for the person: the agent, else the app, else Copilot itself."""

CALLER = f"CASE WHEN invoked <> e.AgentId THEN {_named('e.AgentId')} END"
"""The agent that had the other one work."""

FAILED = "coalesce(nullif(e.ErrorType, ''), nullif(e.ErrorMessage, ''), e.CopilotEventData.ErrorType, '') <> ''"
"""Whether an agent says that its work failed: such records may have no `ResultStatus`."""

# The same resource may be listed under `Id` or `ID`; an address is worth more than either.
USED_BY_AGENTS = """SELECT * EXCLUDE (event_id, caller, operation, outcome, place, logged_outcome, resource, url, nth, tool, resources),
           event_id || CASE WHEN nth > 1 THEN '#' || nth ELSE '' END AS event_id,
           operation || coalesce('.' || coalesce(nullif(lower(resource ->> 'Action'), ''), nullif(tool, '')), '') AS operation,
           CASE WHEN is_withheld THEN 'denied' WHEN resource ->> 'Status' ILIKE 'fail%' THEN 'error' ELSE logged_outcome END AS outcome,
           CASE WHEN is_withheld THEN 'policy' END AS denial_reason, CASE WHEN caller IS NULL THEN [app] ELSE [app, caller] END AS actor_chain,
           coalesce(CASE WHEN NOT contains(url, '/_layouts/') THEN url END, nullif(resource ->> 'Id', ''), nullif(resource ->> 'ID', ''),
                    nullif(resource ->> 'listItemUniqueId', ''), url, nullif(resource ->> 'Name', '')) AS place
    FROM (
        SELECT *, nullif(regexp_replace(resource ->> 'SiteUrl', '[?#].*$', ''), '') AS url,
               coalesce(resource ->> 'PolicyDetails', '') NOT IN ('', '[]', '{}') AS is_withheld
        FROM (
            SELECT *, outcome AS logged_outcome, unnest(CASE WHEN len(resources) > 0 THEN resources ELSE [NULL] END) AS resource,
                   CASE WHEN len(resources) > 0 THEN generate_subscripts(resources, 1) ELSE 1 END AS nth
            FROM known
            WHERE is_use AND is_interaction
        )
    )"""
