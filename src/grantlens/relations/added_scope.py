"""What a token holds beyond the one it came of."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "added_scope",
    "For each token, and tenant that issued it, that holds scopes which the token it came of does not hold, and no scope of that one implies: "
    "these scopes, and the risk of the worst. Scopes that authorise no operation (openid, offline_access) are none. Tokens of which either's "
    "scopes are not known have no row; which token one came of, child_token tells.",
    """
WITH child AS (
    SELECT source, tenant, token_id, parent_scopes, unnest(scopes) AS scope
    FROM child_token
    WHERE parent_scopes IS NOT NULL
),
-- Also the other names of the same scope.
implied AS (
    SELECT DISTINCT b.scope AS broader, n.scope AS narrower
    FROM scope_closure i
    JOIN known_scope b ON b.scope_id = i.scope_id
    JOIN known_scope n ON n.scope_id = i.implied_scope_id
),
kind AS (
    SELECT n.scope, bool_or(s.is_protocol) AS is_protocol, max(r.rank) AS rank
    FROM known_scope n
    JOIN cat_scope s USING (scope_id)
    LEFT JOIN cat_scope_risk r USING (scope_id)
    GROUP BY n.scope
)
SELECT c.source, c.tenant, c.token_id, list(c.scope ORDER BY c.scope) AS scopes_added, coalesce(max(k.rank), 0) AS rank
FROM child c
LEFT JOIN kind k ON k.scope = c.scope
WHERE NOT list_contains(c.parent_scopes, c.scope)
  -- Servers add these as they like.
  AND NOT coalesce(k.is_protocol, false) AND lower(c.scope) NOT IN (SELECT name FROM protocol_scope)
  -- Vault's policy root permits everything, and default is every token's.
  AND NOT (c.source = 'hashicorp_vault' AND (c.scope = 'default' OR list_contains(c.parent_scopes, 'root')))
  AND NOT EXISTS (SELECT 1 FROM implied i WHERE i.narrower = c.scope AND list_contains(c.parent_scopes, i.broader))
GROUP BY c.source, c.tenant, c.token_id
""",
    needs=("child_token", "known_scope", "protocol_scope"),
)
