"""For a used scope, the narrowest one below it that would have been enough."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "narrower_scope",
    "For each grant and each held scope that its calls needed, the narrowest scope below it in the hierarchy "
    "with which every call that it counts for would still have been permitted, whichever other scopes are narrowed: by lowest "
    "risk, then fewest operations, then name. A scope that opens only some objects is never one: no log shows which objects these are. "
    "Grants and scopes without such a scope have no row.",
    """
WITH called AS (
    SELECT DISTINCT u.source, u.grant_id, k.scope_id, k.needed, p.question_id
    FROM (
        SELECT c.source, u.grant_id, u.operation_id, u.set_id, u.application FROM used_pair u JOIN named_caller c USING (caller_id)
        WHERE u.outcome = 'success' AND NOT u.grant_ended
        UNION SELECT source, grant_id, operation_id, set_id, application FROM everyones_use
    ) u
    JOIN question p ON p.operation_id = u.operation_id AND p.set_id = u.set_id AND p.application IS NOT DISTINCT FROM u.application
    JOIN credited_scope k ON k.question_id = p.question_id
),
-- The parts of each alternative that the scopes held meet, and which of them this scope covers.
met AS (
    SELECT question_id, alt
    FROM (SELECT question_id, alt, scope_id, count(held_by) > 0 AS met FROM question_alternative GROUP BY question_id, alt, scope_id)
    GROUP BY question_id, alt
    HAVING bool_and(met)
),
part AS (
    SELECT h.question_id, h.alt, h.held_by AS scope_id, q.scope_id AS part, bool_or(q.held_by = h.held_by) AS own
    FROM (SELECT DISTINCT question_id, alt, held_by FROM question_alternative WHERE held_by IS NOT NULL) h
    JOIN met USING (question_id, alt)
    JOIN question_alternative q ON q.question_id = h.question_id AND q.alt = h.alt
    GROUP BY h.question_id, h.alt, h.held_by, q.scope_id
),
-- Scopes may be replaced side by side: a narrower one must do alone in one alternative, or cover in all what this scope covers.
kept AS (
    SELECT p.question_id, p.scope_id, p.alt, i.narrower,
           bool_and(c.implied_scope_id IS NOT NULL) AS alone,
           bool_and(c.implied_scope_id IS NOT NULL OR NOT p.own) AS its_own
    FROM (SELECT DISTINCT question_id, scope_id FROM called) n
    JOIN part p USING (question_id, scope_id)
    JOIN cat_scope_implies i ON i.broader = p.scope_id
    LEFT JOIN scope_closure c ON c.scope_id = i.narrower AND c.implied_scope_id = p.part
    GROUP BY p.question_id, p.scope_id, p.alt, i.narrower
),
works AS (
    SELECT question_id, scope_id, narrower FROM kept
    GROUP BY question_id, scope_id, narrower
    HAVING bool_or(alone) OR bool_and(its_own)
),
reach AS (
    SELECT c.scope_id, count(DISTINCT r.op_id) AS operations
    FROM scope_closure c JOIN cat_requirement r ON r.scope_id = c.implied_scope_id
    GROUP BY c.scope_id
),
enough AS (
    SELECT n.source, n.grant_id, n.scope_id, w.narrower, count(DISTINCT n.question_id) AS questions
    FROM called n
    JOIN works w ON w.question_id = n.question_id AND w.scope_id = n.scope_id
    GROUP BY n.source, n.grant_id, n.scope_id, w.narrower
),
total AS (
    -- A scope without which every call would have been permitted as well is no matter of narrowing.
    SELECT source, grant_id, scope_id, count(DISTINCT question_id) AS questions FROM called
    GROUP BY source, grant_id, scope_id
    HAVING bool_or(needed)
)
SELECT e.source, e.grant_id, e.scope_id, s.scope AS replacement,
       coalesce(x.operations, 0) AS operations_before, coalesce(r.operations, 0) AS operations_after, t.questions AS operations_used
FROM enough e
JOIN total t USING (source, grant_id, scope_id)
JOIN cat_scope s ON s.scope_id = e.narrower AND NOT s.resource_limited
LEFT JOIN reach r ON r.scope_id = e.narrower
LEFT JOIN reach x ON x.scope_id = e.scope_id
LEFT JOIN (SELECT scope_id, max(rank) AS rank FROM cat_scope_risk GROUP BY scope_id) k ON k.scope_id = e.narrower
WHERE e.questions = t.questions
QUALIFY row_number() OVER (PARTITION BY e.source, e.grant_id, e.scope_id ORDER BY coalesce(k.rank, 0), coalesce(r.operations, 0), s.scope) = 1
""",
    needs=("used_pair", "everyones_use", "question", "question_alternative", "credited_scope", "named_caller"),
    windowed=True,
)
