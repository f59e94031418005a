"""Grants whose end the revocation log would show."""

from grantlens.relations.relation import Relation
from grantlens.relations.tenant_token import OF_ONE_TENANT

RELATION = Relation(
    "shown_standing",
    "Grants of which the revocation log shows the whole time from the last sign that they stood (a consent or change, a token, a call that worked) "
    "to $until: had they ended, it would tell. Of the others nothing says that they still stand, be it that the log has a gap, shows only some "
    "ends, or is not there.",
    f"""
WITH standing AS (
    SELECT source, tenant, grant_id, max(seen_at) AS stood_at
    FROM (
        SELECT g.source, g.tenant, g.grant_id, s.seen_at
        FROM (SELECT DISTINCT source, tenant, grant_id FROM grant_state WHERE valid_from < $until) g
        JOIN (
            SELECT source, grant_id, valid_from AS seen_at FROM grant_state WHERE valid_from < $until
            UNION ALL
            SELECT c.source, p.grant_id, p.last_used_at
            FROM used_pair p JOIN named_caller c USING (caller_id)
            WHERE p.outcome = 'success' AND NOT p.grant_ended AND p.grant_id IS NOT NULL
            UNION ALL
            SELECT source, grant_id, last_used_at FROM everyones_use
            UNION ALL
            SELECT source, grant_id, issued_at FROM tenant_token WHERE {OF_ONE_TENANT} AND issued_at < $until
        ) s ON s.source = g.source AND s.grant_id = g.grant_id
    )
    GROUP BY source, tenant, grant_id
)
-- Few things end: before the first and after the last record of the log of ends nothing says that one is missing, as a gap does.
SELECT DISTINCT s.source, s.grant_id
FROM standing s
JOIN covered_time c ON c.source = s.source AND c.tenant IS NOT DISTINCT FROM s.tenant AND c.log = 'revocation'
WHERE NOT c.in_part AND c.open_from <= s.stood_at AND c.open_until >= $until
""",
    needs=("grant_state", "used_pair", "named_caller", "everyones_use", "tenant_token", "covered_time"),
    windowed=True,
)
