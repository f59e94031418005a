"""Bytes in memory that DuckDB can read as a file: without a name in any folder on Linux, a temporary file elsewhere."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO


class Shelf:
    """A block of memory that is filled over and over.

    Parameters
    ----------
    size
        Bytes of the block.
    """

    def __init__(self, size: int) -> None:
        self._file, self.path = _opened(0)
        self._size = size
        self._file.truncate(size)
        self.block = mmap.mmap(self._file.fileno(), size)

    def clear(self) -> None:
        """Give the block its whole size back."""
        self._file.truncate(self._size)

    def end_at(self, size: int) -> str:
        """Let the file end after `size` bytes, and return the path under which it can be read."""
        self._file.truncate(size)
        return self.path


@contextmanager
def written(pieces: Iterable[bytes | memoryview]) -> Iterator[str]:
    """Give the path of a file that holds these bytes, as long as it is wanted.

    Examples
    --------
    >>> with written([b"a", b"b"]) as path, open(path) as file:
    ...     file.read()
    'ab'
    """
    file, path = _opened(1 << 20)
    with file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        yield path


def _opened(buffering: int) -> tuple[IO[bytes], str]:
    """Open a new file and return it with the path under which it can be read."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        unnamed = os.fdopen(os.memfd_create("grantlens"), "w+b", buffering=buffering)
        return unnamed, f"/proc/self/fd/{unnamed.fileno()}"
    named = tempfile.NamedTemporaryFile(suffix=".ndjson", buffering=buffering)  # noqa: SIM115
    return named, named.name
