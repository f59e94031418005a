"""Rows of the tables that connectors of Microsoft Sentinel fill, where a provider's record stands under names of the table's own.

- **AWS**, `AWSCloudTrail`: a column for each value, request and answer as JSON text. Whom a session acts for beyond its issuer has no column.
- **Okta**, `OktaV2_CL`: names of Sentinel's own, targets and debug data as JSON; and `Okta_CL`, which names a column by the path to its value, with a
  letter for the type at its end.
- **Google Workspace**, `GoogleWorkspaceReports`: an event a row, its parameters as JSON.
- **Google Cloud**, `GCPAuditLogs`: a column for each part of an entry, objects as JSON text; and `GCPAuditLogsV2_CL`, with the payload in one. Neither
  tells the first entry of a long call from the last.
- **GitHub**, `GitHubAuditLogsV2_CL`: the fields in upper and lower case, some as GitHub has them.
- **OneLogin**, `OneLoginEventsV2_CL`: the fields in upper and lower case. Which client made a call has no column.
- **Anthropic**, `BV_ClaudeCompliance_ComplianceActivities_CL`: the fields of an activity, of which a table cannot call one `id` or `type`.

The names are those of published samples and of the rules by which the connectors fill their tables. Of what a row has not, the cell is empty.
"""

import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from grantlens.loaders.console.athena import of_athena

_TRAIL = {
    "AwsEventId": "eventid",
    "TimeGenerated": "eventtime",
    "EventSource": "eventsource",
    "EventName": "eventname",
    "EventTypeName": "eventtype",
    "Category": "eventcategory",
    "SourceIpAddress": "sourceipaddress",
    "UserAgent": "useragent",
    "ErrorCode": "errorcode",
    "ErrorMessage": "errormessage",
    "RecipientAccountId": "recipientaccountid",
    "RequestParameters": "requestparameters",
    "ResponseElements": "responseelements",
    "AdditionalEventData": "additionaleventdata",
}
_OKTA = {
    "EventOriginalUid": "uuid",
    "TimeGenerated": "published",
    "EventOriginalType": "eventType",
    "LegacyEventType": "legacyEventType",
    "EventMessage": "displayMessage",
    "OriginalUserId": "actor.id",
    "OriginalUserType": "actor.type",
    "OriginalActorAlternateId": "actor.alternateId",
    "ActorDisplayName": "actor.displayName",
    "ActorDetailEntry": "actor.detailEntry",
    "SrcIpAddr": "client.ipAddress",
    "HttpUserAgent": "client.userAgent.rawUserAgent",
    "OriginalOutcomeResult": "outcome.result",
    "EventOriginalResultDetails": "outcome.reason",
    "OriginalTarget": "target",
    "TransactionType": "transaction.type",
    "TransactionId": "transaction.id",
    "TransactionDetail": "transaction.detail",
    "DebugData": "debugContext.debugData",
    "ActorSessionId": "authenticationContext.externalSessionId",
}
_ACTIVITY = {
    "IdTime": "id.time",
    "IdApplicationName": "id.applicationName",
    "IdUniqueQualifier": "id.uniqueQualifier",
    "IdCustomerId": "id.customerId",
    "ActorEmail": "actor.email",
    "SrcIpAddr": "ipAddress",
    "EventName": "name",
    "EventParameters": "parameters",
}
_ENTRY = {
    "InsertId": "insertId",
    "LogName": "logName",
    "Timestamp": "timestamp",
    "TimeGenerated": "receiveTimestamp",
    "ProjectId": "resource.labels.project_id",
    "ServiceName": "protoPayload.serviceName",
    "MethodName": "protoPayload.methodName",
    "GCPResourceName": "protoPayload.resourceName",
}
_OBJECTS = {
    "Resource": "resource",
    "ProtoPayload": "protoPayload",
    "Status": "protoPayload.status",
    "AuthenticationInfo": "protoPayload.authenticationInfo",
    "AuthorizationInfo": "protoPayload.authorizationInfo",
    "RequestMetadata": "protoPayload.requestMetadata",
    "Request": "protoPayload.request",
    "Response": "protoPayload.response",
    "Metadata": "protoPayload.metadata",
    "ServiceData": "protoPayload.serviceData",
}
_RESERVED = {"id_CF": "id", "type_CF": "type"}
_OF_ONELOGIN = {"EventId": "id", "EventTimestamp": "created_at"}
_LETTER = re.compile(r"_[sgdtb]$")
_EMPTY = (None, "")
_DEPTH = 6
"""Parts of a path at most: what has more holds them in the name of the last."""

_TABLES = {
    "trail": {"AwsEventId", "EventSource", "EventName"},
    "okta": {"EventOriginalUid", "EventOriginalType", "OriginalUserId"},
    "okta columns": {"eventType_s", "published_t"},
    "activity": {"IdApplicationName", "IdTime", "EventName"},
    "entry": {"InsertId", "ServiceName", "MethodName"},
    "whole entry": {"InsertId", "LogName", "ProtoPayload"},
    "github": {"Action", "CreatedAt", "DocumentId"},
    "onelogin": {"EventId", "EventTypeId", "EventTimestamp", "ActorUserId"},
    "anthropic": {"id_CF", "type_CF", "created_at"},
}

