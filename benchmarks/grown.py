"""Large logs of real shape: the real records of a provider, repeated with other ids and other times.

The id that tells one event from another changes with each copy, as times do; every other id (clients, people, tokens) changes
with each hundredth copy, so that the population grows with the file and what joined still joins.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path

COPIES = 100
"""Copies of a record that share their clients, people and tokens."""

SHORT, LONG = 4, 20
"""Letters below which something is no id, and from which there are enough ids of the same form."""

_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_EPOCH = re.compile(r"\b(1[4-9]\d{3}|(?<=\"timestamp\":)1\d{4})\d{5}(\d{3})?\b")
_NAME = re.compile(r"[A-Za-z0-9_-]*\d[A-Za-z0-9_-]*")
_ID = re.compile(r"[A-Za-z0-9_]{3,}-?[A-Za-z0-9_-]*\d[A-Za-z0-9_-]{8,}")


def real_lines(path: Path) -> list[str]:
    """Return the records of a real log, each as one line."""
    text = path.read_text()
    try:
        value = json.loads(text)
    except ValueError:
        return [line for line in text.splitlines() if line.strip()]
    if isinstance(value, dict):
        value = next((inner for inner in value.values() if isinstance(inner, list) and inner), [value])
    return [json.dumps(record, separators=(",", ":")) for record in value]


def own_name(event: str, lines: list[str]) -> str | None:
    """Return the part of an event's id that stands in its record and in no other event's: the longest that is no time."""
    parts = [part for part in re.split(r"[|@#]", event) if len(part) >= SHORT and not _EPOCH.search(part)]
    names = {found.group() for line in lines for found in _NAME.finditer(line)}
    return max((part for part in parts if part in names), key=len, default=None)


def grown(lines: list[str], events: set[str], size: int) -> Iterator[str]:
    """Give lines until they make `size` bytes; `events` are the names of the events in `lines`, see `own_name`."""
    writers = [writer for line in lines for writer in [_writer(line, events)]]
    written, copy = 0, 0
    while written < size:
        for write in writers:
            line = write(copy)
            written += len(line) + 1
            yield line
        copy += 1


def _writer(line: str, events: set[str]) -> Callable[[int], str]:
    """Return a function that writes a copy of the line: its changing parts are found once."""
    parts: list[tuple[str, str]] = []
    at = 0
    spans = sorted(
        [(found.start(), found.end(), "iso") for found in _ISO.finditer(line)]
        + [(found.start(), found.end(), "epoch") for found in _EPOCH.finditer(line)]
        + [(found.start(), found.end(), "id") for found in _ID.finditer(line)]
        + [(found.start(), found.end(), "event") for found in _NAME.finditer(line) if found.group() in events],
        key=lambda span: (span[0], span[2] != "event", -span[1]),
    )
    for start, end, kind in spans:
        if start < at:
            continue
        text = line[start:end]
        parts += [("plain", line[at:start]), (kind, text)]
        at = end
    parts.append(("plain", line[at:]))
    worlds: dict[tuple[str, int], str] = {}

    def write(copy: int) -> str:
        told = []
        for kind, text in parts:
            if kind == "plain":
                told.append(text)
            elif kind == "iso":
                told.append(_later(text, copy))
            elif kind == "epoch":
                told.append(f"{text[:5]}{copy % 100_000:05}{text[10:]}")
            elif kind == "event":
                told.append(_numbered(text, copy))
            else:
                key = (text, -1 - copy // COPIES)
                if key not in worlds:
                    worlds[key] = _other(*key)
                told.append(worlds[key])
        return "".join(told)

    return write


def _later(text: str, seconds: int) -> str:
    """Return a time so many seconds later: each copy has its own, or logs without ids would hold little but duplicates."""
    days, second = divmod(int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19]) + seconds, 86_400)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{_day(text[:10], days)}{text[10]}{hour:02}:{minute:02}:{second:02}"


@cache
def _day(text: str, days: int) -> str:
    return str(date.fromisoformat(text) + timedelta(days))


def _numbered(text: str, copy: int) -> str:
    """Return another id for each copy: a short one has too few others of its form."""
    other = _other(text, copy)
    return other if len(text) >= LONG else f"{other}{copy}"


def _other(text: str, world: int) -> str:
    """Return another id of the same form: the same letters for the same id in the same world."""
    drawn = iter(hashlib.blake2b(f"{world} {text}".encode(), digest_size=64).hexdigest())
    hexadecimal = re.fullmatch(r"[0-9a-f-]*[a-f][0-9a-f-]*", text) is not None

    def character(old: str) -> str:
        if old.isdigit():
            new = next(drawn, "7")
            return new if hexadecimal else str(1 + int(new, 16) % 9)  # a number may not begin with 0
        return (next(drawn, "7") if hexadecimal else old) if old.isalpha() else old

    return "".join(character(old) for old in text)
