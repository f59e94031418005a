"""Opening the file of a database, and saying why it is none.

DuckDB opens data files as well: it makes a database in memory that shows their rows. A store must be a file that
keeps what is written, so what DuckDB opened is asked after it. The first bytes of the file would tell as much, but a
process that opens and closes a file gives up the lock that it holds on it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb

from grantlens.errors import StoreError
from grantlens.given_path import in_shell

MEMORY = ":memory:"

ALONE: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
"""DuckDB fetches what it lacks from the network by itself, and runs it: for a SQLite file, or for a view in a store that somebody sent."""

_WHERE = "SELECT path FROM system.main.duckdb_databases() WHERE database_name = system.main.current_database()"
"""Named in full, as the file may hold macros of the same names."""

DAMAGED = "Take a copy that is whole, or load the logs into a new store: grantlens load NEW.duckdb LOGS"

LOG_ENDINGS = frozenset(
    (".ndjson", ".jsonl", ".json", ".csv", ".tsv", ".parquet", ".log", ".txt", ".gz", ".zst", ".bz2", ".xz", ".zip")
)
"""How the names of logs end; a new store is not given such a name."""


def connect(path: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open a database file, or make it.

    Raises
    ------
    StoreError
        If it cannot be opened, is no database, or would be a new one with the name of a log.
    """
    if not path.startswith(MEMORY):
        if Path(path).is_dir():
            raise _folder(path)
        if Path(path).exists() and not Path(path).is_file():  # to open a pipe would wait for ever
            raise StoreError(f"{path} is a pipe, a socket or a device, not a file.", "Name a store made by grantlens.")
        if named_like_a_log(path) and not Path(path).exists():
            raise StoreError(
                f"There is no {path}, and no new store is given a name that ends like a log's.", _put(path)
            )
        if any("\ud800" <= letter <= "\udfff" for letter in path):
            raise StoreError(f"{path} has a name that is not UTF-8.", "Rename it, or the folder that it is in.")
    # With a folder before it a name is one of a file: DuckDB takes `md:acme` for a service.
    place = path if path.startswith(MEMORY) else os.path.join(os.curdir, path)
    try:
        connection = duckdb.connect(place, read_only=read_only, config=ALONE)
    except duckdb.IOException as error:
        raise _explain(path, error) from None
    except duckdb.ConnectionException:
        raise StoreError(
            f"{path} is open in this process in another way: one of the two only reads, or is by a connection of DuckDB that is not grantlens's.",
            "Close the other one. What store.sql(...) returns, DuckDB reads as a table.",
        ) from None
    except duckdb.Error as error:
        if named_like_a_log(path):
            raise _no_database(path) from None
        if is_damage(error):
            raise _damaged(path, error) from None
        if "encrypted" in str(error):
            raise StoreError(
                f"{path} is encrypted.", "Write it without encryption, by the DuckDB that has the key."
            ) from None
        raise StoreError(
            f"{path} cannot be opened as a store: {first_line(error)}.", "Name a store made by grantlens."
        ) from None
    kept = connection.execute(_WHERE).fetchall()
    if not path.startswith(MEMORY) and kept == [(None,)]:
        connection.close()
        raise _no_database(path)
    return connection


def named_like_a_log(path: str | Path) -> bool:
    """Tell whether a name ends like that of a log.

    Examples
    --------
    >>> named_like_a_log("okta.json.gz"), named_like_a_log("acme.duckdb")
    (True, False)
    """
    return Path(path).suffix.lower() in LOG_ENDINGS


def first_line(error: Exception) -> str:
    """Return the first line of what DuckDB says, without its full stop."""
    return str(error).splitlines()[0].rstrip(".")


def is_damage(error: Exception) -> bool:
    """Tell whether DuckDB says that a file is not as it was written."""
    return any(sign in str(error) for sign in ("Could not read enough bytes", "Corrupt database file"))


def _damaged(path: str, error: Exception) -> StoreError:
    return StoreError(f"{path} is damaged or cut short: {first_line(error)}.", DAMAGED)


def _explain(path: str, error: duckdb.IOException) -> StoreError:
    text = str(error)
    if "lock" in text.lower():
        return StoreError(
            f"{path} is held open by another process.",
            "Close it there (a notebook kernel counts), or work on a copy of the file.",
        )
    if "not a valid DuckDB" in text or "magic" in text.lower() or text.startswith("IO Error: Extension"):
        return _no_database(path)
    if is_damage(error):
        return _damaged(path, error)
    if "version number" in text:
        return StoreError(
            f"{path} is of another version of DuckDB: {first_line(error)}.",
            "Update DuckDB, where the number is above those it can read: pip install -U duckdb",
        )
    if "permission denied" in text.lower():
        return StoreError(f"{path} may not be read or written by this user.", "Ask its owner, or name another file.")
    if not Path(path).parent.is_dir():
        return StoreError(
            f"The folder of {path} does not exist.", f"Make it first: mkdir -p {in_shell(Path(path).parent)}"
        )
    if not Path(path).exists():
        return StoreError(f"There is no store at {path}.", "Check the path; without read_only=True a new one is made.")
    return StoreError(f"{path} cannot be opened: {first_line(error)}.")


def _no_database(path: str) -> StoreError:
    if not named_like_a_log(path) and Path(path).stat().st_size == 0:
        return StoreError(
            f"{path} is no store: it is empty, and so no DuckDB file.",
            f"Remove it, and load logs into a store of that name: grantlens load {in_shell(path)} LOGS",
        )
    return StoreError(f"{path} is no store: it is no DuckDB file.", _put(path))


def _put(path: str) -> str:
    return f"The first argument is the store; a log is loaded into it: grantlens load acme.duckdb {in_shell(path)}"


def _folder(path: str) -> StoreError:
    stores = sorted(str(file) for file in Path(path).glob("*.duckdb") if file.is_file())
    if stores:
        return StoreError(f"{path} is a folder, not a store.", f"Name a file in it: {', '.join(stores[:5])}")
    return StoreError(
        f"{path} is a folder, not a store, and holds no *.duckdb file.",
        f"Make a store by loading logs: grantlens load {in_shell(Path(path) / 'grants.duckdb')} LOGS",
    )
