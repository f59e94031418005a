"""What shape a file has, told from its first bytes: lines, one JSON document, CSV, Parquet, or nothing."""

from __future__ import annotations

import json
import re
from typing import Any

WRAPPERS = (
    *("Records", "items", "value", "records", "entries", "data"),
    *("logs", "result", "results", "events", "activities", "audit_logs", "operation_logs"),
    *("logEvents", "receivedMessages"),
)
"""Keys under which APIs and collectors wrap an array of records."""

EMBEDDED = "_embedded"
"""The key of HAL below which such an array stands one level down, as in PingOne's answers."""

ALONE = "audit_log"
"""The only key of an object in which Zendesk's API gives a single record."""

SAMPLE = 50
"""Records that are looked at to recognise a log."""

_SPACE = " \t\r\n"
_LINE_MARK = re.compile(r"\[(?:\d{4}-\d\d-\d\d[T ]|pod/[\w.-]+/[\w.-]+\] )")
"""Begins a line, and no list: a time in brackets, or what `kubectl logs --prefix` writes."""
_TABLE = re.compile(r"^\[{1,2}[A-Za-z_][\w.-]*\]{1,2}[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_UNIT = r"(?: \[[^\"{}|\[\],;\t]*\])?"
"""What may stand behind the name of a column: `TimeGenerated [UTC]` in what the Azure portal exports."""
_CELL = rf'(?:"[^"{{}}|\[\]]*{_UNIT}"|[^"{{}}|\[\],;\t]*{_UNIT})'
_HEADER = re.compile(rf'\s*(?="?[A-Za-z_@]){_CELL}([,;\t]{_CELL})+\s*')
_PAIR = re.compile(r"(?:^|[\s,])[A-Za-z_][\w.]*=\S")


def shape_of(head: str, whole: bool) -> str:
    r"""Return "empty", "lines", "document", "csv", "text" or "unknown".

    Parameters
    ----------
    head
        The first characters of the file.
    whole
        True if that is all of it.

    Examples
    --------
    >>> shape_of('{"a": 1}\n{"a": 2}\n', True), shape_of('[\n{"a": 1}]', True), shape_of("a [UTC],b\n1,2\n", True)
    ('lines', 'document', 'csv')
    """
    text = head.lstrip(_SPACE)
    if not text:
        return "empty" if whole else "unknown"
    if _TABLE.match(text):
        return "unknown"
    if text[0] == "[":
        return "text" if _LINE_MARK.match(text) else "document"
    if text[0] == "{":
        return _shape_of_objects(text, whole)
    header, newline, _ = text.partition("\n")
    header = header.rstrip("\r")
    if len(_PAIR.findall(header)) > 1 and not _object(header):
        return "text"
    if (newline or whole) and _HEADER.fullmatch(header):
        return "csv"
    if any(map(_object, text.split("\n")[1:SAMPLE])):
        return "lines"  # only the first lines are no JSON
    return "text" if header.isprintable() or "\t" in header else "unknown"


def looks_like_toml(head: str) -> bool:
    r"""True if a line is the head of a table: what people write beside logs.

    Examples
    --------
    >>> looks_like_toml('# ours\n[[client]]\nclient_id = "a"\n'), looks_like_toml('[\n{"a": [1]}\n]\n')
    (True, False)
    """
    return _TABLE.search(head) is not None


def _shape_of_objects(text: str, whole: bool) -> str:
    first, newline, rest = text.partition("\n")
    if not rest.strip() and wrapped_at(text) is not None:
        return "document"  # one page; parsing it to learn that would cost as much as reading it
    if _object(first) is not None:
        return "lines"
    if newline and _begins_document(text):
        return "document"
    if any(_object(line) for line in rest.split("\n")[:SAMPLE]) and first.strip() != "{":
        return "lines"  # the first line is broken, the others are not
    if first.strip() == "{" or wrapped_at(text) is not None or (whole and not newline):
        return "document"
    return "lines" if newline else "document"


def _begins_document(text: str) -> bool:
    """True if one JSON value goes on beyond the first line."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[:end]


def _object(line: str) -> dict | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value else None


def wrapped_at(text: str) -> int | None:
    """Return where the array of records begins in an object whose end may be missing."""
    decoder = json.JSONDecoder()
    at = 1
    try:
        while True:
            at = _skip(text, at, _SPACE + ",}")  # } ends what is embedded
            if text[at : at + 1] != '"':
                return None
            key, at = decoder.raw_decode(text, at)
            at = _skip(text, at, _SPACE + ":")
            if key in WRAPPERS and text[at : at + 1] == "[":
                return at
            if key == EMBEDDED and text[at : at + 1] == "{":
                at += 1
                continue
            _, at = decoder.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None


def is_wrapper(record: dict[str, Any]) -> bool:
    """True if an object is nothing but a page of records.

    Examples
    --------
    >>> is_wrapper({"records": [{"a": 1}]}), is_wrapper({"data": {"a": 1}})
    (True, False)
    >>> is_wrapper({"_embedded": {"activities": [{"a": 1}]}}), is_wrapper({"audit_log": {"a": 1}})
    (True, True)
    """
    embedded = record.get(EMBEDDED)
    held = record | embedded if isinstance(embedded, dict) else record
    pages = (held[key] for key in WRAPPERS if isinstance(held.get(key), list))
    return any(not page or isinstance(page[0], dict) for page in pages) or _alone(record)


def is_nothing_found(record: dict[str, Any]) -> bool:
    """True if an object is the whole answer of a search that has nothing more to give: Elasticsearch, Splunk, Loki, Google's reports, a poll of SETs.

    Examples
    --------
    >>> is_nothing_found({"took": 3, "hits": {"total": {"value": 0}, "hits": []}}), is_nothing_found({"hits": 0})
    (True, False)
    >>> is_nothing_found({"preview": False, "lastrow": True}), is_nothing_found({"kind": "admin#reports#activities", "etag": "x"})
    (True, True)
    """
    found, data = record.get("hits"), record.get("data")
    if isinstance(found, dict):
        return found.get("hits") == [] and record.get("timed_out") is not True
    if isinstance(data, dict):
        return data.get("resultType") == "streams" and data.get("result") == []
    if record.get("sets") == {}:
        return record.keys() <= {"sets", "moreAvailable"} and record.get("moreAvailable") is not True
    if record.get("preview") is False:
        return record.keys() <= {"preview", "lastrow"}
    return record.get("kind") == "admin#reports#activities" and "items" not in record


def told_error(record: dict[str, Any]) -> bool:
    """True if an object is what an API answers in place of records when it refuses.

    Examples
    --------
    >>> told_error({"error": {"code": "InvalidAuthenticationToken"}}), told_error({"error": "denied", "user": "jo", "path": "/"})
    (True, False)
    """
    refused = {"error", "errors", "errorCode", "error_description", "documentation_url"} & record.keys()
    beside = {"ok", "status", "statusCode", "message", "code", "request_id", "timestamp"}
    return bool(refused) and all(name in beside or name.startswith(("error", "documentation")) for name in record)


def _alone(record: dict[str, Any]) -> bool:
    return len(record) == 1 and isinstance(record.get(ALONE), dict)


def sampled(lines: list[str]) -> list[dict]:
    """Parse the lines that are JSON objects."""
    return [value for value in map(_object, lines) if value]


def _skip(text: str, at: int, characters: str) -> int:
    while text[at : at + 1] and text[at] in characters:
        at += 1
    return at
