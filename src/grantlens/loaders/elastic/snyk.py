"""Snyk: what Elastic makes of an audit event, brought back to what Snyk wrote.

The integration `snyk` leaves it in `snyk.audit_logs`, before in `snyk.audit`, but for when, what, who and the group, which stand where the Elastic Common
Schema has them; empty values are gone.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, happened_at, taken_from


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipelines made of an event, None if this is none of their documents."""
    kept = taken_from(record, "snyk", "audit_logs") or taken_from(record, "snyk", "audit")
    action = at(record, "event", "action")
    return kept if isinstance(action, str) and "." in action else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"event": {"action": "api.access"}}, {"org_id": "o"})["event"]
    'api.access'
    """
    return {
        "userId": at(record, "user", "id"),
        "groupId": at(record, "user", "group", "id"),
        **kept,
        "event": at(record, "event", "action"),
        "created": kept.get("created") or happened_at(record),
    }
