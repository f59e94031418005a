"""Auth0: events that Microsoft Sentinel's connectors wrote as columns, in the tables `Auth0AM_CL` and, since, `Auth0Logs_CL`.

In the newer table the outer fields have names of Sentinel's own, and `Details` is JSON. For the older, Log Analytics writes one column for
each value, named by the path to it with `_` between, lists as JSON text, and at its end puts a letter for the type, as in
`details_request_path_s`. Samples without that letter are published. The chain of actors is not read from these: of actors inside actors the
columns do not say where one ends.
"""

import json
from collections.abc import Mapping
from typing import Any

from grantlens.loaders.auth0.fields import EVENT

_RENAMED = {
    "log_id": ("LogId",),
    "type": ("EventType",),
    "date": ("event_date", "TimeGenerated"),
    "description": ("Description",),
    "client_id": ("ClientId",),
    "client_name": ("ClientName",),
    "user_id": ("ActorUserId",),
    "user_name": ("ActorUsername",),
    "connection": ("Connection",),
    "ip": ("SrcIpAddr",),
    "user_agent": ("HttpUserAgent",),
    "tenant_name": ("TenantName",),
    "scope": ("Scope",),
    "audience": ("Audience",),
    "details": ("Details",),
}
"""What the newer table calls them."""

_TYPES = ("", "_s", "_t", "_d", "_b", "_g")
_FIELDS = json.loads(EVENT)


def is_flat(record: Mapping) -> bool:
    """Tell an event whose values are columns.

    Examples
    --------
    >>> is_flat({"type_s": "sapi", "date_t": "2026-07-01T10:00:00Z", "log_id_s": "1"}), is_flat({"type": "sapi", "details": {}})
    (True, False)
    """
    return {"type_s", "date_t", "log_id_s"} <= record.keys() or any(name.startswith("details_") for name in record)


def is_renamed(record: Mapping) -> bool:
    """Tell an event of the newer table."""
    return {"LogId", "EventType"} <= record.keys()


def as_written(line: str) -> str:
    """Return the event as Auth0 wrote it, as far as it is read.

    Examples
    --------
    >>> as_written('{"type_s": "sapi", "details_request_path_s": "/api/v2/users", "details_response_statusCode_d": 201.0}')
    '{"type": "sapi", "details": {"request": {"path": "/api/v2/users"}, "response": {"statusCode": 201}}}'
    """
    record = json.loads(line)
    if isinstance(record, dict) and is_renamed(record):
        return json.dumps(_named(record))
    return json.dumps(_inside(record, _FIELDS, "")) if isinstance(record, dict) and is_flat(record) else line


def _named(record: Mapping) -> dict[str, Any]:
    found = {name: next((record[each] for each in names if record.get(each)), None) for name, names in _RENAMED.items()}
    details = found["details"]
    return {**found, "details": _parsed(details) if isinstance(details, str) else details}


def _inside(record: Mapping, fields: Mapping[str, Any], path: str) -> dict[str, Any]:
    found = {}
    for name, kind in fields.items():
        value = next((record[path + name + letter] for letter in _TYPES if path + name + letter in record), None)
        if isinstance(kind, dict):
            value = value if isinstance(value, dict) else _inside(record, kind, f"{path}{name}_") or None
        elif kind != "VARCHAR" and isinstance(value, str):
            value = _parsed(value)
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is not None:
            found[name] = value
    return found


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
