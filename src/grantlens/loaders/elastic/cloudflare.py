"""Cloudflare: what Elastic makes of an event of the audit log, brought back to what Cloudflare's API writes.

The integration `cloudflare` leaves tokens and resources in `cloudflare.audit`; who, when, what and what came of it stand where the Elastic Common Schema
has them, the action in small letters. It takes apart events of the API and of Logpush, none of version 2. The text about an action is lost, and with
it the digest of a global API key that was rotated; that the new one was created is an event of its own, which names it.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, happened_at, taken_from

_NAMES = {"api_key_created": "API_key_created", "api_key_view": "API_key_view", "rotate_api_key": "rotate_API_key"}
"""Actions that Cloudflare does not write in small letters."""


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an event, None if this is none of its documents."""
    kept = taken_from(record, "cloudflare", "audit")
    told = isinstance(at(record, "event", "action"), str) and isinstance(at(record, "event", "outcome"), str)
    return kept if told and "@timestamp" in record else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"@timestamp": "2026-07-01T10:00:00Z", "event": {"action": "token_roll", "outcome": "success"}}, {})["action"]
    {'type': 'token_roll', 'result': True}
    """
    action, time = record["event"]["action"], happened_at(record)
    return {
        "id": at(record, "event", "id"),
        # Logpush may write seconds or nanoseconds, which the pipeline takes for milliseconds
        "when": time if str(time).startswith("2") else None,
        "action": {"type": _NAMES.get(action, action), "result": record["event"]["outcome"] == "success"},
        "actor": {
            "id": at(record, "user", "id"),
            "email": at(record, "user", "email"),
            "ip": at(record, "source", "address"),
            "type": at(kept, "actor", "type"),
        },
        "metadata": kept.get("metadata"),
        "resource": kept.get("resource"),
    }
