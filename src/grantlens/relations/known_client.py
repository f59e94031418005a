"""Clients of each tenant, and since when there is a trace of them."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "known_client",
    "Each client id that the logs name, with the one name under which it is known (client: itself, where nobody says that it is the same as "
    "another), and since when there is a trace of it: something issued to it, a call of it that worked, or an end of its access, by the clock of the issuance log. of_tenant is "
    "the tenant; where the log names none, the one that it names elsewhere for this client, if that is one.",
    """
WITH trace AS (
    SELECT source, tenant, client_id, min(issued_at) AS first_at FROM issuance WHERE outcome = 'success' GROUP BY source, tenant, client_id
    UNION ALL
    SELECT c.source, c.tenant, c.client_id, min(u.first_at + k.by_issuance)
    FROM usage_caller c
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
    JOIN (SELECT caller_id, min(used_at) AS first_at FROM usage_row WHERE outcome = 'success' GROUP BY caller_id) u USING (caller_id)
    GROUP BY c.source, c.tenant, c.client_id
    UNION ALL
    SELECT r.source, r.tenant, r.client_id, min(r.revoked_at + k.by_issuance)
    FROM revocation r
    JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
    WHERE r.outcome = 'success'
    GROUP BY r.source, r.tenant, r.client_id
),
named AS (
    SELECT source, id, min(name) AS name FROM canonical_identity WHERE kind = 'client' AND name IS NOT NULL GROUP BY source, id
),
seen AS (
    SELECT t.source, t.tenant, t.client_id, coalesce(n.name, t.client_id) AS client, min(t.first_at) AS first_at
    FROM trace t
    LEFT JOIN named n ON n.source = t.source AND n.id = t.client_id
    WHERE t.client_id IS NOT NULL
    GROUP BY t.source, t.tenant, t.client_id, coalesce(n.name, t.client_id)
)
SELECT source, tenant, client_id, client, first_at,
       coalesce(tenant, CASE WHEN min(tenant) OVER same = max(tenant) OVER same THEN min(tenant) OVER same END) AS of_tenant
FROM seen
WINDOW same AS (PARTITION BY source, client)
""",
    needs=("canonical_identity", "clock_error"),
)
