"""Put rows that people wrote into their table of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import quote

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.schema.table import Table


def replace_rows(engine: Engine, table: Table, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace the rows with the same keys, add the others, and leave the rest; inside the caller's transaction."""
    names = ", ".join(quote(name) for name in table.names)
    values = ", ".join(f"${name}" for name in table.names)
    for row in rows:
        engine.execute(f"DELETE FROM {quote(table.name)} WHERE {quote(key)} = $key", {"key": row[key]})
        engine.execute(
            f"INSERT INTO {quote(table.name)} ({names}) VALUES ({values})",
            {name: row.get(name) for name in table.names},
        )
