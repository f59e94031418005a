"""A place in memory that DuckDB can read as a file, written over and over."""

from __future__ import annotations

import os
import tempfile


class Shelf:
    """One such place: without a name in any folder on Linux, a temporary file elsewhere."""

    def __init__(self) -> None:
        self._file = None
        self._path = ""

    def put(self, data: memoryview) -> str:
        """Write data in the place of what was there, and return the path under which it can be read."""
        if self._file is None:
            self._open()
        view = data
        at = 0
        while at < len(data):
            at += os.pwrite(self._file.fileno(), view[at:], at)
        os.ftruncate(self._file.fileno(), len(data))
        return self._path

    def _open(self) -> None:
        if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
            self._file = os.fdopen(os.memfd_create("grantlens"), "r+b", buffering=0)
            self._path = f"/proc/self/fd/{self._file.fileno()}"
        else:
            self._file = tempfile.NamedTemporaryFile(suffix=".ndjson", buffering=0)  # noqa: SIM115
            self._path = self._file.name
