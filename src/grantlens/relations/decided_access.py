"""The access that decisions to revoke are about."""

from grantlens.relations.relation import Relation
from grantlens.schema.apart import as_logged

RELATION = Relation(
    "decided_access",
    "For each decision to revoke the access that it is about and that had been opened by then: each life of a grant as grant_life has it or, where it "
    "is about a token, the token, with the moment at which it ended. ended_by is NULL where it ended by itself. doubt is that of the life: by which "
    "revocation it may have ended before, though the logs do not tell. unnamed_at is from when on it may have ended without any that names it, as a "
    "token of it has no id in the log. Its times are set right by the offset of their clock; logged_end is closed_at as its log has it. kept_at is when it was taken back for this access.",
    f"""
-- Where no consent stands behind a grant it ends with the last of its tokens.
WITH unnamed AS (
    SELECT g.source, g.grant_id, g.opened_at,
           max(least(t.closed_at, t.doubt.revoked_at, CASE WHEN t.token_id IS NULL THEN t.issued_at END)) AS unnamed_at
    FROM grant_life g
    JOIN token_life t ON t.source = g.source AND t.grant_id = g.grant_id AND t.issued_at >= g.opened_at AND t.issued_at < $until
    WHERE NOT g.by_consent AND g.ended_at IS NULL
    GROUP BY g.source, g.grant_id, g.opened_at
    HAVING bool_or(t.token_id IS NULL) AND count(*) FILTER (t.token_id IS NOT NULL AND coalesce(t.closed_at, t.doubt.revoked_at) IS NULL) = 0
),
held AS (
    SELECT g.source, g.tenant, g.grant_id, NULL AS token_id, g.client_id, g.client_name, g.subject_id, g.opened_at, g.closed_at, g.ended_by, g.doubt, u.unnamed_at
    FROM grant_life g
    LEFT JOIN unnamed u USING (source, grant_id, opened_at)
    UNION ALL
    SELECT source, tenant, grant_id, token_id, client_id, client_name, subject_id, issued_at, closed_at, ended_by,
           {{'at': doubt.revoked_at, 'by': doubt.revocation_event, 'why': doubt.why}}, NULL
    FROM token_life SEMI JOIN decided USING (token_id)
),
client AS (
    SELECT decision_no, source, id FROM decided_party WHERE kind = 'client'
),
subject AS (
    SELECT decision_no, source, id FROM decided_party WHERE kind = 'subject'
),
-- By what the decision names most closely; the rest of it must fit.
met AS (
    SELECT d.decision_no, h.* FROM decided d JOIN held h ON h.token_id = d.token_id
    UNION ALL
    SELECT d.decision_no, h.* FROM decided d JOIN held h ON {as_logged("h.grant_id")} = {as_logged("d.grant_id")}
    WHERE d.token_id IS NULL AND h.token_id IS NULL
    UNION ALL
    SELECT d.decision_no, h.* FROM decided d JOIN client c USING (decision_no) JOIN held h ON h.client_id = c.id AND coalesce(c.source, h.source) = h.source
    WHERE d.token_id IS NULL AND d.grant_id IS NULL AND h.token_id IS NULL
    UNION ALL
    SELECT d.decision_no, h.* FROM decided d JOIN subject s USING (decision_no) JOIN held h ON h.subject_id = s.id AND coalesce(s.source, h.source) = h.source
    WHERE d.token_id IS NULL AND d.grant_id IS NULL AND d.client_id IS NULL AND h.token_id IS NULL
),
-- A decision is dated by no log: what it is held against is set right.
timed AS (
    SELECT m.* EXCLUDE (ahead) REPLACE (m.opened_at - ahead AS opened_at, m.closed_at - ahead AS closed_at, m.unnamed_at - ahead AS unnamed_at,
                        CASE WHEN m.doubt IS NOT NULL THEN {{'at': m.doubt.at - ahead, 'by': m.doubt.by, 'why': m.doubt.why}} END AS doubt),
           coalesce(e.logged_at, m.closed_at) AS logged_end
    FROM (
        SELECT m.*, to_microseconds((k.offset_s * 1000000)::BIGINT) AS ahead
        FROM met m JOIN clock_error k ON k.source = m.source AND k.tenant IS NOT DISTINCT FROM m.tenant AND k.log = 'issuance'
    ) m
    LEFT JOIN (
        SELECT source, revocation_event, revoked_at, min(record.seen_at) AS logged_at FROM effective_revocation GROUP BY ALL
    ) e ON e.source = m.source AND e.revocation_event = m.ended_by AND e.revoked_at = m.closed_at
)
SELECT d.decision_no, d.decided_at, m.* EXCLUDE (decision_no), min(b.kept_at) AS kept_at
FROM timed m
JOIN decided d ON d.decision_no = m.decision_no
    AND coalesce(d.source, m.source) = m.source AND coalesce(d.tenant, m.tenant) IS NOT DISTINCT FROM m.tenant
    AND (d.client_id IS NULL OR (m.decision_no, m.client_id) IN (SELECT (decision_no, id) FROM client WHERE coalesce(source, m.source) = m.source))
    AND (d.subject_id IS NULL OR (m.decision_no, m.subject_id) IN (SELECT (decision_no, id) FROM subject WHERE coalesce(source, m.source) = m.source))
    AND coalesce({as_logged("d.grant_id")}, {as_logged("m.grant_id")}) IS NOT DISTINCT FROM {as_logged("m.grant_id")}
LEFT JOIN taken_back b ON b.decision_no = m.decision_no
    AND coalesce(b.source, m.source) = m.source AND coalesce(b.tenant, m.tenant) IS NOT DISTINCT FROM m.tenant
WHERE m.opened_at <= d.decided_at
GROUP BY ALL
""",
    needs=("decided", "decided_party", "taken_back", "grant_life", "token_life", "effective_revocation", "clock_error"),
    windowed=True,
)
