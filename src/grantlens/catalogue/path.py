"""Cut paths into comparable segments: templates and logged paths by the same steps.

The steps run on whole Arrow columns, so that an ordinary path of a log never becomes a Python object
of its own; one search finds the paths that need care, and only these go further. Two styles exist:
plain (segments between slashes, case kept as the catalogue says) and OData (Microsoft Graph: keys and
functions in parentheses, and `root:/any/path:/` addressing).

Empty segments mean nothing: they may remain in the result, and the matcher passes over them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from grantlens.catalogue.arrays import flags, texts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

PLACEHOLDER = "{}"
"""Stands for a value whose text does not matter."""

VERSIONS = ("v1.0", "beta")
"""First segments of Microsoft Graph that its catalogue does not tell apart."""

# The escapes that ids are full of (blank + / = @) never spell a literal: they may stay.
_ESCAPE = "%(?:[0156789a-fA-F]|2[^0BbFf]|3[^Dd]|4[^0])"
_CARE = rf"[?#]|:/|{_ESCAPE}"
_SCHEME = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*"
_LITERAL_GUID = re.compile(r"[0-9a-f]{8}-")
_DRIVE_PATH = re.compile(r"(root:/\{[^{}/]*\})/")
_BARE_KEY = re.compile(r"(?<=/)\(([\w-]+)\)(?=/|$)")
_PARENTHESES = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True)
class Style:
    """How a catalogue writes paths."""

    odata: bool = False
    fold_case: bool = False


def cut(paths: pa.Array, style: Style) -> pa.ListArray:
    """Return the comparable segments of each path, or of each template.

    Examples
    --------
    >>> cut(texts(["/users/7/%6Dessages?$top=1"]), Style())[0].as_py()
    ['', 'users', '7', 'messages']
    >>> cut(texts(["/Users('7')/drive/root:/a/b.txt:/content"]), Style(odata=True, fold_case=True))[0].as_py()
    ['', 'users', '{}', 'drive', 'root:', '{}:', 'content']
    """
    import pyarrow.compute as pc

    text = pc.ascii_lower(paths) if style.fold_case else paths
    care = pc.match_substring_regex(text, rf"\(|{_CARE}" if style.odata else _CARE)
    return pc.split_pattern(_where(text, care, lambda part: _with_care(part, style)), "/")


def _with_care(text: pa.Array, style: Style) -> pa.Array:
    """Bring unusual paths into plain segments."""
    import pyarrow.compute as pc

    text = _where(text, pc.match_substring(text, "://"), lambda part: pc.replace_substring_regex(part, _SCHEME, ""))
    text = _where(
        text, pc.match_substring_regex(text, "[?#]"), lambda part: pc.replace_substring_regex(part, r"(?s)[?#].*$", "")
    )
    text = _where(
        text, pc.match_substring_regex(text, _ESCAPE), lambda part: _each(part, lambda path: _decode(path, style))
    )
    if style.odata:
        text = _where(text, pc.match_substring(text, "("), _plain_parentheses)
        text = _where(text, pc.match_substring(text, ":/"), _fold_drive_paths)
    return text


def _decode(path: str, style: Style) -> str:
    """Decode percent signs; a slash inside a segment stays escaped."""
    decoded = "/".join(unquote(segment).replace("/", "%2f") for segment in path.split("/"))
    return decoded.lower() if style.fold_case else decoded


def _plain_parentheses(text: pa.Array) -> pa.Array:
    """Make `users('7')` two segments, and take the values out of a function's arguments."""
    import pyarrow.compute as pc

    text = pc.replace_substring_regex(text, "'[^']*'", PLACEHOLDER)
    text = pc.replace_substring(pc.replace_substring_regex(text, r"\(([^()=]+)\)", r"/\1"), "()", "")
    text = pc.replace_substring_regex(text, r" *=[^,()/]*([,)])", r"\1")
    return _where(text, pc.match_substring_regex(text, r"\([^()]*,"), lambda part: _each(part, _order_arguments))


