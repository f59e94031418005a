"""Reading line formats: whole blocks are cut at newlines, so that line numbers are exact and cost nothing.

The text is never copied line by line: Arrow points into the block that was read. The blocks are few
and used again and again, since fetching fresh memory costs more than reading.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from grantlens.errors import LoadError
from grantlens.reading.chunk import Chunk, Lines, int_array, sliced
from grantlens.reading.shelf import Shelf

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.reading.content import Content

CHUNK_BYTES = 64 << 20
"""Bytes of one piece: large enough that statements cost little, small enough for memory, and of most logs fewer calls than
DuckDB keeps in one row group (122,880). Of more it writes those to disk twice, and the store nearly doubles."""

MAX_LINE = 32 << 20
"""A longer line is no log record."""

FIRST_BYTES = MAX_LINE + (1 << 20)
"""Bytes of the first piece: the sooner it is there, the sooner all threads have work."""

MAPPERS = 2
"""Pieces that are mapped at once, each on a workbench of its own: most steps of a piece keep one thread busy."""

IN_FLIGHT = 4 + MAPPERS
"""Pieces that exist at once: filled, waiting, mapped, waiting, written. The rest of the load counts on it."""

STEP = 1 << 20
"""Bytes that are searched for line ends at once."""

_NEWLINE, _OPEN, _CLOSE, _RETURN = b"\n{}\r"
_BLANKS = (9, 10, 13, 32)


def line_chunks(
    content: Content,
    *,
    as_files: Callable[[], bool] = lambda: False,
    line: int = 1,
    carried: bytes = b"",
) -> Iterator[Chunk]:
    """Cut unpacked bytes into lines, keyed by their true line number; blank lines are left out.

    A chunk is good until `IN_FLIGHT` - 1 more were given, then its memory is used again.

    Parameters
    ----------
    content
        The opened file.
    as_files
        Whether the next chunk is wanted so that it can be read as a file too.
    line, carried
        Number of the next line, and what was read of it and more.
    """
    size = _size_for(content)
    cutters = [_Cutter(content.path, min(CHUNK_BYTES, size), as_files) for _ in range(IN_FLIGHT)]
    cutters.append(_Cutter(content.path, min(FIRST_BYTES, size), as_files))
    turn = 0
    while True:
        cutter = cutters[turn % IN_FLIGHT if turn else -1]
        turn += 1
        chunk, following, carried = cutter.cut(content, carried, line)
        if following == line:
            return
        line = following
        if chunk is not None:
            yield chunk


def _size_for(content: Content) -> int:
    """Room for the whole file where that is little and plain."""
    return max(content.bytes + 1, 1 << 16) if content.plain else CHUNK_BYTES


class _Cutter:
    """One block of memory, and what is needed to cut it into lines."""

    def __init__(self, path: str, size: int, as_files: Callable[[], bool]) -> None:
        self._path = path
        self._size = size
        self._as_files = as_files
        self._shelf: Shelf | None = None
        self._block: np.ndarray | None = None

    def cut(self, content: Content, carried: bytes, first_line: int) -> tuple[Chunk | None, int, bytes]:
        """Fill the block; return its lines, the number of the next line, and the bytes of a line cut short."""
        import numpy as np

        if self._shelf is None and self._as_files():
            self._shelf = Shelf(self._size + 1)
            self._block = np.frombuffer(self._shelf.block, np.uint8)
        elif self._block is None:
            self._block = _room(self._size + 1)
        if self._shelf is not None:
            self._shelf.clear()
        room = self._block.data[: self._size]
        held = len(carried)
        room[:held] = carried
        while held < self._size:
            got = content.fill(room[held:])
            if not got:
                break
            held += got
        if not held:
            return None, first_line, b""
        if held < self._size and self._block[held - 1] != _NEWLINE:  # the last line of the file may lack its end
            self._block[held] = _NEWLINE
            held += 1
        letters = self._block[:held]
        ends = _newlines(letters)
        if not len(ends):
            raise _too_long(self._path, first_line)
        starts = np.zeros(len(ends) + 1, np.int32)
        np.add(ends, 1, out=starts[1:], casting="unsafe")
        rest = bytes(room[starts[-1] : held]) if held <= self._size else b""
        if len(rest) > MAX_LINE:
            raise _too_long(self._path, first_line + len(ends))
        return self._chunk(letters, starts, first_line), first_line + len(ends), rest

    def _chunk(self, letters: np.ndarray, starts: np.ndarray, first_line: int) -> Chunk | None:
        import numpy as np
        import pyarrow as pa

        count, size = len(starts) - 1, int(starts[-1])
        lengths = np.diff(starts)
        if lengths.max() > MAX_LINE:
            raise _too_long(self._path, first_line + int(np.argmax(lengths)))
        text = pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(starts), pa.py_buffer(self._block)])
        numbers = int_array(np.arange(first_line, first_line + count))
        begins, finishes = letters[starts[:-1]], letters[np.maximum(starts[1:] - 2, 0)]
        odd = np.flatnonzero((begins != _OPEN) | ((finishes != _CLOSE) & (finishes != _RETURN)))
        blank = [
            at
            for at in odd[np.isin(begins[odd], _BLANKS)].tolist()
            if not letters[starts[at] : starts[at + 1]].tobytes().strip()
        ]
        if blank:
            keep = np.ones(count, bool)
            keep[blank] = False
            picked = int_array(np.flatnonzero(keep))
            text, numbers = text.take(picked), numbers.take(picked)
        if not len(text):
            return None
        ends = count + int(np.count_nonzero(finishes == _RETURN))
        return Chunk(
            Lines(sliced({"line_no": numbers, "line": text})),
            len(text),
            plain=not len(odd),
            file=self._shelf.end_at(size) if self._shelf is not None and not len(odd) else None,
            size=size - ends,
            check=lambda: check_text(self._path, text, numbers),
        )


def _room(size: int) -> np.ndarray:
    """Return fresh memory, in small pages.

    numpy would ask for large ones. A virtual machine gives those back to its host when they are free, and fetching them
    anew took up to a quarter of a load.
    """
    import numpy as np

    private = {"flags": mmap.MAP_PRIVATE} if hasattr(mmap, "MAP_PRIVATE") else {}
    return np.frombuffer(mmap.mmap(-1, size, **private), np.uint8)


def _newlines(letters: np.ndarray) -> np.ndarray:
    """Return where lines end; looked at piece by piece, so that the answers stay near."""
    import numpy as np

    return np.concatenate([line_ends(letters[at : at + STEP]) + at for at in range(0, len(letters), STEP)])


def line_ends(letters: np.ndarray) -> np.ndarray:
    r"""Return where newlines stand.

    As `numpy.flatnonzero` does, but eight letters at a time: in half the time where lines are as long as records are.

    Examples
    --------
    >>> import numpy as np
    >>> line_ends(np.frombuffer(b"one record\nanother\n\n", np.uint8)).tolist()
    [10, 18, 19]
    """
    import numpy as np

    found = np.empty(len(letters) + 7 & ~7, bool)
    found[len(letters) :] = False
    np.equal(letters, _NEWLINE, out=found[: len(letters)])
    eights = found.view("<u8")
    places = np.flatnonzero(eights != 0)
    marks = eights[places]
    if (marks & (marks - np.uint64(1))).any():  # two newlines so near each other
        return np.flatnonzero(found)
    return 8 * places + (np.log2(marks).astype(np.int64) >> 3)


def _too_long(path: str, line: int) -> LoadError:
    return LoadError(
        f"{path}, line {line}: longer than {MAX_LINE >> 20} MiB, so no log record.", "Check what wrote the file."
    )


def check_text(path: str, text: pa.Array | pa.ChunkedArray, numbers: pa.Array) -> None:
    """Refuse what is no UTF-8: DuckDB trusts Arrow to have looked."""
    import pyarrow as pa

    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        raise _not_text(path, text, numbers) from None


def _not_text(path: str, text: pa.Array | pa.ChunkedArray, numbers: pa.Array) -> LoadError:
    """Find the line by halving."""
    import pyarrow as pa

    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            text.slice(low, middle - low).validate(full=True)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return LoadError(f"{path}, line {numbers[low].as_py()}: not UTF-8 text.", "Convert it: iconv -t UTF-8")
