"""Small files that are read together: some providers write thousands of them, and each statement of a load costs a millisecond."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from grantlens.loaders import PLACE_BITS
from grantlens.reading.chunk import Chunk, Lines, int_array, numbers_of, sliced

if TYPE_CHECKING:
    import pyarrow as pa

SMALL = 256 << 10
"""Bytes on disk up to which files are read together: a larger one keeps the statements busy."""

FILES = 1000
"""Files that are read together at most: they are written in one transaction."""

BYTES = 16 << 20
"""Bytes of records at which no other file is added."""


def small_run(paths: Sequence[str], first: int) -> list[str]:
    """Return the files that may be read together with the one that stands first, in their order; that one alone if it is large."""
    following = islice(paths, first, first + FILES)
    return [*takewhile(_is_small, following)] or [paths[first]]


def _is_small(path: str) -> bool:
    try:
        return os.path.getsize(path) <= SMALL
    except OSError:
        return False  # its turn will tell


class Bundle:
    """The records of small files, gathered.

    Examples
    --------
    >>> from grantlens.reading.chunk import chunks_of
    >>> bundle = Bundle()
    >>> for text in ("{}", '{"a": 1}'):
    ...     bundle.add(chunks_of([(1, 1, text)]))
    >>> bundle.chunks()[0].lines.table["line_no"].to_pylist()
    [1, 4294967297]
    """

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._bytes = self._files = 0

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Add the records of a file; what goes wrong with it leaves the others as they are.

        Raises
        ------
        LoadError
            If the file cannot be read to its end, or is no UTF-8.
        """
        import pyarrow as pa

        tables = []
        for chunk in chunks:
            if chunk.check:
                chunk.check()
            keys = numbers_of(chunk.lines.keys, "int64") + (self._files << PLACE_BITS)
            columns = [int_array(keys), chunk.lines.texts, chunk.lines.places]
            tables.append(pa.Table.from_arrays(columns, names=["line_no", "line", "true_line"]))
        self._tables += tables
        self._bytes += sum(table.nbytes for table in tables)
        self._files += 1

    def is_full(self) -> bool:
        """True if no other file should be added."""
        return self._bytes >= BYTES or self._files >= FILES

    def chunks(self) -> list[Chunk]:
        """Return the records as one chunk; as none, if there are none."""
        import pyarrow as pa

        whole = pa.concat_tables(self._tables).combine_chunks()
        columns = {name: whole[name].chunk(0) for name in whole.column_names if len(whole)}
        return [Chunk(Lines(sliced(columns)), len(whole))] if columns else []
