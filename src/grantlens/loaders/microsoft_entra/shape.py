"""The three shapes in which Entra's logs arrive, brought to one list of columns.

- Diagnostic settings (Event Hub, storage): an envelope, the record itself under `properties`.
- Microsoft Graph API (`auditLogs/signIns`, `auditLogs/directoryAudits`): the record, bare.
- Log Analytics (Sentinel, Azure Monitor): the record, bare, names in PascalCase, nested JSON inside strings.

Nested parts are taken as text in all three, and read where they are needed: they are rare, calls are not.
"""

import json
from collections.abc import Mapping, Sequence

SIGN_INS = (
    "SignInLogs",
    "NonInteractiveUserSignInLogs",
    "ServicePrincipalSignInLogs",
    "ManagedIdentitySignInLogs",
    "MicrosoftServicePrincipalSignInLogs",
)
AUDIT = ("AuditLogs",)
ACTIVITY = ("MicrosoftGraphActivityLogs", "AzureADGraphActivityLogs")

_ENVELOPE = ("time", "category", "operationName", "resultType", "tenantId", "callerIpAddress", "resourceId")
_NUMBERS = {"responseStatusCode": "INTEGER", "httpStatusCode": "INTEGER", "responseSizeBytes": "BIGINT"}
_RECORD = (
    # sign-ins
    "id", "createdDateTime", "appId", "appDisplayName", "userId", "userPrincipalName", "servicePrincipalId",
    "servicePrincipalName", "servicePrincipalCredentialKeyId", "uniqueTokenIdentifier", "incomingTokenType",
    "authenticationProtocol", "authenticationProcessingDetails", "status", "agent", "sessionId", "ipAddress", "userAgent",
    # directory audit
    "activityDateTime", "activityDisplayName", "initiatedBy", "targetResources", "additionalDetails", "result", "resultReason",
    # Graph and Azure AD Graph activity
    "requestId", "timeGenerated", "signInActivityId", "c_Sid", "scopes", "roles", "requestMethod", "httpMethod", "requestUri",
    *_NUMBERS,
)  # fmt: skip
_ENVELOPED = ("resourceId", "tenantId", "callerIpAddress")
"""Names that mean one thing in the envelope and another below `properties`."""
_BARE = ("AADTenantId", "resourceIdentity")
"""Names that only Log Analytics has; its TenantId is the workspace, no directory."""


def is_enveloped(sample: Sequence[Mapping]) -> bool:
    """Return whether the records lie under `properties`."""
    return any(isinstance(record.get("properties"), Mapping) for record in sample)


def structure(sample: Sequence[Mapping]) -> str:
    """Return the JSON structure to parse, in the spelling of these records.

    DuckDB takes names in a structure that differ only in case for the same name, so one structure
    cannot serve `category` and `Category`. Names keep the spelling of diagnostic settings (or, in a
    file of PascalCase, are capitalised) where the sample does not show them.

    Examples
    --------
    >>> '"AppId": "VARCHAR"' in structure([{"TimeGenerated": "2026-01-01T00:00:00Z", "OperationName": "x"}])
    True
    """
    if is_enveloped(sample):
        inner = [record["properties"] for record in sample if isinstance(record.get("properties"), Mapping)]
        return json.dumps(_spelled(_ENVELOPE, sample) | {"properties": _spelled(_RECORD + _ENVELOPED, inner)})
    return json.dumps(_spelled(tuple(dict.fromkeys(_ENVELOPE + _RECORD + _BARE)), sample))


def _spelled(names: Sequence[str], sample: Sequence[Mapping]) -> dict[str, str]:
    seen = {name.lower(): name for record in sample for name in record}
    pascal = any(name in seen.values() for name in ("TimeGenerated", "OperationName", "CreatedDateTime"))

    def spell(name: str) -> str:
        return seen.get(name.lower()) or (name[0].upper() + name[1:] if pascal else name)

    return {spell(name): _NUMBERS.get(name, "VARCHAR") for name in names}


