"""Slack: what Elastic makes of an audit event, brought back to what Slack wrote.

The integration `slack` leaves the thing that was acted on and the workspace in `slack.audit`; who, when and what stand where the Elastic Common
Schema has them. Of the details next to nothing is kept: to which scopes an app was widened and which agent acted for a person is lost.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, happened_at, taken_from


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an event, None if this is none of its documents."""
    kept = taken_from(record, "slack", "audit")
    told = isinstance(at(kept, "entity", "entity_type"), str) and isinstance(at(record, "event", "action"), str)
    return kept if told and "@timestamp" in record else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> document = {"@timestamp": "2026-07-01T10:00:00Z", "event": {"action": "app_installed"}}
    >>> as_written(document, {"entity": {"entity_type": "app", "id": "A1"}})["entity"]
    {'type': 'app', 'app': {'id': 'A1'}}
    """
    kind = at(kept, "entity", "entity_type")
    thing = {name: value for name, value in kept["entity"].items() if name != "entity_type"}
    return {
        "id": at(record, "event", "id"),
        "date_create": happened_at(record),
        "action": at(record, "event", "action"),
        "actor": {"user": {"id": at(record, "user", "id"), "name": at(record, "user", "full_name")}},
        "entity": {"type": kind, kind: thing},
        "context": {
            "location": {"id": at(kept, "context", "id")},
            "ua": at(record, "user_agent", "original"),
            "ip_address": at(record, "source", "address"),
            "session_id": at(kept, "context", "session_id"),
        },
        "details": kept.get("details"),
    }
