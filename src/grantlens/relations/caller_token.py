"""The token of each caller: of several tenants' tokens of one id, its own tenant's."""

from grantlens.relations.relation import Relation
from grantlens.relations.tenant_token import meant_by

SURELY_EXPIRED = (
    "t.expires_at + to_microseconds(((u.before_s + k.after_s + coalesce(s.leeway_seconds, 60)) * 1000000)::BIGINT)"
)
"""SQL for the time after which a call with token `t` surely came after its expiry, whatever is wrong with the clocks of calls, `u`, and issues, `k`,
and however long server `s` takes it still. INT-2 tells such calls, and who leaves them to it goes by the same time."""

RELATION = Relation(
    "caller_token",
    "For each caller with a token of which an issuance is known: the token of its tenant, see tenant_token. of_several is true where the calls "
    "name no tenant, and several issued a token of the id: grant, client and subject are told then where all records name the same.",
    f"""
SELECT c.caller_id, t.of_several, t.home, t.token_id, t.tenant, t.token_kind, t.kind, t.parent_token_id, t.grant_id,
       t.client_id, t.client_name, t.subject_id, t.subject_name, t.subject_kind, t.scopes, t.audience, t.issued_at, t.expires_at,
       t.event_id, t.batch_id, t.line_no
FROM usage_caller c
JOIN tenant_token t ON t.source = c.source AND t.token_id = c.token_id AND {meant_by("c.tenant", "t")}
""",
    needs=("tenant_token",),
)
