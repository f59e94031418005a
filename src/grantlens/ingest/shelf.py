"""A block of memory that DuckDB can read as a file, filled over and over."""

from __future__ import annotations

import mmap
import os
import tempfile


class Shelf:
    """One such block: without a name in any folder on Linux, a temporary file elsewhere.

    Parameters
    ----------
    size
        Bytes of the block.
    """

    def __init__(self, size: int) -> None:
        if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
            self._file = os.fdopen(os.memfd_create("grantlens"), "r+b", buffering=0)
            self.path = f"/proc/self/fd/{self._file.fileno()}"
        else:
            self._file = tempfile.NamedTemporaryFile(suffix=".ndjson", buffering=0)  # noqa: SIM115
            self.path = self._file.name
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
