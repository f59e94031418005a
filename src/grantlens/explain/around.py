"""What stands around the records of a log that no loader knows: lists that hold them, and texts that hold JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from grantlens.explain.moment import written_as
from grantlens.loaders.mapped.place import place, written
from grantlens.loaders.mapped.unpacking import Splitter, is_pairs
from grantlens.reading.shape import SAMPLE
from grantlens.secrecy import RAW_TOKEN

DEEP = 3
"""Keys that may lead to the list of the records."""


@dataclass(frozen=True)
class Unwrapped:
    """The records themselves, and how a mapping gets at them.

    Attributes
    ----------
    records
        The records, out of their lists, with their texts opened.
    lists
        Path to the list in which they stood, None where each stood for itself.
    texts
        Paths to texts that held JSON.
    pairs
        Paths to lists of `{name, value}`, which became objects.
    """

    records: list[Mapping[str, Any]]
    lists: str | None
    texts: list[str]
    pairs: list[str]


def unwrapped(records: Sequence[Mapping[str, Any]]) -> Unwrapped:
    """Take what a mapping can read out of what stands around it.

    Examples
    --------
    >>> found = unwrapped([{"hits": {"hits": [{"_source": {"message": '{"app": "mail"}'}}, {"_source": {}}]}}])
    >>> found.lists, found.texts, found.records[0]["_source"]
    ('hits.hits', ['_source.message'], {'message': {'app': 'mail'}})
    >>> unwrapped([{"time": 1782900000, "headers": [{"name": "Host", "value": "a"}]}]).records[0]["headers"]
    {'Host': 'a'}
    """
    inside: list[Mapping[str, Any]] = list(records)
    lists = _lists(records)
    if lists:
        split = Splitter(lists, ())
        inside = list(islice((each for record in records for each in split.records(record)), SAMPLE))
        inside = [each for each in inside if isinstance(each, dict)]
    texts: list[str] = []
    while found := [path for path in _texts(inside) if path not in texts]:
        texts += found
        opened = Splitter((), (), tuple(map(place, found)))
        inside = [next(opened.records(dict(each))) for each in inside]
    pairs = list(dict.fromkeys(way for each in inside for way, length in _paths(each, (), is_pairs) if length))
    joined = Splitter((), tuple(pairs))
    inside = [next(joined.records(dict(each))) for each in inside]
    return Unwrapped(inside, ".".join(lists) if lists else None, texts, [".".join(way) for way in pairs])


def _lists(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the keys that lead to the list of the records, where one object that has no time of its own holds them all."""
    if len(records) != 1 or any(written_as(value) for _, value in _leaves(records[0], ())):
        return ()
    return max(_paths(records[0], ()), key=lambda each: each[1], default=((), 0))[0]


def _is_objects(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, Mapping) for item in items)


def _paths(
    value: Any, keys: tuple[str, ...], wanted: Callable[[Any], bool] = _is_objects
) -> Iterator[tuple[tuple[str, ...], int]]:
    """Give each list of this kind below objects: its keys and its length."""
    for key, each in value.items() if isinstance(value, Mapping) and len(keys) < DEEP else ():
        if not key.isidentifier() or re.search(RAW_TOKEN, key):
            continue
        if wanted(each):
            yield (*keys, key), len(each)
        yield from _paths(each, (*keys, key), wanted)


def _texts(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths at which most of the texts hold JSON that says something."""
    seen: dict[str, list[bool]] = {}
    for record in records:
        for keys, value in _leaves(record, ()):
            if isinstance(value, str):
                seen.setdefault(written(list(keys)), []).append(_holds_object(value))
    return [path for path, holds in seen.items() if 2 * sum(holds) > len(holds) and _is_path(path)]


def _leaves(value: Any, keys: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Give the single values that stand in no list."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, (*keys, str(key)))
    elif not isinstance(value, list) and keys:
        yield keys, value


def _holds_object(text: str) -> bool:
    """True if a text is JSON, of an object or of a list of some."""
    if not text.lstrip().startswith(("{", "[{")):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(value) and (isinstance(value, dict) or _is_objects(value))


def _is_path(path: str) -> bool:
    """True if a mapping can name this path, and nothing secret stands in it."""
    try:
        return not place(path).lists and re.search(RAW_TOKEN, path) is None
    except ValueError:
        return False
