"""Calls so near a change of their grant that the clocks cannot tell which scopes were held."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "other_set",
    "Pairs of used_pair whose scopes are the grant's, and whose calls all lie so near a moment at which these came or went "
    "that the clocks cannot tell which was first. set_id is what was held on the other side of that moment; NULL where that "
    "is not known.",
    """
WITH spread AS (
    SELECT source, max(CASE WHEN log = 'usage' THEN before_s END) AS call_before_s, max(CASE WHEN log = 'usage' THEN after_s END) AS call_after_s,
           max(CASE WHEN log <> 'usage' THEN before_s END) AS change_before_s, max(CASE WHEN log <> 'usage' THEN after_s END) AS change_after_s
    FROM clock_error GROUP BY source
)
SELECT DISTINCT p.first_no, p.operation_id, p.application, o.set_id
FROM used_pair p
JOIN named_caller c ON c.caller_id = p.caller_id
JOIN spread k ON k.source = c.source
JOIN caller_segment s ON s.segment_id = p.segment_id
JOIN caller_segment o ON o.caller_id = s.caller_id AND o.grant_id = s.grant_id AND o.set_id IS DISTINCT FROM s.set_id
WHERE p.outcome = 'success' AND NOT p.ended AND p.operation_id IS NOT NULL AND s.scopes_from = 'grant' AND o.scopes_from = 'grant'
  AND ((o.valid_until = s.valid_from
        AND p.last_used_at - to_microseconds(((k.call_before_s + k.change_after_s) * 1000000)::BIGINT) <= s.valid_from)
       OR (o.valid_from = s.valid_until
           AND p.first_used_at + to_microseconds(((k.call_after_s + k.change_before_s) * 1000000)::BIGINT) >= s.valid_until))
""",
    needs=("used_pair", "named_caller", "caller_segment", "clock_error"),
    windowed=True,
)
