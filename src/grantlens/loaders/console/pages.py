"""Tables that a provider's console saves as CSV, brought back to the records of its API, of which they hold a part.

- **Entra**, sign-ins and audit logs: one column for each field, called as the page shows it, in English. The second of two columns of one
  name says what the first does. The table of changes has no id of its records, and of each target no more properties than it has columns for.
- **Okta**, System Log: a column for each field that is one value. Of lists only targets are there, without their details: whose client a consent is
  for, and how long a token lives, it does not say, nor the grant type and the scopes asked for.

The names are those of tables that people published, or wrote readers for; what a cell looks like was seen in few of them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

_SIGN_IN = {
    "Request ID": "id",
    "Correlation ID": "correlationId",
    "User agent": "userAgent",
    "User ID": "userId",
    "User": "userDisplayName",
    "Username": "userPrincipalName",
    "Service principal ID": "servicePrincipalId",
    "Service principal name": "servicePrincipalName",
    "Credential key ID": "servicePrincipalCredentialKeyId",
    "Application": "appDisplayName",
    "Application ID": "appId",
    "Resource": "resourceDisplayName",
    "Resource ID": "resourceId",
    "Unique token identifier": "uniqueTokenIdentifier",
    "Session ID": "sessionId",
    "IP address": "ipAddress",
}
_WORDS = {
    "Incoming token type": "incomingTokenType",
    "Authentication Protocol": "authenticationProtocol",
    "Original transfer method": "originalTransferMethod",
}
"""Columns that hold a word of the API, maybe as the page shows it: "Device code flow"."""
_CHANGE = {
    "CorrelationId": "correlationId",
    "Service": "loggedByService",
    "Category": "category",
    "Activity": "activityDisplayName",
    "Result": "result",
    "ResultReason": "resultReason",
    "User Agent": "userAgent",
}
_UNZONED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?")
_LIST = re.compile(r"(?P<name>[a-z_]+?)(?P<nth>\d+)")


def is_of_page(record: Mapping) -> bool:
    """Tell a row that a page saved."""
    return _made_by(record) is not None


def of_page(record: Mapping) -> dict[str, Any]:
    """Return the event of a row.

    Examples
    --------
    >>> of_page({"event_type": "user.session.start", "actor.alternate_id": "ann@example.com", "target0.type": "AppInstance"})
    {'eventType': 'user.session.start', 'actor': {'alternateId': 'ann@example.com'}, 'target': [{'type': 'AppInstance'}]}
    >>> of_page({"Date (UTC)": "2026-07-01T10:00:00", "Request ID": "r1", "Username": "ann@example.com", "Status": "Success"})
    {'createdDateTime': '2026-07-01T10:00:00Z', 'id': 'r1', 'userPrincipalName': 'ann@example.com', 'status': {'errorCode': '0'}}
    """
    made = _made_by(record)
    assert made is not None
    return made({name.strip(): value for name, value in record.items()})


def _made_by(record: Mapping) -> Callable[[Mapping[str, Any]], dict[str, Any]] | None:
    if "Date (UTC)" in record:
        if "Request ID" in record and "Status" in record:
            return _sign_in
        if "Activity" in record and any(name.startswith(("Actor", "Target1")) for name in record):
            return _change
    elif "event_type" in record and any(name.startswith("actor.") for name in record):
        return _nested
    return None


def _sign_in(row: Mapping[str, Any]) -> dict[str, Any]:
    code = str(row.get("Sign-in error code", ""))
    if not code.isdecimal():
        code = "0" if row["Status"] == "Success" else ""
    ended = {"errorCode": code} if code else {}
    return {
        "createdDateTime": _utc(row["Date (UTC)"]),
        **_named(row, _SIGN_IN),
        **{name: _word(value) for name, value in _named(row, _WORDS).items()},
        "status": {**ended, **_named(row, {"Failure reason": "failureReason"})},
    }


def _change(row: Mapping[str, Any]) -> dict[str, Any]:
    app = _named(row, {"ActorServicePrincipalId": "servicePrincipalId", "ActorServicePrincipalName": "displayName"})
    person = _named(
        row,
        {
            "ActorObjectId": "id",
            "ActorDisplayName": "displayName",
            "ActorUserPrincipalName": "userPrincipalName",
            "IPAddress": "ipAddress",
        },
    )
    return {
        "activityDateTime": _utc(row["Date (UTC)"]),
        **_named(row, _CHANGE),
        "initiatedBy": {"app": app} if app else {"user": person},
        "targetResources": _numbered(row, "Target", _target),
        "additionalDetails": _numbered(
            row, "AdditionalDetail", lambda part: _named(part, {"Key": "key", "Value": "value"})
        ),
    }


def _target(part: Mapping[str, Any]) -> dict[str, Any]:
    names = {"ObjectId": "id", "DisplayName": "displayName", "Type": "type", "UserPrincipalName": "userPrincipalName"}
    values = {"Name": "displayName", "OldValue": "oldValue", "NewValue": "newValue"}
    changed = _numbered(part, "ModifiedProperty", lambda each: _named(each, values))
    return {**_named(part, names), "modifiedProperties": changed} if part else {}


def _numbered(row: Mapping[str, Any], prefix: str, made: Any) -> list[dict[str, Any]]:
    """Return what columns called `<prefix><number><name>` hold, one for each number."""
    parts: dict[int, dict[str, Any]] = {}
    for column, value in row.items():
        number = re.match(r"\d{1,3}", column.removeprefix(prefix)) if column.startswith(prefix) else None
        if number:
            parts.setdefault(int(number[0]), {})[column.removeprefix(prefix + number[0])] = value
    return [made(parts[number]) for number in sorted(parts)]


def _nested(record: Mapping[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for column, value in record.items():
        if column == "timestamp":
            event["published"] = value
            continue
        *path, last = column.split(".")
        place: dict[str, Any] = event
        for name in path:
            place = _into(place, name)
        place[_camel(last)] = value
    if isinstance(chain := event.get("request", {}).get("ipChain"), dict):
        event["request"]["ipChain"] = [chain]
    return event


def _into(place: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what stands below a name, the nth of a list where a number is its end: made if it is not there."""
    found = _LIST.fullmatch(name)
    if found is None:
        inner = place.setdefault(_camel(name), {})
        return inner if isinstance(inner, dict) else {}
    listed = place.setdefault(_camel(found["name"]), [])
    if not isinstance(listed, list) or len(found["nth"]) > 2:
        return {}
    while len(listed) <= int(found["nth"]):
        listed.append({})
    return listed[int(found["nth"])]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _named(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {name: row[column] for column, name in names.items() if row.get(column)}


def _word(value: Any) -> Any:
    first, *rest = str(value).split() or [""]
    return first[:1].lower() + first[1:] + "".join(part[:1].upper() + part[1:] for part in rest)


def _utc(value: Any) -> Any:
    return f"{value}Z" if isinstance(value, str) and _UNZONED.fullmatch(value) else value
