"""Cut paths into comparable segments: templates and logged paths by the same steps.

All steps run on whole Arrow columns, so that a path of a log never becomes a Python object of its
own. Two styles exist: plain (segments between slashes, case kept as the catalogue says) and OData
(Microsoft Graph: no case, `/v1.0` and `/beta` alike, keys and functions in parentheses, and
`root:/any/path:/` addressing).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    import pyarrow as pa

PLACEHOLDER = "{}"
"""Stands for a value whose text does not matter."""

_ODATA_PUNCTUATION = {"%24": "$", "%27": "'", "%28": "(", "%29": ")", "%2c": ",", "%3a": ":", "%3d": "="}
_LITERAL_GUID = re.compile(r"[0-9a-f]{8}-")
_DRIVE_PATH = re.compile(r"(root:/\{[^{}/]*\})/")
_BARE_KEY = re.compile(r"(?<=/)\(([\w-]+)\)(?=/|$)")


@dataclass(frozen=True)
class Style:
    """How a catalogue writes paths."""

    odata: bool = False
    fold_case: bool = False


def cut(paths: pa.Array, style: Style) -> pa.ListArray:
    """Return the comparable segments of each path, or of each template.

    Examples
    --------
    >>> import pyarrow as pa
    >>> cut(pa.array(["/users//7/messages?$top=1"]), Style())[0].as_py()
    ['users', '7', 'messages']
    >>> cut(pa.array(["/v1.0/Users('7')/drive/root:/a/b.txt:/content"]), Style(odata=True, fold_case=True))[0].as_py()
    ['users', '{}', 'drive', 'root:', '{}:', 'content']
    """
    import pyarrow.compute as pc

    text = _where(
        paths,
        pc.match_substring_regex(paths, r"[?#]|^[A-Za-z][A-Za-z0-9+.-]*://"),
        lambda a: pc.replace_substring_regex(
            pc.replace_substring_regex(a, r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", ""), r"(?s)[?#].*$", ""
        ),
    )
    if style.fold_case:
        text = pc.utf8_lower(text)
    if style.odata:
        text = _odata(text)
    text = _where(text, pc.match_substring(text, "//"), lambda a: pc.replace_substring_regex(a, "/{2,}", "/"))
    lists = pc.split_pattern(pc.utf8_trim(text, "/"), "/")
    return _segments(lists, style)


def _odata(text: pa.Array) -> pa.Array:
    """Bring keys, functions and drive paths of OData into plain segments."""
    import pyarrow.compute as pc

    def punctuation(a: pa.Array) -> pa.Array:
        for code, sign in _ODATA_PUNCTUATION.items():
            a = pc.replace_substring_regex(a, f"(?i){code}", sign)
        return a

    def parentheses(a: pa.Array) -> pa.Array:
        a = pc.replace_substring_regex(a, r"'[^']*'", PLACEHOLDER)
        a = pc.replace_substring_regex(a, r"\(([^()=]+)\)", r"/\1")
        return pc.replace_substring(a, "()", "")

    def drive(a: pa.Array) -> pa.Array:
        a = pc.replace_substring_regex(a, r":/[^:]*:/", ":/{}\x01/")
        a = pc.replace_substring_regex(a, r":/[^:\x01]*:?$", ":/{}")
        return pc.replace_substring(a, "\x01", ":")

    text = _where(text, pc.match_substring_regex(text, "(?i)%(2[4789c]|3[ad])"), punctuation)
    text = _where(text, pc.match_substring(text, "("), parentheses)
    text = _where(text, pc.match_substring(text, ":/"), drive)
    return pc.replace_substring_regex(text, r"^/?(?:v1\.0|beta)(?:/|$)", "/")


def _segments(lists: pa.ListArray, style: Style) -> pa.ListArray:
    """Decode percent signs and bring function arguments into one order, segment by segment."""
    import pyarrow as pa
    import pyarrow.compute as pc

    flat = lists.flatten()
    # The escapes that ids are full of (@, blank, +, /, =) never make a literal: leave those segments as they are.
    unusual = (
        pc.match_substring(pc.replace_substring_regex(flat, "%(40|20|2[BbFf]|3[Dd])", ""), "%")
        if _any(pc.match_substring(flat, "%"))
        else None
    )
    flat = _where(flat, unusual, lambda a: _each_distinct(a, unquote))
    if style.fold_case:
        flat = _where(flat, unusual, pc.utf8_lower)
    if style.odata:
        flat = _where(
            flat,
            pc.match_substring(flat, "("),
            lambda a: _each_distinct(pc.replace_substring_regex(a, "=[^,()]*", ""), _order_arguments),
        )
    return pa.ListArray.from_arrays(_offsets(lists), flat)


def _offsets(lists: pa.ListArray) -> pa.Array:
    """Offsets that begin at 0, also for a slice."""
    import pyarrow.compute as pc

    offsets = lists.offsets
    return pc.subtract(offsets, offsets[0]) if len(offsets) and offsets[0].as_py() else offsets


def _order_arguments(segment: str) -> str:
    name, _, arguments = segment.partition("(")
    return f"{name}({','.join(sorted(part.strip() for part in arguments.rstrip(')').split(',')))})"


def _each_distinct(array: pa.Array, function) -> pa.Array:
    """Apply a Python function to each distinct value."""
    import pyarrow as pa

    encoded = array.dictionary_encode()
    return pa.array([function(value) for value in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def _any(mask: pa.Array) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(mask).as_py())


def _where(array: pa.Array, mask: pa.Array | None, function) -> pa.Array:
    """Apply a function to the values under a mask, and leave the rest as it is."""
    import pyarrow.compute as pc

    if mask is None or not _any(mask):
        return array
    return pc.replace_with_mask(array, mask, function(array.filter(mask)))


# Templates


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
    import pyarrow as pa

    if style.odata:  # slips in Microsoft's file: /teams/(team-id), root:/{path}/action without the closing colon
        templates = [_DRIVE_PATH.sub(r"\1:/", _BARE_KEY.sub(r"{\1}", template)) for template in templates]
    return [
        tuple(_token(segment, style) for segment in row)
        for row in cut(pa.array(templates, pa.string()), style).to_pylist()
    ]


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
        return Token("pattern", ".+?".join(re.escape(part) for part in parts))
    if style.odata and _LITERAL_GUID.match(segment):
        return Token("parameter")  # an example value that slipped into Microsoft's file
    return Token("literal", segment)
