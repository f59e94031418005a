"""Each pair of caller and operation, judged once."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "judged_pair",
    "Each pair of caller segment and operation, judged: in_scope, in_scope_by_implication, out_of_scope or "
    "unknown, and why unknown. What is required is an OR of ANDs; it is met if every scope of one "
    "alternative is held, or implied by one that is held.",
    """
WITH alternative AS (
    SELECT question_id, operation_id, alt,
           bool_and(met) AS met, bool_and(met_literally) AS met_literally,
           bool_or(conditional) AS conditional, bool_or(ambiguous_list) AS ambiguous_list
    FROM (
        SELECT question_id, operation_id, alt, scope_id,
               bool_or(scope_id IS NULL OR held_by IS NOT NULL) AS met,
               bool_or(scope_id IS NULL OR coalesce(evidence = 'self', false)) AS met_literally,
               bool_or(condition IS NOT NULL) AS conditional, bool_or(ambiguous_list) AS ambiguous_list
        FROM question_alternative
        GROUP BY question_id, operation_id, alt, scope_id
    )
    GROUP BY question_id, operation_id, alt
),
answer AS (
    SELECT q.question_id,
           CASE WHEN o.security = 'none_required' THEN 'in_scope'
                WHEN o.security = 'unknown' THEN 'unknown'
                WHEN bool_or(a.met_literally) THEN 'in_scope'
                WHEN bool_or(a.met) THEN 'in_scope_by_implication'
                WHEN NOT o.complete OR bool_or(a.conditional) THEN 'unknown'
                ELSE 'out_of_scope' END AS verdict,
           CASE WHEN o.security = 'unknown' THEN 'the catalogue says nothing about its security'
                WHEN NOT o.complete OR bool_or(a.conditional) THEN 'what it needs depends on what the log does not show' END AS why_unknown,
           coalesce(bool_or(a.ambiguous_list), false) AS ambiguous_list
    FROM (SELECT DISTINCT question_id, operation_id FROM scoped_pair WHERE question_id IS NOT NULL) q
    JOIN cat_operation o ON o.op_id = q.operation_id
    LEFT JOIN alternative a ON a.question_id = q.question_id
    GROUP BY q.question_id, o.security, o.complete
)
SELECT s.caller_id, s.segment_id, s.operation_id, s.match, s.scopes, s.scopes_from, s.principal, s.question_id,
       coalesce(a.verdict, 'unknown') AS verdict,
       CASE WHEN s.operation_id IS NULL AND s.match = 'container' THEN 'a batch: what it did is not in this row'
            WHEN s.operation_id IS NULL THEN 'no catalogue knows the operation'
            WHEN s.scopes IS NULL THEN 'no log says which scopes were held'
            WHEN a.verdict = 'unknown' THEN a.why_unknown END AS why_unknown,
       coalesce(a.ambiguous_list, false) AS ambiguous_list
FROM scoped_pair s
LEFT JOIN answer a USING (question_id)
""",
    needs=("scoped_pair", "question_alternative"),
    windowed=True,
)
