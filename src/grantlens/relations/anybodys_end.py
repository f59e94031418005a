"""Grants that a revocation may have ended which does not say whose it was."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "anybodys_end",
    "For each stretch of a grant, as in grant_life, the first revocation since the last issuance to it that may have ended it up to the end of the "
    "window: one that names its client, and neither which grant of it was ended nor whose. Who was given something afterwards, it was not.",
    """
WITH nameless AS (
    -- One that names a tenant may be of a grant that names none, and the other way round.
    SELECT source, client_id, revoked_at, revocation_event, unnest([coalesce('of ' || tenant, 'of none'), 'any']) AS home
    FROM effective_revocation
    WHERE target_kind = 'grant' AND grant_id IS NULL AND subject_id IS NULL AND client_id IS NOT NULL AND revoked_at < $until
),
stretch AS (
    SELECT source, grant_id, opened_at, min(tenant) AS tenant, min(client_id) AS client_id, least(min(ended_at), $until) AS until
    FROM grant_state SEMI JOIN nameless USING (source, client_id)
    GROUP BY source, grant_id, opened_at
),
quiet AS (
    SELECT s.source, s.grant_id, s.opened_at, s.client_id, s.until,
           greatest(s.opened_at + INTERVAL 1 MICROSECOND, max(i.issued_at)) AS since,
           CASE WHEN s.tenant IS NULL THEN ['any'] ELSE ['of ' || s.tenant, 'of none'] END AS homes
    FROM stretch s
    LEFT JOIN issued i ON i.source = s.source AND i.grant_id = s.grant_id AND i.issued_at >= s.opened_at AND i.issued_at < s.until
    GROUP BY s.source, s.grant_id, s.opened_at, s.client_id, s.tenant, s.until
)
SELECT q.source, q.grant_id, q.opened_at, min({'at': r.revoked_at, 'by': r.revocation_event, 'why': 'whose'}) AS doubt
FROM (SELECT * EXCLUDE (homes), unnest(homes) AS home FROM quiet) q
ASOF JOIN nameless r ON r.source = q.source AND r.client_id = q.client_id AND r.home = q.home AND r.revoked_at >= q.since
WHERE r.revoked_at < q.until
GROUP BY q.source, q.grant_id, q.opened_at
""",
    needs=("effective_revocation", "grant_state", "issued"),
    windowed=True,
)
