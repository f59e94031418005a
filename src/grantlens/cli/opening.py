"""Opening the store that a command names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.errors import GrantlensError, StoreError
from grantlens.given_path import in_shell

if TYPE_CHECKING:
    from grantlens.store import Store


def existing(path: Path, *, read_only: bool = True, confined: bool = True, tenant: str | None = None) -> Store:
    """Open a store that must be there already; a reading command never makes one.

    Parameters
    ----------
    path
        The store.
    read_only
        Whether it is only read, as several may do at once. One that has to be brought up to date is opened for writing
        all the same.
    confined
        Whether no other file is read or written through the database: somebody else may have made the store.
    tenant
        The one of which alone it is asked; all if None.

    Raises
    ------
    StoreError
        If there is no such file; the remedy names the nearest one.
    """
    if not path.exists():
        from grantlens.engine.opening import named_like_a_log

        near = neighbour(path, among=lambda name: not named_like_a_log(name))
        name = "acme.duckdb" if named_like_a_log(path) else path
        hint = f"Did you mean {near}?" if near else f"Make it by loading logs: grantlens load {in_shell(name)} LOGS"
        raise StoreError(f"There is no store at {path}.", hint)
    return (read_only and _as_it_is(path, confined, tenant)) or anew(path, confined=confined, tenant=tenant)


def _as_it_is(path: Path, confined: bool, tenant: str | None) -> Store | None:
    """Open a store for reading only; None if it cannot be as it is, but may be written: that mends it, or tells why not."""
    from grantlens.store import Store

    try:
        store = Store(path, read_only=True, confined=confined, tenant=tenant)
    except StoreError:
        if os.access(path, os.W_OK):
            return None
        raise
    if store.up_to_date():
        return store
    store.close()
    return None


def anew(path: Path, *, confined: bool = False, tenant: str | None = None) -> Store:
    """Open a store for writing, and make it if it is not there."""
    from grantlens.store import Store

    return Store(path, confined=confined, tenant=tenant)


def neighbour(path: Path, *, among: Callable[[str], bool] = lambda name: True) -> Path | None:
    """Return the file beside a missing one whose name is nearest to it, among those that may be meant."""
    import difflib

    folder = path.parent
    if not folder.is_dir():
        return None
    names = [entry.name for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    near = difflib.get_close_matches(path.name, filter(among, names), 1, 0.75)
    return folder / near[0] if near else None


def readable(path: Path) -> Path:
    """Return the path of a file or folder that must be there.

    Raises
    ------
    GrantlensError
        If there is no such file; the remedy names the nearest one.
    """
    if not path.exists():
        near = neighbour(path)
        raise GrantlensError(f"{path} does not exist.", f"Did you mean {near}?" if near else "Check the path.")
    if path.suffix == ".duckdb":
        raise GrantlensError(
            f"{path} is a store, and stands in the place of the file.", "The store comes first, the file after it."
        )
    return path
