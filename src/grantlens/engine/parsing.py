"""Parsing the statements of ours once a process: DuckDB spends a fifth of the time of a question of few rows on its text.

They are parsed in a database that nobody else reaches: some settings, such as `integer_division`, change what a text means.
"""

from __future__ import annotations

from functools import cache, lru_cache
from threading import Lock

import duckdb

from grantlens.engine.opening import ALONE, MEMORY

_KEPT = 1024
"""Statements that are kept, each in some ten kilobytes: those of the relations, of all rules and of a few loaders."""

_TURN = Lock()


@lru_cache(_KEPT)
def parsed(sql: str) -> duckdb.Statement | str:
    """Return a statement for a connection to run; a text that holds more than one, or none, as it is.

    Raises
    ------
    duckdb.ParserException
        If it is no SQL.

    Examples
    --------
    >>> parsed("SELECT 1").type.name, parsed("SELECT 1; SELECT 2")
    ('SELECT', 'SELECT 1; SELECT 2')
    """
    with _TURN:
        statements = _parser().extract_statements(sql)
    return statements[0] if len(statements) == 1 else sql


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(MEMORY, config=ALONE | {"threads": 1})
