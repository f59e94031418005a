"""The three shapes in which Entra's logs arrive, brought to one list of columns.

- Diagnostic settings (Event Hub, storage): an envelope, the record itself under `properties`.
- Microsoft Graph API (`auditLogs/signIns`, `auditLogs/directoryAudits`): the record, bare.
- Log Analytics (Sentinel, Azure Monitor): the record, bare, names in PascalCase, nested JSON inside strings. Its tables of
  the sign-ins of service principals and managed identities have no `CreatedDateTime`, `TimeGenerated` only.

Nested parts are taken as text in all three, and read where they are needed: they are rare, calls are not.
"""

import json
from collections.abc import Mapping, Sequence, Set

CATEGORIES = {
    "activity": ("MicrosoftGraphActivityLogs", "AzureADGraphActivityLogs"),
    "audit": ("AuditLogs",),
    "sign-in": (
        "SignInLogs",
        "NonInteractiveUserSignInLogs",
        "ServicePrincipalSignInLogs",
        "ManagedIdentitySignInLogs",
        "MicrosoftServicePrincipalSignInLogs",
        "ADFSSignInLogs",
    ),
}
"""The diagnostic categories that are read, by the log they belong to."""
KINDS = frozenset({"sign-in", "audit", "activity"})

_ALL, _SIGN_IN, _AUDIT, _CALL = KINDS, frozenset({"sign-in"}), frozenset({"audit"}), frozenset({"activity"})


def _in_logs(names: Mapping[frozenset[str], str]) -> dict[str, frozenset[str]]:
    return {name: logs for logs, listed in names.items() for name in listed.split()}


_ENVELOPE = _in_logs(
    {_ALL: "category tenantId resourceId callerIpAddress", _AUDIT: "operationName", _SIGN_IN: "resultType"}
)
_RECORD = _in_logs(
    {
        _ALL: "ipAddress userAgent",
        _SIGN_IN | _CALL: "appId userId sessionId",
        _SIGN_IN | _AUDIT: "id",
        _SIGN_IN: """createdDateTime appDisplayName userPrincipalName servicePrincipalName agent status
            servicePrincipalCredentialKeyId uniqueTokenIdentifier incomingTokenType authenticationProtocol
            originalTransferMethod authenticationProcessingDetails isInteractive""",
        _AUDIT: """activityDateTime activityDisplayName initiatedBy targetResources additionalDetails result
            resultReason""",
        _CALL: """requestId timeGenerated signInActivityId tokenIssuedAt issuedAt c_Sid scopes roles requestMethod httpMethod requestUri
            responseStatusCode httpStatusCode responseSizeBytes""",
    }
)
"""The names that are read, and in which of the logs."""
_ENVELOPED = _in_logs({_ALL: "tenantId callerIpAddress", _SIGN_IN: "resourceId"})
"""Names that mean one thing in the envelope and another below `properties`."""
_BARE = _in_logs({_ALL: "AADTenantId", _SIGN_IN: "resourceIdentity", _SIGN_IN | _CALL: "timeGenerated"})
"""Names that only Log Analytics has, or that say there what no other does; its TenantId is the workspace, no directory."""
_NUMBERS = {
    "responseStatusCode": "INTEGER",
    "httpStatusCode": "INTEGER",
    "responseSizeBytes": "BIGINT",
    "responseSize": "BIGINT",
}


def is_enveloped(sample: Sequence[Mapping]) -> bool:
    """Return whether the records lie under `properties`."""
    return any(isinstance(record.get("properties"), Mapping) for record in sample)


def structure(sample: Sequence[Mapping], kinds: Set[str] = KINDS) -> str:
    """Return the JSON structure to parse, in the spelling of these records.

    DuckDB takes names in a structure that differ only in case for the same name, so one structure
    cannot serve `category` and `Category`. Names keep the spelling of diagnostic settings (or, in a
    file of PascalCase, are capitalised) where the sample does not show them.

    Parameters
    ----------
    sample
        The first records of a file.
    kinds
        The logs to read: a name that a busy log never has would cost time in each of its records.

    Examples
    --------
    >>> structure([{"Category": "AuditLogs", "OperationName": "x"}], {"audit"})[:44]
    '{"Category": "VARCHAR", "TenantId": "VARCHAR'
    """
    if is_enveloped(sample):
        inner = [record["properties"] for record in sample if isinstance(record.get("properties"), Mapping)]
        properties = spelled(_read(_RECORD | _ENVELOPED, kinds), inner)
        return json.dumps(spelled(_read(_ENVELOPE, kinds), sample) | {"properties": properties})
    return json.dumps(spelled(_read(_ENVELOPE | _RECORD | _BARE, kinds), sample))


def _read(names: Mapping[str, frozenset[str]], kinds: Set[str]) -> list[str]:
    return [name for name, logs in names.items() if logs & kinds]


