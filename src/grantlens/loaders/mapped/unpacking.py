"""Logs whose records are not simply JSON objects: `key=value` text, and lines that hold many records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any, TypeGuard

from grantlens.loaders.mapped.forms import Form, forms_of
from grantlens.loaders.mapped.place import Place
from grantlens.loaders.otlp import bare

_WORD = re.compile(
    r"(?P<key>[A-Za-z_@:][\w.@:/-]*)=(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\s\"]\S*)?)(?=[\s,]|$)"
    r"|\"(?P<said>(?:[^\"\\]|\\.)*)\"(?=[\s,]|$)"
    r"|(?P<word>\[[^\[\]=\"]*\](?=[\s,:]|$)|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?(?=[\s,]|$)|\S+)"
)
_OBJECT = re.compile(r"\s\{")
"""Where a JSON object may begin behind other words."""
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
PAIR = ("key", "name", "Key", "Name"), ("value", "Value")
"""What logs call the two halves of a pair."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d|\d\d/[A-Z][a-z]{2}/\d{4}:")


def pairs_of(line: str) -> dict[str, str]:
    r"""Read a line of `key=value` text.

    Words without `=` are called `#1`, `#2` and so on; the first that begins like a date is called `#time` too. What stands in
    quotes or brackets is one word, whatever a caller wrote into it, and so is a date with its time.

    Raises
    ------
    ValueError
        If a key stands there twice, with different values: then nobody can say which one the writer meant.

    Examples
    --------
    >>> pairs_of('2026-07-01T10:00:00Z info tool=send error="no \\"scope\\"" empty=')
    {'#1': '2026-07-01T10:00:00Z', '#time': '2026-07-01T10:00:00Z', '#2': 'info', 'tool': 'send', 'error': 'no "scope"', 'empty': ''}
    >>> pairs_of('[01/Jul/2026:10:00:00 +0200] "GET /a HTTP/1.1" 200 "bot app=x"')
    {'#1': '01/Jul/2026:10:00:00 +0200', '#time': '01/Jul/2026:10:00:00 +0200', '#2': 'GET /a HTTP/1.1', '#3': '200', '#4': 'bot app=x'}
    """
    found: dict[str, str] = {}
    words = 0
    for match in _WORD.finditer(line):
        key, quoted, bare, said, word = match.groups()
        if key is None:
            words += 1
            word = word.strip("[]").rstrip(",") if said is None else _ESCAPE.sub(_unescaped, said)
            found[f"#{words}"] = word
            if _MOMENT.match(word):
                found.setdefault("#time", word)
            continue
        value = (bare or "").rstrip(",") if quoted is None else _ESCAPE.sub(_unescaped, quoted)
        if found.setdefault(key, value) != value:
            raise ValueError("a key stands there twice")
    return found


def record_of(line: str) -> dict[str, Any]:
    """Read a line of text: its pairs, or the JSON object that it ends in with the words that a collector put before it.

    Examples
    --------
    >>> record_of('2026-07-01T10:00:00Z stdout F {"app": "mail", "code": 200}')
    {'#1': '2026-07-01T10:00:00Z', '#time': '2026-07-01T10:00:00Z', '#2': 'stdout', '#3': 'F', 'app': 'mail', 'code': 200}
    """
    begins = _OBJECT.search(line)
    if begins and line.rstrip().endswith("}"):
        try:
            found = json.loads(line[begins.end() - 1 :], object_pairs_hook=_first)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return pairs_of(line[: begins.start()]) | found
    return dict(pairs_of(line))


class Unpacker:
    """Turns a line of `key=value` text into the JSON of its record; JSON stays what it is.

    Parameters
    ----------
    texts
        Where values stand that hold JSON and are read as what they hold.
    """

    def __init__(self, texts: Iterable[Place] = ()) -> None:
        self._texts = tuple(texts)

    def __call__(self, line: str) -> str:
        """Return the JSON of any line.

        Raises
        ------
        ValueError
            See `pairs_of`.
        """
        if line.startswith("{"):
            return line
        record = record_of(line)
        for place in self._texts:
            _open(record, place)
        return json.dumps(record, separators=(",", ":"))

    def forms(self, sample: Iterable[str]) -> list[Form]:
        """Return the forms of lines like these; none where values have to be looked at, that may hold JSON."""
        return [] if self._texts else forms_of(sample)


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])


