"""Paths of a mapping at which no record has anything: mistyped, meant for another log, or only seldom there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from grantlens.loaders.loader import Unfound
from grantlens.loaders.mapped.place import Place, written
from grantlens.loaders.mapped.rule import Mapped, When

_LEAST = 0.84
"""Likeness from which a path is taken for a mistyped one."""
_ITEMS = 5
"""Items of a list that are looked at."""


def unfound(mapped: Mapped, records: Iterable[Mapping[str, Any]]) -> list[Unfound]:
    """Return the paths that none of these parsed records has, with the nearest that one has and the mapping does not name."""
    records = list(records)
    asked = list(_asked(mapped))
    there = {place for place, _ in asked if any(place.there(record) for record in records)}
    if len(there) == len({place for place, _ in asked}):
        return []
    ways = dict.fromkeys(keys for record in records for keys in _ways(record, ()))
    free = dict.fromkeys(written(list(keys)) for keys in ways)
    for place in there:
        for record in records:
            way = place.way(record)
            if way is not None:
                free.pop(written(list(way)), None)
    found: dict[Place, Unfound] = {}
    for place, what in asked:
        if place not in there:
            found.setdefault(place, Unfound(place.text, place.line, what, _nearest(place.text, free)))
    return list(found.values())


def _asked(mapped: Mapped) -> Iterator[tuple[Place, str]]:
    """Give each place that the mapping names, and what it is for."""
    for part in mapped.parts:
        yield from _of(part.only, part.log)
        for column, rules in part.columns.items():
            for rule in rules:
                yield from ((place, column) for place in (*rule.places, *rule.parts))
                yield from _of(rule.only, column)
    for ignored in mapped.ignored:
        yield from _of(ignored.only, "ignored")


def _of(only: When, what: str) -> Iterator[tuple[Place, str]]:
    return ((place, f"a condition of {what}") for place in only.places())


def _ways(value: Any, keys: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _ways(each, (*keys, key))
    elif isinstance(value, list) and any(isinstance(each, (Mapping, list)) for each in value):
        for number, each in enumerate(value[:_ITEMS]):
            yield from _ways(each, (*keys, number))
    elif keys and value is not None:
        yield keys


def _nearest(text: str, paths: Iterable[str]) -> str | None:
    """Return the path that is most like a text: written otherwise, or further inside.

    Examples
    --------
    >>> _nearest("start_time", ["startTime", "endTime"]), _nearest("user.id", ["actor.user.id"]), _nearest("a.uri", ["a.id"])
    ('startTime', 'actor.user.id', None)
    """
    if text.startswith("#"):
        return None
    plain = _plain(text)
    best, likeness = None, _LEAST
    for path in paths:
        other = _plain(path)
        like = 1.0 if other == plain else 0.95 if path.endswith("." + text) else 0.0
        like = like or _likeness(plain, other)
        if like > likeness:
            best, likeness = path, like
    return best


@lru_cache(1 << 16)
def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _plain(path: str) -> str:
    return re.sub(r"[_\-'\"]|\[[\d*]+\]", "", path).lower()
