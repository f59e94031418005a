"""Which files a load means: files, folders (all files below them) and globs, in a stable order."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Collection, Iterable
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from grantlens.errors import LoadError
from grantlens.given_path import given_path

Identity = tuple[int, int]
"""Device and number of a file."""

OWN_ENDS = ("", ".wal", ".tmp")
"""What stands behind the name of a store in the names of its files, and of the folder of what did not fit into memory."""


def expand(paths: Iterable[str | os.PathLike[str]], store: str | None = None) -> tuple[list[str], dict[str, LoadError]]:
    """Return the files that the paths mean, and the error of each path that means none.

    Folders are read with everything below them, in sorted order; hidden files are left out, and pipes, sockets and
    devices. A file that is named twice is kept once.

    Parameters
    ----------
    paths
        Files, folders and globs.
    store
        The file into which they are loaded: where it lies among the logs, it is none of them.

    Examples
    --------
    >>> files, errors = expand(["no/such/file.json"])
    >>> files, errors["no/such/file.json"].message
    ([], 'no/such/file.json does not exist.')
    """
    files: dict[str, None] = {}
    errors: dict[str, LoadError] = {}
    own = {each for end in OWN_ENDS if store and (each := _identity(os.path.realpath(store) + end))}
    for given in paths:
        name = given_path(
            given, 'Name files and folders: store.load("logs/okta"); those of a list: store.load(*names).', LoadError
        )
        # An empty name is the unset variable of a script, and not the current folder.
        found = _files_of(name, own, errors) if name else None
        if found is None:
            errors[name] = _absent(name)
        elif not found and str(Path(name)) not in errors:
            errors[name] = LoadError(f"{name} holds no file.", "Name a folder that holds logs.")
        else:
            files.update(dict.fromkeys(found))
    return list(files), errors


def _files_of(name: str, own: Collection[Identity], errors: dict[str, LoadError]) -> list[str] | None:
    path = Path(name)
    if path.is_dir():
        return [file for file in _below(path, own, errors) if _may_be_log(file, own)]
    if path.exists():
        return [name]
    if glob.has_magic(name):
        matched = sorted(glob.glob(name, recursive=True))
        if matched:
            return [file for match in matched for file in (_files_of(match, own, errors) or [])]
    return None


def _below(folder: Path, own: Collection[Identity], errors: dict[str, LoadError]) -> list[str]:
    def note(error: OSError) -> None:
        errors[error.filename] = LoadError(
            f"The folder {error.filename} cannot be read: {error.strerror}.", "Check its permissions."
        )

    found = []
    for root, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and _identity(os.path.join(root, name)) not in own
        )
        found += [os.path.join(root, name) for name in names if not name.startswith(".")]
    return sorted(found)


def _may_be_log(path: str, own: Collection[Identity]) -> bool:
    """True if it is a file and not our own, or if nothing is there to tell: its turn will say so, as with a broken link."""
    try:
        found = os.stat(path)
    except OSError:
        return True
    return stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino) not in own


def _identity(path: str) -> Identity | None:
    """Return what tells a file from all others, whatever it is called; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _absent(name: str) -> LoadError:
    if glob.has_magic(name):
        return LoadError(f"No file matches {name}.", "Check the pattern; quote it so that the shell leaves it alone.")
    if not name:
        return LoadError("An empty name was given among the logs.", "Name a file or a folder; the current one is '.'.")
    near = _neighbour(name)
    return LoadError(f"{name} does not exist.", f"Did you mean {near}?" if near else "Check the path.")


def _neighbour(name: str) -> str | None:
    """Return the file or folder beside a missing one whose name is nearest to it."""
    folder, last = os.path.split(name.rstrip(os.sep))
    with suppress(OSError, ValueError):
        near = get_close_matches(
            last, [each for each in os.listdir(folder or ".") if not each.startswith(".")], 1, 0.75
        )
        return os.path.join(folder, near[0]) if near else None
    return None
