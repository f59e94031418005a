"""What was done with grants for everyone by people who hold one of their own."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "everyones_use",
    "Calls that the scopes of the person's own grant did not permit, and those of a grant for everyone did, counted for each life of such a grant, operation "
    "and set of scopes: set_id is what the grant held - the latest that permitted them, where it changed meanwhile. A call counts once for each "
    "such grant, in the life in which it was made. pairs are the numbers of their pairs of used_pair, where every call is asked for.",
    """
WITH beyond AS (
    SELECT e.*
    FROM everyones_call e
    JOIN judged_question own ON own.operation_id = e.operation_id AND own.set_id = e.set_id AND own.application IS NOT DISTINCT FROM e.application
    WHERE own.verdict = 'out_of_scope'
),
permitted AS (
    SELECT b.call_no, g.grant_id, g.opened_at, max_by(g.set_id, g.valid_from) AS set_id
    FROM beyond b
    JOIN everyones_state g ON g.source = b.source AND g.tenant IS NOT DISTINCT FROM b.tenant AND g.client_id = b.client_id
        AND g.valid_from <= b.last_used_at AND g.valid_until > b.first_used_at
    JOIN judged_question j ON j.operation_id = b.operation_id AND j.set_id = g.set_id AND j.application IS NOT DISTINCT FROM b.application
    WHERE j.verdict IN ('in_scope', 'in_scope_by_implication')
    GROUP BY b.call_no, g.grant_id, g.opened_at
),
life AS (
    SELECT DISTINCT source, tenant, client_id, grant_id, opened_at, life_from, life_until FROM everyones_state
),
-- Made in more than one life of a grant: of these few every call is looked at.
over_several AS (
    SELECT b.call_no, l.grant_id
    FROM beyond b
    JOIN life l ON l.source = b.source AND l.tenant IS NOT DISTINCT FROM b.tenant AND l.client_id = b.client_id
        AND l.life_from <= b.last_used_at AND l.life_until > b.first_used_at
    GROUP BY b.call_no, l.grant_id
    HAVING count(*) > 1
),
single AS (
    SELECT b.call_no, p.first_no, u.used_at
    FROM (SELECT call_no, unnest(pairs) AS first_no FROM beyond SEMI JOIN over_several USING (call_no)) b
    JOIN used_pair p USING (first_no)
    JOIN usage_row u ON u.caller_id = p.caller_id AND u.outcome = p.outcome AND u.used_at >= p.first_used_at AND u.used_at <= p.last_used_at
    JOIN usage_operation o ON o.target_id = u.target_id AND o.operation_id = p.operation_id
    LEFT JOIN caller_segment s ON s.segment_id = p.segment_id
    LEFT JOIN caller_end e ON e.caller_id = u.caller_id
    WHERE coalesce(u.used_at >= s.valid_from AND u.used_at < s.valid_until, true) AND NOT coalesce(u.used_at > e.ended_at, false)
),
made AS (
    SELECT p.grant_id, p.opened_at, p.set_id, b.call_no, b.events, b.first_used_at, b.last_used_at, b.pairs
    FROM permitted p ANTI JOIN over_several USING (call_no, grant_id) JOIN beyond b USING (call_no)
    UNION ALL
    SELECT p.grant_id, p.opened_at, p.set_id, s.call_no, count(*), min(s.used_at), max(s.used_at), list(DISTINCT s.first_no)
    FROM permitted p
    SEMI JOIN over_several USING (call_no, grant_id)
    JOIN single s USING (call_no)
    JOIN beyond b ON b.call_no = p.call_no
    JOIN life l ON l.source = b.source AND l.tenant IS NOT DISTINCT FROM b.tenant AND l.grant_id = p.grant_id AND l.opened_at = p.opened_at
        AND s.used_at >= l.life_from AND s.used_at < l.life_until
    GROUP BY p.grant_id, p.opened_at, p.set_id, s.call_no
)
SELECT b.source, m.grant_id, m.opened_at, b.operation_id, m.set_id, b.application, sum(m.events)::BIGINT AS events,
       min(m.first_used_at) AS first_used_at, max(m.last_used_at) AS last_used_at, min(b.first_no) AS first_no, max(b.last_no) AS last_no,
       CASE WHEN $every_call THEN flatten(list(m.pairs)) END AS pairs
FROM made m
JOIN beyond b USING (call_no)
GROUP BY b.source, m.grant_id, m.opened_at, b.operation_id, m.set_id, b.application
""",
    needs=(
        "everyones_call",
        "judged_question",
        "everyones_state",
        "used_pair",
        "caller_segment",
        "caller_end",
    ),
    windowed=True,
)
