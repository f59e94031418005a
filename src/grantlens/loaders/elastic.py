"""Documents of Elastic in which an integration took a record apart: what every loader needs that brings such records back.

An integration keeps the record itself (`event.original`) only if it is told to. What it makes of the rest is told by the loader of each log.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

_BEFORE = re.compile(r"_([a-z0-9])")


def brought_back(
    line: str,
    taken: Callable[[Mapping], Mapping | None],
    written: Callable[[Mapping, Mapping], Mapping],
) -> str:
    """Return the record in a line as its provider wrote it, as far as it is read; a line that holds none as it is.

    Parameters
    ----------
    line
        A document.
    taken
        Gives what an integration made of the record in a document, None if there is none.
    written
        Gives the record, of a document and what was made of it. What is None in it is left out.

    Examples
    --------
    >>> line = '{"event": {"id": "e1"}, "acme": {"event_type": "x"}}'
    >>> brought_back(line, lambda document: document.get("acme"), lambda document, acme: {"id": document["event"]["id"], **in_camel_case(acme)})
    '{"id": "e1", "eventType": "x"}'
    """
    outer = _object(line)
    if outer is not None and (original := _original(outer)) is not None:
        return original
    inner = None if outer is None else taken(outer)
    if outer is None or inner is None:
        return line
    with suppress(RecursionError):
        return json.dumps({name: value for name, value in written(outer, inner).items() if value is not None})
    return line


def taken_from(document: Mapping, *path: str) -> Mapping | None:
    """Return the object at a path of a document that keeps no original: where one is kept, it is read, and faster.

    Examples
    --------
    >>> taken_from({"event": {"id": 7}, "acme": {"audit": {"a": 1}}}, "acme", "audit")
    {'a': 1}
    """
    inner = at(document, *path)
    return inner if isinstance(inner, Mapping) and _original(document) is None else None


def all_brought_back(sample: Iterable[Mapping], as_written: Callable[[str], str]) -> list[Mapping]:
    """Return the first records of a file as their provider wrote them.

    Examples
    --------
    >>> all_brought_back([{"a": 1}], lambda line: line.replace("a", "b"))
    [{'b': 1}]
    """
    return [json.loads(as_written(json.dumps(record))) for record in sample]


def at(record: Any, *path: str) -> Any:
    """Return what stands at a path of names, None if nothing does.

    Examples
    --------
    >>> at({"event": {"id": 7}}, "event", "id")
    7
    """
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def in_camel_case(value: Any) -> Any:
    """Return a value with the names in it written as most providers do, where Elastic writes them with `_`.

    Examples
    --------
    >>> in_camel_case({"event_type": "x", "ip_chain": [{"ip": "y"}]})
    {'eventType': 'x', 'ipChain': [{'ip': 'y'}]}
    """
    if isinstance(value, Mapping):
        return {
            _BEFORE.sub(lambda found: found[1].upper(), name): in_camel_case(inner) for name, inner in value.items()
        }
    return [in_camel_case(inner) for inner in value] if isinstance(value, list) else value


def _original(document: Mapping) -> str | None:
    """Return the text of the record itself; what Filebeat made of an object that it took for text, `{Id=7, ...}`, is none."""
    original = at(document, "event", "original")
    return original if isinstance(original, str) and re.match(r'\s*\{\s*"', original) else None


def _object(text: str) -> Mapping | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None
