"""Which held scopes a permitted call made use of."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "credited_scope",
    "For each question that is in scope, the held scopes that are part of a satisfied alternative: all of "
    "them are credited. needed is true where without this scope no alternative would be satisfied; "
    "ambiguous where another held scope would have done as well.",
    """
WITH met_alternative AS (
    SELECT question_id, alt FROM question_alternative GROUP BY question_id, alt HAVING bool_and(scope_id IS NULL OR held_by IS NOT NULL)
),
covering AS (
    SELECT q.question_id, q.alt, q.scope_id, q.held_by,
           count(DISTINCT q.held_by) OVER (PARTITION BY q.question_id, q.alt, q.scope_id) AS ways
    FROM question_alternative q
    JOIN met_alternative m ON m.question_id = q.question_id AND m.alt = q.alt
),
-- An alternative survives the loss of a scope if that is no part of it, or each part is covered by another too.
part_of AS (
    SELECT question_id, held_by, alt, bool_and(ways > 1) AS survives
    FROM covering
    WHERE held_by IS NOT NULL
    GROUP BY question_id, held_by, alt
),
survival AS (
    SELECT p.question_id, p.held_by, bool_or(p.survives) OR count(*) < any_value(m.alternatives) AS survives
    FROM part_of p
    JOIN (SELECT question_id, count(*) AS alternatives FROM met_alternative GROUP BY question_id) m ON m.question_id = p.question_id
    GROUP BY p.question_id, p.held_by
)
SELECT question_id, held_by AS scope_id, NOT survives AS needed, survives AS ambiguous
FROM survival
""",
    needs=("question_alternative",),
    windowed=True,
)
