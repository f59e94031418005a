"""One value on its way out: as a person reads it in a table, and as a spreadsheet may open it."""

from __future__ import annotations

import json
import re
from typing import Any

from grantlens.plain import plain
from grantlens.visible import in_one_line, visible

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text begins that a spreadsheet would compute."""

_CELL_OF_ITS_OWN = re.compile(r"([;\t])(?=\s*[=+\-@＝＋－＠])")
"""A formula after what separates cells elsewhere: a spreadsheet set up for German or French splits the line there."""


def shown(value: Any) -> str:
    r"""Return a value as one line of a table: lists joined, nothing invisible, no control characters.

    Examples
    --------
    >>> shown(["mail.read", "mail.send"]), shown(None), shown(1200)
    ('mail.read mail.send', '', '1200')
    >>> shown("a\x1b[31m\nb")
    'a⟨U+001B⟩[31m⟨U+000A⟩b'
    """
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(shown(item) for item in value)
    elif isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, float):
        value = f"{value:.6g}"
    return in_one_line(str(value))


def json_text(value: Any, indent: int | None = None) -> str:
    r"""Return JSON in which characters that steer a terminal or reorder a line are escaped; a parser reads them back.

    Examples
    --------
    >>> print(json_text({"name": "Zoë \u202e\x9b"}))
    {"name": "Zoë \u202e\u009b"}
    """
    text = json.dumps(plain(value), ensure_ascii=False, indent=indent)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(_escaped(character) for character in text)


def harmless(value: Any) -> Any:
    r"""Return a value as a CSV cell that no spreadsheet takes for a formula.

    Examples
    --------
    >>> harmless('=HYPERLINK("http://x")'), harmless(-5), harmless(["a", "=1+1"])
    ('\'=HYPERLINK("http://x")', -5, "a;'=1+1")
    """
    value = plain(value)
    if isinstance(value, list):
        value = ";".join(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value)
    elif isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        value = visible(value, longest=max(len(value), 1))
        return _CELL_OF_ITS_OWN.sub("\\1'", "'" + value if value.startswith(_FORMULA) else value)
    return value


def _escaped(character: str) -> str:
    if character == "\n" or character == visible(character):
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else json.dumps(character)[1:-1]
