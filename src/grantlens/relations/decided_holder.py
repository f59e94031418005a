"""Whose the one grant or token is that a decision to revoke names without its client."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "decided_holder",
    "For each decision that names a grant or a token and no client to how many clients the logs issue it, and to which, where it is one.",
    """
WITH issued_to AS (
    SELECT a.decision_no, a.source, i.client_id
    FROM decided_access a JOIN issued i ON i.source = a.source AND i.token_id = a.token_id
    UNION ALL
    SELECT a.decision_no, a.source, i.client_id
    FROM decided_access a JOIN issued i ON i.source = a.source AND i.grant_id = a.grant_id
    WHERE a.token_id IS NULL
)
SELECT i.decision_no, i.source, count(DISTINCT i.client_id) AS clients,
       CASE WHEN min(i.client_id) = max(i.client_id) THEN min(i.client_id) END AS client_id
FROM issued_to i
JOIN decided d USING (decision_no)
WHERE d.client_id IS NULL AND coalesce(d.token_id, d.grant_id) IS NOT NULL
GROUP BY i.decision_no, i.source
""",
    needs=("decided", "decided_access", "issued"),
    windowed=True,
)
