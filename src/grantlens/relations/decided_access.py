"""The access that decisions to revoke are about."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "decided_access",
    "For each decision to revoke the access that it is about and that had been opened by then: each life of a grant or, where it is about a "
    "token, the token, with the moment at which it ended. A grant ends by its revocation or, where no consent stands behind it, with the "
    "last of its tokens, each by its revocation or expiry. ended_by is NULL where it ended by itself; perhaps_at is the earliest moment at which it may "
    "have ended, before closed_at where that is not known: unnamed is true where a token has no id in the log, else several tenants have one "
    "of the id that was revoked. kept_at is when it was taken back for this access.",
    """
WITH stretch AS (
    SELECT source, grant_id, opened_at, min(tenant) AS tenant, min(client_id) AS client_id, min(client_name) AS client_name,
           min(subject_id) AS subject_id, min(ended_at) AS ended_at, min(ended_by) AS ended_by, bool_or(by_consent) AS by_consent
    FROM grant_state
    GROUP BY source, grant_id, opened_at
),
last_token AS (
    -- What ends by itself has no name for it, and is no less the last for that.
    SELECT s.source, s.grant_id, CASE WHEN count(t.closed_at) = count(*) THEN max(t.closed_at) END AS closed_at,
           max(coalesce(t.perhaps_at, t.closed_at)) AS perhaps_at, bool_or(t.token_id IS NULL) AS unnamed,
           arg_max({'ended_by': t.ended_by}, (t.closed_at, t.ended_by IS NOT NULL, t.ended_by)).ended_by AS ended_by
    FROM stretch s
    JOIN token_life t ON t.source = s.source AND t.grant_id = s.grant_id
    WHERE NOT s.by_consent
    GROUP BY s.source, s.grant_id
    HAVING count(coalesce(t.closed_at, t.perhaps_at)) = count(*)
),
held AS (
    SELECT s.source, s.tenant, s.grant_id, NULL AS token_id, s.client_id, s.client_name, s.subject_id, s.opened_at,
           coalesce(s.ended_at, l.closed_at) AS closed_at,
           CASE WHEN s.ended_at IS NULL AND l.closed_at IS NOT NULL THEN l.ended_by ELSE s.ended_by END AS ended_by, l.perhaps_at, l.unnamed
    FROM stretch s
    LEFT JOIN last_token l USING (source, grant_id)
    UNION ALL
    SELECT source, tenant, grant_id, token_id, client_id, client_name, subject_id, issued_at, closed_at, ended_by, perhaps_at, false
    FROM token_life SEMI JOIN decided USING (token_id)
),
-- By what the decision names most closely; the rest of it must fit.
met AS (
    SELECT d.decision_no, h.* FROM decided d JOIN held h ON h.token_id = d.token_id
    UNION ALL
    SELECT d.decision_no, h.* FROM decided d JOIN held h ON h.grant_id = d.grant_id
    WHERE d.token_id IS NULL AND h.token_id IS NULL
    UNION ALL
    SELECT d.decision_no, h.* FROM decided d JOIN held h ON h.client_id = d.client_id
    WHERE d.token_id IS NULL AND d.grant_id IS NULL AND h.token_id IS NULL
    UNION ALL
    SELECT d.decision_no, h.* FROM decided d JOIN held h ON h.subject_id = d.subject_id
    WHERE d.token_id IS NULL AND d.grant_id IS NULL AND d.client_id IS NULL AND h.token_id IS NULL
)
SELECT d.decision_no, d.decided_at, m.* EXCLUDE (decision_no), min(b.kept_at) AS kept_at
FROM met m
JOIN decided d ON d.decision_no = m.decision_no
    AND coalesce(d.source, m.source) = m.source AND coalesce(d.tenant, m.tenant) IS NOT DISTINCT FROM m.tenant
    AND coalesce(d.client_id, m.client_id) IS NOT DISTINCT FROM m.client_id
    AND coalesce(d.subject_id, m.subject_id) IS NOT DISTINCT FROM m.subject_id
    AND coalesce(d.grant_id, m.grant_id) IS NOT DISTINCT FROM m.grant_id
LEFT JOIN taken_back b ON b.decision_no = m.decision_no
    AND coalesce(b.source, m.source) = m.source AND coalesce(b.tenant, m.tenant) IS NOT DISTINCT FROM m.tenant
WHERE m.opened_at <= d.decided_at
GROUP BY ALL
""",
    needs=("decided", "taken_back", "grant_state", "token_life"),
)
