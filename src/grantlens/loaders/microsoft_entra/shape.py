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

_ENVELOPE = ("category", "operationName", "resultType", "tenantId", "callerIpAddress", "resourceId")
_NUMBERS = {"responseStatusCode": "INTEGER", "httpStatusCode": "INTEGER", "responseSizeBytes": "BIGINT"}
_CALL = (
    "requestId", "timeGenerated", "signInActivityId", "appId", "userId", "sessionId", "c_Sid", "scopes", "roles",
    "requestMethod", "httpMethod", "requestUri", *_NUMBERS, "ipAddress", "userAgent",
)  # fmt: skip
_SIGN_IN = (
    "id", "createdDateTime", "appDisplayName", "userPrincipalName", "servicePrincipalName",
    "servicePrincipalCredentialKeyId", "uniqueTokenIdentifier", "incomingTokenType", "authenticationProtocol",
    "authenticationProcessingDetails", "status", "agent",
)  # fmt: skip
_CHANGE = (
    "activityDateTime",
    "activityDisplayName",
    "initiatedBy",
    "targetResources",
    "additionalDetails",
    "result",
    "resultReason",
)
_ENVELOPED = ("resourceId", "tenantId", "callerIpAddress")
"""Names that mean one thing in the envelope and another below `properties`."""
_BARE = ("AADTenantId", "resourceIdentity")
"""Names that only Log Analytics has; its TenantId is the workspace, no directory."""


def is_enveloped(sample: Sequence[Mapping]) -> bool:
    """Return whether the records lie under `properties`."""
    return any(isinstance(record.get("properties"), Mapping) for record in sample)


def structure(sample: Sequence[Mapping], *, calls: bool = False) -> str:
    """Return the JSON structure to parse, in the spelling of these records.

    DuckDB takes names in a structure that differ only in case for the same name, so one structure
    cannot serve `category` and `Category`. Names keep the spelling of diagnostic settings (or, in a
    file of PascalCase, are capitalised) where the sample does not show them.

    Parameters
    ----------
    sample
        The first records of a file.
    calls
        Read nothing but calls: each name that a busy log never has would cost time in each of its records.

    Examples
    --------
    >>> '"AppId": "VARCHAR"' in structure([{"TimeGenerated": "2026-01-01T00:00:00Z", "OperationName": "x"}])
    True
    """
    names = _names(calls)
    envelope = tuple(name for name in _ENVELOPE if not calls or name not in ("operationName", "resultType"))
    if is_enveloped(sample):
        inner = [record["properties"] for record in sample if isinstance(record.get("properties"), Mapping)]
        return json.dumps(_spelled(envelope, sample) | {"properties": _spelled(names + _ENVELOPED, inner)})
    return json.dumps(_spelled(tuple(dict.fromkeys(envelope + names + _BARE)), sample))


def _names(calls: bool) -> tuple[str, ...]:
    return _CALL if calls else _CALL + _SIGN_IN + _CHANGE


def _spelled(names: Sequence[str], sample: Sequence[Mapping]) -> dict[str, str]:
    seen = {name.lower(): name for record in sample for name in record}
    pascal = any(name in seen.values() for name in ("TimeGenerated", "OperationName", "CreatedDateTime"))

    def spell(name: str) -> str:
        return seen.get(name.lower()) or (name[0].upper() + name[1:] if pascal else name)

    return {spell(name): _NUMBERS.get(name, "VARCHAR") for name in names}


