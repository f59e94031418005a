"""What else may have been held at a call, beside the scopes of its grant."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "other_set",
    "For pairs of used_pair whose scopes are the grant's: which other set may have been held, and why. Either all their calls lie so "
    "near a moment at which scopes came or went that the clocks cannot tell which was first: then it is the set on the other side "
    "of that moment. Or an admin gave the client a grant for everyone beside the person's own: then it is that of this grant, and for_everyone "
    "is true. set_id is NULL where the other set is not known.",
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
-- Many grants may hold the same scopes: each set once, for as long as any of them holds it.
everyones AS (
    SELECT g.source, g.tenant, g.client_id, x.set_id, g.valid_from, g.valid_until,
           max(g.valid_until) OVER (
               PARTITION BY g.source, g.tenant, g.client_id, x.set_id ORDER BY g.valid_from, g.valid_until
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS held_before
    FROM grant_state g
    LEFT JOIN scope_set x ON x.scopes = g.scopes
    WHERE g.subject_id IS NULL AND g.subject_kind = 'user'
),
stretch AS (
    SELECT source, tenant, client_id, set_id, min(valid_from) AS valid_from, max(valid_until) AS valid_until
    FROM (
        SELECT *, count(*) FILTER (held_before IS NULL OR held_before < valid_from) OVER (
                   PARTITION BY source, tenant, client_id, set_id ORDER BY valid_from, valid_until
                   ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
        FROM everyones
    )
    GROUP BY source, tenant, client_id, set_id, nth
)
SELECT p.first_no, p.operation_id, p.application, o.set_id, 'the call and a change of the grant are closer than the clocks can tell' AS why,
       false AS for_everyone
FROM used_pair p
JOIN named_caller c ON c.caller_id = p.caller_id
JOIN spread k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant
JOIN caller_segment s ON s.segment_id = p.segment_id
JOIN caller_segment o ON o.caller_id = s.caller_id AND o.grant_id = s.grant_id AND o.set_id IS DISTINCT FROM s.set_id
WHERE p.outcome = 'success' AND NOT p.ended AND p.operation_id IS NOT NULL AND s.scopes_from = 'grant' AND o.scopes_from = 'grant'
  AND ((o.valid_until = s.valid_from
        AND p.last_used_at - to_microseconds(((k.call_before_s + k.change_after_s) * 1000000)::BIGINT) <= s.valid_from)
       OR (o.valid_from = s.valid_until
           AND p.first_used_at + to_microseconds(((k.call_after_s + k.change_before_s) * 1000000)::BIGINT) >= s.valid_until))
UNION
SELECT p.first_no, p.operation_id, p.application, g.set_id, 'the client holds a grant for everyone beside this one', true
FROM used_pair p
JOIN named_caller c ON c.caller_id = p.caller_id
JOIN stretch g ON g.source = c.source AND g.tenant IS NOT DISTINCT FROM c.tenant AND g.client_id = c.client_id
    AND g.valid_from <= p.last_used_at AND g.valid_until > p.first_used_at
WHERE p.outcome = 'success' AND NOT p.ended AND p.operation_id IS NOT NULL AND p.scopes_from = 'grant' AND c.subject_id IS NOT NULL
  AND g.set_id IS DISTINCT FROM p.set_id
""",
    needs=("used_pair", "named_caller", "caller_segment", "clock_error", "grant_state", "scope_set"),
    windowed=True,
)
