"""Columns that the native format does not know: never dropped silently, the nearest known one is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from grantlens.errors import LoadError
from grantlens.handwritten import did_you_mean, nearest
from grantlens.ingest.key import number
from grantlens.secrecy import masked

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader
    from grantlens.reading.one_file import Reading

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


def unknown_keys(engine: Engine, loader: Loader, paths: Sequence[str], *, first: bool) -> pa.Table | None:
    """Return `line_no` and `reason` of the records in `chunk_line` with unknown keys, None if no record has one.

    If all records of a file have one, it is refused.

    Parameters
    ----------
    engine
        The open store.
    loader
        A loader with `known_keys`.
    paths
        The files, for the message.
    first
        True for the first chunk of the files, which decides about them.
    """
    combinations = engine.rows(
        f"SELECT {number('line_no')} AS file, keys, count(*) "
        "FROM (SELECT line_no, TRY(json_keys(line)) AS keys FROM chunk_line) GROUP BY ALL"
    )
    known = loader.known_keys or frozenset()
    total, unknown = Counter[int](), Counter[tuple[int, str]]()
    for file, keys, records in combinations:
        total[file] += records
        for key in set(keys or ()) - known:
            unknown[file, key] += records
    if not unknown:
        return None
    if first:
        for (file, key), records in unknown.items():
            if records == total[file]:
                raise _refused(paths[file], key, known)
    strange = sorted({key for _, key in unknown})
    among = known if len(strange) < MANY else frozenset()
    reasons = {key: _reason(key, among) for key in strange}
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
