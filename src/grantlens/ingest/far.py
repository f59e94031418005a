"""Records that are years from the rest of their log: their times are likely wrong, and a window without ends leaves them out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_NEAR = "SELECT min(covered_from), max(covered_until) FROM coverage WHERE NOT is_gap AND NOT is_far"

_ANY = "SELECT count(*) FROM coverage WHERE records > 0 AND is_far"

_RECORDS = """
WITH far AS (
    SELECT source, tenant, log::VARCHAR AS log, covered_from, covered_until FROM coverage WHERE records > 0 AND is_far
),
record AS (
    SELECT c.source, c.tenant, 'usage' AS log, u.used_at AS seen_at, u.batch_id, u.line_no
    FROM usage_row u JOIN usage_caller c USING (caller_id)
    UNION ALL
    SELECT source, tenant, 'issuance', issued_at, batch_id, line_no FROM issuance
    UNION ALL
    SELECT source, tenant, 'revocation', revoked_at, batch_id, line_no FROM revocation
)
SELECT b.path, b.sha256, r.source, r.tenant, r.log, count(*) AS records, arg_min(r.line_no, (r.seen_at, r.line_no)) AS line,
       min(r.seen_at) AS first, max(r.seen_at) AS last
FROM record r
JOIN far f ON f.source = r.source AND f.tenant IS NOT DISTINCT FROM r.tenant AND f.log = r.log
          AND r.seen_at >= f.covered_from AND r.seen_at < f.covered_until
JOIN batch b USING (batch_id)
GROUP BY b.path, b.sha256, r.source, r.tenant, r.log, f.covered_from
ORDER BY first, b.path, r.log
"""


def near(engine: Engine) -> tuple[datetime | None, datetime | None]:
    """Return from when until when the logs go, far records left out; None where there is no log."""
    return engine.rows(_NEAR)[0]


def far_records(engine: Engine) -> list[dict[str, Any]]:
    """Return where the far records stand, a row for each file, log and time: how many, the line of the first, first and last time."""
    if not engine.value(_ANY):
        return []
    names = ("path", "sha256", "source", "tenant", "log", "records", "line", "first", "last")
    return [dict(zip(names, row, strict=True)) for row in engine.rows(_RECORDS)]
