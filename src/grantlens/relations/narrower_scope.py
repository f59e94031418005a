"""For a used scope, the narrowest one below it that would have been enough."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "narrower_scope",
    "For each grant and each held scope that its calls needed, the narrowest scope below it in the hierarchy "
    "with which every one of these calls would still have been permitted: by lowest risk, then fewest "
    "operations, then name. A scope that opens only some objects is never one: no log shows which objects these are. "
    "Grants and scopes without such a scope have no row.",
    """
WITH needed AS (
    SELECT DISTINCT c.source, coalesce(s.grant_id, c.grant_id) AS grant_id, k.scope_id, p.question_id
    FROM used_pair u
    JOIN question p ON p.operation_id = u.operation_id AND p.set_id = u.set_id AND p.application = u.application
    JOIN credited_scope k ON k.question_id = p.question_id AND k.needed
    JOIN named_caller c ON c.caller_id = u.caller_id
    LEFT JOIN caller_segment s ON s.segment_id = u.segment_id
    WHERE u.outcome = 'success' AND NOT u.grant_ended
),
-- In each alternative, the parts that only this scope covers.
only_by AS (
    SELECT q.question_id, q.alt, q.scope_id AS part, max(q.held_by) AS held_by
    FROM question_alternative q
    WHERE q.scope_id IS NOT NULL
    GROUP BY q.question_id, q.alt, q.scope_id
    HAVING count(DISTINCT q.held_by) = 1
),
uncovered AS (
    SELECT DISTINCT question_id, alt FROM question_alternative
    WHERE scope_id IS NOT NULL
    GROUP BY question_id, alt, scope_id
    HAVING count(held_by) = 0
),
works AS (
    SELECT o.question_id, o.held_by AS scope_id, i.narrower
    FROM (SELECT DISTINCT n.question_id, n.scope_id FROM needed n) n
    JOIN only_by o ON o.question_id = n.question_id AND o.held_by = n.scope_id
    ANTI JOIN uncovered x ON x.question_id = o.question_id AND x.alt = o.alt
    JOIN cat_scope_implies i ON i.broader = o.held_by
    LEFT JOIN scope_closure c ON c.scope_id = i.narrower AND c.implied_scope_id = o.part
    GROUP BY o.question_id, o.alt, o.held_by, i.narrower
    HAVING bool_and(c.implied_scope_id IS NOT NULL)
),
reach AS (
    SELECT c.scope_id, count(DISTINCT r.op_id) AS operations
    FROM scope_closure c JOIN cat_requirement r ON r.scope_id = c.implied_scope_id
    GROUP BY c.scope_id
),
enough AS (
    SELECT n.source, n.grant_id, n.scope_id, w.narrower, count(DISTINCT n.question_id) AS questions
    FROM needed n
    JOIN (SELECT DISTINCT * FROM works) w ON w.question_id = n.question_id AND w.scope_id = n.scope_id
    GROUP BY n.source, n.grant_id, n.scope_id, w.narrower
),
total AS (
    SELECT source, grant_id, scope_id, count(DISTINCT question_id) AS questions FROM needed GROUP BY source, grant_id, scope_id
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
    needs=("used_pair", "question", "question_alternative", "credited_scope", "named_caller", "caller_segment"),
    windowed=True,
)
