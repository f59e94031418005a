"""What the query of a store puts around the lines it found: Loki, Grafana's Explore, CloudWatch Logs Insights.

Each is told by keys that no record has which a loader knows, never by what stands in the line.
"""

from collections.abc import Mapping
from typing import Any

from grantlens.loaders.line_header import is_of_grafana

_FOUND = {"line", "timestamp", "date", "labels", "fields"}
"""All that logcli (`-o jsonl`) and Grafana (JSON) write of a line."""


def held(record: Mapping) -> object:
    """Return what a query found: the line as text, or the object that Insights saw in it. None if this is no row of an answer.

    Examples
    --------
    >>> held({"labels": {"job": "vault"}, "line": "{}", "timestamp": "2026-07-01T10:00:05Z"}), held({"@message": {"id": 1}})
    ('{}', {'id': 1})
    """
    if record.keys() <= _FOUND:
        return record.get("line")
    if record.keys() >= {"Line", "tsNs"}:  # Grafana's CSV of Loki
        return record["Line"]
    return record.get("@message")


def is_queried(record: Mapping) -> bool:
    """Tell a row of such an answer. Of what the query left out, or what came after the number of lines it may give, the answer is silent.

    Examples
    --------
    >>> is_queried({"line": "{}", "timestamp": "2026-07-01T10:00:05Z"}), is_queried({"line": "{}"})
    (True, False)
    """
    line = record.get("line")
    if len(record) == 1 and isinstance(line, str):  # a line of a file of text
        return is_of_grafana(line)
    return held(record) is not None


def answer(record: Mapping) -> list[Any]:
    """Return the rows of an answer of Loki's API or of Insights (`get-query-results`), none if it is another object.

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
    if isinstance(results, list) and any(isinstance(row, list) for row in results):
        return [_of_cells(row) for row in results]
    return []


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
