"""Rows of a CloudTrail table, as Athena and CloudTrail Lake answer in CSV: structures as `{type=IAMUser, arn=...}`, and JSON as text.

Athena has the names of columns in lower case. Where a request cannot be read - Lake has it as a structure of any names - it is not known on whom
the call acted, and a call that names nobody acts on its caller: so the caller is not read, either.

Nothing in the text of a structure tells a comma of a value from one between two values. So a structure in which a name stands twice is not
read at all, and of a user of a foreign provider, whose name may be any text, nothing that stands behind that name is.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

_PLAIN = {
    "eventid": "eventID",
    "eventtime": "eventTime",
    "eventsource": "eventSource",
    "eventname": "eventName",
    "eventtype": "eventType",
    "eventcategory": "eventCategory",
    "sourceipaddress": "sourceIPAddress",
    "useragent": "userAgent",
    "errorcode": "errorCode",
    "errormessage": "errorMessage",
    "recipientaccountid": "recipientAccountId",
}
_JSON = {
    "requestparameters": "requestParameters",
    "responseelements": "responseElements",
    "additionaleventdata": "additionalEventData",
}
_WITHIN = {
    "principalid": "principalId",
    "accountid": "accountId",
    "accesskeyid": "accessKeyId",
    "username": "userName",
    "invokedby": "invokedBy",
    "credentialid": "credentialId",
    "onbehalfof": "onBehalfOf",
    "userid": "userId",
    "sessioncontext": "sessionContext",
    "sourceidentity": "sourceIdentity",
    "sessionissuer": "sessionIssuer",
    "creationdate": "creationDate",
}
_NAMED_BY_OTHERS = ("SAMLUser", "WebIdentityUser")
_NAME = re.compile(r"([A-Za-z][A-Za-z0-9]*)=")
_DEPTH = 6
_NOTHING = (None, "", "null")

_EVENT = {"useridentity", "eventtime", "eventsource", "eventname"}

NEEDED = frozenset(
    (
        "useridentity",
        "eventtime",
        "eventsource",
        "eventname",
        "errorcode",
        "errormessage",
        "requestparameters",
        "responseelements",
    )
)
"""Columns without which a row would say what it does not know: no error is a success."""


def is_answer(record: Mapping) -> bool:
    """Tell a row of a CloudTrail table."""
    return ("useridentity" in record or isinstance(record.get("userIdentity"), str)) and has_columns(record)


def has_columns(names: Iterable[str]) -> bool:
    """Tell a CloudTrail table by the names of its columns."""
    return {name.lower() for name in names} >= _EVENT


def of_athena(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event of a row.

    Examples
    --------
    >>> of_athena({"eventname": "GetObject", "useridentity": "{type=IAMUser, accesskeyid=null, username=ann}", "errorcode": ""})
    {'eventName': 'GetObject', 'userIdentity': {'type': 'IAMUser', 'userName': 'ann'}}
    """
    row = {column.lower(): value for column, value in row.items()}
    event = {name: row[column] for column, name in _PLAIN.items() if row.get(column) not in _NOTHING}
    for column, name in _JSON.items():
        if (value := _object(row.get(column))) is not None:
            event[name] = value
    is_read = row.get("requestparameters") in _NOTHING or "requestParameters" in event
    event["userIdentity"] = _believed(_read(row.get("useridentity"))) if is_read else None
    resources = _read(row.get("resources"))
    if isinstance(resources, list):
        event["resources"] = [
            {"ARN": each.get("arn"), "accountId": each.get("accountId")} for each in resources if isinstance(each, dict)
        ]
    return event


def _believed(identity: Any) -> dict[str, Any] | None:
    if not isinstance(identity, dict):
        return None
    if identity.get("type") in _NAMED_BY_OTHERS and "userName" in identity:
        names = [*identity]
        return {name: identity[name] for name in names[: names.index("userName") + 1]}
    return identity


def _object(value: Any) -> Any:
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    return value if isinstance(value, dict) else None


def _read(value: Any) -> Any:
    """Return a structure or a list that was written as text, or is one; None where it cannot be told how it is meant."""
    if (given := _object(value)) is not None or isinstance(value, list):
        return _named(given or value)
    if not isinstance(value, str):
        return None
    try:
        read, end = _part(value, 0, _DEPTH)
    except ValueError:
        return None
    return read if end == len(value) else None


def _named(value: Any, depth: int = _DEPTH) -> Any:
    if depth and isinstance(value, dict):
        return {_WITHIN.get(str(name).lower(), name): _named(inner, depth - 1) for name, inner in value.items()}
    return [_named(inner, depth - 1) for inner in value] if depth and isinstance(value, list) else value


def _part(text: str, at: int, depth: int) -> tuple[Any, int]:
    """Return the value that begins here, and where it ends."""
    if not depth:
        raise ValueError
    if text[at : at + 1] == "[":
        return _list(text, at + 1, depth)
    if text[at : at + 1] != "{":
        end = _end(text, at)
        return text[at:end], end
    fields: dict[str, Any] = {}
    seen: set[str] = set()
    while text[at : at + 1] != "}":
        name = _NAME.match(text, at + 1 if not seen else at + 2)
        if name is None or text[at] not in "{," or (lower := name[1].lower()) in seen:
            raise ValueError
        seen.add(lower)
        value, at = _part(text, name.end(), depth - 1)
        if value not in ("null", ""):
            fields[_WITHIN.get(lower, lower)] = value
    return fields, at + 1


def _list(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    parts: list[Any] = []
    while text[at : at + 1] != "]":
        value, at = _part(text, at, depth - 1)
        parts.append(value)
        if text[at : at + 2] == ", ":
            at += 2
        elif text[at : at + 1] != "]":
            raise ValueError
    return parts, at + 1


def _end(text: str, at: int) -> int:
    """Return where a plain value ends: before the next name, or what closes the structure around it."""
    found = re.compile(r", (?=[A-Za-z][A-Za-z0-9]*=)|[}\]]").search(text, at)
    if found is None:
        raise ValueError
    return found.start()
