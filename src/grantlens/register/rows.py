"""Rows that people wrote: each once, and into their table of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens.engine.duckdb import quote
from grantlens.handwritten import Entry

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.schema.table import Table

BROUGHT = "(SELECT unnest(from_json($rows, $shape), max_depth := 2))"
"""Rows that are bound by `bound`, in the columns of their table."""


def keep(found: dict[Any, dict[str, Any]], key: Any, row: dict[str, Any], entry: Entry, what: str, column: str) -> None:
    """Keep a row under its key; a second one is a mistake of the file."""
    if key in found:
        raise entry.mistake(f"{what} stands here a second time.", column, "Make one entry of both.")
    found[key] = row


def bound(table: Table, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return rows as parameters: one text for all of them, since a statement for each takes a millisecond."""
    told = [{name: row.get(name) for name in table.names} for row in rows]
    shape = [{column.name: column.type for column in table.columns}]
    return {"rows": json.dumps(told, default=datetime.isoformat), "shape": json.dumps(shape)}


def replace_rows(engine: Engine, table: Table, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace the rows with the same keys, add the others, and leave the rest; inside the caller's transaction."""
    if not rows:
        return
    values = bound(table, [*{row[key]: row for row in rows}.values()])
    name = quote(table.name)
    engine.execute(f"DELETE FROM {name} WHERE {quote(key)} IN (SELECT {quote(key)} FROM {BROUGHT})", values)
    engine.execute(f"INSERT INTO {name} BY NAME FROM {BROUGHT}", values)
