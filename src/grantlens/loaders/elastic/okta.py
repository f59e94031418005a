"""Okta: what Elastic makes of an event, brought back to what Okta wrote.

The integration `okta` and Filebeat's module of that name leave it in `okta`, under the same names with `_`; empty values are gone. What stands in
debug data is there once more, as Okta wrote it (`flattened`), or instead of it, as the integration is set.
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, happened_at, in_camel_case, taken_from


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an event, None if this is none of its documents."""
    kept = taken_from(record, "okta")
    return kept if isinstance(at(kept, "event_type"), str) and "@timestamp" in record else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> as_written({"@timestamp": "2026-07-01T10:00:00Z"}, {"event_type": "app.oauth2.token.revoke"})
    {'eventType': 'app.oauth2.token.revoke', 'published': '2026-07-01T10:00:00Z'}
    """
    event = in_camel_case(kept) | {"published": happened_at(record)}
    if (address := at(kept, "client", "ip")) is not None:
        event["client"]["ipAddress"] = address
    if isinstance(debug := at(kept, "debug_context", "debug_data", "flattened"), Mapping):
        event["debugContext"] = {"debugData": debug}
    return event
