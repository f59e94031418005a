"""When each log was there, told for each tenant."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "covered_time",
    "When each log of a source was there: coverage, its gaps left out, as stretches that neither touch nor overlap. Of a "
    "tenant it is the coverage of that tenant and what names none; where tenant is NULL, that of all. in_part is true of "
    "stretches in which the log showed only some events; those may overlap the others. open_until is covered_until, but of the last "
    "stretch of a log infinity: of what seldom happens nothing says, after a log's last record, that some is missing, as a gap does. "
    "open_from is the same of its first stretch: minus infinity, else covered_from.",
    """
WITH whose AS (
    SELECT source, tenant FROM coverage UNION SELECT source, NULL FROM coverage
),
part AS (
    SELECT w.source, w.tenant, c.log, c.in_part, c.covered_from, c.covered_until,
           max(c.covered_until) OVER (
               PARTITION BY w.source, w.tenant, c.log, c.in_part ORDER BY c.covered_from, c.covered_until
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM whose w
    JOIN coverage c ON c.source = w.source AND NOT c.is_gap AND (w.tenant IS NULL OR c.tenant IS NULL OR c.tenant = w.tenant)
),
placed AS (
    SELECT *, count(*) FILTER (reached IS NULL OR reached < covered_from) OVER (
        PARTITION BY source, tenant, log, in_part ORDER BY covered_from, covered_until
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stretch
    FROM part
)
SELECT source, tenant, log, in_part, min(covered_from) AS covered_from, max(covered_until) AS covered_until,
       CASE WHEN max(covered_until) < max(max(covered_until)) OVER (PARTITION BY source, tenant, log) THEN max(covered_until)
            ELSE 'infinity'::TIMESTAMPTZ END AS open_until,
       CASE WHEN min(covered_from) > min(min(covered_from)) OVER (PARTITION BY source, tenant, log) THEN min(covered_from)
            ELSE '-infinity'::TIMESTAMPTZ END AS open_from
FROM placed
GROUP BY source, tenant, log, in_part, stretch
""",
)
