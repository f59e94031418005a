"""Every client and subject of the logs with the name under which it is known across them."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "canonical_identity",
    "Each client id and subject id of each source, with the one name it is known by: the name that the identities file "
    "gives it, or another spelling of it (said_by identities), else what its provider's own log says to be the same (said_by provider, see "
    "same_client and same_subject). name is NULL where nobody says anything: then it is itself, and equal to no id of another source.",
    """
WITH seen AS (
    SELECT source, 'client' AS kind, client_id AS id FROM issuance
    UNION SELECT source, 'client', client_id FROM usage_caller
    UNION SELECT source, 'client', client_id FROM revocation
    UNION SELECT source, 'subject', subject_id FROM issuance
    UNION SELECT source, 'subject', subject_id FROM usage_caller
    UNION SELECT source, 'subject', subject_id FROM revocation
    UNION SELECT source, kind, id FROM identity
),
same AS (
    SELECT 'client' AS kind, source, id, app_id AS one FROM same_client
    UNION ALL SELECT 'subject', source, id, object_id FROM same_subject
),
spelled AS (
    FROM same
    UNION SELECT s.kind, s.source, s.one, s.one FROM same s ANTI JOIN same o ON o.kind = s.kind AND o.source = s.source AND o.id = s.one
),
-- The name of one spelling, given in either of the two logs, is the name of all.
given AS (
    SELECT kind, s.one, min(i.name) AS name
    FROM identity i JOIN spelled s USING (kind, source, id)
    GROUP BY kind, s.one
    HAVING count(DISTINCT i.name) = 1
)
SELECT k.source, k.kind, k.id, coalesce(i.name, g.name, s.one) AS name,
       CASE WHEN coalesce(i.name, g.name) IS NOT NULL THEN 'identities' WHEN s.one IS NOT NULL THEN 'provider' END AS said_by
FROM seen k
LEFT JOIN identity i ON i.source = k.source AND i.kind = k.kind AND i.id = k.id
LEFT JOIN spelled s ON s.source = k.source AND s.kind = k.kind AND s.id = k.id
LEFT JOIN given g ON g.kind = s.kind AND g.one = s.one
WHERE k.id IS NOT NULL
""",
    needs=("same_client", "same_subject"),
)
