"""Whether what stands in a store is what grantlens makes: somebody else may have made the file.

DuckDB runs what a file brings along. A macro goes before the function whose name it has, even before `+` and `count`; a view under the
name of a table, or a trigger on one, may read any file of whoever opens the store. So this is looked at before anything of the store is
read: through functions named in full, since a macro may have any name, and by comparing, AND and NOT, which are no functions. Not by
`duckdb_columns`: to tell the columns of a view it opens the files that the view reads.

What has other names is no concern of grantlens, which reads none of it: people keep tables, views and macros of their own in a store.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from grantlens.errors import StoreError
from grantlens.schema import TABLES
from grantlens.schema.vocabulary import ENUMS
from grantlens.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantlens.engine.duckdb import Engine
    from grantlens.schema import Table

_HERE = "database_name = system.main.current_database()"
_OURS = f"schema_name = 'main' AND {_HERE}"
_MACROS = f"SELECT function_name FROM system.main.duckdb_functions() WHERE NOT internal AND {_OURS}"
_FUNCTIONS = "SELECT function_name FROM system.main.duckdb_functions() WHERE internal"
_OWN_TYPES = f"SELECT type_name FROM system.main.duckdb_types() WHERE NOT internal AND {_OURS}"
_TYPES = "SELECT type_name FROM system.main.duckdb_types() WHERE internal"
_SCHEMAS = f"""
SELECT schema_name FROM system.main.duckdb_schemas()
WHERE {_HERE} AND (schema_name = 'temp' OR schema_name = 'system' OR schema_name = database_name)"""
_VIEWS = f"SELECT view_name FROM system.main.duckdb_views() WHERE {_OURS}"
_TRIGGERS = f"SELECT table_name FROM system.main.duckdb_triggers() WHERE {_OURS}"
_TABLES = f"SELECT table_name, sql FROM system.main.duckdb_tables() WHERE {_OURS}"
_ALL_TABLES = f"SELECT table_name FROM system.main.duckdb_tables() WHERE {_HERE}"
_TEMPORARY = "SELECT sql FROM system.main.duckdb_tables() WHERE temporary AND table_name = $name"

_KNOWN = frozenset(table.name for table in TABLES)
_ENUMS = {name: "ENUM('" + "', '".join(values) + "')" for name, values in ENUMS.items()}
_COMPRESSION = re.compile(" USING COMPRESSION [A-Za-z]+")
_QUOTED = re.compile(r'"(\w+)"(?=[ (])')


def tables(engine: Engine) -> dict[str, str]:
    """Return the tables of a store by name, each as DuckDB would make it."""
    return dict(engine.rows(_TABLES))


def is_empty(engine: Engine) -> bool:
    """True if a database holds no table, in no schema."""
    return not engine.rows(_ALL_TABLES)


def refuse_strange(engine: Engine) -> None:
    """Refuse a database with something in it that DuckDB would run or read in place of what grantlens means.

    Raises
    ------
    StoreError
        If there is such a thing; it says what was seen.
    """
    macros = _names(engine, _MACROS)
    if macros and (taken := macros & _names(engine, _FUNCTIONS)):
        raise _strange(engine, f"macros stand in the place of functions of DuckDB: {_told(taken)}")
    if taken := _names(engine, _OWN_TYPES) & _names(engine, _TYPES):
        raise _strange(engine, f"types stand in the place of those of DuckDB: {_told(taken)}")
    if taken := _names(engine, _VIEWS) & _KNOWN:
        raise _strange(engine, f"views stand in the place of tables: {_told(taken)}")
    if taken := _names(engine, _SCHEMAS):
        raise _strange(engine, f"schemas are called as databases are: {_told(taken)}")


def refuse_acting(engine: Engine) -> None:
    """Refuse a store, whatever its version, that does something by itself when its tables are written, or read to be written anew.

    Raises
    ------
    StoreError
        If it does; it says what was seen.
    """
    if acted := _names(engine, _TRIGGERS) & _KNOWN:
        raise _strange(engine, f"triggers act on {_told(acted)}")
    if made := {name.lower() for name, sql in tables(engine).items() if " GENERATED ALWAYS AS" in sql} & _KNOWN:
        raise _strange(engine, f"columns are worked out when they are read, of {_told(made)}")


def refuse_other_tables(engine: Engine) -> None:
    """Refuse a store of this version whose tables are not those that it makes: columns, types, defaults and checks.

    Raises
    ------
    StoreError
        If one is missing or another; it says what was seen and what was expected.
    """
    found = tables(engine)
    for table in TABLES:
        if table.name not in found:
            raise _strange(engine, f"it has no table {table.name}")
        if not is_made(engine, table, found):
            seen, expected = _first_difference(_plain(found[table.name]), _written(table))
            raise _strange(engine, f"its table {table.name} says {seen!r} where {expected!r} is expected")


def is_made(engine: Engine, table: Table, found: Mapping[str, str]) -> bool:
    """True if a table is among those found, and as this version makes it.

    Where the text is another, this DuckDB is asked for its own: a later one may write a table otherwise than 2.0 does.
    """
    seen, expected = _plain(found.get(table.name, "")), _written(table)
    if not seen or seen == expected:
        return bool(seen)
    engine.execute(expected.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
    try:
        asked = engine.value(_TEMPORARY, {"name": table.name})
    finally:
        engine.execute(f"DROP TABLE temp.{table.name}")
    return seen == _plain(asked.replace("CREATE TEMP TABLE", "CREATE TABLE", 1))


def _written(table: Table) -> str:
    """Return a table as DuckDB 2.0 writes it, but for what `_plain` leaves out."""
    columns = [
        f"{column.name} {_ENUMS.get(column.type) or column.type.replace('TIMESTAMPTZ', 'TIMESTAMP WITH TIME ZONE')}"
        f"{' NOT NULL' if column.required else ''}"
        for column in table.columns
    ]
    return f"CREATE TABLE {table.name}({', '.join(columns)});"


def _plain(sql: str) -> str:
    """Leave out how columns are compressed, and the quotes round words: which words need some DuckDB decides."""
    return _QUOTED.sub(r"\1", _COMPRESSION.sub("", sql))


def _first_difference(seen: str, expected: str) -> tuple[str, str]:
    columns = zip_longest(
        *(text.partition("(")[2].removesuffix(");").split(", ") for text in (seen, expected)), fillvalue=""
    )
    one, other = next(pair for pair in columns if pair[0] != pair[1])
    return visible(one, longest=200), visible(other, longest=200)


def _names(engine: Engine, sql: str) -> set[str]:
    return {name.lower() for (name,) in engine.rows(sql)}


def _told(names: Iterable[str]) -> str:
    return ", ".join(visible(name, longest=80) for name in sorted(names)[:5])


def _strange(engine: Engine, what: str) -> StoreError:
    return StoreError(
        f"{engine.path} is not as grantlens makes a store: {what}.",
        "If that is your own change, undo it in DuckDB; if somebody sent the file, load the logs themselves: "
        "grantlens load NEW.duckdb LOGS",
    )
