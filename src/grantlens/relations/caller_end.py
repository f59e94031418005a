"""From which moment a caller's calls are proven to come after the end of its token."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "caller_end",
    "For each caller whose token ended - by revocation or expiry, whichever came first - the moment after "
    "which a call is proven to come later, clock errors and the server's leeway allowed for. Such calls "
    "belong to REV-1 and INT-2, not to OOS-1 and OOS-3.",
    """
WITH end_of_token AS (
    SELECT caller_id, min(certain_from) AS ended_at
    FROM revoked_caller
    WHERE covered_until = 'infinity' AND why_unknown IS NULL
    GROUP BY caller_id
)
SELECT c.caller_id,
       least(e.ended_at, c.expires_at + to_microseconds(((coalesce(s.leeway_seconds, 60) + k.after_s) * 1000000)::BIGINT))
           + to_microseconds((u.before_s * 1000000)::BIGINT) AS ended_at
FROM named_caller c
JOIN clock_error u ON u.source = c.source AND u.tenant IS NOT DISTINCT FROM c.tenant AND u.log = 'usage'
LEFT JOIN caller_token t ON t.caller_id = c.caller_id
LEFT JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
LEFT JOIN end_of_token e ON e.caller_id = c.caller_id
LEFT JOIN server s ON s.resource_server = c.resource_server
WHERE e.ended_at IS NOT NULL OR c.expires_at IS NOT NULL
""",
    needs=("named_caller", "revoked_caller", "clock_error", "caller_token"),
)
