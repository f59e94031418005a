"""How values that loaders give fit the columns of the store, and why a row is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.schema import TIMES
from grantlens.schema.vocabulary import ENUMS

if TYPE_CHECKING:
    from grantlens.schema import Column

FILLED = ("source", "event_id", "batch_id", "line_no")
"""Required columns that are filled here, not by the loader."""

TELLABLE = "BETWEEN TIMESTAMPTZ '0001-01-02 00:00:00+00' AND TIMESTAMPTZ '9999-12-30 23:59:59.999999+00'"
"""Times of events that Python can hold, with a day to spare at each end: a window ends after its last event."""


def values_of(columns: list[Column], types: dict[str, str]) -> dict[str, str]:
    """Return by name the SQL of each column in its canonical type."""
    values = {column.name: _cast(column, types[column.name]) for column in columns}
    return {name: f"coalesce({value}, $source)" if name == "source" else value for name, value in values.items()}


def why_refused(columns: list[Column], types: dict[str, str]) -> str:
    """Return the CASE that says why a row is none."""
    reasons = ""
    for column in columns:
        name, value = f"s.{quote(column.name)}", _cast(column, types[column.name])
        if column.required and column.name not in FILLED:
            reasons += f" WHEN {name} IS NULL THEN '{column.name}: missing'"
        seen = f"'{column.name}: ''' || left({name}::VARCHAR, 60) || ''' is {_expected(column.type)}'"
        if column.name in TIMES.values():
            reasons += f" WHEN {name} IS NOT NULL AND ({value} {TELLABLE}) IS NOT TRUE THEN {seen}"
        elif column.type == "TIMESTAMPTZ":
            reasons += f" WHEN {name} IS NOT NULL AND ({value} IS NULL OR NOT isfinite({value})) THEN {seen}"
        elif column.name == "status" and "INT" not in types[column.name]:  # what a loader made a number, it checked
            reasons += f" WHEN {name} IS NOT NULL AND ({_no_status(name, value, types[column.name])}) THEN {seen}"
        elif value != name:
            reasons += f" WHEN {name} IS NOT NULL AND {value} IS NULL THEN {seen}"
    return f"CASE{reasons} END" if reasons else "NULL::VARCHAR"


def _no_status(name: str, value: str, type_: str) -> str:
    """Return the condition under which a number is none of a status: DuckDB rounds where it casts.

    0 stays: proxies write it where no answer came; and numbers below 100, for RPC has statuses of its own.
    """
    outside = f"({value} BETWEEN 0 AND 999) IS NOT TRUE"
    if type_ in ("VARCHAR", "JSON"):
        return f"{outside} OR (contains({name}, '.') AND TRY_CAST({name} AS DOUBLE) <> {value})"
    return f"{outside} OR {name} <> {value}"


def _cast(column: Column, type_: str) -> str:
    name = f"s.{quote(column.name)}"
    same = column.type == type_ or (column.type == "TIMESTAMPTZ" and type_ == "TIMESTAMP WITH TIME ZONE")
    return name if same else f"TRY_CAST({name} AS {column.type})"


def _expected(type_: str) -> str:
    if type_ in ENUMS:
        return "none of " + ", ".join(ENUMS[type_])
    return {"TIMESTAMPTZ": "no time", "VARCHAR[]": "no list", "JSON": "no JSON"}.get(type_, "no number that fits")
