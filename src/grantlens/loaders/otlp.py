"""What the OpenTelemetry Collector writes to files, buckets and queues: OTLP in JSON (its specification, "JSON Protobuf Encoding")."""

import re
from collections.abc import Mapping
from typing import Any

_WHOLE = re.compile(r"-?\d{1,19}")

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
