"""One row for each token that came into being."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "token",
    "One row for each token that came into being: life, scopes, parent and grant. A token that the log "
    "reports several times (GitHub repeats the hash at regeneration) begins with its first record and "
    "ends with its last expiry; of a key that was issued again later without one, the end is not known. "
    "Its scopes are not its own where its records disagree about them: the grant tells which were given when. "
    "It is for all audiences that any of its records names.",
    """
-- Named once: DuckDB works out the columns of a view anew wherever it stands.
WITH every_issue AS NOT MATERIALIZED (
    FROM issued
),
born AS NOT MATERIALIZED (
    SELECT source, tenant, token_id, token_kind, kind, grant_type, grant_id, parent_token_id, session_id,
           client_id, client_name, subject_id, subject_name, subject_kind, actor_chain, scopes, audience,
           issued_at, expires_at, event_id, batch_id, line_no
    FROM every_issue
    WHERE token_id IS NOT NULL AND kind IN ('token', 'refresh', 'exchange', 'credential')
),
-- Few tokens have several records, and only these are put into order.
repeated AS (
    SELECT source, token_id, max(expires_at) AS expires_at,
           max(CASE WHEN kind = 'credential' AND expires_at IS NULL THEN issued_at END)
               > max(CASE WHEN expires_at IS NOT NULL THEN issued_at END) AS end_unknown,
           min(list_sort(scopes)) <> max(list_sort(scopes)) AS scopes_differ,
           list_sort(list_distinct(flatten(list(audience) FILTER (audience IS NOT NULL)))) AS audience
    FROM born
    SEMI JOIN (SELECT source, token_id FROM born GROUP BY source, token_id HAVING count(*) > 1) USING (source, token_id)
    GROUP BY source, token_id
)
FROM born ANTI JOIN repeated USING (source, token_id)
UNION ALL
SELECT b.source, b.tenant, b.token_id, b.token_kind, b.kind, b.grant_type, b.grant_id, b.parent_token_id, b.session_id,
       b.client_id, b.client_name, b.subject_id, b.subject_name, b.subject_kind, b.actor_chain,
       CASE WHEN NOT coalesce(r.scopes_differ, false) THEN b.scopes END AS scopes, r.audience,
       b.issued_at, CASE WHEN NOT coalesce(r.end_unknown, false) THEN r.expires_at END AS expires_at, b.event_id, b.batch_id, b.line_no
FROM born b JOIN repeated r USING (source, token_id)
QUALIFY row_number() OVER (PARTITION BY b.source, b.token_id ORDER BY b.issued_at, b.event_id) = 1
""",
    needs=("issued",),
)
