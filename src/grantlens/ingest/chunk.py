"""A piece of a file on its way into the store: numbered records as an Arrow table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

RECORDS = 50_000
"""Records in one piece, where a reader counts records and not bytes."""

SLICE = 8_192
"""Records in one Arrow batch: DuckDB reads the batches of a piece in parallel."""


@dataclass(frozen=True)
class Chunk:
    """Some records of a file.

    Parameters
    ----------
    lines
        Columns `line_no` (unique key of the record) and `line` (its JSON text); with `true_line` beside them
        where several records share a line of the file.
    records
        Number of records.
    doubtful
        True if some record may be no JSON object.
    file
        Where the same lines can be read as a file, if every line is a record.
    size
        Bytes of the records in that file, without line ends.
    check
        Refuses the file if its text is no UTF-8; to be called before the database sees `lines`.
    """

    lines: pa.Table
    records: int
    doubtful: bool = False
    file: str | None = None
    size: int = 0
    check: Callable[[], None] | None = None

    @property
    def first_line(self) -> int:
        """Number of the first record."""
        return self.lines["line_no"][0].as_py()


def chunks_of(records: Iterable[tuple[int, int, str]], *, shared_lines: bool = False) -> Iterator[Chunk]:
    """Gather (key, line, JSON text) into chunks.

    Examples
    --------
    >>> [chunk.records for chunk in chunks_of([(1, 1, "{}"), (2, 2, "{}")])]
    [2]
    """
    import pyarrow as pa

    held: list[tuple[int, int, str]] = []
    size = 0

    def chunk() -> Chunk:
        columns = {
            "line_no": pa.array([each[0] for each in held], pa.int64()),
            "line": pa.array([each[2] for each in held], pa.string()),
        }
        if shared_lines:
            columns["true_line"] = pa.array([each[1] for each in held], pa.int64())
        return Chunk(sliced(pa.table(columns)), len(held))

    for record in records:
        held.append(record)
        size += len(record[2])
        if len(held) >= RECORDS or size > 32 << 20:
            yield chunk()
            held, size = [], 0
    if held:
        yield chunk()


def sliced(table: pa.Table) -> pa.Table:
    """Cut a table into batches that DuckDB can read in parallel."""
    import pyarrow as pa

    return pa.Table.from_batches(table.combine_chunks().to_batches(max_chunksize=SLICE), schema=table.schema)
