"""Ids of one provider that are the same client."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "same_client",
    "Object ids of service principals with the application id they stand for. Entra and Microsoft 365 write a client "
    "now as one, now as the other; a grant's id holds the object id, so a grant whose client is an application id says "
    "that both are one. Object ids are unique over all tenants, so what one of the two logs says holds in the other. An "
    "object id with two application ids stands for none.",
    """
WITH pair AS (
    SELECT split_part(grant_id, ':', 2) AS object_id, client_id
    FROM (
        SELECT source, grant_id, client_id FROM issuance WHERE outcome = 'success'
        UNION ALL SELECT source, grant_id, client_id FROM revocation WHERE outcome = 'success'
    )
    WHERE source IN ('microsoft_entra', 'microsoft_365')
      AND (starts_with(grant_id, 'entra:') OR starts_with(grant_id, 'm365:'))
)
SELECT s.source, p.object_id AS id, min(p.client_id) AS app_id
FROM pair p CROSS JOIN (VALUES ('microsoft_entra'), ('microsoft_365')) s(source)
WHERE p.object_id <> p.client_id
GROUP BY s.source, p.object_id
HAVING count(DISTINCT p.client_id) = 1
""",
)
