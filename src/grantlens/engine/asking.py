"""SQL that a user wrote: where DuckDB refuses it, the error names what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import duckdb

from grantlens.engine import AT_REST
from grantlens.engine.duckdb import Engine, MalformedJson
from grantlens.errors import GrantlensError
from grantlens.handwritten import did_you_mean
from grantlens.visible import in_one_line

if TYPE_CHECKING:
    import pyarrow as pa

_TABLE = re.compile(r"Table with name (.+?) does not exist")
_COLUMN = re.compile(
    r'column (?:named )?"(.+?)" (?:in \w+ list )?(?:not found|does not exist)|have a column named "(.+?)"', re.I
)
_VALUES = re.compile(r"Values were not provided for the following parameters: (\w+)")
_LISTING = re.compile(r"\b(show|pragma|call|information_schema|duckdb_\w+|pg_\w+|sqlite_master)\b", re.IGNORECASE)
_KNOWN_TABLES = "SELECT table_name FROM information_schema.tables WHERE NOT starts_with(table_name, $at_rest)"
_LINE = re.compile(r"^LINE (\d+): (.*)$", re.MULTILINE)


def lists_tables(sql: str) -> bool:
    """Tell whether a query may tell which tables there are.

    Examples
    --------
    >>> lists_tables("SHOW TABLES"), lists_tables("SELECT count(*) FROM usage")
    (True, False)
    """
    return bool(_LISTING.search(str(sql)))


def asked(engine: Engine, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
    """Run a query that a user wrote, and return its whole result.

    Raises
    ------
    GrantlensError
        If DuckDB refuses it; what DuckDB said is the cause.
    """
    try:
        statements = duckdb.extract_statements(sql) if isinstance(sql, str) else []
        if not statements:
            raise _error(f"{sql!r} is no query", 'Write SQL: store.sql("SELECT count(*) FROM usage").')
        try:
            return engine.arrow(sql, parameters, ours=False)
        finally:
            if any(statement.type != duckdb.StatementType.SELECT for statement in statements):
                engine.note_change()
    except (duckdb.Error, MalformedJson) as error:
        raise _explained(engine, sql, parameters, str(error)) from error


def _explained(engine: Engine, sql: str, given: Mapping[str, Any], said: str) -> GrantlensError:
    if table := _TABLE.search(said):
        known = [name for (name,) in engine.rows(_KNOWN_TABLES, {"at_rest": AT_REST})]
        remedy = did_you_mean(
            table[1], known, 'store.sql("SHOW TABLES") names them; the logs are issuance, usage, revocation.'
        )
        return _error(f"The store has no table {table[1]}", remedy)
    if column := _COLUMN.search(said):
        name = column[1] or column[2]
        return _error(f"No table of the query has a column {name}", _nearest_column(engine, sql, said, name))
    if value := _VALUES.search(said):
        name = "name" if value[1].isdecimal() else value[1]  # DuckDB counts each ? itself
        remedy = did_you_mean(value[1], given, f"Write ${name} in the query and give it: store.sql(QUERY, {name}=...).")
        return _error(f"The query names ${value[1]}, and no value was given for it", remedy)
    kind, _, first = said.partition("\n")[0].partition(": ")
    if line := _LINE.search(said):
        return _error(
            f"DuckDB refuses the query: {first}", f"Correct line {line[1]} there, or just before: {line[2].strip()}"
        )
    return _error(
        f"DuckDB refuses the query: {first or kind}",
        next(re.finditer("^(Did you mean|Either|Candidate tables:) .*", said, re.M), [""])[0],
    )


def _nearest_column(engine: Engine, sql: str, said: str, name: str) -> str:
    known = [each.rpartition(".")[2] for each in re.findall('"(.+?)"', said.partition("Candidate bindings:")[2])]
    if not known:
        rows = engine.rows(
            "SELECT column_name FROM information_schema.columns WHERE list_contains($words, table_name)",
            {"words": re.findall(r"\w+", sql)},
        )
        known = [column for (column,) in rows]
    if f'"{name}"' in sql:
        return did_you_mean(name, known, f"A text stands in single quotes: '{name}'.")
    return did_you_mean(name, known, f"There are {', '.join(dict.fromkeys(known[:5]))}.")


def _error(message: str, remedy: str) -> GrantlensError:
    return GrantlensError(in_one_line(message, longest=400).rstrip(".!") + ".", in_one_line(remedy, longest=400))
