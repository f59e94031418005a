"""Each pair of scope set and operation that occurs, judged once."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "judged_pair",
    "Each pair of caller segment and operation, judged: in_scope, in_scope_by_implication, out_of_scope or "
    "unknown, and why unknown. What is required is an OR of ANDs; it is met if every scope of one "
    "alternative is held, or implied by one that is held. Decided once for each distinct set of scopes, "
    "kind of principal and operation.",
    """
WITH pair AS (
    SELECT DISTINCT p.caller_id, p.segment_id, p.operation_id, p.match FROM used_pair p
),
scoped AS (
    SELECT p.caller_id, p.segment_id, p.operation_id, p.match,
           coalesce(s.scopes, c.own_scopes) AS scopes,
           coalesce(s.scopes_from, c.own_scopes_from) AS scopes_from,
           CASE WHEN c.subject_id IS NULL OR c.subject_kind = 'service' THEN 'application' ELSE 'delegated' END AS principal
    FROM pair p
    JOIN named_caller c USING (caller_id)
    LEFT JOIN caller_segment s ON s.segment_id = p.segment_id
),
question AS (
    SELECT row_number() OVER (ORDER BY operation_id, principal, scopes) AS question_id, operation_id, principal, scopes
    FROM (SELECT DISTINCT operation_id, principal, scopes FROM scoped WHERE operation_id IS NOT NULL AND scopes IS NOT NULL)
),
-- A scope means something only inside the catalogue of the operation.
held AS (
    SELECT DISTINCT q.question_id, n.scope_id
    FROM (SELECT question_id, operation_id, unnest(scopes) AS scope FROM question) q
    JOIN cat_operation o ON o.op_id = q.operation_id
    JOIN cat_scope_name n ON n.catalogue = o.catalogue AND n.name = lower(q.scope) AND (n.exact IS NULL OR n.exact = q.scope)
),
closed AS (
    SELECT h.question_id, c.implied_scope_id AS scope_id, bool_or(c.evidence = 'self') AS literally
    FROM held h JOIN scope_closure c ON c.scope_id = h.scope_id
    GROUP BY h.question_id, c.implied_scope_id
),
alternative AS (
    SELECT q.question_id, r.alt,
           bool_and(r.scope_id IS NULL OR c.scope_id IS NOT NULL) AS met,
           bool_and(r.scope_id IS NULL OR coalesce(c.literally, false)) AS met_literally,
           bool_or(r.condition IS NOT NULL) AS conditional,
           bool_or(r.ambiguous_list) AS ambiguous_list
    FROM question q
    JOIN cat_requirement r ON r.op_id = q.operation_id
        AND (r.principal = 'any' OR r.principal = q.principal
             OR (q.principal = 'delegated' AND r.principal IN ('user', 'delegated_personal'))
             OR (q.principal = 'application' AND r.principal = 'bot'))
    LEFT JOIN closed c ON c.question_id = q.question_id AND c.scope_id = r.scope_id
    GROUP BY q.question_id, r.alt
),
answer AS (
    SELECT q.question_id, q.operation_id, q.principal, q.scopes,
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
    GROUP BY q.question_id, q.operation_id, q.principal, q.scopes, o.security, o.complete
)
SELECT s.caller_id, s.segment_id, s.operation_id, s.match, s.scopes, s.scopes_from, s.principal,
       CASE WHEN s.operation_id IS NULL OR s.scopes IS NULL THEN 'unknown' ELSE a.verdict END AS verdict,
       CASE WHEN s.operation_id IS NULL AND s.match = 'container' THEN 'a batch: what it did is not in this row'
            WHEN s.operation_id IS NULL THEN 'no catalogue knows the operation'
            WHEN s.scopes IS NULL THEN 'no log says which scopes were held'
            WHEN a.verdict = 'unknown' THEN a.why_unknown END AS why_unknown,
       coalesce(a.ambiguous_list, false) AS ambiguous_list
FROM scoped s
LEFT JOIN answer a ON a.operation_id = s.operation_id AND a.principal = s.principal
    AND a.scopes IS NOT DISTINCT FROM s.scopes
""",
    needs=("used_pair", "named_caller", "caller_segment"),
    windowed=True,
)
