"""Okta: what Elastic makes of an event, brought back to what Okta wrote.

The integration `okta` and Filebeat's module keep the event itself (`event.original`) only if they are told to. The rest of it stands in
`okta`, under the same names with `_`; empty values are gone. What stands in debug data is there once more, as Okta wrote it (`flattened`),
or instead of it, as the integration is set.
"""

import json
from collections.abc import Mapping
from typing import Any

from grantlens.loaders.elastic import at, document, in_camel_case


def is_processed(record: Mapping) -> bool:
    """Tell an event that Elastic's pipeline took apart."""
    return isinstance(at(record, "okta", "event_type"), str) and "@timestamp" in record


def as_written(line: str) -> str:
    """Return the event as Okta wrote it, as far as it is read; a line that holds none as it is.

    Examples
    --------
    >>> as_written('{"@timestamp": "2026-07-01T10:00:00Z", "okta": {"event_type": "app.oauth2.token.revoke", "actor": {"display_name": "Ada"}}}')
    '{"eventType": "app.oauth2.token.revoke", "actor": {"displayName": "Ada"}, "published": "2026-07-01T10:00:00Z"}'
    """
    record = document(line)
    if record is None or not is_processed(record):
        return line
    original = at(record, "event", "original")
    if isinstance(original, str) and "eventType" in (document(original) or {}):
        return original
    kept = record["okta"]
    event: dict[str, Any] = in_camel_case(kept)
    event["published"] = record["@timestamp"]
    if (address := at(kept, "client", "ip")) is not None:
        event["client"]["ipAddress"] = address
    if isinstance(debug := at(kept, "debug_context", "debug_data", "flattened"), Mapping):
        event["debugContext"] = {"debugData": debug}
    return json.dumps(event)
