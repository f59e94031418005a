"""What its grant may have held at a call instead."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "other_set",
    "For pairs of used_pair whose scopes are a grant's, and whose calls all lie so near moments at which scopes came or went that the "
    "clocks cannot tell which was first: the sets on the other side of these moments, and whose segment each is of. set_id is NULL where it is not known.",
    """
WITH spread AS (
    SELECT source, tenant, max(CASE WHEN log = 'usage' THEN error_s END) AS call_error_s, max(CASE WHEN log = 'usage' THEN grid_s END) AS call_grid_s,
           -- What changes a grant may name no tenant where calls do.
           coalesce(max(CASE WHEN log <> 'usage' THEN error_s END),
                    max(max(CASE WHEN log <> 'usage' THEN error_s END)) OVER (PARTITION BY source)) AS change_error_s,
           coalesce(max(CASE WHEN log <> 'usage' THEN grid_s END),
                    max(max(CASE WHEN log <> 'usage' THEN grid_s END)) OVER (PARTITION BY source)) AS change_grid_s
    FROM clock_error GROUP BY source, tenant
),
-- The segments are set right already: what is left are the errors of both stamps, and their grids.
near AS (
    SELECT p.first_no, p.caller_id, p.operation_id, p.application, p.segment_id,
           p.last_used_at - to_microseconds(((k.call_error_s + k.change_error_s + k.change_grid_s) * 1000000)::BIGINT) AS earliest,
           p.first_used_at + to_microseconds(((k.call_error_s + k.call_grid_s + k.change_error_s) * 1000000)::BIGINT) AS latest
    FROM used_pair p
    JOIN named_caller c ON c.caller_id = p.caller_id
    JOIN spread k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant
    WHERE p.outcome = 'success' AND NOT p.ended AND p.operation_id IS NOT NULL AND p.scopes_from = 'grant'
)
SELECT DISTINCT n.first_no, n.caller_id, n.operation_id, n.application, o.segment_id, o.set_id
FROM near n
JOIN caller_segment s ON s.segment_id = n.segment_id AND (n.earliest <= s.valid_from OR n.latest >= s.valid_until)
JOIN caller_segment o ON o.caller_id = n.caller_id AND o.valid_from <= n.latest AND o.valid_until >= n.earliest
WHERE o.scopes_from = 'grant' AND o.set_id IS DISTINCT FROM s.set_id
""",
    needs=("used_pair", "named_caller", "caller_segment", "clock_error"),
    windowed=True,
)
