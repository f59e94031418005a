"""Text as TOML holds it, for files that people go on writing."""

from __future__ import annotations


def toml_text(value: str) -> str:
    r"""Return a text as TOML writes it.

    Examples
    --------
    >>> print(toml_text('a "b"\x1b'))
    "a \"b\"\u001b"
    """
    return '"' + "".join(_letter(letter) for letter in value) + '"'


def _letter(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    return (
        letter if letter.isprintable() else f"\\U{ord(letter):08x}" if ord(letter) > 0xFFFF else f"\\u{ord(letter):04x}"
    )
