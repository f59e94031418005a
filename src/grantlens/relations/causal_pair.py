"""Each token with its issue and its first use, whose order is known before any clock is asked, and what they tell of clocks."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "causal_pair",
    "One row for each token whose making is logged, and the tenant of its calls: when it was issued and first used. It was issued before it was "
    "used, so where apart_s is less than zero the usage clock runs behind that of the issuance, by as much at least. A token id is one tenant's, as in "
    "caller_token; of several that a call may mean, its issue is the earliest. What only renews a token under its own id, or may have "
    "switched a key on again, is the making of none.",
    """
WITH born AS (
    SELECT i.source, i.tenant, i.token_id, i.issued_at, i.event_id, i.batch_id, i.line_no,
           CASE WHEN i.kind = 'credential' THEN coalesce(d.keys_begin, false)
                WHEN i.kind = 'refresh' THEN coalesce(i.parent_token_id <> i.token_id, false) ELSE true END AS made
    FROM issuance i
    LEFT JOIN declared d ON d.source = i.source
    WHERE i.token_id IS NOT NULL AND i.outcome = 'success' AND i.kind IN ('token', 'refresh', 'exchange', 'credential')
),
used AS (
    SELECT c.source, c.tenant, c.token_id, min(f.first_used_at) AS used_at
    FROM caller_first f JOIN usage_caller c ON c.caller_id = f.caller_id
    -- Where nothing was issued, no caller need be looked at.
    SEMI JOIN born b ON b.source = c.source AND b.token_id = c.token_id
    GROUP BY c.source, c.tenant, c.token_id
)
SELECT u.source, u.tenant, u.token_id, u.used_at, b.tenant AS issued_in, b.issued_at, b.event_id, b.batch_id, b.line_no,
       (epoch_us(u.used_at) - epoch_us(b.issued_at)) / 1e6 AS apart_s
FROM used u
JOIN born b ON b.source = u.source AND b.token_id = u.token_id AND (b.tenant IS NULL OR u.tenant IS NULL OR b.tenant = u.tenant)
QUALIFY row_number() OVER (PARTITION BY u.source, u.tenant, u.token_id ORDER BY b.issued_at, b.event_id, b.batch_id, b.line_no) = 1 AND made
""",
)

JUDGED = """
hour AS (
    SELECT source, tenant, count(*) FILTER (inverted) > count(*) / 2 AS behind
    FROM pair
    GROUP BY source, tenant, date_trunc('hour', issued_at)
    HAVING count(*) >= $min_pairs
),
agreement AS (
    SELECT source, tenant, count(*) AS hours, count(*) FILTER (behind) AS hours_behind FROM hour GROUP BY source, tenant
),
-- A token id that was given out again lies days from the rest, and would be the estimate among few.
fence AS (
    SELECT source, tenant, quantile_cont(apart_s, 0.25) - 3 * (quantile_cont(apart_s, 0.75) - quantile_cont(apart_s, 0.25)) - 10 AS lowest_s
    FROM pair WHERE apart_s < 0
    GROUP BY source, tenant
),
estimate AS (
    SELECT p.source, p.tenant, quantile_cont(p.apart_s, 0.05) AS offset_s, median(p.apart_s) - quantile_cont(p.apart_s, 0.05) AS spread_s
    FROM pair p
    JOIN fence f ON f.source = p.source AND f.tenant IS NOT DISTINCT FROM p.tenant AND p.apart_s >= f.lowest_s
    WHERE p.apart_s < 0
    GROUP BY p.source, p.tenant
)"""
"""Steps after `pair` - causal pairs with `inverted`: beyond the errors of both clocks - that say how many hours could tell and how many
agree, and the offset: that of the tokens that were used soonest, and no surer than how far the others lie from it."""
