"""Each pair with the scopes held and the question it asks of the catalogue."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "scoped_pair",
    "Each pair of caller segment and operation with the scopes that were held, the kind of principal, and "
    "question_id: the same for all pairs that ask the catalogue the same thing, NULL where nothing can be "
    "asked. A million calls come down to a few thousand questions.",
    """
WITH pair AS (
    SELECT DISTINCT caller_id, segment_id, operation_id, match FROM used_pair
),
scope_set AS (
    SELECT row_number() OVER (ORDER BY scopes) AS set_id, scopes
    FROM (SELECT scopes FROM caller_segment WHERE scopes IS NOT NULL
          UNION SELECT own_scopes FROM named_caller WHERE own_scopes IS NOT NULL)
),
segment_set AS (
    SELECT s.segment_id, s.scopes_from, x.set_id FROM caller_segment s JOIN scope_set x USING (scopes)
),
caller_set AS (
    SELECT c.caller_id, c.own_scopes_from, x.set_id,
           CASE WHEN c.subject_id IS NULL OR c.subject_kind = 'service' THEN 'application' ELSE 'delegated' END AS principal
    FROM named_caller c LEFT JOIN scope_set x ON x.scopes = c.own_scopes
),
scoped AS (
    SELECT p.*, coalesce(s.set_id, c.set_id) AS set_id, coalesce(s.scopes_from, c.own_scopes_from) AS scopes_from, c.principal
    FROM pair p
    JOIN caller_set c USING (caller_id)
    LEFT JOIN segment_set s ON s.segment_id = p.segment_id
)
SELECT p.*, x.scopes,
       CASE WHEN p.operation_id IS NOT NULL AND p.set_id IS NOT NULL
            THEN dense_rank() OVER (ORDER BY p.operation_id, p.set_id, p.principal) END AS question_id
FROM scoped p
LEFT JOIN scope_set x USING (set_id)
""",
    needs=("used_pair", "named_caller", "caller_segment"),
    windowed=True,
)
