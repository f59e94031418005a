"""The coverage card: what a store holds, as a notebook shows it. Everything in it was written by strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantlens.visible import grid, markup

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
        return f"<div><b>{markup(path)}</b><p>Nothing was loaded yet: <code>store.load(...)</code></p></div>"
    covered = [(*row[:3], _day(row[3]), _day(row[4]), *row[5:]) for row in engine.rows(_COVERED)]
    parts = [
        f"<b>{markup(path)}</b>",
        f"<p>Files: {files:,}; records: {records:,}; duplicates: {duplicates:,}; rejected: {rejected:,}</p>",
        grid(("source", "tenant", "log", "from", "until", "gaps", "rows", "note"), covered, most=1000),
    ]
    if rejected:
        parts.append("<p>Rejected, by reason:</p>" + grid(("reason", "records"), engine.rows(_REASONS)))
    notes = engine.rows(_NOTES)
    if notes:
        parts.append("<p>Notes:</p>" + grid(("file", "note"), notes))
    return f"<div>{''.join(parts)}</div>"


def _day(moment: Any) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
