"""Reading calls the fast way: DuckDB parses lines as a file, beside the store.

A second database, in memory, parses in the mapping thread while the store writes; what it gives is
narrow: what differs from call to call, and hashes of the rest (see `mapping`). It is more than twice as fast
as parsing text by text, and strict: a chunk counts only if each of its lines came out as one good row that
was read whole. The order is kept, so the row's number tells the line. Any other chunk goes the careful way.

A large plain file DuckDB reads itself, from end to end, and each chunk takes its rows from what comes. Where a
file is packed, or DuckDB could not go on, each chunk is a file of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import MalformedJson
from grantlens.ingest.mapping import Staging, parsed_file, reads_calls_only, staging
from grantlens.ingest.rows import Rows, distinct
from grantlens.reading.chunk import SLICE, Chunk
from grantlens.reading.content import Content, FileChanged

if TYPE_CHECKING:
    from collections.abc import Generator

    import pyarrow as pa

    from grantlens.ingest.workbench import Workbench
    from grantlens.loaders import Loader


class CallReader:
    """Turns chunks of lines into staged calls, where the loader gives nothing but calls.

    Parameters
    ----------
    loader
        The loader of the file.
    parameters
        What the staging binds: source and token key.
    bench
        Where it works.
    whole
        The file, if DuckDB may read it itself.
    """

    def __init__(self, loader: Loader, parameters: dict[str, Any], bench: Workbench, whole: Content | None) -> None:
        self._parameters = parameters
        self._bench = bench
        self._ways: list[_Way] = []  # of writing the same; the one that was met last comes first
        way: Loader | None = loader
        while way is not None and reads_calls_only(way):
            self._ways.append(_Way(way))
            way = way.otherwise
        self._whole = whole if self._ways else None
        self._rows: _Rows | None = None

    def reads_whole(self) -> bool:
        """True while the database reads the file itself."""
        return self._whole is not None

    def wants_files(self) -> bool:
        """True if a chunk should be readable as a file."""
        return bool(self._ways) and self._whole is None

    def read(self, chunk: Chunk) -> Rows | None:
        """Return the calls of a chunk, None if it has to be read with care."""
        if not chunk.plain:
            self._read_no_further()
        elif self._whole is not None:
            return self._of_whole(chunk, self._whole)
        elif chunk.file is not None:
            return self._of_file(chunk, chunk.file)
        return None

    def settle(self, content: Content) -> None:
        """Make sure that what DuckDB read was what the lines were cut from.

        Raises
        ------
        FileChanged
            If it was not.
        """
        if self._rows is not None and (content.changed() or (self._whole is not None and not self._rows.ended())):
            raise FileChanged

    def close(self) -> None:
        """End what DuckDB still reads."""
        if self._rows is not None:
            self._rows.close()

    def _of_whole(self, chunk: Chunk, whole: Content) -> Rows | None:
        """Take the rows of a chunk from those of the file."""
        if self._rows is not None:
            table = self._rows.take(chunk.records)
            if table is None:
                self._read_no_further()
            return _good(table, chunk, self._rows.staged)
        for way in self._ways:
            staged, values = self._staged(way, whole.name)
            rows = _Rows(self._bench.engine.batches(staged.sql, values, size=SLICE), staged)
            calls = _good(rows.take(chunk.records), chunk, staged)
            if calls is not None:
                self._rows = rows
                self._prefer(way)
                return calls
            rows.close()
        self._read_no_further()
        return None

    def _read_no_further(self) -> None:
        """Leave the rest of the file to others: chunks are to be files again."""
        self._whole = None
        self.close()

    def _of_file(self, chunk: Chunk, file: str) -> Rows | None:
        """Parse a chunk that is a file of its own."""
        for way in self._ways:
            try:
                staged, values = self._staged(way, file)
                table = self._bench.engine.arrow(staged.sql, values)
            except MalformedJson:
                continue
            calls = _good(table, chunk, staged)
            if calls is not None:
                self._prefer(way)
                return calls
        return None

    def _staged(self, way: _Way, file: str | None) -> tuple[Staging, dict[str, Any]]:
        """Return how the calls of a file are staged, and what its SELECT binds."""
        parameters = self._parameters | {"file": file}
        if way.staging is None:
            record = parsed_file(way.loader)
            way.staging = staging(self._bench.engine, way.loader, "usage", record, record, parameters)
        return way.staging, parameters

    def _prefer(self, way: _Way) -> None:
        self._ways.sort(key=lambda each: each is not way)


@dataclass
class _Way:
    """A way of writing calls, and how they are staged; that is worked out when it is first met."""

    loader: Loader
    staging: Staging | None = None


class _Rows:
    """The rows that a query gives while it runs, taken some at a time."""

    def __init__(self, batches: Generator[pa.RecordBatch], staged: Staging) -> None:
        self.staged = staged
        self._batches = batches
        self._held: list[pa.RecordBatch] = []

    def take(self, rows: int) -> pa.Table | None:
        """Return the next rows, None if there are too few or the query failed."""
        import pyarrow as pa

        taken: list[pa.RecordBatch] = []
        while rows:
            batch = self._next()
            if batch is None:
                return None
            taken.append(batch.slice(0, rows))
            if len(batch) > rows:
                self._held.append(batch.slice(rows))
            rows -= len(taken[-1])
        return pa.Table.from_batches(taken)

    def ended(self) -> bool:
        """True if there are no more rows."""
        return not self._held and self._next() is None

    def close(self) -> None:
        """End the query."""
        self._batches.close()

    def _next(self) -> pa.RecordBatch | None:
        if self._held:
            return self._held.pop()
        try:
            return next(self._batches, None)
        except MalformedJson:
            return None


def _good(table: pa.Table | None, chunk: Chunk, staged: Staging) -> Rows | None:
    """Return the rows if each line came out as one and was read whole."""
    if table is None or len(table) != chunk.records or table["refused"].null_count < len(table):
        return None
    if "event_id" not in table.column_names or table["event_id"].null_count:
        return None
    if staged.accounted and _total(table["accounted"]) != chunk.size:
        return None
    table = table.drop_columns(["line_no", "refused"]).append_column("line_no", chunk.lines.keys)
    return Rows(table, staged, told_apart={name: distinct(table[name]) for name in staged.hashes})


def _total(numbers: pa.ChunkedArray) -> int | None:
    import pyarrow.compute as pc

    return None if numbers.null_count else pc.sum(numbers).as_py()
