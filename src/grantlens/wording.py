"""Counts, shares, times, durations and lists as a reader expects them: 1 grant, 1,200 calls, 99.2 %, 4 h 12 min, a and b."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def plural(count: float, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> plural(1, "finding"), plural(2000, "finding"), plural(2, "entry", "entries")
    ('1 finding', '2,000 findings', '2 entries')
    """
    text = f"{count:,.0f}"
    return f"{text} {one if text == '1' else many or one + 's'}"


def agree(count: float, one: str, many: str) -> str:
    """Return the word that goes with a count.

    Examples
    --------
    >>> agree(1, "was", "were"), agree(0, "was", "were")
    ('was', 'were')
    """
    return one if count == 1 else many


def duration(seconds: float | None) -> str:
    """Return a duration in the unit a person would choose.

    Examples
    --------
    >>> duration(0.25), duration(12.5), duration(200), duration(15120), duration(280000)
    ('0.25 s', '12.5 s', '3 min 20 s', '4 h 12 min', '3 d 6 h')
    >>> duration(-5), duration(None)
    ('-5 s', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 120:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"
    smaller = "s"
    for index, (size, unit) in enumerate(_UNITS):
        if seconds >= size * (2 if unit != "min" else 1):
            below, smaller = _UNITS[index + 1] if index + 1 < len(_UNITS) else (1.0, "s")
            whole, rest = divmod(round(seconds / below), round(size / below))
            return f"{whole} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds:.0f} {smaller}"


def number(value: float | int | None) -> str:
    """Return a number with thousands separated.

    Examples
    --------
    >>> number(1234567)
    '1,234,567'
    >>> number(None)
    '–'
    """
    if value is None:
        return "–"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{int(value):,}"


def share(value: float | None) -> str:
    """Return a share as a percentage that never rounds up to all nor down to nothing.

    Examples
    --------
    >>> share(0.992), share(0.99999), share(1), share(0.00001), share(0)
    ('99.2 %', '> 99.9 %', '100 %', '< 0.1 %', '0 %')
    """
    if value is None:
        return "–"
    if value in (0, 1):
        return f"{value * 100:.0f} %"
    if value > 0.999:
        return "> 99.9 %"
    if value < 0.001:
        return "< 0.1 %"
    return f"{value * 100:.1f} %"


def chance(value: float | None) -> str:
    """Return a probability rounded down, as reasons tell it: 4.96 % is below 5 %, and does not seem to reach it.

    Examples
    --------
    >>> chance(0.0496), chance(0.0004), chance(None)
    ('4.9 %', '< 0.1 %', '–')
    """
    return share(value if value is None or value < 0.001 else math.floor(value * 1000 + 1e-9) / 1000)


def when(value: str | datetime | None) -> str:
    """Return a time in UTC, fractions only where there are any.

    Examples
    --------
    >>> when("2026-07-01T12:00:03.000000Z"), when("2026-07-01T12:00:03.25Z"), when(None)
    ('2026-07-01 12:00:03', '2026-07-01 12:00:03.25', '–')
    """
    if value is None:
        return "–"
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}"


def day(value: str | datetime | None) -> str:
    """Return the date of a time in UTC.

    Examples
    --------
    >>> day("2026-07-01T12:00:03Z")
    '2026-07-01'
    """
    return when(value)[:10]


def size(count: int | None) -> str:
    """Return a size in bytes in the unit a person would choose.

    Examples
    --------
    >>> size(512), size(1536), size(5 * 1024**3)
    ('512 B', '1.5 KiB', '5.0 GiB')
    """
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def first_few(words: Sequence[str], most: int, rest: str = "{} more") -> list[str]:
    """Return so many words at most, and in place of the others how many they are.

    Examples
    --------
    >>> first_few(["read", "send"], 2), first_few(["read", "send", "write", "purge"], 2)
    (['read', 'send'], ['read', 'send', '2 more'])
    """
    left = len(words) - most
    return [*words[:most], *([rest.format(number(left))] if left > 0 else [])]


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them.

    Examples
    --------
    >>> listed(["issuance"]), listed(["issuance", "usage"]), listed(["issuance", "usage", "revocation"])
    ('issuance', 'issuance and usage', 'issuance, usage and revocation')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
