"""To which grants calls may belong that name none."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "possible_grant",
    "For each party of caller_party the grants to which its calls may belong: those of the same client and subject. What one of the two "
    "leaves out may be anybody, but somebody it must name.",
    """
WITH party AS (
    SELECT DISTINCT party_no, whose, source, tenant, client_id, subject_id FROM caller_party
),
held_by AS (
    SELECT DISTINCT source, tenant, grant_id, client_id, subject_id FROM grant_state
),
-- Joined on what is equal, one way after the other: a client may have as many people as calls.
alike AS (
    SELECT p.party_no, p.tenant, g.source, g.grant_id, g.tenant AS grant_tenant
    FROM (FROM party WHERE whose = 'both') p
    JOIN held_by g ON g.source = p.source AND g.client_id = p.client_id AND g.subject_id = p.subject_id
    UNION ALL
    SELECT p.party_no, p.tenant, g.source, g.grant_id, g.tenant
    FROM (FROM party WHERE whose = 'everyone') p
    JOIN (FROM held_by WHERE subject_id IS NULL) g ON g.source = p.source AND g.client_id = p.client_id
    UNION ALL
    SELECT p.party_no, p.tenant, g.source, g.grant_id, g.tenant
    FROM (FROM party WHERE whose = 'anybody') p JOIN held_by g ON g.source = p.source AND g.client_id = p.client_id
    UNION ALL
    SELECT p.party_no, p.tenant, g.source, g.grant_id, g.tenant
    FROM (FROM party WHERE whose = 'any client') p JOIN held_by g ON g.source = p.source AND g.subject_id = p.subject_id
)
SELECT party_no, source, grant_id
FROM alike
WHERE tenant IS NULL OR grant_tenant IS NULL OR tenant = grant_tenant
""",
    needs=("caller_party", "grant_state"),
    windowed=True,
)
