"""Google Workspace: what Elastic makes of an activity of the application `token`, brought back to the names of Google's Reports API.

The integration `google_workspace` leaves the parameters of the event in `google_workspace.token`; who, when and what stand where the Elastic Common
Schema has them. What admins did, and accounts that Google switched off, are streams of their own, which are not read.
"""

from collections.abc import Mapping
from typing import Any

from grantlens.loaders.elastic import at, happened_at, taken_from

_RENAMED = {"client": {"id": "client_id", "type": "client_type"}, "scope": {"value": "scope", "data": "scope_data"}}
"""Parameters of which the pipeline makes two levels."""


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of the parameters of an event, None if this is none of its documents."""
    parameters = taken_from(record, "google_workspace", "token")
    return parameters if at(record, "event", "provider") == "token" else None


def as_written(record: Mapping, token: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"event": {"action": "revoke"}}, {"client": {"id": "c"}})["parameters"]
    {'client_id': 'c'}
    """
    parameters: dict[str, Any] = {}
    for name, value in token.items():
        deeper = _RENAMED.get(name)
        if deeper is not None and isinstance(value, Mapping):
            parameters.update((deeper.get(inner) or inner, held) for inner, held in value.items())
        else:
            parameters[name] = value
    messages = parameters.pop("scope_data", None)
    if isinstance(messages, list):
        parameters["scope_data"] = [
            {"parameter": [{"name": "scope_name", "value": at(each, "scope_name")}]} for each in messages
        ]
    return {
        "id": {
            "time": happened_at(record),
            "uniqueQualifier": at(record, "event", "id"),
            "applicationName": at(record, "event", "provider"),
            "customerId": at(record, "organization", "id"),
        },
        "actor": {"email": at(record, "user", "email") or at(record, "source", "user", "email")},
        "ipAddress": at(record, "source", "ip"),
        "name": at(record, "event", "action"),
        "parameters": parameters,
    }
