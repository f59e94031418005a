"""Reading CSV and Parquet: each row becomes a JSON record, so that loaders see one thing only."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import Engine
from grantlens.errors import LoadError
from grantlens.handwritten import items
from grantlens.reading.chunk import RECORDS, Chunk, Lines, int_array, sliced

if TYPE_CHECKING:
    import os

    import pyarrow as pa


ODD_ROW = "\x00row of "
"""Begins the text of a row that does not fit the header: no JSON, so it is rejected, and says why."""

CELL = 16 << 20
"""Longest cell of a CSV file."""


class CsvRows:
    """The rows of a CSV file as (key, line, JSON text).

    An empty cell means that the log does not say. The line is the one on which the row begins, also
    where cells hold line breaks. The second column of a name is called `<name> (2)`: the tables of some consoles have it.
    """

    def __init__(self, path: str, blocks: Iterable[bytes]) -> None:
        self.path = path
        self.list_cells: frozenset[str] = frozenset()
        self._text = io.TextIOWrapper(io.BufferedReader(_Blocks(blocks)), encoding="utf-8-sig", newline="")
        csv.field_size_limit(CELL)
        try:
            first = self._text.readline()
        except UnicodeDecodeError:
            raise self._no_text(1) from None
        self._delimiter = max(",;\t", key=first.count)
        self.header = next(csv.reader([first], delimiter=self._delimiter), [])
        self._at_end = False
        self._peeked: list[tuple[int, list[str]]] = []
        self._left = self._rows()
        met: Counter[str] = Counter()
        for place, name in enumerate(self.header):
            met[name] += 1
            if met[name] > 1:
                self.header[place] = f"{name} ({met[name]})"

    def peek(self, count: int) -> list[str]:
        """Return the first rows as JSON text; they are given again later."""
        self._peeked = list(islice(self._left, count))
        return [self._record(row) for _, row in self._peeked]

    def __iter__(self) -> Iterator[tuple[int, int, str]]:
        for line, row in chain(self._peeked, self._left):
            yield line, line, self._record(row)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        rows = csv.reader(self._marked_lines(), delimiter=self._delimiter)
        begins = 2
        try:
            for row in rows:
                line, begins = begins, rows.line_num + 2
                if row and self._at_end:
                    raise LoadError(
                        f"{self.path} ends inside a quoted cell of the row that begins at line {line}: only part of the file is there, "
                        "or a quote in it is not closed.",
                        "Fetch it again, or check what wrote the file.",
                    )
                if row:
                    yield line, row
        except csv.Error as error:
            raise LoadError(f"{self.path}, line {begins}: {error}.", "Check what wrote the file.") from None
        except UnicodeDecodeError:
            raise self._no_text(begins) from None

    def _marked_lines(self) -> Iterator[str]:
        """Give the lines and an empty one: a cell whose quote was never closed swallows that one too."""
        yield from self._text
        self._at_end = True
        yield "\n"

    def _record(self, row: list[str]) -> str:
        if len(row) != len(self.header):
            return f"{ODD_ROW}{len(row)} cells, the header has {len(self.header)}: " + self._delimiter.join(row)
        return json.dumps(
            {
                name: items(name, cell) if name in self.list_cells else cell
                for name, cell in zip(self.header, row, strict=True)
                if cell
            }
        )

    def _no_text(self, line: int) -> LoadError:
        return LoadError(f"{self.path}, near line {line}: not UTF-8 text.", "Convert it: iconv -t UTF-8")


class _Blocks(io.RawIOBase):
    """A file object over blocks of bytes."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def parquet_columns(path: str, file: str | os.PathLike[str]) -> list[str]:
    """Return the column names of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(file).names)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def parquet_chunks(path: str, file: str | os.PathLike[str]) -> Iterator[Chunk]:
    """Give the rows of a Parquet file as JSON records, keyed by their number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 1
    try:
        with closing(Engine(":memory:")) as engine:
            for batch in pq.ParquetFile(file).iter_batches(RECORDS):
                with engine.registered("parquet_row", _whole(pa.Table.from_batches([batch]))):
                    text = engine.arrow("SELECT to_json(parquet_row)::VARCHAR AS line FROM parquet_row")
                keys = int_array(range(number, number + len(batch)))
                number += len(batch)
                lines = Lines(sliced({"line_no": keys, "line": text["line"].combine_chunks()}))
                yield Chunk(lines, len(batch))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _whole(table: pa.Table) -> pa.Table:
    """Give whole numbers as such: a column with blanks holds them as floats where pandas wrote it, and an id is not `7.0`."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            with suppress(pa.ArrowInvalid):  # it holds a fraction
                table = table.set_column(place, field.name, table.column(place).cast(pa.int64()))
    return table


def _damaged(path: str, error: Exception) -> LoadError:
    return LoadError(f"{path} is a damaged Parquet file: {str(error).splitlines()[0]}.", "Fetch it again.")
