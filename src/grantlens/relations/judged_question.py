"""Each question, answered."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "judged_question",
    "Each question, answered: in_scope, in_scope_by_implication, out_of_scope, or unknown and why. What is "
    "required is an OR of ANDs; it is met if every scope of one alternative is held, or implied by one that is.",
    """
WITH part AS (
    SELECT question_id, alt, scope_id,
           bool_or(scope_id IS NULL OR held_by IS NOT NULL) AS met,
           bool_or(scope_id IS NULL OR coalesce(evidence = 'self', false)) AS met_literally,
           bool_or(condition IS NOT NULL) AS conditional, bool_or(ambiguous_list) AS ambiguous_list
    FROM question_alternative
    GROUP BY question_id, alt, scope_id
),
alternative AS (
    SELECT question_id, alt, bool_and(met) AS met, bool_and(met_literally) AS met_literally,
           bool_or(conditional) AS conditional, bool_or(ambiguous_list) AS ambiguous_list
    FROM part
    GROUP BY question_id, alt
)
SELECT q.question_id, q.operation_id, q.set_id, q.application,
       CASE WHEN o.security = 'none_required' THEN 'in_scope'
            WHEN o.security = 'unknown' THEN 'unknown'
            WHEN bool_or(a.met_literally) THEN 'in_scope'
            WHEN bool_or(a.met) THEN 'in_scope_by_implication'
            WHEN NOT o.complete OR bool_or(a.conditional) THEN 'unknown'
            ELSE 'out_of_scope' END AS verdict,
       CASE WHEN o.security = 'unknown' THEN 'the catalogue says nothing about its security'
            WHEN NOT o.complete OR bool_or(a.conditional) THEN 'what it needs depends on what the log does not show' END AS why_unknown,
       coalesce(bool_or(a.ambiguous_list), false) AS ambiguous_list
FROM question q
JOIN cat_operation o ON o.op_id = q.operation_id
LEFT JOIN alternative a ON a.question_id = q.question_id
GROUP BY q.question_id, q.operation_id, q.set_id, q.application, o.security, o.complete
""",
    needs=("question", "question_alternative"),
    windowed=True,
)
