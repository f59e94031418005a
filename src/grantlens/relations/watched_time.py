"""When the usage log of each tenant would have shown any call."""

from grantlens.catalogue.optional import values
from grantlens.relations.relation import Relation

RELATION = Relation(
    "watched_time",
    "When the usage log of a source was there, as covered_time has it. Of a provider whose log holds calls of some kind only where "
    "somebody asked for them, the time from the first to the last such call of the tenant: who made no others is not seen in the rest of it, "
    "which is in_part, and lacks says what is missing, and how to have it.",
    """
WITH optional AS (
    SELECT * FROM (VALUES
           """
    + values()
    + """) v(source, calls, lacks, always)
),
shows AS MATERIALIZED (
    SELECT o.source, t.target_id
    FROM (FROM optional SEMI JOIN usage_caller USING (source)) o
    JOIN usage_target t ON regexp_full_match(t.operation, o.calls)
),
asked_for AS (
    SELECT c.source, c.tenant, min(u.first_at) AS first_at, max(u.last_at) AS last_at
    FROM (
        SELECT u.caller_id, s.source, min(u.used_at) AS first_at, max(u.used_at) AS last_at
        FROM usage_row u JOIN shows s USING (target_id)
        GROUP BY u.caller_id, s.source
    ) u
    JOIN usage_caller c USING (caller_id, source)
    GROUP BY c.source, c.tenant
),
-- A call that names no tenant may be of any, as its log is.
shown AS (
    SELECT w.source, w.tenant, min(a.first_at) AS shown_from, max(a.last_at) + to_microseconds(1) AS shown_until
    FROM (SELECT DISTINCT source, tenant FROM covered_time WHERE log = 'usage') w
    JOIN asked_for a ON a.source = w.source AND coalesce(a.tenant = w.tenant, true)
    GROUP BY w.source, w.tenant
)
SELECT source, tenant, in_part, covered_from, covered_until, NULL AS lacks
FROM covered_time ANTI JOIN optional USING (source)
WHERE log = 'usage'
UNION ALL
SELECT c.source, c.tenant, true, c.covered_from, c.covered_until, o.lacks
FROM covered_time c JOIN optional o USING (source)
WHERE c.log = 'usage'
UNION ALL
SELECT c.source, c.tenant, false, greatest(c.covered_from, s.shown_from), least(c.covered_until, s.shown_until), NULL
FROM covered_time c JOIN shown s ON s.source = c.source AND s.tenant IS NOT DISTINCT FROM c.tenant
WHERE c.log = 'usage' AND NOT c.in_part AND c.covered_from < s.shown_until AND c.covered_until > s.shown_from
""",
    needs=("covered_time",),
)
