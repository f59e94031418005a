"""Callers with tokens that no issuance names, by whose access a decision to revoke may still stand."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "decided_caller",
    "For each decision to revoke all access of a client or a subject the callers that it is about and whose token, older than the logs "
    "perhaps, no issuance names. From ended_at on a call is proven to come after the revocation of that token, infinity where none is known; "
    "before_s is how late a call may be stamped, kept_at when the decision was taken back for this caller.",
    """
-- Named once: DuckDB works out the columns of a view anew wherever it stands.
WITH stray AS NOT MATERIALIZED (
    SELECT caller_id, source, tenant, client_id, subject_id
    FROM named_caller
    WHERE token_id IS NOT NULL AND NOT token_known AND grant_id IS NULL
),
client AS (
    SELECT decision_no, source, id FROM decided_party WHERE kind = 'client'
),
subject AS (
    SELECT decision_no, source, id FROM decided_party WHERE kind = 'subject'
),
met AS (
    SELECT d.decision_no, c.caller_id
    FROM decided d JOIN client n USING (decision_no) JOIN stray c ON c.client_id = n.id AND coalesce(n.source, c.source) = c.source
    WHERE (d.subject_id IS NULL OR (d.decision_no, c.subject_id) IN (SELECT (decision_no, id) FROM subject WHERE coalesce(source, c.source) = c.source)) AND coalesce(d.token_id, d.grant_id) IS NULL
    UNION
    SELECT d.decision_no, c.caller_id
    FROM decided d JOIN subject n USING (decision_no) JOIN stray c ON c.subject_id = n.id AND coalesce(n.source, c.source) = c.source
    WHERE coalesce(d.client_id, d.token_id, d.grant_id) IS NULL
)
SELECT m.decision_no, c.caller_id, c.source, k.before_s, coalesce(e.ended_at, 'infinity'::TIMESTAMPTZ) AS ended_at, min(b.kept_at) AS kept_at
FROM met m
JOIN decided d USING (decision_no)
JOIN stray c ON c.caller_id = m.caller_id
    AND coalesce(d.source, c.source) = c.source AND coalesce(d.tenant, c.tenant) IS NOT DISTINCT FROM c.tenant
JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
LEFT JOIN caller_end e ON e.caller_id = c.caller_id
LEFT JOIN taken_back b ON b.decision_no = m.decision_no
    AND coalesce(b.source, c.source) = c.source AND coalesce(b.tenant, c.tenant) IS NOT DISTINCT FROM c.tenant
GROUP BY ALL
""",
    needs=("decided", "decided_party", "taken_back", "named_caller", "clock_error", "caller_end"),
)
