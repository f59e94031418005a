"""Text written by strangers, made safe to read: as a line, as markup, and as a table in a notebook cell."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from grantlens.window import format_time

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ALLOWED = {"\n", "\t"}
_BLANK = {
    *("\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u00a0", "\u034f", "\u17b4", "\u17b5"),
    *map(chr, range(0xFE00, 0xFE0E)),
    *map(chr, range(0xE0100, 0xE01F0)),
}
"""Letters, spaces and selectors of variants that show nothing, though Unicode calls them ordinary: in a row of selectors a whole text
can hide. The two that choose between letter and picture stay, since names with pictures hold them."""

LONGEST = 2000
"""A longer text is cut in the middle; the JSON has it whole."""

MARKS = 4
"""Accents that one letter may bear, as many as any script stacks; a tower of them would cover the lines above and below."""

SHOWN = 20
"""Rows that a notebook cell shows."""

LISTED = 10
"""Items of a list that a cell of such a table shows."""

LONG = 60
"""Letters above which a text of such a table is broken wherever it must."""

SHORT = 8
"""Letters up to which the texts of a column stay in one line: the id of a rule would be broken at its hyphen."""

LEFT = ' style="text-align:left"'
"""Jupyter sets every cell to the right; only numbers belong there."""


def visible(text: str, *, longest: int = LONGEST) -> str:
    r"""Return the text with control, format and bidirectional characters written as code points.

    Examples
    --------
    >>> visible("pay\u202egpj.exe")
    'pay⟨U+202E⟩gpj.exe'
    >>> visible("\x1b[31mred")
    '⟨U+001B⟩[31mred'
    >>> visible("Zoë مرحبا")
    'Zoë مرحبا'
    """
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]} … {len(text) - 2 * half:,} characters left out … {text[-half:]}"
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        shown.append(_show(character) if marks <= MARKS else f"⟨U+{ord(character):04X}⟩")
    return "".join(shown)


def as_it_was(text: str) -> str:
    r"""Return the text that `visible` showed, its code points characters again.

    Examples
    --------
    >>> as_it_was("pay⟨U+202E⟩gpj.exe") == "pay\u202egpj.exe"
    True
    """
    return re.sub(
        "⟨U\\+([0-9A-CEF][0-9A-F]{3}|D[0-7][0-9A-F]{2}|[1-9A-F][0-9A-F]{4})⟩",
        lambda found: chr(int(found[1], 16)),
        text,
    )


def in_one_line(text: str, *, longest: int = LONGEST) -> str:
    r"""Return the text as `visible` does, its line breaks and tabs written as code points too.

    Examples
    --------
    >>> in_one_line("a\nb")
    'a⟨U+000A⟩b'
    """
    return visible(text, longest=longest).replace("\n", "⟨U+000A⟩").replace("\t", "⟨U+0009⟩")


def markup(value: Any) -> str:
    r"""Return a value as one line of an HTML page: nothing in it is markup, and nothing hides.

    Examples
    --------
    >>> markup("<b>\u202e"), markup(None), markup(["mail.read", "mail.send"])
    ('&lt;b&gt;⟨U+202E⟩', '', 'mail.read, mail.send')
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return html.escape(in_one_line(str(value)))


def grid(names: Sequence[str], rows: Iterable[Iterable[Any]], *, of: int = 0, most: int = SHOWN) -> str:
    """Return the first rows of a table as HTML.

    Parameters
    ----------
    names
        Headings.
    rows
        Rows of cells.
    of
        Number of all rows, where `rows` are only the first of them.
    most
        Rows that are shown; how many more there are is told.

    Examples
    --------
    >>> grid(["events"], [[1200]])
    '<table><thead><tr><th style="text-align:right">events</th></tr></thead><tbody><tr><td style="text-align:right">1,200</td></tr></tbody></table>'
    """
    held = [list(row) for row in rows]
    more = max(len(held), of) - most
    sides = [_side([row[place] for row in held]) for place in range(len(names))]
    head = "".join(f"<th{side}>{markup(name)}</th>" for name, side in zip(names, sides, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{side}>{_cell(cell)}</td>" for cell, side in zip(row, sides, strict=True)) + "</tr>"
        for row in held[:most]
    )
    rest = f"<p>{more:,} more row{'s' * (more > 1)}.</p>" if more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _side(cells: list[Any]) -> str:
    """Return where the cells of a column stand: numbers to the right, times and words of one piece unbroken."""
    known = [cell for cell in cells if cell is not None]
    if known and all(_is_number(cell) for cell in known):
        return ' style="text-align:right"'
    if known and all(isinstance(cell, datetime) or (isinstance(cell, str) and len(cell) <= SHORT) for cell in known):
        return ' style="text-align:left;white-space:nowrap"'
    if any(isinstance(cell, str) and len(cell) > LONG for cell in known):
        return ' style="text-align:left;min-width:18em;overflow-wrap:anywhere"'
    return LEFT


def _cell(value: Any) -> str:
    """Return the text of a cell, a long list cut."""
    if _is_number(value):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.{4 if abs(value) < 1 else 10}g}"
    if isinstance(value, list) and len(value) > LISTED:
        value = f"{', '.join(map(str, value[:LISTED]))} and {len(value) - LISTED:,} more"
    return markup(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _show(character: str) -> str:
    if character in _ALLOWED or (character.isascii() and character.isprintable()):
        return character
    if unicodedata.category(character) in _HIDDEN or character in _BLANK:
        return f"⟨U+{ord(character):04X}⟩"
    return character