def spelled(names: Sequence[str], sample: Sequence[Mapping]) -> dict[str, str]:
    """Return the type of each name, in the spelling of these records."""
    seen = {name.lower(): name for record in sample for name in record}
    pascal = any(name in seen.values() for name in ("TimeGenerated", "OperationName", "CreatedDateTime", "RequestUri"))

    def spell(name: str) -> str:
        return seen.get(name.lower()) or (name[0].upper() + name[1:] if pascal else name)

    return {spell(name): _NUMBERS.get(name, "VARCHAR") for name in names}


def event_step(sample: Sequence[Mapping], kinds: Set[str] = KINDS) -> str:
    """Return the first step: the same columns, whatever the shape."""
    directory, created = "r.resourceId", "r.properties.createdDateTime"
    if is_enveloped(sample):
        inner, resource = "r.properties.", "r.properties.resourceId"
        tenants = ["r.properties.tenantId", "r.tenantId"]
        ips = ["r.properties.ipAddress", "r.properties.callerIpAddress", "r.callerIpAddress"]
    else:
        inner, created = "r.", "coalesce(r.createdDateTime, r.timeGenerated)"
        resource = "coalesce(r.resourceIdentity, CASE WHEN NOT starts_with(r.resourceId, '/') THEN r.resourceId END)"
        tenants = ["r.AADTenantId"]
        ips = ["r.ipAddress", "r.callerIpAddress"]
    columns = [
        f"{_kind(inner, kinds)} AS log_kind",
        f"coalesce({_filled(tenants)}, {_directory(directory)}) AS tenant",
        f"coalesce({_filled(ips)}) AS ip",
        *([f"{_as_it_stands(*tenants, directory, *ips)} AS tenant_and_ip_input"] if "activity" in kinds else []),
        *([f"{resource} AS resource"] if "sign-in" in kinds else []),
        *(f"r.{name} AS {name}" for name in ("category", "operationName", "resultType") if _ENVELOPE[name] & kinds),
        *([f"{created} AS createdDateTime"] if "sign-in" in kinds else []),
        *(f"{inner}{name} AS {name}" for name in _read(_RECORD, kinds) if name not in ("ipAddress", "createdDateTime")),
    ]
    return "SELECT line_no,\n       " + ",\n       ".join(columns) + "\nFROM record"


def _filled(columns: Sequence[str]) -> str:
    return ", ".join(f"nullif({column}, '')" for column in columns)


def _as_it_stands(*columns: str) -> str:
    """Return SQL that holds columns together: that copies nothing, and is hashed faster than what is worked out of them."""
    return "{" + ", ".join(f"'{number}': {column}" for number, column in enumerate(columns)) + "}"


def _directory(resource_id: str) -> str:
    """Return SQL for the directory in `/tenants/<id>/providers/Microsoft.aadiam`, in capitals in some exports."""
    path = f"lower({resource_id})"
    return f"CASE WHEN {path} LIKE '/tenants/%/providers/%' THEN split_part({path}, '/', 3) END"


def _kind(inner: str, kinds: Set[str]) -> str:
    """Return SQL that tells which log a record belongs to: by its category, else by the names it has."""
    # In an envelope any other category is another log; bare records carry the category of the change.
    unnamed = "r.category IS NULL" if inner == "r.properties." else "true"
    by_names = {
        # Defender's table of calls has the address, and none of the others.
        "activity": f"{inner}requestUri IS NOT NULL AND coalesce({inner}appId, {inner}signInActivityId, {inner}userId) IS NOT NULL",
        "audit": f"coalesce({inner}activityDisplayName, {inner}targetResources) IS NOT NULL",
        "sign-in": f"{inner}createdDateTime IS NOT NULL AND {inner}appId IS NOT NULL",
    }
    read = {kind: categories for kind, categories in CATEGORIES.items() if kind in kinds}
    branches = [
        *(
            f"WHEN r.category IN ({', '.join(map(repr, categories))}) THEN '{kind}'"
            for kind, categories in read.items()
        ),
        *(f"WHEN {unnamed} AND {by_names[kind]} THEN '{kind}'" for kind in read),
    ]
    return "CASE " + "\n            ".join(branches) + " END"


def agentic(agent_type: str) -> str:
    """Return SQL that tells an agent of any kind; `unknownFutureValue` is one that the export could not name (Microsoft Graph, evolvable enumerations)."""
    return f"coalesce({agent_type}, '') NOT IN ('', 'notAgentic')"


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


def server(*columns: str) -> str:
    """Return SQL that names a resource server as the usage log names it; other resources keep their id.

    Parameters
    ----------
    columns
        Where the id may stand, the best first.
    """
    cases = " ".join(f"WHEN '{app}' THEN '{host}'" for app, host in RESOURCE_SERVERS.items())
    resource = f"coalesce({', '.join(columns)})" if len(columns) > 1 else columns[0]
    return f"CASE lower({resource}) {cases} ELSE nullif({resource}, '') END"
