"""Writing a file so that whoever is stopped halfway keeps the one that was there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def in_place_of(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path beside a file to write to; what is written there takes its place at the end.

    A pipe or a device stays what it is, and is given itself.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        yield Path(path)
        return
    partial = place.with_name(f".{place.name}.{os.getpid()}")  # another process may write to the same place
    try:
        yield partial
        if place.exists():
            shutil.copymode(place, partial)
        partial.replace(place)
    finally:
        with suppress(OSError):
            partial.unlink()
