"""A path as a caller gave it, and as a shell takes it."""

from __future__ import annotations

import os
import reprlib
import shlex

from grantlens.errors import GrantlensError


def in_shell(path: str | os.PathLike[str]) -> str:
    """Return a path as it is typed in a command, so that one that is proposed can be pasted whatever a file is called.

    Examples
    --------
    >>> in_shell("acme.duckdb"), in_shell("my logs/a.json")
    ('acme.duckdb', "'my logs/a.json'")
    """
    return shlex.quote(os.fspath(path))


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
