"""Which held scopes a permitted call made use of."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "credited_scope",
    "For each question that is in scope, the held scopes that are part of a satisfied alternative: all of "
    "them are credited. needed is true where without this scope no alternative would be satisfied; "
    "ambiguous where another held scope would have done as well.",
    """
WITH met_alternative AS (
    SELECT question_id, alt
    FROM (SELECT question_id, alt, scope_id, bool_or(scope_id IS NULL OR held_by IS NOT NULL) AS met
          FROM question_alternative GROUP BY question_id, alt, scope_id)
    GROUP BY question_id, alt
    HAVING bool_and(met)
),
covering AS (
    SELECT q.question_id, q.alt, q.scope_id, q.held_by,
           count(DISTINCT q.held_by) OVER (PARTITION BY q.question_id, q.alt, q.scope_id) AS ways
    FROM question_alternative q
    JOIN met_alternative m ON m.question_id = q.question_id AND m.alt = q.alt
),
-- An alternative survives the loss of a scope if each of its parts is covered by another.
survival AS (
    SELECT h.question_id, h.held_by, c.alt, bool_and(c.held_by IS NULL OR c.held_by <> h.held_by OR c.ways > 1) AS survives
    FROM (SELECT DISTINCT question_id, held_by FROM covering WHERE held_by IS NOT NULL) h
    JOIN covering c ON c.question_id = h.question_id
    GROUP BY h.question_id, h.held_by, c.alt
)
SELECT question_id, held_by AS scope_id, NOT bool_or(survives) AS needed, bool_or(survives) AS ambiguous
FROM survival
GROUP BY question_id, held_by
""",
    needs=("question_alternative",),
    windowed=True,
)