def event_step(sample: Sequence[Mapping], *, calls: bool = False) -> str:
    """Return the first step: the same columns, whatever the shape."""
    if is_enveloped(sample):
        inner = "r.properties."
        shaped = f"""coalesce(nullif(r.properties.tenantId, ''), nullif(r.tenantId, ''),
                {_directory("r.resourceId")}) AS tenant,
       nullif(coalesce(nullif(r.properties.ipAddress, ''), nullif(r.properties.callerIpAddress, ''),
                r.callerIpAddress), '') AS ip,
       r.properties.resourceId AS resource"""
    else:
        inner = "r."
        shaped = f"""coalesce(nullif(r.AADTenantId, ''), {_directory("r.resourceId")}) AS tenant,
       nullif(coalesce(nullif(r.ipAddress, ''), r.callerIpAddress), '') AS ip,
       coalesce(r.resourceIdentity, CASE WHEN NOT starts_with(r.resourceId, '/') THEN r.resourceId END) AS resource"""
    outer = "" if calls else "r.operationName AS operationName, r.resultType AS resultType,\n       "
    columns = ", ".join(f"{inner}{name} AS {name}" for name in _names(calls) if name != "ipAddress")
    return f"""
SELECT line_no, r.category AS category,
       {_kind(inner, calls)} AS log_kind,
       {shaped},
       {outer}{columns}
FROM record
"""


def _directory(resource_id: str) -> str:
    """Return SQL for the directory in `/tenants/<id>/providers/Microsoft.aadiam`, in capitals in some exports."""
    path = f"lower({resource_id})"
    return f"CASE WHEN {path} LIKE '/tenants/%/providers/%' THEN split_part({path}, '/', 3) END"


def _kind(inner: str, calls: bool) -> str:
    """Return SQL that tells which log a record belongs to: by its category, else by the names it has."""

    def listed(names: tuple[str, ...]) -> str:
        return "(" + ", ".join(f"'{name}'" for name in names) + ")"

    # In an envelope any other category is another log; bare records carry the category of the change.
    unnamed = "r.category IS NULL" if inner == "r.properties." else "true"
    branches = [f"WHEN r.category IN {listed(ACTIVITY)} THEN 'activity'"]
    if not calls:
        branches += [f"WHEN r.category IN {listed(SIGN_INS)} THEN 'sign-in'"]
        branches += [f"WHEN r.category IN {listed(AUDIT)} THEN 'audit'"]
    branches += [f"WHEN {unnamed} AND {inner}requestUri IS NOT NULL THEN 'activity'"]
    if not calls:
        branches += [
            f"WHEN {unnamed} AND coalesce({inner}activityDisplayName, {inner}targetResources) IS NOT NULL THEN 'audit'",
            f"WHEN {unnamed} AND {inner}createdDateTime IS NOT NULL AND {inner}appId IS NOT NULL THEN 'sign-in'",
        ]
    return "CASE " + "\n            ".join(branches) + " END"


def moment(column: str) -> str:
    """Return SQL that gives a time as ISO text.

    Azure AD Graph and exports of the portal write US text without a zone, which is UTC.

    Examples
    --------
    >>> import duckdb
    >>> times = "(VALUES ('5/7/2026 1:50:39 PM'), ('2026-05-07T13:50:39Z')) x(t)"
    >>> duckdb.sql(f"SELECT {moment('t')} FROM {times}").fetchall()
    [('2026-05-07 13:50:39',), ('2026-05-07T13:50:39Z',)]
    """
    formats = "['%m/%d/%Y %I:%M:%S %p', '%m/%d/%Y, %I:%M:%S.%g %p', '%m/%d/%Y, %I:%M:%S %p']"
    read = f"coalesce(try_strptime({column}, {formats})::VARCHAR, {column})"
    return f"CASE WHEN ends_with({column}, 'M') THEN {read} ELSE {column} END"


RESOURCE_SERVERS = {
    "00000003-0000-0000-c000-000000000000": "graph.microsoft.com",
    "00000002-0000-0000-c000-000000000000": "graph.windows.net",
}
"""Application ids of the two Graphs, and the host under which the activity logs know them."""


def server(column: str) -> str:
    """Return SQL that names a resource server as the usage log names it; other resources keep their id."""
    cases = " ".join(f"WHEN '{app}' THEN '{host}'" for app, host in RESOURCE_SERVERS.items())
    return f"CASE lower({column}) {cases} ELSE nullif({column}, '') END"
