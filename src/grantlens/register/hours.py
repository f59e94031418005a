"""The hours in which a client works, as people write them and as calls are compared with them."""

from __future__ import annotations

import re

from grantlens.handwritten import Entry

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(
    r"(?:(?P<days>[A-Za-z,-]+)\s+)?(?P<from>\d\d?:\d\d)\s*-\s*(?P<until>\d\d?:\d\d)(?:\s+(?P<zone>[A-Za-z][\w+/-]*))?"
)
_EXPECTED = 'Write approved_hours = ["Mon-Fri 07:00-19:00 Europe/Zurich"].'
_DAY = 24 * 60


def hours(entry: Entry, key: str) -> list[dict[str, str | int]] | None:
    """Return the spans under a key, or None where there is none; a mistake names its line."""
    written = entry.texts(key)
    return None if written is None else [span for text in written for span in _spans(entry, key, text.strip())]


def spans(text: str) -> list[dict[str, str | int]]:
    """Return the spans of one text as the register keeps them: one for each weekday (1 is Monday), in minutes of that day.

    Without days it is every day, and without a zone UTC. What goes on past midnight belongs to the day on which it begins.

    Raises
    ------
    ValueError
        If the text tells no hours; the message says what is wrong.

    Examples
    --------
    >>> for span in spans("Fri 22:00-06:00 Europe/Zurich"):
    ...     print(span)
    {'written': 'Fri 22:00-06:00 Europe/Zurich', 'weekday': 5, 'from_minute': 1320, 'until_minute': 1440, 'zone': 'Europe/Zurich'}
    {'written': 'Fri 22:00-06:00 Europe/Zurich', 'weekday': 6, 'from_minute': 0, 'until_minute': 360, 'zone': 'Europe/Zurich'}
    """
    told = _SPAN.fullmatch(text.replace("–", "-"))  # what word processors make of a hyphen
    if not told:
        raise ValueError("tells no hours")
    begins, ends = _minute(told["from"]), _minute(told["until"])
    if begins in (ends, _DAY):
        raise ValueError("begins when it ends")
    pieces = [(0, begins, ends)] if begins < ends else [(0, begins, _DAY), *([(1, 0, ends)] if ends else [])]
    return [
        {
            "written": text,
            "weekday": (day + later) % 7 + 1,
            "from_minute": first,
            "until_minute": last,
            "zone": told["zone"] or "UTC",
        }
        for day in _days(told["days"])
        for later, first, last in pieces
    ]


def _spans(entry: Entry, key: str, text: str) -> list[dict[str, str | int]]:
    try:
        found = spans(text)
    except ValueError as error:
        raise entry.mistake(f"{text!r} in {key!r} {error}.", key, _EXPECTED) from None
    for span in found[:1]:
        entry.check_zone(key, str(span["zone"]))
    return found


def _minute(text: str) -> int:
    hour, minute = map(int, text.split(":"))
    if minute > 59 or hour * 60 + minute > _DAY:
        raise ValueError(f"names a time that no day has: {text}")
    return hour * 60 + minute


def _days(text: str | None) -> list[int]:
    if text is None:
        return [*range(7)]
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = _day(first), _day(last) if last else _day(first)
        found |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return sorted(found)


def _day(text: str) -> int:
    short = text[:3].lower()
    if short not in DAYS:
        raise ValueError(f"names a day that is none: {text}")
    return DAYS.index(short)
