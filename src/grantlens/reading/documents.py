"""Reading whole JSON documents: an array of records, a page that wraps one, or one pretty-printed record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from grantlens.errors import LoadError
from grantlens.reading.shape import ALONE, EMBEDDED, WRAPPERS, is_wrapper

_BETWEEN = re.compile(r"[\s,]*")
_SPACE = re.compile(r"\s*")


def records_of(text: str, path: str, *, unwrap: bool = True) -> Iterator[str]:
    """Give the JSON text of each record of a document, or of several documents after another.

    Examples
    --------
    >>> list(records_of('{"items": [{"a": 1}, {"a": 2}], "kind": "x"}', "page.json"))
    ['{"a": 1}', '{"a": 2}']
    >>> list(records_of('[]', "page.json"))
    []
    """
    decoder = json.JSONDecoder()
    number = 0
    at = _past(_BETWEEN, text)
    while at < len(text):
        start = at
        inside = text[at] == "["
        try:
            if inside:
                at = _past(_SPACE, text, at + 1)
                while text[at : at + 1] != "]":
                    number += 1
                    begin = at
                    _, at = decoder.raw_decode(text, at)
                    yield text[begin:at]
                    at = _comma(text, at)
                at += 1
            else:
                value, at = decoder.raw_decode(text, at)
                if unwrap and isinstance(value, dict) and is_wrapper(value):
                    for record in _unwrapped(text, start, decoder):
                        number += 1
                        yield record
                else:
                    number += 1
                    yield text[start:at]
        except json.JSONDecodeError as error:
            raise _broken(path, text, number, error) from None
        except RecursionError:
            raise LoadError(
                f"{path}, record {number}: nested too deeply to be a log record.", "Check what wrote the file."
            ) from None
        at = _past(_BETWEEN, text, at)


def _unwrapped(text: str, start: int, decoder: json.JSONDecoder) -> Iterator[str]:
    """Give the records of an object that is known to be well-formed and a wrapper."""
    at = _past(_SPACE, text, start + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _past(_SPACE, text, _past(_SPACE, text, at) + 1)
        if key in WRAPPERS and text[at] == "[":
            at = _past(_SPACE, text, at + 1)
            while text[at] != "]":
                begin = at
                _, at = decoder.raw_decode(text, at)
                yield text[begin:at]
                at = _past(_BETWEEN, text, at)
            at += 1
        else:
            begin = at
            _, at = decoder.raw_decode(text, at)
            if key == EMBEDDED and text[begin] == "{":
                yield from _unwrapped(text, begin, decoder)
            elif key == ALONE and text[begin] == "{":
                yield text[begin:at]
        at = _past(_BETWEEN, text, at)


def _past(blank: re.Pattern[str], text: str, at: int = 0) -> int:
    found = blank.match(text, at)
    assert found is not None, "it matches the empty text, too"
    return found.end()


def _comma(text: str, at: int) -> int:
    at = _past(_SPACE, text, at)
    mark = text[at : at + 1]
    if mark == ",":
        return _past(_SPACE, text, at + 1)
    if mark != "]":
        raise json.JSONDecodeError("Expecting ',' or ']'", text, at)
    return at


def _broken(path: str, text: str, number: int, error: json.JSONDecodeError) -> LoadError:
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return LoadError(
            f"{path} ends in the middle of record {max(number, 1)}: only part of the file is there.", "Fetch it again."
        )
    return LoadError(
        f"{path}, record {max(number, 1)}: no valid JSON at line {error.lineno}, column {error.colno} ({error.msg}).",
        "Mend or fetch it again; a file with one record a line would lose only the bad record.",
    )
