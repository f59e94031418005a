"""The token of each caller: of several tenants' tokens of one id, its own tenant's."""

from grantlens.relations.relation import Relation
from grantlens.relations.token import merged

# Of several tenants' tokens nothing is the caller's for sure but what is the same in all.
_ONLY_ITS_OWN = "".join(
    f",\n           CASE WHEN count(DISTINCT tenant) OVER same <= 1 OR count(DISTINCT coalesce({name}, '')) OVER same = 1 THEN {name} END AS {name}"
    for name in ("grant_id", "client_id", "client_name", "subject_id", "subject_name", "subject_kind")
)

RELATION = Relation(
    "caller_token",
    "For each caller with a token of which an issuance is known: the token as relation token has it, but by the records only that may be of the "
    "tenant of the calls. A token id is one tenant's: where issuance and call both name theirs, these are the same. of_several is true where the calls "
    "name no tenant, and several issued a token of the id: grant, client and subject are told then where all records name the same.",
    """
-- Named once: DuckDB works out the columns of a view anew wherever it stands.
WITH known AS NOT MATERIALIZED (
    FROM token
),
-- Few ids are of several tenants, and only their records are looked at again.
asked AS (
    SELECT DISTINCT source, tenant, token_id FROM usage_caller SEMI JOIN (FROM known WHERE tenants_differ) USING (source, token_id)
),
possible AS (
    SELECT a.tenant AS called_in, i.*
    FROM asked a
    JOIN issued i ON i.source = a.source AND i.token_id = a.token_id AND (i.tenant IS NULL OR a.tenant IS NULL OR i.tenant = a.tenant)
    WHERE i.kind IN ('token', 'refresh', 'exchange', 'credential')
),
own AS (
    SELECT *, tenants > 1 AS of_several FROM ("""
    + merged("possible", "source, called_in, token_id", _ONLY_ITS_OWN)
    + """)
)
SELECT c.caller_id, false AS of_several, t.token_id, t.tenant, t.token_kind, t.kind, t.parent_token_id, t.grant_id,
       t.client_id, t.client_name, t.subject_id, t.subject_name, t.subject_kind, t.scopes, t.audience, t.issued_at, t.expires_at,
       t.event_id, t.batch_id, t.line_no
FROM usage_caller c
JOIN known t ON t.source = c.source AND t.token_id = c.token_id
WHERE NOT t.tenants_differ AND (c.tenant IS NULL OR t.tenant IS NULL OR c.tenant = t.tenant)
UNION ALL
SELECT c.caller_id, o.of_several, o.token_id, o.tenant, o.token_kind, o.kind, o.parent_token_id, o.grant_id,
       o.client_id, o.client_name, o.subject_id, o.subject_name, o.subject_kind, o.scopes, o.audience, o.issued_at, o.expires_at,
       o.event_id, o.batch_id, o.line_no
FROM usage_caller c
JOIN own o ON o.source = c.source AND o.called_in IS NOT DISTINCT FROM c.tenant AND o.token_id = c.token_id
""",
    needs=("token", "issued"),
)
