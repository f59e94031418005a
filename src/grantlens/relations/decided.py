"""Decisions to revoke."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "decided",
    "Decisions to revoke, numbered. kept_at is when somebody decided later that all of it is kept: a decision that "
    "names no source or no tenant is about any.",
    """
WITH numbered AS (
    SELECT row_number() OVER (ORDER BY decided_at, source, tenant, client_id, subject_id, grant_id, token_id)::INTEGER AS decision_no,
           * EXCLUDE (decision) REPLACE (cause::VARCHAR AS cause)
    FROM decision
    WHERE decision = 'revoke'
)
SELECT d.*, k.kept_at
FROM numbered d
LEFT JOIN (
    SELECT n.decision_no, min(k.decided_at) AS kept_at
    FROM numbered n
    JOIN decision k ON k.decision = 'keep' AND k.decided_at > n.decided_at
        AND k.client_id IS NOT DISTINCT FROM n.client_id AND k.subject_id IS NOT DISTINCT FROM n.subject_id
        AND k.grant_id IS NOT DISTINCT FROM n.grant_id AND k.token_id IS NOT DISTINCT FROM n.token_id
        AND coalesce(k.source = n.source, k.source IS NULL) AND coalesce(k.tenant = n.tenant, k.tenant IS NULL)
    GROUP BY n.decision_no
) k USING (decision_no)
""",
)
