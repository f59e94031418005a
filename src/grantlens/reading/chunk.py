"""A piece of a file on its way into the store: numbered records as an Arrow table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

RECORDS = 50_000
"""Records in one piece, where a reader counts records and not bytes."""

SLICE = 32_768
"""Records in one Arrow batch: DuckDB reads the batches of a piece in parallel."""

COPIED = 8_192
"""Records that are copied at once: the same little memory serves for all of them, where fetching more costs more than copying."""


class Lines:
    """The records of a chunk.

    Parameters
    ----------
    table
        Columns `line_no` (unique key of the record, rising, see `key`) and `line` (its JSON text); with `true_line` beside
        them where several records share a line of the file, and `tight` where it is known of some that the database would
        write their JSON as it stands: with nothing blank between values, for one.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @property
    def table(self) -> pa.Table:
        """All of them."""
        return self._table

    @property
    def shared(self) -> bool:
        """True where a record's line is not told by its key."""
        return "true_line" in self.table.column_names

    @property
    def told_tight(self) -> bool:
        """True where it is known of some of them."""
        return "tight" in self.table.column_names

    @property
    def keys(self) -> pa.ChunkedArray:
        """Their unique keys."""
        return self.table["line_no"]

    @property
    def places(self) -> pa.ChunkedArray:
        """The lines of the file on which they stand."""
        return self.table["true_line" if self.shared else "line_no"]

    @property
    def texts(self) -> pa.ChunkedArray:
        """Their JSON text."""
        return self.table["line"]

    def taken(self, places: np.ndarray) -> Iterator[pa.Array]:
        """Give the text of the records in some places, in rising order: a few at a time, for they are copied."""
        import numpy as np

        begin = done = 0
        for batch in self.table.to_batches():  # Arrow would first put the whole text of the table together
            end = int(np.searchsorted(places, begin + len(batch)))
            for at in range(done, end, COPIED):
                yield batch["line"].take(int_array(places[at : min(at + COPIED, end)] - begin))
            begin, done = begin + len(batch), end

    def bytes_of(self, keys: np.ndarray) -> Iterator[bytes | memoryview]:
        """Give the text of those with some keys, in rising order and with the ends of their lines."""
        import numpy as np

        for texts in self.taken(np.searchsorted(numbers_of(self.keys, "int64"), keys)):
            ends = np.frombuffer(texts.buffers()[1], np.int32)
            yield memoryview(texts.buffers()[2])[ends[0] : ends[len(texts)]]


@dataclass(frozen=True)
class Chunk:
    """Some records of a file.

    Parameters
    ----------
    lines
        The records.
    records
        Number of records.
    plain
        True if every line looks like a record: none is blank, each begins and ends as an object does.
    file
        Where the same lines can be read as a file, if they are plain.
    size
        Bytes of plain lines, without their ends.
    check
        Refuses the file if its text is no UTF-8; to be called before the database sees `lines`.
    """

    lines: Lines
    records: int
    plain: bool = False
    file: str | None = None
    size: int = 0
    check: Callable[[], None] | None = None


def chunks_of(records: Iterable[tuple[int, int, str]], *, shared_lines: bool = False) -> Iterator[Chunk]:
    """Gather (key, line, JSON text) into chunks.

    Examples
    --------
    >>> [chunk.records for chunk in chunks_of([(1, 1, "{}"), (2, 2, "{}")])]
    [2]
    """
    held: list[tuple[int, int, str]] = []
    size = 0

    def chunk() -> Chunk:
        columns = {
            "line_no": int_array([key for key, _, _ in held]),
            "line": text_array([text for _, _, text in held]),
        }
        if shared_lines:
            columns["true_line"] = int_array([line for _, line, _ in held])
        return Chunk(Lines(sliced(columns)), len(held))

    for record in records:
        held.append(record)
        size += len(record[2])
        if len(held) >= RECORDS or size > 32 << 20:
            yield chunk()
            held, size = [], 0
    if held:
        yield chunk()


def sliced(columns: dict[str, pa.Array]) -> pa.Table:
    """Make a table of batches that DuckDB can read in parallel."""
    import pyarrow as pa

    whole = pa.record_batch(list(columns.values()), names=list(columns))
    return pa.Table.from_batches([whole.slice(at, SLICE) for at in range(0, len(whole), SLICE)], schema=whole.schema)


def int_array(numbers: Sequence[int] | np.ndarray) -> pa.Array:
    """Return an Arrow array of integers; `pyarrow.array` would import pandas for it, which takes a second."""
    import numpy as np
    import pyarrow as pa

    values = np.ascontiguousarray(numbers, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])


def text_array(texts: Sequence[str]) -> pa.Array:
    """Return an Arrow array of texts, see `int_array`."""
    import numpy as np
    import pyarrow as pa

    encoded = [text.encode("utf-8", "replace") for text in texts]
    ends = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(each) for each in encoded], out=ends[1:])
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def replaced(rows: pa.Table, name: str, places: np.ndarray, texts: pa.Array) -> pa.Table:
    """Return the rows with other texts in some places of a column.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> replaced(pa.table({"a": ["x", None, "z"]}), "a", np.array([1]), text_array(["y"])).to_pylist()
    [{'a': 'x'}, {'a': 'y'}, {'a': 'z'}]
    """
    import numpy as np
    import pyarrow as pa

    order = np.arange(len(rows))
    order[places] = len(rows) + np.arange(len(places))
    column = pa.concat_arrays([rows[name].combine_chunks(), texts]).take(int_array(order))
    return rows.set_column(rows.column_names.index(name), name, column)


def repeated(text: str, times: int) -> pa.Array:
    """Return an Arrow array of the same text; what turns one value of Python into Arrow would import pandas, too."""
    import numpy as np

    return text_array([text]).take(int_array(np.zeros(times, np.int64)))


def numbers_of(column: pa.Array | pa.ChunkedArray, kind: str) -> np.ndarray:
    """Return a column of integers without NULLs as numpy sees it; `to_numpy` would import pandas."""
    import numpy as np
    import pyarrow as pa

    pieces = [
        np.frombuffer(piece.buffers()[1], kind)[piece.offset : piece.offset + len(piece)]
        for piece in ([column] if isinstance(column, pa.Array) else column.chunks)
    ]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces or [np.empty(0, kind)])


@contextmanager
def memory_kept() -> Iterator[None]:
    """Let Arrow take its memory from the heap inside: its own pool gives pages back to the system as soon as they are free.

    To fetch them anew for the next chunk takes a twentieth of a load. That is a setting of the whole process.

    Examples
    --------
    >>> import pyarrow as pa
    >>> with memory_kept():
    ...     pa.default_memory_pool().backend_name
    'system'
    """
    import pyarrow as pa

    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)
