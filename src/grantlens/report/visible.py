"""Text written by strangers, made safe to read: what is invisible or reorders a line is shown by its code point."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ALLOWED = {"\n", "\t"}
_BLANK = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u00a0", "\u034f"}
"""Letters and spaces that show nothing, though Unicode calls them ordinary."""

LONGEST = 2000
"""A longer text is cut in the middle; the JSON has it whole."""


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
    return "".join(_show(character) for character in text)


def _show(character: str) -> str:
    if character in _ALLOWED or (character.isascii() and character.isprintable()):
        return character
    if unicodedata.category(character) in _HIDDEN or character in _BLANK:
        return f"⟨U+{ord(character):04X}⟩"
    return character
