"""PingOne: what Elastic makes of an audit activity, brought back to what PingOne wrote.

The integration `ping_one` leaves it in `ping_one.audit`, under the same names with `_`; what the Elastic Common Schema has a name for may stand there
alone. The action is in small letters then. Of a result only success and failure are kept, whatever else it was called is lost, and so that activity
is rejected. The address and the client of a caller are not kept.
"""

from collections.abc import Mapping
from typing import Any

from grantlens.loaders.elastic import at, happened_at, in_camel_case, taken_from

_STATUS = {"success": "SUCCESS", "failure": "FAILURE"}


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an activity, None if this is none of its documents."""
    kept = taken_from(record, "ping_one", "audit")
    return kept if isinstance(at(record, "event", "action"), str) else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"event": {"action": "grant.deleted", "outcome": "success"}}, {})["action"]
    {'type': 'GRANT.DELETED'}
    """
    status = at(kept, "result", "status") or _STATUS.get(str(at(record, "event", "outcome")))
    return {
        **in_camel_case(kept),
        "id": at(record, "event", "id"),
        "recordedAt": at(kept, "recorded_at") or happened_at(record),
        "action": {"type": record["event"]["action"].upper()},
        "actors": {
            "client": _party(at(kept, "actors", "client"), at(record, "client", "user")),
            "user": _party(at(kept, "actors", "user"), record.get("user")),
        },
        "result": {
            name: value
            for name, value in (("status", status), ("description", at(kept, "result", "description")))
            if value
        },
    }


def _party(kept: Any, outside: Any) -> Mapping:
    """Return who acted: what is told of it in one place or the other."""
    told = dict(kept) if isinstance(kept, Mapping) else {}
    for name in ("id", "name"):
        if (value := at(outside, name)) is not None:
            told.setdefault(name, value)
    return told
