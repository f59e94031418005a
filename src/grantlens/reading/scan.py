"""Cutting a plain file into lines without holding them, for the database reads it too.

What is kept of a line is where it begins. The block that is read stays in the processor's cache while it is
searched and hashed; to hold the file in memory piece by piece would cost about as much as the search.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from grantlens.reading.chunk import Chunk, Lines, int_array, sliced
from grantlens.reading.lines import check_text, line_ends

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.reading.content import Content

BLOCK = 1 << 20
"""Bytes read at once, and the longest line that is read this way."""

ROWS = 120_000
"""Records of one chunk at most: fewer than DuckDB keeps in one row group (122,880). Of more it writes those to disk twice, and
the store nearly doubles."""

FIRST_ROWS = 20_000
"""Records of the first one: the sooner it is there, the sooner all threads have work."""

BYTES = 256 << 20
"""Bytes of one chunk at most, but for its last block: it may have to be held all the same."""

NEAR = 8 << 10
"""Bytes between two lines that are read rather than left out."""

_OPEN, _CLOSE, _RETURN = b"{}\r"


class FileLines(Lines):
    """Lines that stay in their file until somebody wants to see them.

    Parameters
    ----------
    content
        The opened file.
    starts
        Where each line begins, and where the last one ends.
    first
        Number of the first line.
    """

    def __init__(self, content: Content, starts: np.ndarray, first: int) -> None:
        self._content = content
        self._starts = starts
        self._first = first

    shared = told_tight = False

    @cached_property
    def table(self) -> pa.Table:
        """All of them."""
        import numpy as np
        import pyarrow as pa

        begin, end = int(self._starts[0]), int(self._starts[-1])
        offsets = pa.py_buffer((self._starts - begin).astype(np.int32))
        text = pa.py_buffer(self._content.read_at(begin, end - begin))
        lines = pa.Array.from_buffers(pa.string(), len(self._starts) - 1, [None, offsets, text])
        return sliced({"line_no": self.keys, "line": lines})

    @property
    def keys(self) -> pa.Array:
        """Their numbers."""
        import numpy as np

        return int_array(np.arange(self._first, self._first + len(self._starts) - 1))

    def bytes_of(self, keys: np.ndarray) -> Iterator[bytes | memoryview]:
        """Give the text of those with some numbers; lines that are near each other are read together."""
        import numpy as np

        begins, ends = self._starts[keys - self._first], self._starts[keys - self._first + 1]
        apart = (begins[1:] - ends[:-1] > NEAR) | (begins[1:] // BLOCK != begins[:-1] // BLOCK)
        firsts = np.concatenate([[0], np.flatnonzero(apart) + 1])
        offsets, sizes = begins[firsts], ends[np.append(firsts[1:], len(keys)) - 1] - begins[firsts]
        counts = np.diff(firsts, append=len(keys))
        for first, count, offset, size in zip(
            *(each.tolist() for each in (firsts, counts, offsets, sizes)), strict=True
        ):
            read = self._content.read_at(offset, size)
            if count == 1:
                yield read
                continue
            lines = slice(first, first + count)
            places = zip((begins[lines] - offset).tolist(), (ends[lines] - offset).tolist(), strict=True)
            yield from (memoryview(read)[begin:end] for begin, end in places)


def scanned(content: Content, wanted: Callable[[], bool]) -> Generator[Chunk, None, tuple[int, bytes]]:
    """Give chunks of lines that all look like records, up to the first that does not.

    Parameters
    ----------
    content
        The opened file, plain.
    wanted
        Whether to go on.

    Returns
    -------
    tuple
        The number of the next line, and the bytes that were read and not given.
    """
    import numpy as np

    block = np.empty(2 * BLOCK, np.uint8)
    room = block.data
    found = _Found(content.offset, 1)
    carried = b""
    while wanted() and len(carried) <= BLOCK:
        held = len(carried)
        room[:held] = carried
        begin = content.offset - held
        got = content.fill(room[held : held + BLOCK])
        letters = block[: held + got]
        ends = line_ends(letters[held:]) + held
        if found.records + len(ends) > (ROWS if found.first > 1 else FIRST_ROWS) or found.bytes > BYTES:
            if found.records:
                yield found.chunk(content)
            found = _Found(found.starts[-1][-1], found.first + found.records)
        plain = found.add(begin, letters, ends)
        carried = bytes(letters[ends[-1] + 1 :] if plain and len(ends) else letters)
        if not got or not plain:
            break
    if found.records:
        yield found.chunk(content)
    return found.first + found.records, carried


class _Found:
    """The lines of one chunk as they are found."""

    def __init__(self, begin: int, first: int) -> None:
        import numpy as np

        self.first = first
        self.starts = [np.array([begin], np.int64)]
        self.records = self.bytes = 0

    def add(self, begin: int, letters: np.ndarray, ends: np.ndarray) -> bool:
        """Add the lines that end in a block, which stands at `begin` in the file; False if not all of them look like records."""
        import numpy as np

        if not len(ends):
            return True
        begins = np.zeros(len(ends), np.int64)
        begins[1:] = ends[:-1] + 1
        lasts = letters[ends - 1]
        returns = int(np.count_nonzero(lasts == _RETURN))
        if (letters[begins] != _OPEN).any() or np.count_nonzero(lasts == _CLOSE) + returns < len(ends):
            return False
        self.starts.append(ends + (begin + 1))
        self.records += len(ends)
        self.bytes += int(ends[-1]) + 1 - len(ends) - returns
        return True

    def chunk(self, content: Content) -> Chunk:
        """Return the chunk."""
        import numpy as np

        lines = FileLines(content, np.concatenate(self.starts), self.first)
        return Chunk(
            lines,
            self.records,
            plain=True,
            size=self.bytes,
            check=lambda: check_text(content.path, lines.texts, lines.keys),
        )
