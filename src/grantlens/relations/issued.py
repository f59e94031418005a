"""Issuance that counts: what really created or widened access, with the grant it belongs to."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "issued",
    "Successful issuance. Where the log names no grant, and client and subject hold exactly one grant "
    "that the log does name, the row belongs to that one; else to the one grant that an admin gave the client "
    "for everyone on that resource (no subject, though it is for people); otherwise to the derived grant.",
    """
WITH named AS (
    SELECT source, tenant, client_id, subject_id, audience, grant_id,
           subject_id IS NULL AND coalesce(subject_kind::VARCHAR, '') = 'user' AS for_everyone
    FROM issuance
    WHERE outcome = 'success' AND grant_id NOT LIKE 'derived:%'
),
named_grant AS (
    SELECT source, tenant, client_id, subject_id, min(grant_id) AS grant_id
    FROM named
    WHERE NOT for_everyone
    GROUP BY source, tenant, client_id, subject_id
    HAVING count(DISTINCT grant_id) = 1
),
everyones_grant AS (
    SELECT source, tenant, client_id, audience, min(grant_id) AS grant_id
    FROM named
    WHERE for_everyone
    GROUP BY source, tenant, client_id, audience
    HAVING count(DISTINCT grant_id) = 1
)
SELECT i.* EXCLUDE (grant_id, kind, token_kind, subject_kind, consent_kind, outcome),
       i.kind::VARCHAR AS kind, i.token_kind::VARCHAR AS token_kind,
       i.subject_kind::VARCHAR AS subject_kind, i.consent_kind::VARCHAR AS consent_kind,
       CASE WHEN i.grant_id LIKE 'derived:%' THEN coalesce(n.grant_id, e.grant_id, i.grant_id) ELSE i.grant_id END AS grant_id
FROM issuance i
LEFT JOIN named_grant n
    ON n.source = i.source AND n.tenant IS NOT DISTINCT FROM i.tenant
    AND n.client_id = i.client_id AND n.subject_id IS NOT DISTINCT FROM i.subject_id
LEFT JOIN everyones_grant e
    ON e.source = i.source AND e.tenant IS NOT DISTINCT FROM i.tenant
    AND e.client_id = i.client_id AND e.audience IS NOT DISTINCT FROM i.audience AND i.subject_id IS NOT NULL
WHERE i.outcome = 'success'
""",
)
