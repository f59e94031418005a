"""What became of each provider's records, and how much of its usage an issuance stands behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.relations import worked_out

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine

STANDING = """
    SELECT u.batch_id, u.usage_id, k.source, k.join_key
    FROM usage_row u JOIN named_caller k USING (caller_id)
    WHERE k.join_key = 'token'
    UNION
    SELECT u.batch_id, u.usage_id, k.source, s.join_key
    FROM usage_row u JOIN named_caller k USING (caller_id) JOIN caller_segment s ON s.caller_id = u.caller_id
        AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
    WHERE EXISTS (SELECT 1 FROM issued i WHERE i.source = k.source AND i.grant_id = s.grant_id)
"""
"""The calls that an issuance stands behind, each with the key that finds it: its token was seen being issued, or its grant (or
session, or the pair of client and subject) was alive at that moment."""

NEEDS = ("issued", "named_caller", "caller_segment")
"""Relations that `STANDING` reads. They must be worked out: as views one is made of the others many times over."""

_SUMMARY = f"""
WITH loaded AS (
    SELECT loader, count(*) AS files, sum(records)::BIGINT AS records, sum(issuance)::BIGINT AS issuance,
           sum(usage)::BIGINT AS usage, sum(revocation)::BIGINT AS revocation, sum(ignored)::BIGINT AS ignored,
           sum(duplicates)::BIGINT AS duplicates, sum(rejected)::BIGINT AS rejected
    FROM batch
    WHERE loader IS NOT NULL
    GROUP BY loader
),
held AS (
    SELECT b.loader, count(*) AS calls FROM usage_row JOIN batch b USING (batch_id) GROUP BY b.loader
),
standing AS ({STANDING}),
attributed AS (
    SELECT b.loader, count(DISTINCT a.usage_id) AS calls
    FROM (SELECT batch_id, usage_id FROM standing UNION ALL SELECT batch_id, usage_id FROM usage_row SEMI JOIN borrowed_token USING (caller_id)) a
    JOIN batch b USING (batch_id)
    GROUP BY b.loader
)
SELECT l.*, coalesce(a.calls, 0) / h.calls AS attributed
FROM loaded l LEFT JOIN held h USING (loader) LEFT JOIN attributed a USING (loader)
ORDER BY l.loader
"""


def providers(engine: Engine) -> pa.Table:
    """Return one row for each loader: files, records, rows of each log, what was set aside, share of usage attributed.

    `usage` counts rows that were stored, duplicates left out; `attributed` is that of the calls held, NULL where there are none.
    """
    with worked_out(engine, (*NEEDS, "borrowed_token"), {}):
        return engine.arrow(_SUMMARY)
