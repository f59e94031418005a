"""1Password: what Elastic makes of an event, brought back to what 1Password wrote.

The integration `1password` leaves it in `onepassword`, but for when, who, what and from where, which stand where the Elastic Common Schema has them.
Where it fails on an event without an address, the time stays where it was, and that of the document is another.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, happened_at, taken_from


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an event, None if this is none of its documents."""
    kept = taken_from(record, "onepassword")
    return kept if isinstance(at(kept, "uuid"), str) and isinstance(at(record, "event", "action"), str) else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"event": {"action": "suspend"}}, {"uuid": "1", "object_type": "user"})["action"]
    'suspend'
    """
    action = at(record, "event", "action")
    return {
        **kept,
        "timestamp": kept.get("timestamp") or happened_at(record),
        "action": action,
        "category": None if "object_type" in kept else action,  # of a sign-in
        "actor_uuid": kept.get("actor_uuid") or at(record, "user", "id"),
        "actor_details": _with(
            kept, "actor_details", "name", at(record, "user", "full_name") or at(record, "user", "name")
        ),
        "session": _with(kept, "session", "ip", at(record, "source", "ip")),
    }


def _with(kept: Mapping, name: str, moved: str, value: object) -> Mapping:
    """Return an object of the event with the value that was moved out of it."""
    held = kept.get(name)
    return ({} if value is None else {moved: value}) | (dict(held) if isinstance(held, Mapping) else {})
