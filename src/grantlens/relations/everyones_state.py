"""What grants for everyone held, and when their tenant's calls were made meanwhile."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "everyones_state",
    "The rows of grant_state that are of grants for everyone, which an admin gave and which name no person, once for each tenant of the calls that they may be beside: tenant is as the calls name it, granted_in as the grant does, and one of the two may name none. Their moments, and those at which each "
    "life of the grant began and ended, are by the stamps of the usage log of that tenant: set right by the offset of both clocks. near_before_s "
    "and near_after_s are how far before and after a moment a call may be stamped, and have come after and before it in truth.",
    """
SELECT g.source, k.tenant, g.tenant AS granted_in, g.client_id, g.grant_id, g.opened_at, g.scopes, x.set_id,
       g.from_true + to_microseconds((k.offset_s * 1000000)::BIGINT) AS valid_from, g.until_true + to_microseconds((k.offset_s * 1000000)::BIGINT) AS valid_until,
       min(g.from_true) OVER life + to_microseconds((k.offset_s * 1000000)::BIGINT) AS life_from,
       max(g.until_true) OVER life + to_microseconds((k.offset_s * 1000000)::BIGINT) AS life_until,
       k.error_s + k.grid_s + c.error_s AS near_before_s, k.error_s + c.error_s + c.grid_s AS near_after_s
FROM grant_state g
JOIN clock_error k ON k.source = g.source AND k.log = 'usage' AND (k.tenant IS NULL OR g.tenant IS NULL OR k.tenant = g.tenant)
JOIN (
    SELECT source, tenant, max(error_s) AS error_s, max(grid_s) AS grid_s FROM clock_error WHERE log <> 'usage' GROUP BY source, tenant
) c ON c.source = g.source AND c.tenant IS NOT DISTINCT FROM g.tenant
LEFT JOIN scope_set x ON x.scopes = g.scopes
WHERE g.subject_id IS NULL AND g.subject_kind = 'user'
WINDOW life AS (PARTITION BY g.source, k.tenant, g.grant_id, g.opened_at)
""",
    needs=("grant_state", "clock_error", "scope_set"),
)
