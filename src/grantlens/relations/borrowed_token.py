"""Tokens with which calls are made in the log of another source than the one that issued them."""

from grantlens.relations.relation import Relation
from grantlens.relations.tenant_token import meant_by

RELATION = Relation(
    "borrowed_token",
    "For each caller whose calls name a token that another source issued, as those in Microsoft 365's log name Entra's, that token and its grant: "
    "source is the issuer's. The token is that of the tenant that the calls name, as in caller_token. What the grant's scopes permit there is not judged.",
    f"""
SELECT n.caller_id, t.source, t.token_id, t.grant_id, t.client_id, t.subject_id, t.issued_at
FROM presented_token n
JOIN usage_caller c ON c.caller_id = n.caller_id AND c.source <> n.source
JOIN tenant_token t ON t.source = n.source AND t.token_id = n.token_id AND {meant_by("n.tenant", "t")}
""",
    needs=("presented_token", "tenant_token"),
)