def event_step(sample: Sequence[Mapping]) -> str:
    """Return the first step: the same columns, whatever the shape."""
    if is_enveloped(sample):
        columns = ",\n       ".join(f"r.properties.{name} AS {name}" for name in _RECORD)
        return f"""
SELECT line_no, r.category AS category, r.operationName AS operationName, r.resultType AS resultType,
       {_kind("r.properties.", "r.category IS NULL")} AS log_kind,
       coalesce(nullif(r.properties.tenantId, ''), nullif(r.tenantId, ''), {_directory("r.resourceId")}) AS tenant,
       nullif(coalesce(nullif(r.properties.ipAddress, ''), nullif(r.properties.callerIpAddress, ''), r.callerIpAddress), '') AS ip,
       r.properties.resourceId AS resource,
       {columns}
FROM record
"""
    columns = ",\n       ".join(f"r.{name} AS {name}" for name in _RECORD)
    return f"""
SELECT line_no, r.category AS category, r.operationName AS operationName, r.resultType AS resultType,
       {_kind("r.", "true")} AS log_kind,
       coalesce(nullif(r.AADTenantId, ''), {_directory("r.resourceId")}) AS tenant,
       nullif(coalesce(nullif(r.ipAddress, ''), r.callerIpAddress), '') AS ip,
       coalesce(r.resourceIdentity, CASE WHEN NOT starts_with(r.resourceId, '/') THEN r.resourceId END) AS resource,
       {columns}
FROM record
"""


def _directory(resource_id: str) -> str:
    """Return SQL for the directory in `/tenants/<id>/providers/Microsoft.aadiam`, which some exports write in capitals."""
    return f"CASE WHEN lower({resource_id}) LIKE '/tenants/%/providers/%' THEN lower(split_part({resource_id}, '/', 3)) END"


def _kind(prefix: str, by_names: str) -> str:
    """Return SQL that tells which log a record belongs to: by its category, else by the names it has."""

    def listed(names: tuple[str, ...]) -> str:
        return "(" + ", ".join(f"'{name}'" for name in names) + ")"

    return f"""CASE WHEN r.category IN {listed(ACTIVITY)} THEN 'activity'
            WHEN r.category IN {listed(SIGN_INS)} THEN 'sign-in'
            WHEN r.category IN {listed(AUDIT)} THEN 'audit'
            WHEN {by_names} AND {prefix}requestUri IS NOT NULL THEN 'activity'
            WHEN {by_names} AND coalesce({prefix}activityDisplayName, {prefix}targetResources) IS NOT NULL THEN 'audit'
            WHEN {by_names} AND {prefix}createdDateTime IS NOT NULL AND {prefix}appId IS NOT NULL THEN 'sign-in'
       END"""


def moment(column: str) -> str:
    """Return SQL that reads a time: ISO 8601, or the US text without zone of Azure AD Graph and portal exports, which is UTC.

    Examples
    --------
    >>> import duckdb
    >>> duckdb.sql("SET TimeZone = 'UTC'")
    >>> duckdb.sql(f"SELECT ({moment('t')})::VARCHAR FROM (VALUES ('5/7/2026 1:50:39 PM')) x(t)").fetchall()
    [('2026-05-07 13:50:39+00',)]
    """
    formats = "['%m/%d/%Y %I:%M:%S %p', '%m/%d/%Y, %I:%M:%S.%g %p', '%m/%d/%Y, %I:%M:%S %p']"
    return f"""coalesce(CASE WHEN {column} LIKE '____-__-__%' THEN TRY_CAST({column} AS TIMESTAMPTZ) END,
            CASE WHEN {column} LIKE '%M' THEN timezone('UTC', try_strptime({column}, {formats})) END)"""


RESOURCE_SERVERS = {
    "00000003-0000-0000-c000-000000000000": "graph.microsoft.com",
    "00000002-0000-0000-c000-000000000000": "graph.windows.net",
}
"""Application ids of the two Graphs, and the host under which the activity logs know them."""


def server(column: str) -> str:
    """Return SQL that names a resource server as the usage log names it; other resources keep their id."""
    cases = " ".join(f"WHEN '{app}' THEN '{host}'" for app, host in RESOURCE_SERVERS.items())
    return f"CASE lower({column}) {cases} ELSE nullif({column}, '') END"
