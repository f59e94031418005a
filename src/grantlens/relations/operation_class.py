"""What an operation does to the world: reads, writes, destroys, touches something sensitive."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "operation_class",
    "Whether an operation writes, destroys or needs a sensitive scope. HTTP says it by the method; for a "
    "name the verb in it is read, and a name without a known reading verb counts as writing. Sensitive "
    "means that each way to be permitted holds a scope of rank 3 or 4; grave is what destroys, or writes what is sensitive.",
    """
WITH scope_rank AS (
    SELECT scope_id, max(rank) AS rank FROM cat_scope_risk GROUP BY scope_id
),
alternative AS (
    SELECT r.op_id, r.alt, max(coalesce(k.rank, 0)) AS rank
    FROM cat_requirement r LEFT JOIN scope_rank k USING (scope_id)
    GROUP BY r.op_id, r.alt
),
need AS (
    SELECT op_id, min(rank) AS rank FROM alternative GROUP BY op_id
)
SELECT o.op_id AS operation_id, o.label,
       CASE WHEN o.method IS NOT NULL THEN o.method NOT IN ('GET', 'HEAD', 'OPTIONS')
            ELSE NOT regexp_matches(lower(o.label), '(^|[._:/ -])(get|list|read|search|query|describe|head|fetch|watch|count|batchget|info|history)')
       END AS writes,
       coalesce(o.method = 'DELETE', false)
           OR regexp_matches(lower(o.label), '(delete|destroy|drop|purge|remove|wipe|terminate|truncate)') AS destroys,
       coalesce(n.rank, 0) >= 3 AS sensitive,
       writes AND (sensitive OR destroys) AS grave
FROM cat_operation o
LEFT JOIN need n ON n.op_id = o.op_id
""",
)
