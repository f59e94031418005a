"""What the OpenTelemetry Collector writes to files, buckets and queues: OTLP in JSON (its specification, "JSON Protobuf Encoding")."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any

_WHOLE = re.compile(r"-?\d{1,19}")
_NANOSECONDS = re.compile(r"[1-9]\d{17,18}", re.ASCII)
_MOMENT = re.compile(r"(?:^|[^a-z])(?:time|date|timestamp)$|[a-z](?:Time|Date|Timestamp)$|_at$")
"""How a field is called that holds a time. Its name counts, since a caller may choose values."""

_TIMES = {"timeUnixNano", "observedTimeUnixNano"}


def log_records(record: Mapping) -> list[Any]:
    """Return the records of logs in a page of them, none if it is another object. What is no list is given as it stands, so that it is counted.

    Examples
    --------
    >>> log_records({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {}}, {}]}]}, {"scopeLogs": 7}]})
    [{'body': {}}, {}, {'scopeLogs': 7}]
    """
    return [
        each
        for of in _listed(record, "resourceLogs", [])
        for scope in _listed(of, "scopeLogs", [of])
        for each in _listed(scope, "logRecords", [scope])
    ]


def _listed(holder: object, name: str, otherwise: list[Any]) -> list[Any]:
    items = holder.get(name) if isinstance(holder, Mapping) else None
    return items if isinstance(items, list) else otherwise


def body(record: Mapping) -> object:
    """Return what a record of a log holds: the line that was read, or an object where the collector parsed it; None of any other record.

    Examples
    --------
    >>> body({"observedTimeUnixNano": "1782900005123000000", "body": {"stringValue": "{}"}, "attributes": []}), body({"body": {}})
    ('{}', None)
    """
    return bare(record.get("body")) if record.keys() & _TIMES else None


def attributes(record: Mapping) -> dict[str, Any] | None:
    """Return what a record of a log holds where its body is empty or a message alone: agentgateway, Envoy, and a collector that parsed a line
    into attributes write so.

    Examples
    --------
    >>> one = {"key": "http.status", "value": {"intValue": "200"}}
    >>> attributes({"observedTimeUnixNano": "1782900005123000000", "attributes": [one]})
    {'time': '2026-07-01T10:00:05.123000Z', 'http.status': 200}
    """
    pairs = record.get("attributes")
    if not record.keys() & _TIMES or not isinstance(pairs, list) or not pairs:
        return None
    # What nobody set is 0, or left out.
    times = (str(record.get(name)) for name in ("timeUnixNano", "observedTimeUnixNano"))
    found = next(filter(_NANOSECONDS.fullmatch, times), None)
    return timed(bare({"kvlistValue": {"values": pairs}}), found and _moment(int(found)))


def timed(fields: Mapping, time: object) -> dict[str, Any]:
    """Return the fields of a record, with the `time` that stands outside of them where none of them holds one.

    Examples
    --------
    >>> timed({"http.status": 200}, "2026-07-01T10:00:05Z"), timed({"start_time": "2026-07-01T10:00:04Z"}, "2026-07-01T10:00:05Z")
    ({'time': '2026-07-01T10:00:05Z', 'http.status': 200}, {'start_time': '2026-07-01T10:00:04Z'})
    """
    inner = (name for each in fields.values() if isinstance(each, Mapping) for name in each)
    return dict(fields) if time is None or any(map(_MOMENT.search, chain(fields, inner))) else {"time": time, **fields}


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    whole = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000, tzinfo=None)
    return whole.isoformat(timespec="microseconds") + "Z"


def bare(value: Any) -> Any:
    """Take a value out of the wrapping in which protocol buffers write it: `{"stringValue": "x"}`. Whole numbers are text there, and nothing is `{}`.

    Examples
    --------
    >>> bare({"intValue": "200"}), bare({"arrayValue": {"values": [{"stringValue": "a"}]}}), bare({"city": "Bern"})
    (200, ['a'], {'city': 'Bern'})
    """
    if value == {}:
        return None
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, inner),) = value.items()
    if kind == "intValue" and isinstance(inner, str) and _WHOLE.fullmatch(inner):
        return int(inner)
    if kind in ("stringValue", "intValue", "boolValue", "doubleValue", "bytesValue"):
        return inner
    if kind == "arrayValue" and isinstance(inner, dict):
        return [bare(item) for item in inner.get("values") or []]
    if kind == "kvlistValue" and isinstance(inner, dict):
        items = [item for item in inner.get("values") or [] if isinstance(item, dict)]
        return {str(item.get("key")): bare(item.get("value")) for item in items}
    return value
