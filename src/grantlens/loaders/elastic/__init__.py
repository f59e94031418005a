"""Documents of Elastic in which an integration took a record apart: what every loader needs that reads such records.

An integration keeps the record itself (`event.original`) only if it is told to. What it makes of the rest is told in the module of its loader's name.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from grantlens.loaders.loader import Loader, mostly

_BEFORE = re.compile(r"_([a-z0-9])")


def with_documents(
    loader: Loader, taken_apart: Callable[[Mapping], Mapping | None], as_written: Callable[[Mapping, Mapping], Mapping]
) -> Loader:
    """Return the loader so that it reads what an integration took apart, too.

    Parameters
    ----------
    loader
        The loader of the records as their provider writes them.
    taken_apart
        Gives what the integration made of the record in a document, None if there is none.
    as_written
        Gives the record as its provider wrote it, as far as it is read, of a document and what was made of it. What is None in it is left out.
    """

    def decode(line: str) -> str:
        return brought_back(line, taken_apart, as_written)

    def records(sample: Sequence[Mapping]) -> list[Mapping]:
        return [json.loads(decode(json.dumps(record))) for record in sample]

    def recognise(sample: Sequence[Mapping]) -> bool:
        known = loader.recognise(sample) or mostly(taken_apart)(sample)
        return known or (any(map(taken_apart, sample)) and loader.recognise(records(sample)))

    def fitted(sample: Sequence[Mapping]) -> Loader:
        if not any(map(taken_apart, sample)):
            return loader.dialect(sample) if loader.dialect else loader
        return replace(loader.dialect(records(sample)) if loader.dialect else loader, decode=decode, dialect=None)

    return replace(loader, recognise=recognise, dialect=fitted)


def brought_back(
    line: str, taken_apart: Callable[[Mapping], Mapping | None], as_written: Callable[[Mapping, Mapping], Mapping]
) -> str:
    """Return the record in a line as its provider wrote it; a line that holds none as it is.

    Examples
    --------
    >>> def written(document, acme):
    ...     return {"id": document["event"]["id"], **in_camel_case(acme)}
    >>> brought_back('{"event": {"id": "e1"}, "acme": {"event_type": "x"}}', lambda document: document.get("acme"), written)
    '{"id": "e1", "eventType": "x"}'
    """
    document = _object(line)
    if document is not None and (original := _original(document)) is not None:
        return original
    kept = None if document is None else taken_apart(document)
    if document is None or kept is None:
        return line
    with suppress(RecursionError):
        return json.dumps({name: value for name, value in as_written(document, kept).items() if value is not None})
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


def happened_at(document: Mapping) -> Any:
    """Return the time of a document, None where its pipeline failed on something: then it may be that of its arrival.

    Examples
    --------
    >>> happened_at({"@timestamp": "2026-07-01T10:00:00Z"})
    '2026-07-01T10:00:00Z'
    >>> happened_at({"@timestamp": "2026-07-01T10:00:00Z", "error": {"message": "unable to parse date"}})
    """
    return document.get("@timestamp") if at(document, "error", "message") is None else None


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
