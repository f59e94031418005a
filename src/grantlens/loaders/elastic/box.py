"""Box: what Elastic makes of an enterprise event, brought back to what Box wrote.

The integration `box_events` leaves it in `box`, but for what, which event, from where, and how the object is called, which stand where the Elastic Common
Schema has them. The time of the document is none to rely on: hours after noon are not read. Where it fails, as it may on details that are text, the
rest stays where it was.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, taken_from


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an event, None if this is none of its documents."""
    kept = taken_from(record, "box")
    kind = at(kept, "event_type") or at(record, "event", "action")
    return kept if isinstance(kind, str) and kind.isupper() else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"event": {"action": "DELETE_USER"}, "file": {"type": "user"}}, {"source": {"id": "8"}})["source"]
    {'type': 'user', 'id': '8'}
    """
    moved = {"type": at(record, "file", "type"), "name": at(record, "file", "name") or at(record, "file", "directory")}
    source = kept.get("source")
    return {
        "event_type": at(record, "event", "action"),
        "event_id": at(record, "event", "id"),
        "session_id": at(kept, "session", "id"),
        "ip_address": at(record, "client", "ip"),
        **kept,
        "type": "event",
        "source": {name: value for name, value in moved.items() if value is not None}
        | (dict(source) if isinstance(source, Mapping) else {}),
    }
