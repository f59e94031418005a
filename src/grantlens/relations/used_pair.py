"""Calls counted once for each caller, grant state and operation."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "used_pair",
    "Calls of the window, counted for each caller, segment, operation and outcome: rules decide on these "
    "pairs, not on calls. ended is true for calls after the end of the token or grant. first_ref and "
    "last_ref point at the first and the last call (time in microseconds x 2^40 + usage_id); every_ref at each "
    "of them, if asked for.",
    """
SELECT u.caller_id, s.segment_id, o.operation_id, o.match, u.outcome::VARCHAR AS outcome,
       u.denial_reason::VARCHAR AS denial_reason,
       coalesce(s.phase = 'ended', false) OR coalesce(u.used_at > e.ended_at, false) AS ended,
       count(*) AS events,
       min(u.used_at) AS first_used_at, max(u.used_at) AS last_used_at,
       min(epoch_us(u.used_at)::HUGEINT * 1099511627776 + u.usage_id) AS first_ref,
       max(epoch_us(u.used_at)::HUGEINT * 1099511627776 + u.usage_id) AS last_ref,
       list(epoch_us(u.used_at)::HUGEINT * 1099511627776 + u.usage_id) FILTER ($every_call) AS every_ref
FROM usage_row u
LEFT JOIN caller_segment s ON s.caller_id = u.caller_id AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
LEFT JOIN caller_end e ON e.caller_id = u.caller_id
LEFT JOIN usage_operation o ON o.target_id = u.target_id
WHERE u.used_at >= $since AND u.used_at < $until
GROUP BY ALL
""",
    needs=("caller_segment", "caller_end"),
    windowed=True,
)
