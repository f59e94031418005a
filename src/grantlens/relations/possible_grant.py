"""To which grants calls may belong that name none."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "possible_grant",
    "For each client and subject that called before the end of the window, as the calls name them, the grants to which calls "
    "of theirs may belong where no grant could be found: those of the same client and subject. What one of the two leaves out "
    "may be anybody, but somebody it must name.",
    """
WITH party AS (
    SELECT DISTINCT source, tenant, client_id, subject_id
    FROM named_caller
    SEMI JOIN (SELECT caller_id FROM usage_row WHERE used_at < $until) USING (caller_id)
    WHERE coalesce(client_id, subject_id) IS NOT NULL
),
held_by AS (
    SELECT DISTINCT source, tenant, grant_id, client_id, subject_id FROM grant_state
),
-- Joined on what is equal, one way after the other: a client may have as many people as calls.
alike AS (
    SELECT p.*, g.tenant AS grant_tenant, g.grant_id
    FROM party p JOIN held_by g ON g.source = p.source AND g.client_id = p.client_id AND g.subject_id = p.subject_id
    UNION ALL
    SELECT p.*, g.tenant, g.grant_id
    FROM (FROM party WHERE subject_id IS NULL) p JOIN held_by g ON g.source = p.source AND g.client_id = p.client_id
    UNION ALL
    SELECT p.*, g.tenant, g.grant_id
    FROM (FROM party WHERE subject_id IS NOT NULL) p
    JOIN (FROM held_by WHERE subject_id IS NULL) g ON g.source = p.source AND g.client_id = p.client_id
    UNION ALL
    SELECT p.*, g.tenant, g.grant_id
    FROM (FROM party WHERE client_id IS NULL) p JOIN held_by g ON g.source = p.source AND g.subject_id = p.subject_id
)
SELECT source, tenant, client_id, subject_id, grant_id
FROM alike
WHERE tenant IS NULL OR grant_tenant IS NULL OR tenant = grant_tenant
""",
    needs=("named_caller", "grant_state"),
    windowed=True,
)
