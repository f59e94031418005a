"""The token of each tenant: an id may be that of several tenants' tokens."""

from grantlens.relations.relation import Relation
from grantlens.relations.token import merged, unchanged

# Of several tenants' tokens nothing is told for sure but what is the same in all.
_ONLY_WHAT_IS_THE_SAME = "".join(
    f",\n           CASE WHEN count(DISTINCT tenant) OVER same <= 1 OR count(DISTINCT coalesce({name}, '')) OVER same = 1 THEN {name} END AS {name}"
    for name in ("grant_id", "client_id", "client_name", "subject_id", "subject_name", "subject_kind")
)


def meant_by(tenant: str, token: str) -> str:
    """Return SQL that is true of the one row of tenant_token that a record of `tenant` with the token's id means, if any is of its tenant.

    Examples
    --------
    >>> meant_by("c.tenant", "t")
    'CASE WHEN c.tenant IS NULL THEN t.of_any ELSE coalesce(t.home = c.tenant, NOT t.of_several AND NOT list_contains(t.homes, c.tenant)) END'
    """
    return (
        f"CASE WHEN {tenant} IS NULL THEN {token}.of_any "
        f"ELSE coalesce({token}.home = {tenant}, NOT {token}.of_several AND NOT list_contains({token}.homes, {tenant})) END"
    )


OF_ONE_TENANT = "(home IS NOT NULL OR len(homes) = 0)"
"""SQL that is true of each token once: what some records of an id tell without a tenant is no token beside those of the tenants that others name."""


def why_unknown(
    ended: str, called: str, homes: str, calls: str = "calls name", which: str = "a token of this id"
) -> str:
    """Return SQL for why a call may be with another token than the one that was ended, though both have one id; NULL where it is that one.

    `ended` is the tenant whose token it was, as far as the revocation and the issuance tell, `called` that of the call, and `homes` are the
    tenants that issued a token of the id. Where both are named, and differ, it is another. `calls` and `which` are the words for the call and what has the id.
    """
    named = f"coalesce({ended}, {called})"
    return f"""CASE WHEN ({ended} IS NULL OR {called} IS NULL)
               AND len({homes}) > coalesce(list_contains({homes}, {named}), {named} IS NULL)::INTEGER
          THEN 'the ' || CASE WHEN {ended} IS NULL THEN 'revocation names' ELSE '{calls}' END || ' no tenant, and several have {which}' END"""


RELATION = Relation(
    "tenant_token",
    "Each token as relation token has it, but once for each tenant that issued one of its id, its home, and by the records only that may be of that "
    "tenant: those that name it, or none. A token id is one tenant's: where two records both name theirs, these are the same. Where some records of an id "
    "name a tenant and others none, what these tell by themselves is a row without a home: the token of any other tenant. homes are the tenants that issued "
    "one. of_any is true for the token that is meant where no tenant is named, which is all of theirs where there are several: of_several, a row "
    "without a home that tells grant, client and subject where all records name the same.",
    """
-- Named once: DuckDB works out the columns of a view anew wherever it stands.
WITH known AS NOT MATERIALIZED (
    FROM token
),
-- Few ids are of several tenants, and only their records are looked at again.
mixed AS (
    SELECT i.*, list(DISTINCT i.tenant) FILTER (i.tenant IS NOT NULL) OVER (PARTITION BY i.source, i.token_id) AS homes
    FROM issued i SEMI JOIN (FROM known WHERE tenants_differ) USING (source, token_id)
    WHERE i.kind IN ('token', 'refresh', 'exchange', 'credential')
),
possible AS (
    SELECT *, false AS of_several, unnest(CASE WHEN tenant IS NULL THEN homes || [NULL] ELSE [tenant] END) AS home FROM mixed
    UNION ALL
    SELECT *, true, NULL FROM mixed WHERE len(homes) > 1
)
SELECT source, tenant AS home, CASE WHEN tenant IS NULL THEN [] ELSE [tenant] END AS homes, false AS of_several, true AS of_any,
       token_id, tenant, token_kind, kind, parent_token_id, session_id, grant_id, client_id, client_name,
       subject_id, subject_name, subject_kind, scopes, audience, issued_at, expires_at, event_id, batch_id, line_no
FROM known WHERE NOT tenants_differ
UNION ALL
SELECT source, home, homes, of_several, CASE WHEN len(homes) > 1 THEN of_several ELSE home IS NOT NULL END,
       token_id, tenant, token_kind, kind, parent_token_id, session_id, grant_id, client_id, client_name,
       subject_id, subject_name, subject_kind, scopes, audience, issued_at, expires_at, event_id, batch_id, line_no
FROM ("""
    + merged(f"({unchanged('possible', 'issued')})", "source, token_id, home, of_several", _ONLY_WHAT_IS_THE_SAME)
    + """)
""",
    needs=("token", "issued"),
)
