"""How far the stamps of a source may be from the truth."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "clock_error",
    "For each source and tenant, how many seconds a time stamp may be too late (before_s) or too early "
    "(after_s): the event lies in [stamp - before_s, stamp + after_s]. A stamp of whole seconds is cut "
    "off, so it can only be early. An offset that is applied shifts both. Where the clock table has no row, "
    "5 s are assumed.",
    """
SELECT o.source, o.tenant, o.log,
       coalesce(k.error_s, 5.0) + coalesce(k.offset_s, 0.0) AS before_s,
       coalesce(k.error_s, 5.0) + coalesce(k.grid_s, 0.0) - coalesce(k.offset_s, 0.0) AS after_s,
       coalesce(k.assumed, true) AS assumed
FROM (
    SELECT DISTINCT source, tenant, 'issuance' AS log FROM issuance
    UNION SELECT DISTINCT source, tenant, 'usage' FROM usage_caller
    UNION SELECT DISTINCT source, tenant, 'revocation' FROM revocation
) o
LEFT JOIN clock k ON k.source = o.source AND k.tenant IS NOT DISTINCT FROM o.tenant AND k.log::VARCHAR = o.log
""",
)
