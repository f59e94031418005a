"""From records to canonical rows: the SQL that is made out of a loader's SELECTs.

Each log is staged in a temporary table with its canonical types. A value that does not fit its
column, or a required one that is missing, gives the row a reason, in `refused`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.schema import LOGS, TIMES
from grantlens.schema.vocabulary import ENUMS

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader
    from grantlens.schema import Column

FILLED = ("source", "event_id", "batch_id", "line_no")
"""Required columns that are filled here, not by the loader."""


@dataclass(frozen=True)
class Staging:
    """How one log of a loader is staged.

    Parameters
    ----------
    log
        issuance, usage or revocation.
    given
        The canonical columns that the loader gives.
    sql
        SELECT with `line_no`, the columns in canonical types, and `refused`: why the row is none, or NULL.
    """

    log: str
    given: tuple[str, ...]
    sql: str

    def column(self, name: str, type_: str) -> str:
        """Return the column where the loader gives it, else a NULL of its type."""
        return quote(name) if name in self.given or name == "source" else f"NULL::{type_}"


def record_sql(loader: Loader) -> str:
    """Return the statement that parses each record of `chunk_line` once."""
    fields = loader.fields.replace("'", "''")
    return f"CREATE OR REPLACE TEMP TABLE record AS SELECT line_no, TRY(from_json(line, '{fields}')) AS r FROM chunk_line"


def with_steps(loader: Loader, select: str) -> str:
    """Return one of the loader's SELECTs, its steps before it."""
    steps = ", ".join(f"{quote(name)} AS ({_bare(step)})" for name, step in loader.steps.items())
    return f"WITH {steps} SELECT * FROM ({_bare(select)})" if steps else f"SELECT * FROM ({_bare(select)})"


def staging(engine: Engine, loader: Loader, log: str) -> Staging:
    """Work out how a log is staged; `record` must exist, its content does not matter."""
    select = with_steps(loader, getattr(loader, log))
    types = {name: type_ for name, type_, *_ in engine.rows(f"DESCRIBE {select}")}
    table = {column.name: column for column in LOGS[log].columns}
    strange = [name for name in types if name not in table]
    if strange:
        raise ValueError(f"Loader {loader.name} gives {strange} for {log}: no such columns.")
    given = tuple(name for name in table if name in types and name not in ("batch_id", "line_no"))
    reasons, values = [], []
    for name in given:
        column = table[name]
        value, wrong = _value(column, types[name])
        if name == "source":
            value = f"coalesce({value}, $source)"
        elif column.required and name not in FILLED:
            reasons.append(f"WHEN s.{quote(name)} IS NULL THEN '{name}: missing'")
        if wrong:
            reasons.append(wrong)
        values.append(f"{value} AS {quote(name)}")
    missing = [column.name for column in table.values() if column.required and column.name not in (*given, *FILLED)]
    if missing:
        raise ValueError(f"Loader {loader.name} gives no {', '.join(missing)} for {log}.")
    if "source" not in given:
        values.append("$source AS source")
    reason = f"CASE {' '.join(reasons)} END"
    return Staging(log, given, f"SELECT s.line_no, {', '.join(values)}, {reason} AS refused FROM ({select}) s")


def _value(column: Column, type_: str) -> tuple[str, str | None]:
    """Return the SQL of a value in its canonical type, and the CASE branch for one that does not fit."""
    name = f"s.{quote(column.name)}"
    if _same(column.type, type_):
        if column.type == "TIMESTAMPTZ":
            return name, f"WHEN NOT isfinite({name}) THEN '{column.name}: is no moment'"
        return name, None
    value = f"TRY_CAST({name} AS {column.type})"
    seen = f"'{column.name}: ''' || left({name}::VARCHAR, 60) || ''' is {_expected(column.type)}'"
    if column.type == "TIMESTAMPTZ":
        return value, f"WHEN {name} IS NOT NULL AND ({value} IS NULL OR NOT isfinite({value})) THEN {seen}"
    return value, f"WHEN {name} IS NOT NULL AND {value} IS NULL THEN {seen}"


def _same(canonical: str, given: str) -> bool:
    return canonical == given or (canonical == "TIMESTAMPTZ" and given == "TIMESTAMP WITH TIME ZONE")


def _expected(type_: str) -> str:
    if type_ in ENUMS:
        return "none of " + ", ".join(ENUMS[type_])
    return {"TIMESTAMPTZ": "no time", "VARCHAR[]": "no list", "JSON": "no JSON"}.get(type_, "no number that fits")


def _bare(sql: str) -> str:
    return sql.strip().rstrip(";")


def time_of(log: str) -> str:
    """Return the column with the event time of a log."""
    return TIMES[log]
