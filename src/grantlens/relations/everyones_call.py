"""Calls of people whose client an admin gave a grant for everyone beside their own."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "everyones_call",
    "Pairs of used_pair whose scopes are those of the person's own grant, of clients that hold a grant for everyone too. Pairs of the same client, "
    "operation and scopes between which no such grant began, changed or ended are one row: each of these grants was beside all of them "
    "or beside none. pairs are their numbers.",
    """
WITH moment AS (
    SELECT source, tenant, client_id, valid_from AS moment FROM everyones_state
    UNION SELECT source, tenant, client_id, valid_until FROM everyones_state
),
pair AS (
    SELECT c.source, c.tenant, c.client_id, p.operation_id, p.application, p.set_id, p.events, p.first_used_at, p.last_used_at, p.first_no, p.last_no
    FROM used_pair p
    JOIN named_caller c ON c.caller_id = p.caller_id
    SEMI JOIN moment m ON m.source = c.source AND m.tenant IS NOT DISTINCT FROM c.tenant AND m.client_id = c.client_id
    WHERE p.outcome = 'success' AND NOT p.ended AND p.operation_id IS NOT NULL AND p.scopes_from = 'grant' AND c.subject_id IS NOT NULL
),
-- For each moment of a call the last moment of a grant until then.
placed AS (
    SELECT source, tenant, client_id, stamp,
           max(CASE WHEN changes THEN stamp END) OVER (
               PARTITION BY source, tenant, client_id ORDER BY stamp RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS reached, changes
    FROM (
        SELECT source, tenant, client_id, moment AS stamp, true AS changes FROM moment
        UNION ALL
        SELECT source, tenant, client_id, stamp, false
        FROM (SELECT source, tenant, client_id, first_used_at AS stamp FROM pair UNION SELECT source, tenant, client_id, last_used_at FROM pair)
    )
)
SELECT row_number() OVER (ORDER BY min(p.first_no)) AS call_no, p.source, p.tenant, p.client_id, p.operation_id, p.application, p.set_id,
       sum(p.events)::BIGINT AS events, min(p.first_used_at) AS first_used_at, max(p.last_used_at) AS last_used_at,
       min(p.first_no) AS first_no, max(p.last_no) AS last_no, list(p.first_no) AS pairs
FROM pair p
JOIN placed f ON f.source = p.source AND f.tenant IS NOT DISTINCT FROM p.tenant AND f.client_id = p.client_id AND f.stamp = p.first_used_at AND NOT f.changes
JOIN placed l ON l.source = p.source AND l.tenant IS NOT DISTINCT FROM p.tenant AND l.client_id = p.client_id AND l.stamp = p.last_used_at AND NOT l.changes
GROUP BY p.source, p.tenant, p.client_id, p.operation_id, p.application, p.set_id, f.reached, l.reached
""",
    needs=("used_pair", "named_caller", "everyones_state"),
    windowed=True,
)
