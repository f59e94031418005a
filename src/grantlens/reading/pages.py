"""Cutting an array of records, or a page that wraps one, into its records without building a single object.

Where brackets and quotes stand tells where each record begins and ends; whether a record is JSON is for the database to say.
Whatever is not plainly such an array is left to `documents`, which is slower and says what is wrong where.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from grantlens.reading.chunk import Chunk, Lines, int_array, sliced
from grantlens.reading.shape import EMBEDDED, WRAPPERS, wrapped_at

if TYPE_CHECKING:
    import numpy as np

CHUNK_BYTES = 32 << 20
"""Bytes of records in one chunk."""

_STEP = 8 << 20
"""Bytes that are searched at once, so that what is found stays small."""

_SPACE, _QUOTE, _COMMA, _OPEN, _CLOSE, _LIST, _END, _BACK = b' ",{}[]\\'


@dataclass(frozen=True)
class Page:
    """The records of a page.

    Parameters
    ----------
    data
        The text; between the records stand blanks.
    starts
        Where each record begins, and where the last one ends.
    frame
        What else stands in the object that wraps them, without the records; None for a bare array.
    key
        The key under which they stand.
    """

    data: bytearray
    starts: np.ndarray
    frame: dict[str, Any] | None
    key: str | None

    def __len__(self) -> int:
        return len(self.starts) - 1

    def texts(self, count: int) -> list[str]:
        """Return the first records."""
        ends = self.starts[: count + 1].tolist()
        return [self.data[begin:end].decode().strip() for begin, end in pairwise(ends)]

    def chunks(self) -> Iterator[Chunk]:
        """Give the records, each numbered by its place."""
        import numpy as np
        import pyarrow as pa

        first = 0
        while first < len(self):
            last = int(np.searchsorted(self.starts, self.starts[first] + CHUNK_BYTES, "right")) - 1
            last = min(max(last, first + 1), len(self))
            begin, end = int(self.starts[first]), int(self.starts[last])
            offsets = (self.starts[first : last + 1] - begin).astype(np.int32)
            text = pa.py_buffer(memoryview(self.data)[begin:end])
            lines = pa.Array.from_buffers(pa.string(), last - first, [None, pa.py_buffer(offsets), text])
            numbers = int_array(np.arange(first + 1, last + 1))
            yield Chunk(Lines(sliced({"line_no": numbers, "line": lines})), last - first)
            first = last


def page_of(data: bytes) -> Page | None:
    """Return the records of a page of objects, None if it is not plainly one.

    Examples
    --------
    >>> page = page_of(b'{"next": "x", "items": [{"a": "}]"}, {"a": 2}]}')
    >>> page.texts(9), page.key, page.frame
    (['{"a": "}]"}', '{"a": 2}'], 'items', {'next': 'x'})
    >>> page_of(b'[1, 2]') is None
    True
    """
    opening = _opening(data)
    if opening is None:
        return None
    spans = _spans(data, opening)
    if spans is None:
        return None
    begins, ends, closing = spans
    frame, key = None, None
    rest = data[closing + 1 :].decode("utf-8", "replace").strip()
    if data[:1] == b"[" or data[:opening].strip() == b"":
        if rest:
            return None
    else:
        try:
            frame = json.loads(data[:opening].decode("utf-8", "replace") + "[]" + rest)
        except (ValueError, RecursionError):
            return None
        embedded = frame.pop(EMBEDDED, {})
        if not isinstance(embedded, dict) or embedded.keys() & frame.keys():
            return None
        frame |= embedded
        held = [name for name in frame if name in WRAPPERS]
        if len(held) != 1 or frame[held[0]] != []:
            return None
        key = held[0]
        del frame[key]
    told = bytearray(data)
    if not _only_commas(told, begins, ends, opening, closing):
        return None
    import numpy as np

    return Page(told, np.append(begins, ends[-1:]), frame, key)


def _opening(data: bytes) -> int | None:
    """Return where the array begins."""
    at = len(data) - len(data.lstrip())
    if data[at : at + 1] == b"[":
        return at
    head = data[: 1 << 20].decode("utf-8", "replace")
    if not head.isascii() or data[at : at + 1] != b"{":
        return None
    found = wrapped_at(head.lstrip())
    return None if found is None else found + at


def _spans(data: bytes, opening: int) -> tuple[np.ndarray, np.ndarray, int] | None:
    """Return where the objects of the array begin and end, and where the array ends."""
    import numpy as np

    marks = np.zeros(256, bool)
    marks[[_QUOTE, _OPEN, _CLOSE, _LIST, _END]] = True
    weights = np.zeros(256, np.int8)
    weights[[_OPEN, _LIST]], weights[[_CLOSE, _END]] = 1, -1
    letters = np.frombuffer(data, np.uint8)
    begins, ends, depth, inside = [], [], 0, False
    for at in range(opening, len(letters), _STEP):
        piece = letters[at : at + _STEP]
        places = np.flatnonzero(marks[piece])
        found = piece[places]
        quotes = found == _QUOTE
        escaped = _escaped(letters, places[quotes] + at)
        if escaped.any():
            keep = np.ones(len(places), bool)
            keep[np.flatnonzero(quotes)[escaped]] = False
            places, found, quotes = places[keep], found[keep], quotes[keep]
        odd = (np.cumsum(quotes) + inside) % 2 == 1
        inside = bool(odd[-1]) if len(odd) else inside
        brackets = ~quotes & ~odd
        places, found = places[brackets] + at, found[brackets]
        depths = depth + np.cumsum(weights[found], dtype=np.int64)
        done = np.flatnonzero(depths == 0)
        if len(done):
            places, found, depths = places[: done[0] + 1], found[: done[0] + 1], depths[: done[0] + 1]
        begins.append(places[(depths == 2) & (found == _OPEN)])
        ends.append(places[(depths == 1) & (found == _CLOSE)] + 1)
        if len(done):
            first, last = np.concatenate(begins), np.concatenate(ends)
            sound = len(first) == len(last) > 0 and letters[places[-1]] == _END
            return (first, last, int(places[-1])) if sound else None
        depth = int(depths[-1]) if len(depths) else depth
    return None


def _escaped(letters: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Return which quotes have an odd number of backslashes before them."""
    import numpy as np

    escaped = letters[quotes - 1] == _BACK
    for at in np.flatnonzero(escaped):
        place, count = int(quotes[at]) - 1, 0
        while letters[place] == _BACK:
            place, count = place - 1, count + 1
        escaped[at] = count % 2 == 1
    return escaped


def _only_commas(data: bytearray, begins: np.ndarray, ends: np.ndarray, opening: int, closing: int) -> bool:
    """Blank what stands between the records; False if it is anything but blanks and one comma."""
    import numpy as np

    gaps = begins[1:] - ends[:-1]
    letters = np.frombuffer(data, np.uint8)
    if len(gaps) and (gaps.min() < 1 or data[opening + 1 : begins[0]].strip() or data[ends[-1] : closing].strip()):
        return False
    plain = gaps == 1
    if not (letters[ends[:-1][plain]] == _COMMA).all():
        return False
    letters[ends[:-1][plain]] = _SPACE
    for at in np.flatnonzero(~plain).tolist():
        begin, end = int(ends[at]), int(begins[at + 1])
        if data[begin:end].strip() != b",":
            return False
        letters[begin:end] = _SPACE
    return True
