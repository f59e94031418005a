"""Which disablings were taken back."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "enabled_again",
    "For each disabling of a client, a person or a grant when the log tells that the same was enabled again: its first enabling afterwards that "
    "succeeded, in the same tenant where both name one, by the clock of the issuance log.",
    """
WITH enabled AS (
    SELECT r.source, r.tenant, r.target_kind::VARCHAR AS target_kind, r.grant_id, coalesce(a.app_id, r.client_id) AS client_id, r.subject_id,
           r.revoked_at + k.by_issuance AS enabled_at
    FROM revocation r
    JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
    LEFT JOIN same_client a ON a.source = r.source AND a.id = r.client_id
    WHERE r.kind = 'enable' AND r.outcome = 'success'
),
disabled AS (
    SELECT source, tenant, revocation_event, revoked_at, target_kind, grant_id, client_id, subject_id
    FROM effective_revocation
    WHERE kind = 'disable'
),
-- Joined on what is equal, one way after the other.
of_same AS (
    SELECT d.source, d.revocation_event, e.enabled_at
    FROM disabled d
    JOIN enabled e ON e.source = d.source AND e.subject_id = d.subject_id AND e.enabled_at > d.revoked_at AND coalesce(e.tenant = d.tenant, true)
    WHERE d.target_kind = 'subject' AND e.target_kind = 'subject'
    UNION ALL
    SELECT d.source, d.revocation_event, e.enabled_at
    FROM disabled d
    JOIN enabled e ON e.source = d.source AND e.client_id = d.client_id AND e.enabled_at > d.revoked_at AND coalesce(e.tenant = d.tenant, true)
    WHERE d.target_kind = 'client' AND e.target_kind = 'client'
    UNION ALL
    SELECT d.source, d.revocation_event, e.enabled_at
    FROM disabled d
    JOIN enabled e ON e.source = d.source AND e.grant_id = d.grant_id AND e.enabled_at > d.revoked_at AND coalesce(e.tenant = d.tenant, true)
    WHERE d.target_kind = 'grant' AND e.target_kind = 'grant'
)
SELECT source, revocation_event, min(enabled_at) AS enabled_at
FROM of_same
GROUP BY source, revocation_event
""",
    needs=("effective_revocation", "same_client", "clock_error"),
)
