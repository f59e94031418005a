"""What a store or a queue puts around a record that it hands over: Loki, Grafana's Explore, CloudWatch Logs Insights, Log Analytics,
Cloud Logging, Datadog, Sumo Logic, Pub/Sub, Kafka, the OpenTelemetry Collector.

Each is told by keys that no record has which a loader knows, never by what stands inside.
"""

import base64
from collections.abc import Mapping
from typing import Any

from grantlens.loaders.line_header import is_of_grafana
from grantlens.loaders.otlp import attributes, body, log_records, timed

_FOUND = {"line", "timestamp", "date", "labels", "fields"}
"""All that logcli (`-o jsonl`) and Grafana (JSON) write of a line."""

_HOLDERS = (
    ({"Line", "tsNs"}, "Line"),  # Grafana's CSV of Loki
    ({"topic", "partition", "offset", "payload"}, "payload"),  # kcat -J
    ({"@message"}, "@message"),  # Insights
    ({"TimeGenerated", "log_s"}, "log_s"),  # Log Analytics: AzureDiagnostics, of AKS
    ({"TimeGenerated", "Log_s"}, "Log_s"),  # ContainerAppConsoleLogs_CL
    ({"TimeGenerated", "ContainerAppName", "Log"}, "Log"),  # ContainerAppConsoleLogs
    ({"TimeGenerated", "LogMessage"}, "LogMessage"),  # ContainerLogV2
    ({"TimeGenerated", "LogEntry"}, "LogEntry"),  # ContainerLog
    ({"topic", "partition", "offset", "value"}, "value"),  # Confluent's REST Proxy
    ({"insertId", "textPayload"}, "textPayload"),  # Cloud Logging: a line that its agent did not parse
)
"""Keys, and which of them holds the record; others may stand beside them."""

_CONNECT = ({"schema", "payload"}, {"RECORD_CONTENT", "RECORD_METADATA"})
"""All keys of what the JSON converter of Kafka Connect writes, and of a row of Snowflake's connector for Kafka."""

_PARSED = (
    ({"kubernetes", "log_processed"}, "log_processed"),  # Fluent Bit, Merge_Log_Key of Container Insights
    ({"kubernetes", "structured"}, "structured"),  # OpenShift Logging, parse: json
)
"""The same where the record was parsed, and the line may stand beside it."""

_DATADOG = {"id", "_id", "type", "attributes", "service", "host", "source", "status", "message", "tags", "date", "timestamp"}  # fmt: skip
"""All that Datadog's API writes of a log, and that in its `attributes`, and what its archives do."""

_PUBSUB = {"ackId", "subscription"}
"""What stands beside a `message` that was pulled, or that was pushed."""


def held(record: Mapping) -> object:
    """Return what is inside: a line of text, or an object where it was parsed already. None if nothing that is known here stands around.

    Examples
    --------
    >>> held({"labels": {"job": "vault"}, "line": "{}", "timestamp": "2026-07-01T10:00:05Z"}), held({"@message": {"id": 1}})
    ('{}', {'id': 1})
    """
    if record.keys() <= _FOUND:
        return record.get("line")
    for keys, name in _HOLDERS:
        if keys <= record.keys():
            return record[name]
    if record.keys() in _CONNECT:
        return record.get("payload", record.get("RECORD_CONTENT"))
    message = record.get("message")
    if record.keys() & _PUBSUB and isinstance(message, Mapping):
        return _decoded(message.get("data"))
    return body(record)


def taken_into_fields(record: Mapping) -> object:
    """Return what a record holds as fields of it, where no line says it: see `held`.

    Examples
    --------
    >>> taken_into_fields({"id": "a", "type": "log", "attributes": {"attributes": {"action": "team.create"}, "status": "info"}})
    {'attributes': {'action': 'team.create'}, 'status': 'info'}
    """
    if record.keys() <= _DATADOG:
        return record.get("attributes")
    for keys, name in _PARSED:
        if keys <= record.keys():
            return record[name]
    payload = record.get("jsonPayload")
    if "insertId" in record and isinstance(payload, Mapping):
        return timed(payload, record.get("timestamp"))  # its agent takes `time` out of the record
    return attributes(record)


def _decoded(data: object) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode() if isinstance(data, str) else None
    except ValueError:  # no base64, or no text
        return None


def is_queried(record: Mapping) -> bool:
    """Tell what a query of a store found, or a pull of Pub/Sub gave: of what it left out, or what came after the number it may give, it is silent.

    Examples
    --------
    >>> is_queried({"line": "{}", "timestamp": "2026-07-01T10:00:05Z"}), is_queried({"line": "{}"})
    (True, False)
    """
    line = record.get("line")
    if len(record) == 1 and isinstance(line, str):  # a line of a file of text
        return is_of_grafana(line)
    if record.keys() == {"id", "type", "attributes"}:
        return record["type"] == "log"  # Datadog
    if "_raw" in record and record.keys() & {"_messagetime", "_messageTime"}:
        return True  # Sumo Logic, JSON and CSV
    found = record.keys() <= _FOUND or record.keys() & {"tsNs", "@message", "ackId"}
    return bool(found) and held(record) is not None


def answer(record: Mapping) -> list[Any]:
    """Return the rows of an answer of Loki's API, Insights (`get-query-results`) or Sumo Logic, and of a page of the collector, none if it is another.

    What is no row is given as it stands, so that it is counted.

    Examples
    --------
    >>> answer({"data": {"resultType": "streams", "result": [{"stream": {}, "values": [["1782900005000000000", "{}"]]}]}})
    [{'timestamp': '1782900005000000000', 'line': '{}'}]
    >>> answer({"results": [[{"field": "@message", "value": "{}"}, {"field": "@ptr", "value": "x"}]], "status": "Complete"})
    [{'@message': '{}', '@ptr': 'x'}]
    """
    data, results = record.get("data"), record.get("results")
    if isinstance(data, Mapping) and data.get("resultType") == "streams" and isinstance(data.get("result"), list):
        return [row for stream in data["result"] for row in _of_stream(stream)]
    if record.keys() == {"stream", "values"}:  # what jq made of it
        return _of_stream(record)
    if isinstance(results, list) and any(isinstance(row, list) for row in results):
        return [_of_cells(row) for row in results]
    messages = record.get("messages")
    if (
        "fields" in record
        and isinstance(messages, list)
        and any(isinstance(row, Mapping) and "map" in row for row in messages)
    ):
        return [row.get("map", row) if isinstance(row, Mapping) else row for row in messages]
    return log_records(record)


def _of_stream(stream: object) -> list[Any]:
    values = stream.get("values") if isinstance(stream, Mapping) else None
    if not isinstance(values, list):
        return [stream]
    # Behind the line may stand its structured metadata.
    return [dict(zip(("timestamp", "line"), each, strict=False)) if isinstance(each, list) else each for each in values]


def _of_cells(row: object) -> object:
    if not isinstance(row, list) or not all(
        isinstance(cell, Mapping) and isinstance(cell.get("field"), str) for cell in row
    ):
        return row
    return {cell["field"]: cell.get("value") for cell in row}
