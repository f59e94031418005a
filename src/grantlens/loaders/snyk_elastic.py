"""Snyk: what Elastic makes of an audit event, brought back to what Snyk wrote.

The integration `snyk` leaves it in `snyk.audit_logs`, before in `snyk.audit`, but for when, what, who and the group, which stand where the Elastic Common
Schema has them; empty values are gone.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, brought_back


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipelines made of an event, None if this is none of their documents."""
    kept = at(record, "snyk", "audit_logs") or at(record, "snyk", "audit")
    action = at(record, "event", "action")
    return kept if isinstance(kept, Mapping) and isinstance(action, str) and "." in action else None


def as_written(line: str) -> str:
    """Return the event as Snyk wrote it, as far as it is read; a line that holds none as it is.

    Examples
    --------
    >>> as_written('{"@timestamp": "2026-07-01T10:00:00Z", "event": {"action": "api.access"}, "snyk": {"audit_logs": {"org_id": "o"}}}')
    '{"org_id": "o", "event": "api.access", "created": "2026-07-01T10:00:00Z"}'
    """
    return brought_back(line, "created", taken_apart, _event)


def _event(record: Mapping, kept: Mapping) -> Mapping:
    return {
        "userId": at(record, "user", "id"),
        "groupId": at(record, "user", "group", "id"),
        **kept,
        "event": at(record, "event", "action"),
        "created": kept.get("created") or record.get("@timestamp"),
    }
