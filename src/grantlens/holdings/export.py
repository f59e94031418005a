"""The way out: the three logs in the native format, as NDJSON for a load elsewhere or as Parquet for other engines, or as OCSF events."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.errors import GrantlensError
from grantlens.given_path import given_path, in_shell
from grantlens.holdings.ocsf import VERSION, ocsf_select
from grantlens.holdings.overwriting import keep_evidence
from grantlens.plain import plain
from grantlens.schema import LOGS
from grantlens.schema.apart import shown_column, told_apart
from grantlens.writing import in_place_of

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_HERE = ("batch_id", "line_no")
"""Columns that mean something inside this store only."""

_ORDER = {
    "issuance": "batch_id, line_no, issued_at",
    "usage": "usage_id",
    "revocation": "batch_id, line_no, revoked_at",
}
"""So that the same store gives the same bytes."""

_COVERED = """
WITH of_file AS (
    SELECT batch_id, source, tenant, log, bool_or(records = 0) AS is_whole, min(first_event) FILTER (records = 0) AS since,
           max(last_event) FILTER (records = 0) AS until
    FROM activity
    GROUP BY ALL
)
SELECT source, tenant, log::VARCHAR AS log, min(since), max(until)
FROM of_file
GROUP BY ALL HAVING bool_and(is_whole)
ORDER BY ALL
"""
"""Which logs the store holds whole, from when until when: not those of which some file shows a part."""

_NDJSON = (".ndjson", ".jsonl", ".json", ".ocsf")

_TEXT_AS_IT_IS = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01'"
"""How lines that are JSON already are written: their text holds no such letter raw."""


def write_ndjson(engine: Engine, path: str | os.PathLike[str], *, ocsf: bool = False) -> list[Path]:
    """Write all three logs to one NDJSON file; `.gz` and `.zst` at the end of its name compress it.

    Parameters
    ----------
    engine
        Database of the store.
    path
        The file; it appears when it is whole.
    ocsf
        Write OCSF events instead of the native format, see `grantlens.holdings.ocsf`.

    Returns
    -------
    list of Path
        The file.
    """
    target = Path(given_path(path, 'Name the file: store.export("logs.ndjson.zst").'))
    if not any(suffix in _NDJSON for suffix in target.suffixes):
        raise GrantlensError(f"{target} does not end like NDJSON.", "Name it *.ndjson, *.ndjson.gz or *.ndjson.zst.")
    _need_folder(target.parent)
    keep_evidence(engine, [target])
    # By the end of its name each is compressed.
    parts: list[Path] = []
    how = _TEXT_AS_IT_IS if ocsf else "FORMAT json"
    values = {"version": VERSION, "covered": None if ocsf else _covered(engine)}
    try:
        with told_apart(engine) if ocsf else nullcontext():
            selects = [shown_column(engine, "event", ocsf_select(log)) for log in LOGS] if ocsf else _native(engine)
            for select in selects:
                parts.append(target.with_name(f".{len(parts)}.{os.getpid()}-{target.name}"))
                engine.execute(f"COPY ({select}) TO $path ({how})", {**values, "path": str(parts[-1])})
        with in_place_of(target) as whole, whole.open("wb") as joined:
            for part in parts:
                with part.open("rb") as one:
                    shutil.copyfileobj(one, joined, 1 << 20)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return [target]


def write_parquet(engine: Engine, folder: str | os.PathLike[str]) -> list[Path]:
    """Write each log to a Parquet file of its own in a folder, made if absent.

    Parameters
    ----------
    engine
        Database of the store.
    folder
        Folder of `issuance.parquet`, `usage.parquet` and `revocation.parquet`.

    Returns
    -------
    list of Path
        The files.
    """
    home = Path(given_path(folder, 'Name a folder: store.export("logs", parquet=True).'))
    if home.exists() and not home.is_dir():
        raise GrantlensError(f"{home} is a file.", "Name a folder.")
    _need_folder(home if home.exists() else home.parent)
    keep_evidence(engine, [home / f"{log}.parquet" for log in LOGS])
    home.mkdir(exist_ok=True)
    written, covered = [], _covered(engine)
    for log in LOGS:
        written.append(home / f"{log}.parquet")
        with in_place_of(written[-1]) as place:
            select = f"({_select(log, covered='$covered')} LIMIT 1) UNION ALL ({_select(log, covered='NULL')} OFFSET 1)"
            values = {"path": str(place), "covered": covered}
            engine.execute(f"COPY ({select}) TO $path (FORMAT parquet, COMPRESSION zstd)", values)
    return written


def _covered(engine: Engine) -> str:
    """Return what the first record of a file says that it covers."""
    names = ("source", "tenant", "log", "from", "until")
    return json.dumps([dict(zip(names, plain(row), strict=True)) for row in engine.rows(_COVERED)])


def _native(engine: Engine) -> list[str]:
    """Return the SELECTs of a file in the native format; of its first record by itself, since no other says what is covered."""
    held = [log for log in LOGS if engine.value(f"SELECT EXISTS (FROM {log})")]
    selects = [_select(log, text_times=True) for log in held]
    if held:
        first = _select(held[0], text_times=True, covered="$covered")
        selects[:1] = [f"{first} LIMIT 1", f"{selects[0]} OFFSET 1"]
    return selects


def _select(log: str, *, text_times: bool = False, covered: str | None = None) -> str:
    """Return the SELECT of one log: portable types, and in JSON times as everybody writes them."""
    columns = [f"'{log}' AS log"]
    if covered:
        columns.append(f"{covered}::{'JSON' if text_times else 'VARCHAR'} AS covered")
    for column in LOGS[log].columns:
        if column.name in _HERE:
            continue
        name = quote(column.name)
        value = name
        if column.type == "TIMESTAMPTZ" and text_times:
            value = f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ')"
        elif column.type.endswith("_t"):
            value = f"{name}::VARCHAR"
        columns.append(f"{value} AS {name}")
    return f"SELECT {', '.join(columns)} FROM {log} ORDER BY {_ORDER[log]}"


def _need_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise GrantlensError(f"The folder {folder} does not exist.", f"Make it first: mkdir -p {in_shell(folder)}")
    if not os.access(folder, os.W_OK):
        raise GrantlensError(
            f"The folder {folder} may not be written to.", "Check its permissions, or name another place."
        )
