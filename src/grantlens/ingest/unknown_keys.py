"""Columns that the native format does not know: never dropped silently, the nearest known one is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.errors import LoadError
from grantlens.handwritten import did_you_mean, nearest
from grantlens.ingest.secrecy import masked

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine
    from grantlens.ingest.reading import Reading
    from grantlens.loaders import Loader

UNKNOWN = ": unknown column"
"""What is said of a key that no column is called."""

MANY = 100
"""So many unknown keys are no misspellings: to seek the nearest column of each would take long."""


def refuse_unknown_columns(reading: Reading, loader: Loader) -> None:
    """Refuse a CSV or Parquet file whose header names a column that the loader does not know."""
    while loader.otherwise:
        loader = loader.otherwise
    known = loader.known_keys
    if known is None or reading.columns is None:
        return
    for name in reading.columns:
        if name not in known:
            raise _refused(reading.path, name, known)


def unknown_keys(engine: Engine, loader: Loader, path: str, *, first: bool) -> pa.Table | None:
    """Return `line_no` and `reason` of the records in `chunk_line` with unknown keys, None if no record has one.

    If all have one, the file is refused.

    Parameters
    ----------
    engine
        The open store.
    loader
        A loader with `known_keys`.
    path
        The file, for the message.
    first
        True for the first chunk of the file, which decides about the file.
    """
    combinations = engine.rows(
        "SELECT keys, count(*) FROM (SELECT TRY(json_keys(line)) AS keys FROM chunk_line) GROUP BY keys"
    )
    known = loader.known_keys or frozenset()
    unknown: dict[str, int] = {}
    for keys, records in combinations:
        for key in set(keys or ()) - known:
            unknown[key] = unknown.get(key, 0) + records
    if not unknown:
        return None
    total = sum(records for _, records in combinations)
    if first:
        for key, records in unknown.items():
            if records == total:
                raise _refused(path, key, known)
    among = known if len(unknown) < MANY else frozenset()
    reasons = {key: _reason(key, among) for key in sorted(unknown)}
    return engine.arrow(
        "SELECT line_no, reason FROM "
        "(SELECT line_no, unnest(TRY(json_keys(line))) AS key FROM chunk_line) "
        "JOIN (SELECT unnest($keys) AS key, unnest($reasons) AS reason) USING (key)",
        {"keys": list(reasons), "reasons": list(reasons.values())},
    )


def _reason(key: str, known: frozenset[str]) -> str:
    near = nearest(key, known)
    return f"{key[:60]}{UNKNOWN}" + (f", the nearest is {near}" if near else "")


def _refused(path: str, key: str, known: frozenset[str]) -> LoadError:
    remedy = did_you_mean(key, known, "Leave it out: the native format has exactly the columns of the three tables.")
    return LoadError(f"{path}: unknown column {masked(key, 60)!r}.", remedy)
