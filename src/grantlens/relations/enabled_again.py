"""Which disablings were taken back."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "enabled_again",
    "For each disabling of a client, a person or a grant when the log tells that the same was enabled again: its first enabling afterwards that "
    "succeeded, in the same tenant where both name one, by the clock of the issuance log.",
    """
WITH enabled AS (
    SELECT r.source, r.tenant, r.target_kind, r.revoked_at + k.by_issuance AS enabled_at,
           CASE r.target_kind WHEN 'subject' THEN r.subject_id WHEN 'client' THEN coalesce(a.app_id, r.client_id) WHEN 'grant' THEN r.grant_id END AS id
    FROM revocation r
    JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
    LEFT JOIN same_client a ON a.source = r.source AND a.id = r.client_id
    WHERE r.kind = 'enable' AND r.outcome = 'success'
),
disabled AS (
    SELECT source, tenant, target_kind, revocation_event, revoked_at,
           CASE target_kind WHEN 'subject' THEN subject_id WHEN 'client' THEN client_id WHEN 'grant' THEN grant_id END AS id
    FROM effective_revocation
    WHERE kind = 'disable'
)
SELECT d.source, d.revocation_event, min(e.enabled_at) AS enabled_at
FROM disabled d
JOIN enabled e ON e.source = d.source AND e.target_kind::VARCHAR = d.target_kind AND e.id = d.id AND e.enabled_at > d.revoked_at
    AND coalesce(e.tenant = d.tenant, true)
GROUP BY d.source, d.revocation_event
""",
    needs=("effective_revocation", "same_client", "clock_error"),
)
