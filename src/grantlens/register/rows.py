"""Put rows that people wrote into their table of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import quote

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.schema.table import Table

BROUGHT = "(SELECT unnest(from_json($rows, $shape), max_depth := 2))"
"""Rows that are bound by `bound`, in the columns of their table."""


def bound(table: Table, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return rows as parameters: one text for all of them, since a statement for each takes a millisecond."""
    told = [{name: row.get(name) for name in table.names} for row in rows]
    shape = [{column.name: column.type for column in table.columns}]
    return {"rows": json.dumps(told, default=datetime.isoformat), "shape": json.dumps(shape)}


def replace_rows(engine: Engine, table: Table, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace the rows with the same keys, add the others, and leave the rest; inside the caller's transaction."""
    values = bound(table, [*{row[key]: row for row in rows}.values()])
    name = quote(table.name)
    engine.execute(f"DELETE FROM {name} WHERE {quote(key)} IN (SELECT {quote(key)} FROM {BROUGHT})", values)
    engine.execute(f"INSERT INTO {name} BY NAME FROM {BROUGHT}", values)
