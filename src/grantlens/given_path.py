"""A path as a caller gave it."""

from __future__ import annotations

import os
import reprlib

from grantlens.errors import GrantlensError


def given_path(given: object, remedy: str, error: type[GrantlensError] = GrantlensError) -> str:
    """Return a path as text; of what is none, say what it is and what to write.

    Examples
    --------
    >>> given_path("acme.duckdb", "")
    'acme.duckdb'
    """
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(path, str):
        raise error(f"{reprlib.repr(given)} is no path.", remedy)
    return path