def _order_arguments(path: str) -> str:
    """Bring the arguments of functions into one order."""
    return _PARENTHESES.sub(lambda found: f"({','.join(sorted(part.strip() for part in found[1].split(',')))})", path)


def _fold_drive_paths(text: pa.Array) -> pa.Array:
    """Make the path between `root:/` and `:/` one segment."""
    import pyarrow.compute as pc

    text = pc.replace_substring_regex(text, r":/[^:]*:/", ":/{}\x01/")
    text = pc.replace_substring_regex(text, r":/[^:\x01]*:?$", ":/{}")
    return pc.replace_substring(text, "\x01", ":")


def _each(array: pa.Array, function: Callable[[str], str]) -> pa.Array:
    """Apply a Python function to each value: only for the few that need it."""
    return texts([function(value) for value in array.to_pylist()])


def _where(array: pa.Array, mask: pa.Array, function: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Apply a function to the values under a mask, and leave the rest as it is."""
    import pyarrow.compute as pc

    if not pc.any(mask).as_py():
        return array
    return pc.replace_with_mask(array, mask, function(array.filter(mask)))


def some(array: pa.Array, rows: np.ndarray) -> pa.Array:
    """Return the values at ascending rows; without a copy where these are all."""
    import numpy as np

    if len(rows) == len(array):
        return array
    mask = np.zeros(len(array), bool)
    mask[rows] = True
    return array.filter(flags(mask))  # copies runs; `take` copies value by value


@dataclass(frozen=True)
class Token:
    """One segment of a template: literal, suffix (`{x}:verb`), pattern, parameter or rest."""

    kind: str
    text: str = ""


def tokens(templates: list[str], style: Style) -> list[tuple[Token, ...]]:
    """Cut templates into tokens.

    Examples
    --------
    >>> [token.kind for token in tokens(["/v1/{name}:cancel"], Style())[0]]
    ['literal', 'suffix']
    """
    if style.odata:  # slips in Microsoft's file: /teams/(team-id), root:/{path}/action without the closing colon
        templates = [_DRIVE_PATH.sub(r"\1:/", _BARE_KEY.sub(r"{\1}", template)) for template in templates]
    return [
        tuple(_token(segment, style) for segment in row if segment) for row in cut(texts(templates), style).to_pylist()
    ]


def joined(parts: Sequence[str], any_of: str) -> re.Pattern:
    """Compile texts, already written for a regular expression, with at least one character between each two.

    A part is taken where it fits first, and not sought again: a later place leaves no more to those after it. So a template with many
    gaps, which somebody else may have written, costs no more than the text is long.

    Examples
    --------
    >>> gaps = joined(["a", "-", ""], ".")
    >>> bool(gaps.fullmatch("a1-2")), bool(gaps.fullmatch("a1-")), bool(gaps.fullmatch("a--2"))
    (True, False, True)
    """
    first, *between, last = parts
    kept = "".join(f"(?>{any_of}+?{part})" for part in between)
    return re.compile(f"{first}{kept}{any_of}+{last}", re.DOTALL)


GAP = ".+?"
"""What stands in the text of a pattern for a value."""


@lru_cache(maxsize=100_000)
def _token(segment: str, style: Style) -> Token:
    if segment == "**" or re.fullmatch(r"\{(\+[^{}]*|[^{}]*=\*\*)\}", segment):
        return Token("rest")
    if segment == "*" or re.fullmatch(r"\{[^{}]*\}+", segment):
        return Token("parameter")
    if match := re.fullmatch(r"\{[^{}+]*\}:([\w.-]*)", segment):
        return Token("suffix", match[1])
    if match := re.fullmatch(r"\{\+[^{}]*\}:([\w.-]*)", segment):
        return Token("rest_suffix", match[1])
    if "{" in segment:
        parts = re.split(r"\{[^{}]*\}", segment)
        return Token("pattern", GAP.join(re.escape(part) for part in parts))
    if style.odata and _LITERAL_GUID.match(segment):
        return Token("parameter")  # an example value that slipped into Microsoft's file
    return Token("literal", segment)
