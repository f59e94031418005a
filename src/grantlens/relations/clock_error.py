"""How far the stamps of a source may be from the truth."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "clock_error",
    "For each source, tenant and log, how many seconds a time stamp may be too late (before_s) or too early "
    "(after_s): the event lies in [stamp - before_s, stamp + after_s]. A stamp of whole seconds is cut "
    "off, so it can only be early. An offset that is applied shifts both. What the organisation states goes before what the "
    "logs tell; assumed is true where nobody stated anything. What the logs tell is how far the usage clock is behind that of the issuance: as far as "
    "that one is stated to be ahead, it is not behind. issuance_offset_s is what is stated of the issuance log beside this one, and by_issuance what must be "
    "added to a stamp to have it by the clock of that log.",
    """
WITH stamped AS (
    SELECT source, tenant, 'issuance' AS log FROM issuance
    UNION SELECT source, tenant, 'usage' FROM usage_caller
    UNION SELECT source, tenant, 'revocation' FROM revocation
),
-- What is said of one tenant goes before what is said of one log, and that before what is said of all.
stated AS (
    SELECT o.source, o.tenant, o.log, c.error_seconds, c.offset_seconds
    FROM (FROM stamped UNION SELECT source, tenant, 'issuance' FROM stamped) o
    JOIN stated_clock c ON c.source = o.source
        AND (c.tenant IS NULL OR c.tenant = o.tenant) AND (c.log IS NULL OR c.log::VARCHAR = o.log)
    QUALIFY row_number() OVER (
        PARTITION BY o.source, o.tenant, o.log ORDER BY c.tenant NULLS LAST, c.log NULLS LAST) = 1
)
SELECT *, error_s + offset_s AS before_s, error_s + grid_s - offset_s AS after_s,
       to_microseconds(((issuance_offset_s - offset_s) * 1000000)::BIGINT) AS by_issuance
FROM (
    SELECT o.source, o.tenant, o.log,
           coalesce(c.error_seconds, k.error_s, 5.0) AS error_s, coalesce(k.grid_s, 0.0) AS grid_s,
           coalesce(c.offset_seconds, CASE WHEN k.offset_s < 0 THEN least(k.offset_s + coalesce(i.offset_seconds, 0.0), 0.0) END, 0.0) AS offset_s,
           coalesce(i.offset_seconds, 0.0) AS issuance_offset_s, k.estimated_offset_s, c.source IS NULL AS assumed
    FROM stamped o
    LEFT JOIN stated c ON c.source = o.source AND c.tenant IS NOT DISTINCT FROM o.tenant AND c.log = o.log
    LEFT JOIN stated i ON i.source = o.source AND i.tenant IS NOT DISTINCT FROM o.tenant AND i.log = 'issuance'
    LEFT JOIN clock k ON k.source = o.source AND k.tenant IS NOT DISTINCT FROM o.tenant AND k.log::VARCHAR = o.log
)
""",
)
