"""Each token that came of another, beside the one that it came of."""

from grantlens.relations.relation import Relation
from grantlens.relations.tenant_token import OF_ONE_TENANT, meant_by

# Of several tenants' tokens none is known to be the parent.
_PARENT = ", ".join(
    f"CASE WHEN NOT p.of_several THEN p.{name} END AS parent_{name}"
    for name in ("token_kind", "kind", "client_id", "subject_id", "scopes", "audience", "issued_at")
)

RELATION = Relation(
    "child_token",
    "Each token that names the one it came of, once for each tenant that issued it, beside that one: the token of its own tenant, see tenant_token. Where it "
    "names no tenant, and several issued a token of the parent's id, parent_of_several is true, and nothing tells which of them it came of. parent_tenants "
    "are those that issued one of that id; parent_known is false where no issuance of the parent is in the logs.",
    f"""
-- Named once: DuckDB works out the columns of a view anew wherever it stands.
WITH every_token AS NOT MATERIALIZED (
    FROM tenant_token
)
SELECT c.source, c.home AS tenant, c.token_id, c.token_kind, c.kind, c.grant_id, c.client_id, c.client_name, c.subject_id, c.subject_kind,
       c.scopes, c.audience, c.issued_at, c.event_id, c.batch_id, c.line_no,
       c.parent_token_id, p.token_id IS NOT NULL AS parent_known, coalesce(p.of_several, false) AS parent_of_several,
       coalesce(a.homes, []) AS parent_tenants, {_PARENT}
FROM (FROM every_token WHERE parent_token_id IS NOT NULL AND {OF_ONE_TENANT}) c
LEFT JOIN every_token p ON p.source = c.source AND p.token_id = c.parent_token_id AND {meant_by("c.home", "p")}
LEFT JOIN every_token a ON a.source = c.source AND a.token_id = c.parent_token_id AND a.of_any
""",
    needs=("tenant_token",),
)
