"""Revocations that name a token only by a name that several tokens had."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "ambiguous_revocation",
    "GitHub's log says that a personal access token ended by naming its owner and the token's name, and a name may be "
    "used again. One row for each such revocation and each token that had the name, where more than one had it. "
    "issued_before tells whether the token was issued by then, by the clock of the issuance log: that order in time is all that speaks for it, and two "
    "tokens that were both issued before stay candidates. Nothing is decided here.",
    """
WITH candidate AS (
    SELECT source, grant_id, token_id, min(issued_at) AS issued_at
    FROM issuance
    WHERE source = 'github' AND outcome = 'success' AND kind IN ('token', 'refresh', 'credential')
      AND token_id IS NOT NULL AND starts_with(grant_id, 'pat:')
    GROUP BY source, grant_id, token_id
    QUALIFY count(*) OVER (PARTITION BY source, grant_id) > 1
)
SELECT r.source, r.tenant, r.event_id AS revocation_event, r.revoked_at, r.grant_id, r.client_name AS token_name,
       r.subject_id, c.token_id, c.issued_at, c.issued_at <= r.revoked_at + k.by_issuance AS issued_before, r.batch_id, r.line_no
FROM revocation r
JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
JOIN candidate c ON c.source = r.source AND c.grant_id = r.grant_id
WHERE r.target_kind = 'grant' AND r.token_id IS NULL AND r.outcome = 'success' AND r.kind IN ('revoke', 'disable')
""",
    needs=("clock_error",),
)