class Splitter:
    """Takes the records out of the lists in which they stand.

    Parameters
    ----------
    lists
        The keys of the lists, from the outermost on, or of objects around them; empty if a line is a record.
    pairs
        Keys that lead to lists of `{key, value}` or `{name, value}`, which become objects.
    texts
        Where texts stand that hold JSON: they become what they hold.
    """

    def __init__(
        self, lists: tuple[str, ...], pairs: tuple[tuple[str, ...], ...], texts: tuple[Place, ...] = ()
    ) -> None:
        self.lists = lists
        self.pairs = pairs
        self.texts = texts

    def __bool__(self) -> bool:
        return bool(self.lists or self.pairs or self.texts)

    def __call__(self, line: str) -> Iterator[str]:
        """Give the JSON of each record; a line that holds none of the lists is given as it is."""
        try:
            value = json.loads(line, object_pairs_hook=_first)
        except (ValueError, RecursionError):
            yield line
            return
        empty = True
        for record in self.records(value):
            empty = False
            yield json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        if empty:
            yield line

    def records(self, value: Any) -> Iterator[Any]:
        """Give the records of a parsed line.

        What stands around a list can be read in each of its records, if they have no key of that name.

        Examples
        --------
        >>> list(Splitter(("batches", "calls"), ()).records({"batches": [{"app": "a", "calls": [{"id": 1}, {"id": 2}]}]}))
        [{'app': 'a', 'id': 1}, {'app': 'a', 'id': 2}]
        """
        if isinstance(value, dict) and self.lists:
            value = dict(value)
            for place in self.texts:
                _open(value, place)
        for record in _inside(value, self.lists):
            if isinstance(record, dict):
                for place in self.texts:
                    _open(record, place)
                for way in self.pairs:
                    _join(record, way)
            yield record


def _inside(value: Any, lists: tuple[str, ...]) -> Iterator[Any]:
    if not lists:
        yield value
        return
    inner = value.get(lists[0]) if isinstance(value, Mapping) else None
    items = [inner] if isinstance(inner, Mapping) and len(lists) > 1 else inner
    if not isinstance(items, list):
        return
    around = {key: each for key, each in value.items() if key != lists[0]}
    for item in items:
        yield from _inside(around | item if isinstance(item, dict) else item, lists[1:])


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keep the first of keys that stand in an object twice, as the database does."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


def _open(record: dict[str, Any], place: Place) -> None:
    """Put in place of a text the JSON that it holds, in a copy of what holds it: records of a line share what is around them."""
    way = place.way(record)
    if way is None:
        return
    holder: Any = record
    for step in way[:-1]:
        holder[step] = copy(holder[step])
        holder = holder[step]
    text = holder[way[-1]]
    if isinstance(text, str) and text.lstrip()[:1] in ("{", "["):
        try:
            holder[way[-1]] = json.loads(text, object_pairs_hook=_first)
        except (ValueError, RecursionError):
            return


def _join(record: dict[str, Any], way: tuple[str, ...]) -> None:
    """Turn a list of pairs into an object, in a copy of what holds it: records of a line share what is around them."""
    holder = record
    for key in way[:-1]:
        inner = holder.get(key)
        if not isinstance(inner, dict):
            return
        holder[key] = dict(inner)
        holder = holder[key]
    items = holder.get(way[-1])
    if is_pairs(items):
        joined: dict[str, Any] = {}
        for item in items:
            named, value = (next((item[name] for name in names if name in item), None) for names in PAIR)
            joined.setdefault(str(named), bare(value))
        holder[way[-1]] = joined


def is_pairs(items: Any) -> TypeGuard[list[dict[str, Any]]]:
    """True for a list of objects that name something each, and give its value.

    Examples
    --------
    >>> is_pairs([{"name": "host", "value": "a"}]), is_pairs([{"key": "host"}]), is_pairs([{"id": 1, "name": "a"}])
    (True, True, False)
    """
    return isinstance(items, list) and all(
        isinstance(item, dict)
        and any(name in item for name in PAIR[0])
        and ("key" in item or any(name in item for name in PAIR[1]))
        for item in items
    )
