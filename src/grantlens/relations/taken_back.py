"""Later decisions to keep what was to be revoked."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "taken_back",
    "For each decision to revoke when it was decided later that the same access is kept, by the source and tenant in which it is: in any, "
    "where the later decision names none.",
    """
SELECT d.decision_no, k.source, k.tenant, min(k.decided_at) AS kept_at
FROM decided d
JOIN decision k ON k.decision = 'keep' AND k.decided_at > d.decided_at
    AND k.client_id IS NOT DISTINCT FROM d.client_id AND k.subject_id IS NOT DISTINCT FROM d.subject_id
    AND k.grant_id IS NOT DISTINCT FROM d.grant_id AND k.token_id IS NOT DISTINCT FROM d.token_id
    AND coalesce(k.source = d.source, true) AND coalesce(k.tenant = d.tenant, true)
GROUP BY d.decision_no, k.source, k.tenant
""",
    needs=("decided",),
)
