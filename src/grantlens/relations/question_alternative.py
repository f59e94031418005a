"""How far the scopes held meet each alternative of what an operation needs."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "question_alternative",
    "For each question, each scope of each alternative that would permit the operation - to a person or an application, "
    "where it is not known which called - and which held scope covers it: itself, or by implication. held_by is NULL where none does; scope_id is NULL for an "
    "alternative that needs no scope.",
    """
-- A scope means something only inside the catalogue of the operation.
WITH held AS (
    SELECT DISTINCT x.set_id, n.catalogue, n.scope_id
    FROM (SELECT set_id, unnest(scopes) AS scope FROM scope_set SEMI JOIN question USING (set_id)) x
    JOIN known_scope n USING (scope)
),
closed AS (
    SELECT h.set_id, h.catalogue, h.scope_id AS held_by, c.implied_scope_id AS scope_id, c.evidence
    FROM held h JOIN scope_closure c ON c.scope_id = h.scope_id
)
SELECT q.question_id, q.operation_id, r.alt, r.scope_id, c.held_by, c.evidence, r.condition, r.ambiguous_list
FROM question q
JOIN cat_operation o ON o.op_id = q.operation_id
JOIN cat_requirement r ON r.op_id = q.operation_id
    AND (r.principal = 'any' OR coalesce(q.application = (r.principal IN ('application', 'bot')), true))
LEFT JOIN closed c ON c.set_id = q.set_id AND c.catalogue = o.catalogue AND c.scope_id = r.scope_id
""",
    needs=("question", "scope_set", "known_scope"),
    windowed=True,
)
