"""Tokens of which the log of issuance knows nothing, by what their calls say of them."""

from grantlens.relations.relation import Relation

_BACKDATED_S = {"microsoft_entra": 300, "microsoft_365": 300}
"""Seconds by which a source dates its tokens back, so that a server whose clock is behind takes them at once: Entra's `iat` and `nbf`."""

_BACKDATED = ", ".join(f"('{source}', {seconds})" for source, seconds in _BACKDATED_S.items())

RELATION = Relation(
    "called_token",
    "Each token of which no issuance is known, but whose calls say when it was issued: issued_at, the latest moment that they may mean, and issued_from, the earliest. Client, subject "
    "and session are told where all of its calls name the same, as its issuer names them; last_used_at is when it was last shown, by the clock of "
    "the calls set right.",
    f"""
WITH named AS (
    SELECT p.source, p.tenant, p.token_id, p.caller_id, c.session_id,
           coalesce(a.app_id, c.client_id) AS client_id, coalesce(s.object_id, c.subject_id) AS subject_id,
           c.token_issued_at, c.token_issued_at + to_seconds(coalesce(b.seconds, 0)) AS issued_at
    FROM presented_token p
    JOIN usage_caller c USING (caller_id)
    LEFT JOIN (VALUES {_BACKDATED}) b(source, seconds) ON b.source = c.source
    LEFT JOIN same_client a ON a.source = p.source AND a.id = c.client_id
    LEFT JOIN same_subject s ON s.source = p.source AND s.id = lower(c.subject_id)
    ANTI JOIN token t ON t.source = p.source AND t.token_id = p.token_id
    WHERE c.token_issued_at IS NOT NULL
),
shown AS (
    SELECT l.caller_id, l.last_used_at - to_microseconds((k.offset_s * 1000000)::BIGINT) AS last_used_at
    FROM (SELECT caller_id, max(used_at) AS last_used_at FROM usage_row SEMI JOIN named USING (caller_id) GROUP BY caller_id) l
    JOIN usage_caller c USING (caller_id)
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
)
SELECT n.source, n.tenant, n.token_id, min(n.token_issued_at) AS issued_from, max(n.issued_at) AS issued_at, max(u.last_used_at) AS last_used_at,
       CASE WHEN count(DISTINCT coalesce(n.client_id, '')) = 1 THEN min(n.client_id) END AS client_id,
       CASE WHEN count(DISTINCT coalesce(n.subject_id, '')) = 1 THEN min(n.subject_id) END AS subject_id,
       CASE WHEN count(DISTINCT coalesce(n.session_id, '')) = 1 THEN min(n.session_id) END AS session_id
FROM named n
JOIN shown u USING (caller_id)
GROUP BY n.source, n.tenant, n.token_id
""",
    needs=("presented_token", "same_client", "same_subject", "token", "clock_error"),
)
