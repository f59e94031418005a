"""What its grant may have held at a call instead."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "other_set",
    "For pairs of used_pair whose scopes are the grant's, and whose calls all lie so near a moment at which scopes came or went that the "
    "clocks cannot tell which was first: the set on the other side of that moment. set_id is NULL where it is not known.",
    """
WITH spread AS (
    SELECT source, tenant, max(CASE WHEN log = 'usage' THEN before_s END) AS call_before_s, max(CASE WHEN log = 'usage' THEN after_s END) AS call_after_s,
           -- What changes a grant may name no tenant where calls do.
           coalesce(max(CASE WHEN log <> 'usage' THEN before_s END),
                    max(max(CASE WHEN log <> 'usage' THEN before_s END)) OVER (PARTITION BY source)) AS change_before_s,
           coalesce(max(CASE WHEN log <> 'usage' THEN after_s END),
                    max(max(CASE WHEN log <> 'usage' THEN after_s END)) OVER (PARTITION BY source)) AS change_after_s
    FROM clock_error GROUP BY source, tenant
),
near AS (
    SELECT p.first_no, p.operation_id, p.application, p.segment_id,
           p.last_used_at - to_microseconds(((k.call_before_s + k.change_after_s) * 1000000)::BIGINT) AS earliest,
           p.first_used_at + to_microseconds(((k.call_after_s + k.change_before_s) * 1000000)::BIGINT) AS latest
    FROM used_pair p
    JOIN named_caller c ON c.caller_id = p.caller_id
    JOIN spread k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant
    WHERE p.outcome = 'success' AND NOT p.ended AND p.operation_id IS NOT NULL
)
SELECT n.first_no, n.operation_id, n.application, o.set_id
FROM near n
JOIN caller_segment s ON s.segment_id = n.segment_id AND n.earliest <= s.valid_from
JOIN caller_segment o ON o.caller_id = s.caller_id AND o.grant_id = s.grant_id AND o.valid_until = s.valid_from
WHERE s.scopes_from = 'grant' AND o.scopes_from = 'grant' AND o.set_id IS DISTINCT FROM s.set_id
UNION
SELECT n.first_no, n.operation_id, n.application, o.set_id
FROM near n
JOIN caller_segment s ON s.segment_id = n.segment_id AND n.latest >= s.valid_until
JOIN caller_segment o ON o.caller_id = s.caller_id AND o.grant_id = s.grant_id AND o.valid_from = s.valid_until
WHERE s.scopes_from = 'grant' AND o.scopes_from = 'grant' AND o.set_id IS DISTINCT FROM s.set_id
""",
    needs=("used_pair", "named_caller", "caller_segment", "clock_error"),
    windowed=True,
)
