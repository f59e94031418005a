"""Every client and subject of the logs with the name under which it is known across them."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "canonical_identity",
    "Each client id and subject id of each source, with the one name it is known by: the name that the identities file "
    "gives it (said_by identities), else what its provider's own log says to be the same (said_by provider, see "
    "same_client). name is NULL where nobody says anything: then it is itself, and equal to no id of another source.",
    """
WITH seen AS (
    SELECT source, 'client' AS kind, client_id AS id FROM issuance
    UNION SELECT source, 'client', client_id FROM usage_caller
    UNION SELECT source, 'client', client_id FROM revocation
    UNION SELECT source, 'subject', subject_id FROM issuance
    UNION SELECT source, 'subject', subject_id FROM usage_caller
    UNION SELECT source, 'subject', subject_id FROM revocation
    UNION SELECT source, kind, id FROM identity
)
SELECT k.source, k.kind, k.id, coalesce(i.name, a.name, s.app_id, o.id) AS name,
       CASE WHEN coalesce(i.name, a.name) IS NOT NULL THEN 'identities'
            WHEN coalesce(s.app_id, o.id) IS NOT NULL THEN 'provider' END AS said_by
FROM seen k
LEFT JOIN identity i ON i.source = k.source AND i.kind = k.kind AND i.id = k.id
LEFT JOIN same_client s ON k.kind = 'client' AND s.source = k.source AND s.id = k.id
LEFT JOIN (SELECT DISTINCT source, app_id AS id FROM same_client) o
    ON k.kind = 'client' AND o.source = k.source AND o.id = k.id
LEFT JOIN (
    -- the name of an application id, given in either of the two logs, is the name of its object ids too
    SELECT id, min(name) AS name FROM identity
    WHERE kind = 'client' AND source IN ('microsoft_entra', 'microsoft_365')
    GROUP BY id HAVING count(DISTINCT name) = 1
) a ON a.id = coalesce(s.app_id, o.id)
WHERE k.id IS NOT NULL
""",
    needs=("same_client",),
)
