"""Microsoft 365: how an audit record is written, where tools put it, and what each of its workloads calls the same thing.

- **Time** is `CreationTime`, UTC without saying so, in whole seconds. A finer time stands in some records only, and one clock for all is worth
  more. It is read only if it is written as a time.
- **Token id** is the one that Entra's sign-ins and Graph's calls have, in the same form (see `presented_token`). Zeros are no id (seen in one
  tenant).
- Operations are compared without the full stop or blank that some end in.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at
from grantlens.loaders.microsoft_365.agents import (
    AGENT,
    AS_TABLE,
    CALLER,
    FAILED,
    INTERACTIONS,
    INVOKED,
    OF_TABLE,
    READ_FOR_AGENTS,
)
from grantlens.loaders.microsoft_change import NOBODY
from grantlens.loaders.microsoft_entra.token_id import issue_time, uti
from grantlens.loaders.written_time import text_moment

FIELDS = f"""{{
    "Id": "VARCHAR", "CreationTime": "VARCHAR", "Operation": "VARCHAR", "Workload": "VARCHAR", "RecordType": "VARCHAR",
    "ResultStatus": "VARCHAR", "OrganizationId": "VARCHAR", "ObjectId": "VARCHAR", "UserId": "VARCHAR", "UserType": "VARCHAR",
    "ClientIP": "VARCHAR", "ClientIPAddress": "VARCHAR", "ActorIpAddress": "VARCHAR",
    "ClientAppId": "VARCHAR", "AppId": "VARCHAR", "ApplicationId": "VARCHAR", "ApplicationDisplayName": "VARCHAR",
    "ClientInfoString": "VARCHAR", "UserAgent": "VARCHAR", "SessionId": "VARCHAR", "MailboxOwnerUPN": "VARCHAR",
    "AppAccessContext": {{"ClientAppId": "VARCHAR", "ClientAppName": "VARCHAR", "UniqueTokenId": "VARCHAR", "AADSessionId": "VARCHAR",
        "IssuedAtTime": "VARCHAR"}},
    "Actor": [{{"ID": "VARCHAR"}}], "Target": [{{"ID": "VARCHAR", "Type": "VARCHAR"}}],
    "ModifiedProperties": [{{"Name": "VARCHAR", "OldValue": "VARCHAR", "NewValue": "VARCHAR"}}],
    {READ_FOR_AGENTS}
}}"""


def is_text(text: object) -> bool:
    """Tell the text of an audit record."""
    names = ("CreationTime", "Operation", "Workload", "OrganizationId")
    return isinstance(text, str) and text.lstrip().startswith("{") and all(f'"{name}"' in text for name in names)


def is_audit(record: Mapping) -> bool:
    """Tell an audit record by the names that all workloads share, bare, or as text inside what a tool exported."""
    text = record.get("AuditData") or at(record, "event", "original") or record.get("message")
    if is_text(text):
        return True
    inner = record.get("auditData")
    names = (inner if isinstance(inner, Mapping) else record).keys()
    is_bare = {"CreationTime", "Operation", "Workload"} <= names and bool({"OrganizationId", "RecordType"} & names)
    return is_bare or {"TimeGenerated", "RecordType", "LLMEventData"} <= names


SPELLED = "SELECT line_no, r AS e FROM record WHERE r IS NOT NULL"

_TEXT = f"""SELECT line_no, TRY(from_json({{text}}, '{FIELDS.replace("{", "{{").replace("}", "}}")}')) AS e
FROM record WHERE json_valid({{text}}) AND json_type({{text}}) = 'OBJECT'"""

NESTED = {
    "AuditData": ('{"AuditData": "VARCHAR"}', _TEXT.format(text="r.AuditData")),
    "event": ('{"event": {"original": "VARCHAR"}}', _TEXT.format(text="r.event.original")),
    "message": ('{"message": "VARCHAR"}', _TEXT.format(text="r.message")),
    "auditData": (
        f'{{"auditData": {FIELDS}}}',
        "SELECT line_no, r.auditData AS e FROM record WHERE r.auditData IS NOT NULL",
    ),
    "LLMEventData": (AS_TABLE, OF_TABLE.format(record=FIELDS)),
}
"""Where tools put the record: `Search-UnifiedAuditLog` and the portal, Elastic, shippers of lines, the query API of Graph, Sentinel."""

EVENT_STEP = f"""
SELECT line_no, e.Id AS event_id, e.CreationTime AS logged_at, e.Operation AS logged_operation,
       trim(rtrim(trim(e.Operation), '.')) AS operation, lower(operation) AS activity,
       {text_moment("e.CreationTime")} AS happened_at,
       e.Workload AS workload, e.RecordType AS record_type, e.OrganizationId AS tenant,
       lower(coalesce(e.Workload, '')) = 'azureactivedirectory' AS is_directory,
       activity IN {INTERACTIONS} AS is_interaction, CASE WHEN is_interaction THEN {INVOKED} END AS invoked,
       CASE WHEN is_interaction THEN {AGENT} END AS agent, CASE WHEN is_interaction THEN {CALLER} END AS caller,
       CASE WHEN is_interaction AND {FAILED} THEN 'error'
            WHEN lower(e.ResultStatus) IN ('success', 'succeeded', 'partiallysucceeded', 'true') OR coalesce(e.ResultStatus, '') = ''
            THEN 'success' ELSE 'error' END AS outcome,
       coalesce(agent, nullif(nullif(coalesce(nullif(e.AppAccessContext.ClientAppId, ''), nullif(e.ClientAppId, ''), nullif(e.AppId, ''),
                                              nullif(e.ApplicationId, '')), '{NOBODY}'), '')) AS app,
       coalesce(CASE WHEN invoked IS NOT NULL THEN nullif(e.TargetAgentName, '') WHEN is_interaction THEN nullif(e.AgentName, '') END,
                nullif(e.AppAccessContext.ClientAppName, ''), nullif(e.ApplicationDisplayName, '')) AS app_name,
       {uti("e.AppAccessContext.UniqueTokenId")} AS token_id, {issue_time("e.AppAccessContext.IssuedAtTime")} AS token_issued_at,
       coalesce(nullif(nullif(e.AppAccessContext.AADSessionId, ''), '{NOBODY}'), nullif(e.SessionId, '')) AS session_id,
       nullif(coalesce(nullif(e.ClientIPAddress, ''), nullif(e.ClientIP, ''), e.ActorIpAddress), '') AS address,
       CASE WHEN starts_with(address, '[') THEN regexp_extract(address, '^\\[([^\\]]*)\\]', 1)
            WHEN len(string_split(address, ':')) = 2 THEN split_part(address, ':', 1)
            WHEN address <> '<null>' THEN address END AS ip,
       coalesce(nullif(e.UserAgent, ''), nullif(e.ClientInfoString, '')) AS user_agent,
       nullif(e.UserId, '') AS user_name, e.ObjectId AS object, coalesce(nullif(e.MailboxOwnerUPN, ''), nullif(e.ObjectId, '')) AS place,
       -- applications and the system act for themselves
       coalesce(e.UserType IN ('3', '4', '5', '6', '7', '8', 'Application', 'ServicePrincipal', 'System'), false)
           OR starts_with(coalesce(e.UserId, ''), 'S-1-5-18') OR starts_with(coalesce(e.UserId, ''), 'ServicePrincipal_')
           OR e.UserId = 'app@sharepoint' AS by_app,
       CASE WHEN is_interaction THEN e.ToolName END AS tool, CASE WHEN is_interaction THEN e.CopilotEventData.AccessedResources END AS resources,
       e.Actor AS actors, e.Target AS targets, e.ModifiedProperties AS changes
FROM spelled
"""
