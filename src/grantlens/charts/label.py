"""Text on charts: names written by strangers made harmless and readable, numbers and lists in words."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from typing import Any

from grantlens.visible import in_one_line

NOT_LOGGED = "(not in the log)"
LONGEST = 300
"""A name is cut here even in tooltips: a log may hold megabytes in one field."""


def clean(value: Any) -> str:
    r"""Return a name as one visible line: what does not show is shown by its code point.

    Examples
    --------
    >>> clean("mail\x1b[31m\u202ecopilot\n")
    'mail⟨U+001B⟩[31m⟨U+202E⟩copilot⟨U+000A⟩'
    >>> clean(None)
    '(not in the log)'
    """
    if value is None or value == "":
        return NOT_LOGGED
    text = str(value)
    if text.isspace():
        return "".join(f"⟨U+{ord(sign):04X}⟩" for sign in text[:8])
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 40]} … {text[-30:]}"
    return in_one_line(text)


def breadth(text: str) -> int:
    """Return how many letters wide a text is drawn: a Chinese sign or a picture takes the room of two.

    Examples
    --------
    >>> breadth("mail"), breadth("邮件")
    (4, 4)
    """
    return len(text) + sum(map(_is_wide, text))


def short(text: str, length: int = 40) -> str:
    """Cut the middle out of a long name: both ends tell names apart.

    Examples
    --------
    >>> short("https://www.googleapis.com/auth/gmail.modify", 30)
    'https://www.goo…h/gmail.modify'
    """
    if breadth(text) <= length:
        return text
    head, tail = _first(text, length // 2), _first(text[::-1], length - 1 - length // 2)[::-1]
    return f"{head}…{tail}"


def shorten(names: list[str], length: int) -> dict[str, str]:
    """Cut long names so that different names stay different.

    Examples
    --------
    >>> shorten(["a" * 50 + "1", "a" * 50 + "2", "b"], 10)["b"]
    'b'
    >>> len(set(shorten(["x" * 30 + str(n) + "y" * 30 for n in range(9)], 10).values()))
    9
    """
    given: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        label, turn = short(name, length), 1
        while label in taken:
            turn += 1
            label = f"{short(name, length)} ({turn})"
        taken.add(label)
        given[name] = label
    return given


def compact(number: float) -> str:
    """Return a number short enough for a cell.

    Examples
    --------
    >>> [compact(n) for n in (0, 950, 9999, 12345, 1250000, 3e9)]
    ['0', '950', '9,999', '12k', '1.2M', '3G']
    """
    if number < 10_000:
        return f"{number:,.0f}"
    for limit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            value = number / limit
            return f"{value:.1f}".removesuffix(".0") + sign if value < 10 else f"{value:,.0f}{sign}"
    raise AssertionError("every number of 10,000 or more has a sign")


def percent(share: float) -> str:
    """Return a share; never 0 % or 100 % where it is not exactly that.

    Examples
    --------
    >>> percent(0.125), percent(0.001), percent(0.9996), percent(1)
    ('12 %', 'below 1 %', 'above 99 %', '100 %')
    """
    if 0 < share <= 0.005:
        return "below 1 %"
    if 0.995 <= share < 1:
        return "above 99 %"
    return f"{share * 100:.0f} %"


def wrap(text: str, width: int) -> list[str]:
    """Break a sentence into lines at most `width` letters wide, since Vega does not."""
    # A number stays with its unit. A wide sign counts twice; names on charts hold no NUL of their own.
    whole = re.sub(r"(?<=\d) (?=%|(?:s|min|h|d|UTC)\b)", "\u00a0", text)
    padded = "".join(f"\0{sign}" if _is_wide(sign) else sign for sign in whole)
    return [line.replace("\0", "") for line in textwrap.wrap(padded, width, break_on_hyphens=False)] or [""]


def _is_wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in ("W", "F")


def _first(text: str, length: int) -> str:
    """Return as much of the beginning as is `length` letters wide."""
    room, end = length, 0
    for sign in text:
        room -= 1 + _is_wide(sign)
        if room < 0:
            break
        end += 1
    return text[:end]
