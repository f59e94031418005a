"""Questions to the store whose answers go into a document: rows as plain dicts, times as text in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from grantlens.plain import plain

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


_AT_ONCE = 5000


def ask(engine: Engine, sql: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Run a query and return its rows as JSON can hold them."""
    return list(stream(engine, sql, values))


def stream(engine: Engine, sql: str, values: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Run a query and yield its rows as JSON can hold them, a few thousand at a time."""
    answer = engine.execute(sql, values)
    names = [column[0] for column in answer.description]
    while rows := answer.fetchmany(_AT_ONCE):
        for row in engine.shown(rows) if engine.shown else rows:
            yield dict(zip(names, map(plain, row), strict=True))


def covered_logs(engine: Engine, values: Mapping[str, Any]) -> set[str]:
    """Return which of the three logs cover something of the window: of another, that nothing is found is no answer."""
    return {log for (log,) in engine.rows(_COVERED, values)}


_COVERED = """
SELECT DISTINCT log::VARCHAR FROM coverage WHERE NOT is_gap AND covered_from < $until AND covered_until > $since
"""
