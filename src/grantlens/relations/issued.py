"""Issuance that counts: what really created or widened access, with the grant it belongs to."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "issued",
    "Successful issuance. Where the log names no grant, and client and subject hold exactly one grant "
    "that the log does name, the row belongs to that one; otherwise to the derived grant.",
    """
WITH named_grant AS (
    SELECT source, tenant, client_id, subject_id, min(grant_id) AS grant_id
    FROM issuance
    WHERE outcome = 'success' AND grant_id NOT LIKE 'derived:%'
    GROUP BY source, tenant, client_id, subject_id
    HAVING count(DISTINCT grant_id) = 1
)
SELECT i.* EXCLUDE (grant_id, kind, token_kind, subject_kind, consent_kind, outcome),
       i.kind::VARCHAR AS kind, i.token_kind::VARCHAR AS token_kind,
       i.subject_kind::VARCHAR AS subject_kind, i.consent_kind::VARCHAR AS consent_kind,
       CASE WHEN i.grant_id LIKE 'derived:%' THEN coalesce(n.grant_id, i.grant_id) ELSE i.grant_id END AS grant_id
FROM issuance i
LEFT JOIN named_grant n
    ON n.source = i.source AND n.tenant IS NOT DISTINCT FROM i.tenant
    AND n.client_id = i.client_id AND n.subject_id IS NOT DISTINCT FROM i.subject_id
WHERE i.outcome = 'success'
""",
)
