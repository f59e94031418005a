"""Each set of scopes that occurs, once."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "scope_set",
    "Each list of scopes that a token, a grant or a usage row holds, once, with a number: rules decide on "
    "sets and operations, not on calls.",
    """
SELECT row_number() OVER (ORDER BY scopes) AS set_id, scopes
FROM (
    SELECT scopes FROM token
    UNION SELECT scopes FROM caller_token
    UNION SELECT token_scopes FROM usage_caller
    UNION SELECT scopes FROM grant_state
)
WHERE scopes IS NOT NULL
""",
    needs=("token", "caller_token", "grant_state"),
)