_NEEDED = {
    "trail": (
        "AWSCloudTrail",
        {"TimeGenerated", "UserIdentityType", "ErrorCode", "ErrorMessage", "RequestParameters", "ResponseElements"},
    ),
    "entry": (
        "GCPAuditLogs",
        {
            "Timestamp",
            "LogName",
            "Status",
            "AuthenticationInfo",
            "AuthorizationInfo",
            "Request",
            "Response",
            "ServiceData",
        },
    ),
}
"""Columns without which a row would say what it does not know: no error is a success."""


def lacking(columns: Collection[str]) -> tuple[str, list[str]] | None:
    """Return which table has these columns, and which of those that it needs are not among them."""
    table, needed = _NEEDED.get(_table(dict.fromkeys(columns)) or "", ("", set()))
    missing = sorted(needed.difference(columns))
    return (table, missing) if missing else None


def is_of_sentinel(record: Mapping) -> bool:
    """Tell a row of one of these tables."""
    return _table(record) is not None


def _table(record: Mapping) -> str | None:
    return next((table for table, columns in _TABLES.items() if columns <= record.keys()), None)


def of_sentinel(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a row.

    Examples
    --------
    >>> of_sentinel({"EventOriginalUid": "1", "EventOriginalType": "user.session.start", "OriginalUserId": "00u1"})
    {'uuid': '1', 'eventType': 'user.session.start', 'actor': {'id': '00u1'}}
    >>> of_sentinel({"eventType_s": "user.session.start", "published_t": "2026-07-01T10:00:00Z", "actor_id_s": "00u1"})
    {'eventType': 'user.session.start', 'published': '2026-07-01T10:00:00Z', 'actor': {'id': '00u1'}}
    """
    table = _table(row)
    row = {column: value for column, value in row.items() if value not in _EMPTY}
    if table == "trail":
        return _event(row)
    if table in ("entry", "whole entry"):
        return _audit_entry(row)
    if table == "github":
        return {_field(column): _whole(column, value) for column, value in row.items()}
    if table == "onelogin":
        return {_OF_ONELOGIN.get(column, _field(column)): _whole(column, value) for column, value in row.items()}
    if table == "anthropic":
        return {_RESERVED.get(column, column): value for column, value in row.items()}
    if table == "okta columns":
        # a value is named by its path, and so is what Log Analytics adds, which has no letter
        typed = [column for column in row if _LETTER.search(column)]
        return _nested({column: _LETTER.sub("", column).split("_", _DEPTH) for column in typed}, row)
    names = _OKTA if table == "okta" else _ACTIVITY
    return _nested({column: path.split(".") for column, path in names.items()}, row)


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of CloudTrail as Athena has it, where what cannot be read is told apart from what is not there."""
    identity = _named(
        row, "UserIdentity", "Type", "PrincipalId", "Arn", "AccountId", "InvokedBy", "AccessKeyId", "UserName"
    )
    issuer = _named(row, "SessionIssuer", "Type", "PrincipalId", "Arn", "AccountId", "UserName")
    session = {"sessionIssuer": issuer, "attributes": {"creationDate": row.get("SessionCreationDate")}}
    person = _named(row, "UserIdentity", "UserId")
    event = {name: row.get(column) for column, name in _TRAIL.items()}
    resources = _parsed(row.get("Resources"))
    return of_athena(
        event
        | {
            "useridentity": identity
            | ({"sessionContext": session} if issuer or row.get("SessionCreationDate") else {})
            | ({"onBehalfOf": person} if person else {}),
            "resources": [
                {name.lower(): value for name, value in each.items()} for each in resources if isinstance(each, dict)
            ]
            if isinstance(resources, list)
            else None,
        }
    )


def _audit_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of Google Cloud as its entry; of an object whose text was cut off nothing is known."""
    objects = {column: _parsed(value) for column, value in row.items() if column in _OBJECTS}
    whole = {column: value if isinstance(value, (dict, list)) else {} for column, value in objects.items()}
    named = {column: value for column, value in row.items() if column in _ENTRY}
    return _nested({column: path.split(".") for column, path in (_OBJECTS | _ENTRY).items()}, whole | named)


def _named(row: Mapping[str, Any], place: str, *names: str) -> dict[str, Any]:
    """Return what stands in the columns of a place; the table spells a few of their names in its own way."""
    columns = {column.lower(): value for column, value in row.items()}
    found = {name[0].lower() + name[1:]: columns.get((place + name).lower()) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _nested(paths: Mapping[str, list[str]], row: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for column, path in paths.items():
        if column not in row:
            continue
        inner: Any = record
        for name in path[:-1]:
            inner = inner.setdefault(name, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[path[-1]] = _parsed(row[column])
    return record


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def _field(column: str) -> str:
    return "_document_id" if column == "DocumentId" else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower()


def _whole(column: str, value: Any) -> Any:
    """Return a number as the log writes it: the table has those of ids and times with a point."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.removesuffix(".0") if isinstance(value, str) and column.endswith(("Id", "At")) else value
