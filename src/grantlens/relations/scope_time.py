"""When the usage log of each tenant would have shown any use of a scope."""

from grantlens.catalogue.optional import values
from grantlens.relations.relation import Relation

RELATION = Relation(
    "scope_time",
    "When the usage log of a source would have shown any use of a scope. Where always_logged is true it is so of scopes that permit only the "
    "operations of `always`, of which a log that holds one holds all: the time is that of covered_time, of tenants in whose log somebody "
    "called one. Where it is false, it is so of all other scopes, and the time is watched_time.",
    """
WITH optional AS (
    SELECT * FROM (VALUES
           """
    + values()
    + """) v(source, calls, lacks, always)
),
shows AS MATERIALIZED (
    SELECT o.source, o.always, t.target_id
    FROM (FROM optional SEMI JOIN usage_caller USING (source)) o
    JOIN usage_target t ON regexp_full_match(t.operation, o.always)
),
shown AS (
    SELECT DISTINCT c.source, c.tenant, u.always
    FROM (SELECT DISTINCT u.caller_id, s.source, s.always FROM usage_row u JOIN shows s USING (target_id)) u
    JOIN usage_caller c USING (caller_id, source)
)
SELECT source, tenant, false AS always_logged, NULL AS always, in_part, covered_from, covered_until, lacks
FROM watched_time
UNION ALL
-- A call that names no tenant may be of any, as its log is.
SELECT c.source, c.tenant, true, o.always, c.in_part, c.covered_from, c.covered_until, NULL
FROM covered_time c
JOIN optional o USING (source)
SEMI JOIN shown s ON s.source = c.source AND coalesce(s.tenant = c.tenant, true)
WHERE c.log = 'usage'
""",
    needs=("covered_time", "watched_time"),
)
