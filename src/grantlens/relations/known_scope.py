"""What each scope means in the catalogues."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "known_scope",
    "Each scope as a log writes it, with the scope that it means in each catalogue that knows it. Scopes that none knows have no row.",
    """
SELECT DISTINCT x.scope, n.scope_id, n.catalogue
FROM (
    SELECT unnest(scopes) AS scope FROM (SELECT DISTINCT scopes FROM issuance)
    UNION SELECT unnest(token_scopes) FROM usage_caller
    UNION SELECT unnest(scopes_removed) FROM revocation
) x
JOIN cat_scope_name n ON n.name = lower(x.scope) AND (n.exact IS NULL OR n.exact = x.scope)
""",
)
