"""Questions to the store whose answers go into a document: rows as plain dicts, times as text in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens.window import format_time

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


def ask(engine: Engine, sql: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Run a query and return its rows as JSON can hold them."""
    return [{name: _plain(value) for name, value in row.items()} for row in engine.arrow(sql, values).to_pylist()]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
