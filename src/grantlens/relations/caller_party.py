"""Whose the calls may be of which no grant is known."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "caller_party",
    "For each caller that called before the end of the window and leads to no grant by a key: the parties whose grants its calls may be of. A party "
    "is a client and a subject, the people for whom an admin gave a client a grant (whose is everyone), anybody of a client where the call names "
    "no subject, or a subject of any client. A caller who names both is of the first two; one who names neither, and a token that several tenants "
    "issued under one id, of all to whom these were issued.",
    """
WITH caller AS (
    SELECT caller_id, source, tenant, client_id, subject_id
    FROM named_caller
    SEMI JOIN (SELECT caller_id FROM usage_row WHERE used_at < $until) USING (caller_id)
    WHERE grant_id IS NULL AND coalesce(client_id, subject_id) IS NOT NULL
),
named AS (
    SELECT caller_id, source, tenant, client_id, subject_id,
           CASE WHEN client_id IS NULL THEN 'any client' WHEN subject_id IS NULL THEN 'anybody' ELSE 'both' END AS whose
    FROM caller
    UNION ALL
    SELECT caller_id, source, tenant, client_id, NULL, 'everyone' FROM caller WHERE client_id IS NOT NULL AND subject_id IS NOT NULL
    UNION ALL
    -- One that names neither of them nor a tenant, where several issued a token of its id: whoever got one.
    SELECT DISTINCT c.caller_id, c.source, i.tenant, i.client_id, i.subject_id,
           CASE WHEN i.client_id IS NULL THEN 'any client' WHEN i.subject_id IS NULL THEN 'anybody' ELSE 'both' END
    FROM named_caller c
    JOIN (FROM caller_token WHERE of_several) t USING (caller_id)
    JOIN issued i ON i.source = c.source AND i.token_id = t.token_id
    SEMI JOIN (SELECT caller_id FROM usage_row WHERE used_at < $until) u ON u.caller_id = c.caller_id
    WHERE c.grant_id IS NULL AND coalesce(c.client_id, c.subject_id) IS NULL AND coalesce(i.client_id, i.subject_id) IS NOT NULL
)
SELECT dense_rank() OVER (ORDER BY source, tenant, client_id, subject_id, whose)::INTEGER AS party_no, *
FROM named
""",
    needs=("named_caller", "caller_token", "issued"),
    windowed=True,
)
