"""How much of all this a periodic review of the list of grants would ever have seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

RHYTHMS = (("quarter", 90.0), ("month", 30.0), ("week", 7.0), ("day", 1.0))
"""How often a review may read the list: name, and days."""

_DAY = 86400.0

NEEDS = ("access_stretch", "covered_time")
"""What the blind spot reads."""

_STRETCHES = """
-- Nobody watched after the logs of a tenant end, and nobody knows what is to come.
WITH watch AS (
    SELECT source, tenant, least(max(covered_until), $until, $now) AS ends_at FROM covered_time GROUP BY source, tenant
)
SELECT s.source, s.tenant, client_id, subject_id, epoch_us(start_at) / 1e6 AS start_s,
       epoch_us(least(end_at, ends_at)) / 1e6 AS end_s, coalesce(end_at > ends_at, true) AS is_open, calls, grave_calls
FROM access_stretch s JOIN watch w ON w.source = s.source AND w.tenant IS NOT DISTINCT FROM s.tenant
WHERE least(end_at, ends_at) > greatest(start_at, $since)
ORDER BY s.source, s.tenant, client_id, subject_id, start_s, end_s
"""

_MEANING = {
    "stretches of access": "Each time that access was open, whatever its length.",
    "time of access": "The hours that access was open.",
    "actions": "Successful calls made in stretches that no review saw.",
    "grave actions": "Successful calls that destroy, or write what is sensitive.",
    "entitlements": "Pairs of client and subject that were on no list, even though some came back.",
}


def blind_spot(engine: Engine, values: Mapping[str, Any]) -> dict[str, Any]:
    """Compare stretches of access with the dates of reviews, known or supposed; reads `NEEDS`."""
    from grantlens.analysis.blindspot import expected_unseen, review_interval, unseen

    rows = engine.arrow(_STRETCHES, values).to_pylist()
    snapshots = ask(
        engine,
        # A review before the period saw what was open then, and may be open still.
        "SELECT DISTINCT reviewed_at FROM review_snapshot WHERE reviewed_at < $until ORDER BY reviewed_at",
        values,
    )
    dates = [row["reviewed_at"] for row in snapshots]
    answer: dict[str, Any] = {
        "intervals": len(rows), "snapshots": dates, "unseen": [], "expected": [], "interval_s": None, "open": 0,
    }  # fmt: skip
    if not rows:
        return answer
    start, end = [row["start_s"] for row in rows], [row["end_s"] for row in rows]
    long = [stop - begin for begin, stop in zip(start, end, strict=True)]
    calls, grave = [row["calls"] for row in rows], [row["grave_calls"] for row in rows]
    answer["open"] = sum(row["is_open"] for row in rows)
    if dates:
        spot = unseen(
            start, end, [datetime.fromisoformat(date).timestamp() for date in dates], calls, grave,
            [(row["source"], row["tenant"], row["client_id"], row["subject_id"]) for row in rows],
        )  # fmt: skip
        shares = (spot.grants, spot.access, spot.actions, spot.grave, spot.entitlements)
        answer["unseen"] = [
            {"by": name, "share": None if share is None else round(share, 12), "meaning": meaning}
            for (name, meaning), share in zip(_MEANING.items(), shares, strict=True)
        ]
    some_calls = any(calls)
    answer["expected"] = [
        {
            "period": name,
            "period_s": days * _DAY,
            "grants": round(expected_unseen(long, days * _DAY), 12),
            "actions": round(expected_unseen(long, days * _DAY, calls), 12) if some_calls else None,
        }
        for name, days in RHYTHMS
    ]
    interval = review_interval(long, weights=calls) if some_calls else None
    answer["interval_s"] = None if interval is None else round(interval, 3)
    return answer
