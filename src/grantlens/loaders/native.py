"""The native format: NDJSON, CSV or Parquet with exactly the canonical column names, plus `log`.

For anyone whose provider has no loader. `grantlens export` writes it, so a load round-trips.
In CSV, list cells are joined by `;`, objects stand as their JSON, and an empty cell means that the log does not say.
A file covers the logs that it has rows of, unless its first record says in `covered` which it holds whole, as an export does:
of a log that shows only some of what happened its rows are no more than that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from grantlens.errors import LoadError
from grantlens.loaders.loader import COVERED, Join, Loader
from grantlens.schema import LOGS, TIMES

_OURS = ("batch_id", "line_no")
_COLUMNS = {
    log: {column.name: column.type for column in table.columns if column.name not in _OURS}
    for log, table in LOGS.items()
}
_TYPES = {name: type_ for columns in _COLUMNS.values() for name, type_ in columns.items()}
_LISTS = tuple(name for name, type_ in _TYPES.items() if type_.endswith("[]"))
_BARE = (*_LISTS, *(name for name, type_ in _TYPES.items() if type_ in ("SMALLINT", "BIGINT")))
"""Columns that JSON writes without quotes."""
_STRUCTURED = (*_LISTS, "authorization_details", "covered")


def recognise(records: Sequence[Mapping]) -> bool:
    """True if a record names its log and carries that log's time."""
    return any(record.get("log") in TIMES and TIMES[record["log"]] in record for record in records)


def _select(log: str) -> str:
    """Every column as text (lists as JSON): `ingest` casts, and names the values that do not fit."""
    values = ", ".join(f'{_unquoted(name)} AS "{name}"' for name in _COLUMNS[log])
    return f"SELECT line_no, {values} FROM record WHERE r.log = '{log}'"


def _unquoted(name: str) -> str:
    """Return SQL for a column; a cell of CSV can hold objects as their text only."""
    if name not in ("authorization_details", "covered"):
        return f'r."{name}"'
    inner = f"""TRY_CAST(r."{name}" ->> '$' AS JSON)"""
    return f"""CASE WHEN json_type(r."{name}") = 'VARCHAR' AND json_type({inner}) IN ('ARRAY', 'OBJECT') THEN {inner} ELSE r."{name}" END"""


def _rejected() -> str:
    """Records of no log, columns that belong to another log than the record's, and what is said to be covered where it is not asked."""
    said = f"TRY(from_json({_unquoted('covered')}, '{COVERED}')) IS DISTINCT FROM from_json($covered, '{COVERED}')"
    of_logs = (
        f" WHEN r.covered IS NOT NULL AND {said} THEN 'covered: the first record of a file says it, and only that'"
    )
    for log, columns in _COLUMNS.items():
        foreign = [name for name in _TYPES if name not in columns]
        which = " ".join(f"WHEN r.\"{name}\" IS NOT NULL THEN '{name}: no column of {log}'" for name in foreign)
        of_logs += f" WHEN r.log = '{log}' THEN CASE {which} END"
    return (
        f"SELECT * FROM (SELECT line_no, CASE WHEN r.log IS NULL THEN 'log: missing'{of_logs} "
        "ELSE 'log: ''' || left(r.log, 60) || ''' is none of issuance, usage, revocation' END AS reason "
        "FROM record WHERE r IS NOT NULL) WHERE reason IS NOT NULL"
    )


def dialect(records: Sequence[Mapping]) -> Loader:
    """Read a file by the columns of its first records, and take from the first of all what it says that it covers."""
    loader = _by_columns([{name: record[name] for name in record if name != "covered"} for record in records])
    said = records[0].get("covered") if records else None
    if said is None:
        return loader
    covered = json.dumps(_covered(said), sort_keys=True)
    return replace(loader, covered=covered, parameters={"covered": covered})


def _covered(said: Any) -> list[dict[str, str | None]]:
    """Return what a file says that it covers; text holds it as JSON.

    Raises
    ------
    LoadError
        If it is anything else than a list of logs with their times.
    """
    try:
        listed = json.loads(said) if isinstance(said, str) else said
        if isinstance(listed, list):
            return [_stretch(**each) for each in listed]
        raise TypeError
    except (TypeError, ValueError, OverflowError):
        raise LoadError(
            f"covered: {str(said)[:60]!r} does not say which logs the file holds whole.",
            'Write a list such as [{"source": "okta", "tenant": null, "log": "usage", "from": "2026-07-01T00:00:00Z", '
            '"until": "2026-10-01T00:00:00Z"}], or leave covered out: then the file covers the logs that it has rows of.',
        ) from None


