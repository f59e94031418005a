"""Each caller with the strongest key that finds its issuance."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "named_caller",
    "Each caller with the strongest key at hand: its token, else the grant that the log names, else its "
    "session. join_key says which, and the words' order in the alphabet is that of their strength, the weakest first: "
    "the least of several is the weakest; 'client_subject' means that only the pair is left, see caller_segment. "
    "own_set_id is the scope set of its token, or the one that the usage log repeats; token_tenant is the tenant that issued its token. The token is that "
    "of caller_token: one that another tenant issued under the same id is not known; "
    "application is true "
    "where the client acts for itself, an agent without an account too: so says the issuance of its token, of its grant or of anything to that subject, or "
    "else no log names a subject; NULL where a token of which no issuance is known names none.",
    """
-- Named once: DuckDB works out the columns of a view anew wherever it stands.
WITH given AS NOT MATERIALIZED (
    FROM issued
),
-- A session id is one tenant's; what names no tenant may be of each.
session_grant AS (
    SELECT c.source, c.tenant, c.session_id, min(g.grant_id) AS grant_id
    FROM (SELECT DISTINCT source, tenant, session_id FROM usage_caller WHERE session_id IS NOT NULL) c
    JOIN (SELECT DISTINCT source, tenant, session_id, grant_id FROM given WHERE grant_id IS NOT NULL) g
        ON g.source = c.source AND g.session_id = c.session_id AND (g.tenant IS NULL OR c.tenant IS NULL OR g.tenant = c.tenant)
    GROUP BY c.source, c.tenant, c.session_id
    HAVING count(DISTINCT g.grant_id) = 1
),
kind_of_grant AS (
    SELECT source, grant_id, min(subject_kind) AS subject_kind, bool_or(subject_id IS NOT NULL) AS has_subject
    FROM given
    WHERE grant_id IS NOT NULL
    GROUP BY source, grant_id
    HAVING count(DISTINCT subject_kind) <= 1
),
kind_of_subject AS (
    SELECT source, tenant, subject_id, min(subject_kind) AS subject_kind
    FROM given
    WHERE subject_id IS NOT NULL
    GROUP BY source, tenant, subject_id
    HAVING count(DISTINCT subject_kind) = 1
)
SELECT c.caller_id, c.source, c.tenant, c.resource_server, c.validation::VARCHAR AS validation, c.token_id,
       t.token_id IS NOT NULL AS token_known,
       coalesce(t.grant_id, c.grant_id, s.grant_id) AS grant_id,
       coalesce(c.client_id, t.client_id) AS client_id,
       coalesce(c.client_name, t.client_name) AS client_name,
       coalesce(c.subject_id, t.subject_id) AS subject_id,
       coalesce(c.subject_name, t.subject_name) AS subject_name,
       CASE WHEN t.token_id IS NOT NULL THEN 'token'
            WHEN c.grant_id LIKE 'derived:%' THEN 'client_subject'
            WHEN c.grant_id IS NOT NULL THEN 'grant'
            WHEN s.grant_id IS NOT NULL THEN 'session'
            WHEN c.client_id IS NOT NULL AND c.token_id IS NULL THEN 'client_subject' END AS join_key,
       -- An agent is told by whether a subject is named: with an account of its own it needs what a person needs.
       coalesce(nullif(coalesce(t.subject_kind, g.subject_kind, k.subject_kind), 'agent') = 'service',
                CASE WHEN coalesce(c.subject_id, t.subject_id) IS NOT NULL OR g.has_subject THEN false
                     WHEN c.token_id IS NULL OR NOT t.of_several OR g.grant_id IS NOT NULL THEN true END) AS application,
       x.set_id AS own_set_id,
       CASE WHEN t.scopes IS NOT NULL THEN 'token' WHEN c.token_scopes IS NOT NULL THEN 'usage' END AS own_scopes_from,
       t.issued_at, t.expires_at, CASE WHEN NOT t.of_several THEN t.tenant END AS token_tenant, c.resource_tenant
FROM usage_caller c
LEFT JOIN caller_token t ON t.caller_id = c.caller_id
LEFT JOIN scope_set x ON x.scopes = coalesce(t.scopes, c.token_scopes)
LEFT JOIN session_grant s ON s.source = c.source AND s.tenant IS NOT DISTINCT FROM c.tenant AND s.session_id = c.session_id
LEFT JOIN kind_of_grant g ON g.source = c.source AND g.grant_id = coalesce(t.grant_id, c.grant_id, s.grant_id)
LEFT JOIN kind_of_subject k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant
    AND k.subject_id = coalesce(c.subject_id, t.subject_id)
""",
    needs=("caller_token", "issued", "scope_set"),
)
