"""Reading line formats: whole blocks are cut at newlines, so that line numbers are exact and cost nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grantlens.errors import LoadError
from grantlens.ingest.chunk import Chunk, sliced

CHUNK_BYTES = 64 << 20
"""Bytes of one piece: large enough that statements cost nothing, small enough for memory."""

MAX_LINE = 32 << 20
"""A longer line is no log record."""

_NEWLINE = 10
_BLANKS = (9, 10, 13, 32)


def line_chunks(path: str, blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Cut unpacked bytes into lines, keyed by their true line number; blank lines are left out.

    Examples
    --------
    >>> [chunk.lines.to_pydict() for chunk in line_chunks("a", [b'{"a":1}\\n\\n{"a"', b':2}'])]
    [{'line_no': [1, 3], 'line': ['{"a":1}', '{"a":2}']}]
    """
    held: list[bytes] = []
    size = 0
    line = 1
    for block in blocks:
        held.append(block)
        size += len(block)
        if size >= CHUNK_BYTES:
            data = b"".join(held)
            cut = data.rfind(b"\n") + 1
            if cut:
                chunk, line = _chunk(path, data[:cut], line)
                if chunk:
                    yield chunk
            held, size = [data[cut:]], len(data) - cut
            if size > MAX_LINE:
                raise _too_long(path, line)
    data = b"".join(held)
    if data:
        chunk, line = _chunk(path, data if data.endswith(b"\n") else data + b"\n", line)
        if chunk:
            yield chunk


def _chunk(path: str, data: bytes, first_line: int) -> tuple[Chunk | None, int]:
    import numpy as np
    import pyarrow as pa

    letters = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(letters == _NEWLINE)
    starts = np.empty(len(ends) + 1, np.int32)
    starts[0] = 0
    np.add(ends, 1, out=starts[1:], casting="unsafe")
    lengths = np.diff(starts)
    if lengths.max() > MAX_LINE:
        raise _too_long(path, first_line + int(lengths.argmax()))
    numbers = np.arange(first_line, first_line + len(ends), dtype=np.int64)
    text = pa.Array.from_buffers(pa.string(), len(ends), [None, pa.py_buffer(starts), pa.py_buffer(data)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        raise _not_text(path, text, first_line) from None
    table = pa.table({"line_no": numbers, "line": text})
    doubtful = np.flatnonzero(np.isin(letters[starts[:-1]], _BLANKS))
    if len(doubtful):
        blank = [at for at in doubtful.tolist() if not data[starts[at] : starts[at + 1]].strip()]
        if blank:
            keep = np.ones(len(ends), bool)
            keep[blank] = False
            table = table.filter(pa.array(keep))
    following = first_line + len(ends)
    return (Chunk(sliced(table), len(table)) if len(table) else None), following


def _too_long(path: str, line: int) -> LoadError:
    return LoadError(f"{path}, line {line}: longer than {MAX_LINE >> 20} MiB, so no log record.", "Check what wrote the file.")


def _not_text(path: str, text, first_line: int) -> LoadError:  # noqa: ANN001
    import pyarrow as pa

    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            text.slice(low, middle - low).validate(full=True)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return LoadError(f"{path}, line {first_line + low}: not UTF-8 text.", "Convert it: iconv -t UTF-8")
