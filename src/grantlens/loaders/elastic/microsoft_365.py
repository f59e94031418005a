"""Microsoft 365: what Elastic makes of an audit record, brought back to what Microsoft wrote.

Filebeat's module `o365` and the integration of that name leave it in `o365.audit`, or in `o365audit` before the pipeline ran: modified properties
stand there by their names, in which a dot or blank became `_`. What the Elastic Common Schema has a name for stands outside.
"""

from collections.abc import Mapping
from typing import Any

from grantlens.loaders.elastic import at, taken_from

_OUTSIDE = {
    "Id": ("event", "id"),
    "Operation": ("event", "action"),
    "Workload": ("event", "provider"),
    "OrganizationId": ("organization", "id"),
    "ClientIP": ("client", "address"),
    "UserAgent": ("user_agent", "original"),
    "UserId": ("user", "id"),
    "ObjectId": ("url", "original"),
    "MailboxOwnerUPN": ("user", "email"),
}
"""Where the pipeline puts a field, or a copy of it."""

_RENAMED = {
    "added-user-account": "Add user.",
    "modified-user-account": "Update user.",
    "deleted-user-account": "Delete user.",
    "added-group-account-to": "TeamCreated",
    "added-users-to-group": "MemberAdded",
}
"""Operations that the pipeline gives a name of its own."""


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline, or the input before it, made of an audit record, None if this is none of its documents."""
    audit = taken_from(record, "o365audit") or taken_from(record, "o365", "audit")
    return audit if audit is not None and "RecordType" in audit else None


def as_written(record: Mapping, audit: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"event": {"action": "Add user."}}, {"RecordType": "8"})["Operation"]
    'Add user.'
    """
    written: dict[str, Any] = {name: at(record, *path) for name, path in _OUTSIDE.items()} | dict(audit)
    operation = written.get("Operation")
    if isinstance(operation, str):
        written["Operation"] = _RENAMED.get(operation, operation)
    changes = audit.get("ModifiedProperties")
    if isinstance(changes, Mapping):
        written["ModifiedProperties"] = [
            {"Name": name.replace("_", "."), **change}
            for name, change in changes.items()
            if isinstance(change, Mapping)
        ]
    return written