def _stretch(*, source: Any, tenant: Any = None, log: Any, **times: Any) -> dict[str, str | None]:
    """Return one log that is held whole from a time until another.

    Raises
    ------
    TypeError, ValueError
        If that is not what is said.
    """
    moments = [datetime.fromisoformat(times.pop(name)) for name in ("from", "until") if name in times]
    since, until = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments)
    if times or log not in LOGS or not isinstance(source, str) or not isinstance(tenant, str | None):
        raise ValueError
    if not 1 < since.year <= until.year < 9999 or since > until:
        raise ValueError
    return {"source": source, "tenant": tenant, "log": log, "from": since.isoformat(), "until": until.isoformat()}


def _by_columns(records: Sequence[Mapping]) -> Loader:
    """Read a file that begins with nothing but calls for calls, and only the columns that it has.

    A record is taken that way only if these columns account for its every byte, so that nothing in it can
    go unseen. Any other record is handed to the whole loader, which looks at each column.
    """
    names = sorted({name for record in records for name in record})
    if any(record.get("log") != "usage" for record in records) or not {*names} <= {"log", *_COLUMNS["usage"]}:
        return LOADER
    if not {"used_at", "outcome"} <= {*names}:  # without these there is no call
        return LOADER
    spaced = _calls(records, names, spaced=True)
    return replace(_calls(records, names, spaced=False), otherwise=replace(spaced, otherwise=LOADER))


def _calls(records: Sequence[Mapping], names: list[str], *, spaced: bool) -> Loader:
    """Read calls with these columns, as compact writers or as Python's `json` with its spaces put them down."""
    always = {name for name in names if all(record.get(name) is not None for record in records)}
    around = {name: len(name) + (4 if name in _BARE else 6) + (2 if spaced else 0) for name in names}
    bytes_ = [str((0 if spaced else 1) + sum(around[name] for name in always))]
    for name in names:
        size = f'strlen(r."{name}")' if name in always else f'coalesce(strlen(r."{name}")+{around[name]},0)'
        bytes_.append(size)
        if spaced and name in _STRUCTURED:
            bytes_.append(f"coalesce(strlen(r.\"{name}\")-strlen(replace(r.\"{name}\",',','')),0)")
    values = ", ".join(f'r."{name}" AS "{name}"' for name in names if name != "log")
    return replace(
        LOADER,
        fields=json.dumps({name: "JSON" if name in _STRUCTURED else "VARCHAR" for name in names}),
        usage=f"SELECT line_no, {values}, ({'+'.join(bytes_)})::INT AS accounted FROM record WHERE r.log = 'usage'",
        issuance=None,
        revocation=None,
        rejected=None,
        known_keys=None,
    )


LOADER = Loader(
    name="native",
    version=3,
    title="grantlens native format",
    recognise=recognise,
    fields=json.dumps(
        {"log": "VARCHAR", **{name: "JSON" if name in _STRUCTURED else "VARCHAR" for name in (*_TYPES, "covered")}}
    ),
    carries=("issuance", "usage", "revocation"),
    parameters={"covered": None},
    makers=True,
    issuance=_select("issuance"),
    usage=_select("usage"),
    revocation=_select("revocation"),
    rejected=_rejected(),
    parents=("rotated", "redeemed", "exchanged"),
    joins=(
        Join("issuance", "usage", "token", "token_id", "as far as the export names it"),
        Join("issuance", "revocation", "token", "token_id", "as far as the export names it"),
        Join("usage", "revocation", "token", "token_id", "as far as the export names it"),
    ),
    audiences="as called",
    actors="nested",
    details_types=True,
    keys_end=True,  # as far as its rows show none without an end
    join_note="Whatever was exported: the columns are the canonical ones.",
    known_keys=frozenset({"log", "covered", *_TYPES}),
    list_cells=_LISTS,
    dialect=dialect,
)
