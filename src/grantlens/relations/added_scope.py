"""What a token holds beyond the one it came of."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "added_scope",
    "For each token that holds scopes which the token it came of does not hold, and no scope of that one implies: these scopes, and the "
    "risk of the worst. Scopes that authorise no operation (openid, offline_access) are none. Tokens of which either's scopes are not known "
    "have no row.",
    """
WITH child AS (
    SELECT c.source, c.token_id, p.scopes AS parent_scopes, unnest(c.scopes) AS scope
    FROM token c
    JOIN token p ON p.source = c.source AND p.token_id = c.parent_token_id
    WHERE p.scopes IS NOT NULL
),
-- Also the other names of the same scope.
implied AS (
    SELECT b.name AS broader, n.name AS narrower
    FROM cat_scope_implies i
    JOIN cat_scope_name b ON b.scope_id = i.broader
    JOIN cat_scope_name n ON n.scope_id = i.narrower
    UNION
    SELECT b.name, n.name FROM cat_scope_name b JOIN cat_scope_name n USING (scope_id)
),
-- These scopes authorise no operation: servers add them as they like.
protocol AS (
    SELECT DISTINCT name FROM cat_scope_name JOIN cat_scope USING (scope_id) WHERE is_protocol
    UNION SELECT name FROM protocol_scope
),
risk AS (
    SELECT n.name, max(r.rank) AS rank FROM cat_scope_name n JOIN cat_scope_risk r USING (scope_id) GROUP BY n.name
)
SELECT c.source, c.token_id, list(c.scope ORDER BY c.scope) AS scopes_added, coalesce(max(k.rank), 0) AS rank
FROM child c
LEFT JOIN risk k ON k.name = lower(c.scope)
WHERE NOT list_contains(c.parent_scopes, c.scope)
  AND lower(c.scope) NOT IN (SELECT name FROM protocol)
  -- Vault's policy root permits everything, and default is every token's.
  AND NOT (c.source = 'hashicorp_vault' AND (c.scope = 'default' OR list_contains(c.parent_scopes, 'root')))
  AND NOT EXISTS (
      SELECT 1 FROM implied i
      WHERE i.narrower = lower(c.scope) AND list_contains(list_transform(c.parent_scopes, lambda s: lower(s)), i.broader))
GROUP BY c.source, c.token_id
""",
    needs=("token", "protocol_scope"),
)
