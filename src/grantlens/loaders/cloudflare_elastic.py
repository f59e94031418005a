"""Cloudflare: what Elastic makes of an event of the audit log, brought back to what Cloudflare's API writes.

The integration `cloudflare` leaves tokens and resources in `cloudflare.audit`; who, when, what and what came of it stand where the Elastic Common Schema
has them, the action in small letters. It takes apart events of the API and of Logpush, none of version 2. The text about an action is lost, and with
it the digest of a global API key that was rotated; that the new one was created is an event of its own, which names it.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, brought_back

_NAMES = {"api_key_created": "API_key_created", "api_key_view": "API_key_view", "rotate_api_key": "rotate_API_key"}
"""Actions that Cloudflare does not write in small letters."""


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an event, None if this is none of its documents, or the original is there: it may be Logpush's."""
    kept = None if isinstance(at(record, "event", "original"), str) else at(record, "cloudflare", "audit")
    told = isinstance(at(record, "event", "action"), str) and isinstance(at(record, "event", "outcome"), str)
    return kept if isinstance(kept, Mapping) and told and "@timestamp" in record else None


def as_written(line: str) -> str:
    """Return the event as Cloudflare wrote it, as far as it is read; a line that holds none as it is.

    Examples
    --------
    >>> event = '{"@timestamp": "2026-07-01T10:00:00Z", "event": {"action": "token_roll", "outcome": "success"}, '
    >>> as_written(event + '"cloudflare": {"audit": {"resource": {"id": "1"}}}}')[:91]
    '{"when": "2026-07-01T10:00:00Z", "action": {"type": "token_roll", "result": true}, "actor":'
    """
    return brought_back(line, "action", taken_apart, _event)


def _event(record: Mapping, kept: Mapping) -> Mapping:
    action = record["event"]["action"]
    return {
        "id": at(record, "event", "id"),
        "when": record["@timestamp"],
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
