"""One row for each token that came into being."""

from grantlens.relations.relation import Relation


def unchanged(tokens: str, issued: str) -> str:
    """Return a SELECT of tokens, without the scopes that are not theirs for life: a change of the token tells others, or does not tell which."""
    return f"""
SELECT t.* REPLACE (CASE WHEN c.token_id IS NULL THEN t.scopes END AS scopes)
FROM {tokens} t
LEFT JOIN (
    SELECT source, token_id, min(list_sort(scopes)) AS least, max(list_sort(scopes)) AS most, count(*) > count(scopes) AS untold
    FROM {issued} WHERE token_id IS NOT NULL AND kind = 'change'
    GROUP BY source, token_id
) c ON c.source = t.source AND c.token_id = t.token_id AND (c.untold OR c.least <> list_sort(t.scopes) OR c.most <> list_sort(t.scopes))"""


def merged(records: str, key: str, more: str = "") -> str:
    """Return a SELECT that makes one row of all records with the same key; more columns may be replaced."""
    return f"""
SELECT * REPLACE (
           CASE WHEN min(list_sort(scopes)) OVER same = max(list_sort(scopes)) OVER same THEN scopes END AS scopes,
           list_sort(list_distinct(flatten(list(audience) FILTER (audience IS NOT NULL) OVER same))) AS audience,
           CASE WHEN NOT coalesce(max(CASE WHEN kind = 'credential' THEN issued_at END) OVER same
                                      > max(CASE WHEN expires_at IS NOT NULL THEN issued_at END) OVER same, false)
                THEN max(expires_at) OVER same END AS expires_at{more}),
       count(DISTINCT tenant) OVER same AS tenants,
       count(tenant) OVER same < count(*) OVER same AS any_unnamed
FROM {records}
WINDOW same AS (PARTITION BY {key})
QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY issued_at, event_id) = 1"""


RELATION = Relation(
    "token",
    "One row for each token that came into being: life, scopes, parent and grant. A token that the log "
    "reports several times (GitHub repeats the hash at regeneration) begins with its first record and "
    "ends with its last expiry; of a key that was issued again later without one, the end is not known. "
    "Its scopes are not its own where its records, or changes of it, disagree about them: the grant tells which were given when. "
    "It is for all audiences that any of its records names. An id is one row, whichever tenants issued it: tenants_differ is true where its "
    "records do not all name the same one, and tenant_token has each tenant's by itself.",
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
    FROM born SEMI JOIN (SELECT source, token_id FROM born GROUP BY source, token_id HAVING count(*) > 1) USING (source, token_id)
),
each AS (
    SELECT *, false AS tenants_differ FROM born ANTI JOIN repeated USING (source, token_id)
    UNION ALL
    SELECT * EXCLUDE (tenants, any_unnamed), tenants > 1 OR (tenants = 1 AND any_unnamed) AS tenants_differ
    FROM ("""
    + merged("repeated", "source, token_id")
    + """)
)
"""
    + unchanged("each", "every_issue"),
    needs=("issued",),
)
