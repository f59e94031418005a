"""Which files a load means: files, folders (all files below them) and globs, in a stable order."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from grantlens.errors import LoadError


def expand(paths: Iterable[str | os.PathLike[str]]) -> tuple[list[str], list[LoadError]]:
    """Return the files that the paths mean, and an error for each path that means none.

    Folders are read with everything below them, in sorted order; hidden files are left out, and pipes, sockets and
    devices. A file that is named twice is kept once.

    Examples
    --------
    >>> files, errors = expand(["no/such/file.json"])
    >>> files, errors[0].message
    ([], 'no/such/file.json does not exist.')
    """
    files: dict[str, None] = {}
    errors: list[LoadError] = []
    for given in paths:
        name = os.fspath(given)
        found = _files_of(name)
        if found is None:
            errors.append(_absent(name))
        elif not found:
            errors.append(LoadError(f"{name} holds no file.", "Name a folder that holds logs."))
        else:
            files.update(dict.fromkeys(found))
    return list(files), errors


def _files_of(name: str) -> list[str] | None:
    path = Path(name)
    if path.is_dir():
        return [file for file in _below(path) if _may_be_log(file)]
    if path.exists():
        return [name]
    if glob.has_magic(name):
        matched = sorted(glob.glob(name, recursive=True))
        if matched:
            return [file for match in matched for file in (_files_of(match) or [])]
    return None


def _below(folder: Path) -> list[str]:
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(root, name) for name in names if not name.startswith(".")]
    return sorted(found)


def _may_be_log(path: str) -> bool:
    """True if it is a file, or if nothing is there to tell: its turn will say so, as with a broken link."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def _absent(name: str) -> LoadError:
    if glob.has_magic(name):
        return LoadError(f"No file matches {name}.", "Check the pattern; quote it so that the shell leaves it alone.")
    return LoadError(f"{name} does not exist.", "Check the path.")
