"""Okta: what Elastic makes of an event, brought back to what Okta wrote.

The integration `okta` and Filebeat's module of that name leave it in `okta`, under the same names with `_`; empty values are gone. What stands in
debug data is there once more, as Okta wrote it (`flattened`), or instead of it, as the integration is set.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, brought_back, in_camel_case, taken_from


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an event, None if this is none of its documents."""
    kept = taken_from(record, "okta")
    return kept if isinstance(at(kept, "event_type"), str) and "@timestamp" in record else None


def as_written(line: str) -> str:
    """Return the event as Okta wrote it, as far as it is read; a line that holds none as it is.

    Examples
    --------
    >>> as_written('{"@timestamp": "2026-07-01T10:00:00Z", "okta": {"event_type": "app.oauth2.token.revoke", "actor": {"display_name": "Ada"}}}')
    '{"eventType": "app.oauth2.token.revoke", "actor": {"displayName": "Ada"}, "published": "2026-07-01T10:00:00Z"}'
    """
    return brought_back(line, taken_apart, _event)


def _event(record: Mapping, kept: Mapping) -> Mapping:
    event = in_camel_case(kept) | {"published": record["@timestamp"]}
    if (address := at(kept, "client", "ip")) is not None:
        event["client"]["ipAddress"] = address
    if isinstance(debug := at(kept, "debug_context", "debug_data", "flattened"), Mapping):
        event["debugContext"] = {"debugData": debug}
    return event
