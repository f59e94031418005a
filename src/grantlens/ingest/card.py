"""The coverage card: what a store holds, as a notebook shows it. Everything in it was written by strangers."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_COVERED = """
SELECT source, tenant, log::VARCHAR, min(covered_from) FILTER (NOT is_gap), max(covered_until) FILTER (NOT is_gap),
       count(*) FILTER (is_gap), sum(records), CASE WHEN in_part THEN 'in part' END
FROM coverage GROUP BY source, tenant, log, in_part ORDER BY source, tenant, log, in_part
"""

_LOADED = (
    "SELECT count(*), coalesce(sum(records), 0), coalesce(sum(rejected), 0), coalesce(sum(duplicates), 0) FROM batch"
)

_REASONS = "SELECT reason, count(*) FROM rejected GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 5"

_NOTES = "SELECT path, note FROM batch WHERE note IS NOT NULL ORDER BY batch_id DESC LIMIT 5"


def coverage_card(engine: Engine, path: str) -> str:
    """Return the card as HTML: sources, period, gaps, rejected records."""
    files, records, rejected, duplicates = engine.rows(_LOADED)[0]
    if not files:
        return f"<div><b>{escape(path)}</b><p>Nothing was loaded yet: <code>store.load(...)</code></p></div>"
    covered = [(*row[:3], _day(row[3]), _day(row[4]), *row[5:]) for row in engine.rows(_COVERED)]
    parts = [
        f"<b>{escape(path)}</b>",
        f"<p>{files:,} files, {records:,} records, {duplicates:,} duplicates, {rejected:,} rejected</p>",
        _table(("source", "tenant", "log", "from", "until", "gaps", "rows", ""), covered),
    ]
    if rejected:
        parts.append("<p>Rejected, by reason:</p>" + _table(("reason", "records"), engine.rows(_REASONS)))
    notes = engine.rows(_NOTES)
    if notes:
        parts.append("<p>Notes:</p>" + _table(("file", "note"), notes))
    return f"<div>{''.join(parts)}</div>"


def _table(names: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{'' if cell is None else escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _day(moment: Any) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
