"""Which named grants the calls of a derived grant may be of."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "unplaced_grant",
    "For each derived grant, of tokens of which no log says which grant gave them, the grants that the log names of the same client and "
    "subject on the same resource, where one of the two may leave the resource out. A grant for everyone is not among them.",
    """
WITH holder AS (
    SELECT DISTINCT source, tenant, client_id, subject_id, grant_id, audience
    FROM issued
    WHERE client_id IS NOT NULL AND (subject_id IS NOT NULL OR subject_kind IS DISTINCT FROM 'user')
)
SELECT DISTINCT d.source, d.grant_id AS derived_id, n.grant_id
FROM (FROM holder WHERE grant_id LIKE 'derived:%') d
JOIN (FROM holder WHERE grant_id NOT LIKE 'derived:%') n ON n.source = d.source AND n.client_id = d.client_id
    AND n.subject_id IS NOT DISTINCT FROM d.subject_id
WHERE coalesce(n.tenant = d.tenant, true) AND coalesce(list_has_any(n.audience, d.audience), true)
""",
    needs=("issued",),
)
