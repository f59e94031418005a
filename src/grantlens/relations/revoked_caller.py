"""Which callers used the tokens that a revocation ended."""

from grantlens.relations.covered_token import why_doubted
from grantlens.relations.relation import Relation
from grantlens.relations.tenant_token import why_unknown

RELATION = Relation(
    "revoked_caller",
    "For each revocation and each caller whose calls name a token that it ended, or may have ended: that token, as covered_token has it, and from when "
    "until when it was over. A token id is one tenant's: where the tenant of the calls and that of the token are both named, they are the same. "
    "why_unknown says why it may be another token, NULL where it is not.",
    f"""
WITH of_id AS (
    SELECT DISTINCT source, token_id, homes FROM tenant_token
)
SELECT c.caller_id, v.source, v.revocation_event, v.token_id, v.token_tenant, v.revoked_at, v.revoked_true, v.certain_from, v.covered_until, v.record,
       coalesce({why_doubted("v.doubt")},
            {why_unknown("v.token_tenant", "c.tenant", "h.homes")}) AS why_unknown
FROM covered_token v
JOIN presented_token c ON c.source = v.source AND c.token_id = v.token_id AND (v.token_tenant IS NULL OR c.tenant IS NULL OR c.tenant = v.token_tenant)
LEFT JOIN of_id h ON h.source = v.source AND h.token_id = v.token_id
QUALIFY row_number() OVER (PARTITION BY v.source, v.revocation_event, c.caller_id ORDER BY v.token_tenant NULLS LAST) = 1
""",
    needs=("covered_token", "tenant_token", "presented_token"),
)
