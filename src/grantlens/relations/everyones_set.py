"""What else people may have held at a call: the scopes of a grant for everyone."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "everyones_set",
    "For each row of everyones_call the sets of scopes that grants for everyone held then, other than the person's own, or may have held: where its "
    "calls all lie so near the moment that the clocks cannot tell. set_id is NULL where it is not known.",
    """
-- Many grants may hold the same scopes: each set once, for as long as any of them holds it.
WITH everyones AS (
    SELECT source, tenant, client_id, set_id, valid_from, valid_until, near_before_s, near_after_s,
           max(valid_until) OVER (
               PARTITION BY source, tenant, client_id, set_id ORDER BY valid_from, valid_until
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS held_before
    FROM everyones_state
    WHERE valid_from < valid_until
),
stretch AS (
    SELECT source, tenant, client_id, set_id, min(valid_from) AS valid_from, max(valid_until) AS valid_until,
           to_microseconds((max(near_before_s) * 1000000)::BIGINT) AS near_before,
           to_microseconds((max(near_after_s) * 1000000)::BIGINT) AS near_after
    FROM (
        SELECT *, count(*) FILTER (held_before IS NULL OR held_before < valid_from) OVER (
                   PARTITION BY source, tenant, client_id, set_id ORDER BY valid_from, valid_until
                   ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
        FROM everyones
    )
    GROUP BY source, tenant, client_id, set_id, nth
)
SELECT DISTINCT e.call_no, e.operation_id, e.application, g.set_id
FROM everyones_call e
JOIN stretch g ON g.source = e.source AND g.tenant IS NOT DISTINCT FROM e.tenant AND g.client_id = e.client_id
    AND ((g.valid_from <= e.last_used_at AND g.valid_until > e.first_used_at)
        OR (g.valid_from - g.near_before <= e.first_used_at AND g.valid_until + g.near_after >= e.last_used_at))
WHERE g.set_id IS DISTINCT FROM e.set_id
""",
    needs=("everyones_call", "everyones_state"),
    windowed=True,
)
