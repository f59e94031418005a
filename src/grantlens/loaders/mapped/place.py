"""Where a value stands in a record: `app.id`, `'mcp.method.name'`, `targets[0].id`, `targets[*].id`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_QUOTED = re.compile(r"\"([^\"]+)\"|'([^']+)'")
_BARE = re.compile(r"[^.\[\]\"']+")
_INDEX = re.compile(r"\[(\d{1,6}|\*)\]")

EACH = -1
"""Index of `[*]`."""


@dataclass(frozen=True)
class Place:
    """A path, and the ways in which it may be meant.

    Without quotes and brackets a dot may be a step or a part of the key: of `a.b.c` the key `a.b.c` comes first,
    then `b.c` below `a`, then `c` below `b` below `a`. With quotes or brackets the path is taken as it stands.
    """

    text: str
    ways: tuple[tuple[str | int, ...], ...]
    line: int = field(default=0, compare=False)
    """The line of the mapping that names it."""

    @property
    def lists(self) -> bool:
        """True if it gives a list: it holds `[*]`."""
        return EACH in self.ways[0]

    def find(self, record: Any) -> Any:
        """Return the value in a parsed record, None where there is none.

        Examples
        --------
        >>> place("mcp.tool").find({"mcp": {"tool": "send"}}), place("mcp.tool").find({"mcp.tool": "send"})
        ('send', 'send')
        """
        for way in self.ways:
            found = _walk(record, way)
            if found is not None:
                return found
        return None

    def way(self, record: Any) -> tuple[str | int, ...] | None:
        """Return the keys that lead to the value in a parsed record, None where there is none."""
        return next((way for way in self.ways if _walk(record, way) is not None), None)

    def there(self, record: Any) -> bool:
        """True if the key is there, whatever it holds."""
        return any(_there(record, way) for way in self.ways)


def place(text: str) -> Place:
    """Read a path.

    Raises
    ------
    ValueError
        If it is none; the text says why.

    Examples
    --------
    >>> place("a.b.c").ways
    (('a.b.c',), ('a', 'b.c'), ('a', 'b', 'c'))
    >>> place("resource.'service.name'").ways, place("targets[0].id").ways
    ((('resource', 'service.name'),), (('targets', 0, 'id'),))
    """
    if not text.strip():
        raise ValueError("a path cannot be empty")
    if not re.search(r"[\[\]\"']", text):
        steps = text.split(".")
        if not all(steps):
            raise ValueError(f"{text!r} is no path: there is nothing between two dots")
        return Place(text, tuple((*steps[:at], ".".join(steps[at:])) for at in range(len(steps))))
    way: list[str | int] = []
    at = 0
    while at < len(text):
        if way and text[at] == ".":
            at += 1
        elif way and (index := _INDEX.match(text, at)):
            way.append(EACH if index[1] == "*" else int(index[1]))
            at = index.end()
            continue
        elif way:
            raise ValueError(f"{text!r} is no path: a dot or [0] is missing before {text[at:][:20]!r}")
        step = _QUOTED.match(text, at) or _BARE.match(text, at)
        if step is None:
            raise ValueError(f"{text!r} is no path: nothing can be read from {text[at:][:20]!r} on")
        way.append(next(filter(None, step.groups()), step[0]) if step.re is _QUOTED else step[0])
        at = step.end()
    if way.count(EACH) > 1:
        raise ValueError(f"{text!r} is no path: [*] may stand in it once")
    return Place(text, (tuple(way),))


def pointer(way: tuple[str | int, ...]) -> str:
    """Return a JSON Pointer (RFC 6901), in which any key can be written.

    Examples
    --------
    >>> pointer(("a/b", "c~d", 0))
    '/a~1b/c~0d/0'
    """
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in way)


def written(keys: list[str | int]) -> str:
    """Return a path that means exactly these keys, with quotes where they are needed.

    Examples
    --------
    >>> written(["app", "id"]), written(["mcp.tool"]), written(["resource", "service.name"]), written(["a", 0, "b"])
    ('app.id', 'mcp.tool', "resource.'service.name'", 'a[0].b')
    >>> print(written(["."]), written(["app", "owner's"]))
    '.' app."owner's"
    """
    if len(keys) == 1 and str(keys[0]).strip() and all(map(_BARE.fullmatch, str(keys[0]).split("."))):
        return str(keys[0])
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += "[*]" if key == EACH else f"[{key}]"
            continue
        quote = '"' if "'" in key else "'"
        bare = key.strip() and _BARE.fullmatch(key)
        text += ("." if text else "") + (key if bare else f"{quote}{key}{quote}")
    return text


def text_of(value: Any) -> str | None:
    """Return a value as the database gives it: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _walk(value: Any, way: tuple[str | int, ...]) -> Any:
    for at, step in enumerate(way):
        if step == EACH:
            found = [_walk(item, way[at + 1 :]) for item in value] if isinstance(value, list) else None
            return None if found is None else [item for item in found if item is not None]
        value = _step(value, step)
        if value is None:
            return None
    return value


def _step(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else None
    return value.get(step) if isinstance(value, Mapping) else None


def _there(value: Any, way: tuple[str | int, ...]) -> bool:
    *before, last = way
    value = _walk(value, tuple(before)) if before else value
    return isinstance(value, Mapping) and last in value if isinstance(last, str) else _step(value, last) is not None
