"""Text on charts: names written by strangers made harmless and readable, numbers and lists in words."""

from __future__ import annotations

import textwrap
from typing import Any

from grantlens.visible import visible

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
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 40]} … {text[-30:]}"
    return visible(text).replace("\n", "⟨U+000A⟩").replace("\t", "⟨U+0009⟩")


def short(text: str, length: int = 40) -> str:
    """Cut the middle out of a long name: both ends tell names apart.

    Examples
    --------
    >>> short("https://www.googleapis.com/auth/gmail.modify", 30)
    'https://www.goo…h/gmail.modify'
    """
    if len(text) <= length:
        return text
    head = length // 2
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


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


def count(number: float, one: str, many: str | None = None) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "client"), count(1200, "client"), count(2, "is", "are")
    ('1 client', '1,200 clients', '2 are')
    """
    return f"{number:,.0f} {one if number == 1 else many or one + 's'}"


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
    """Break a sentence into lines of at most `width` signs, since Vega does not."""
    # A number stays with its sign.
    return textwrap.wrap(text.replace(" %", "\u00a0%"), width, break_on_hyphens=False) or [""]
