"""Revocations that count."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "effective_revocation",
    "Revocations that count for the REV rules: acknowledged with success, of kind revoke or disable. "
    "certain_from is the moment from which a later event is proven to be later, before the error of "
    "that event's own clock. of_several is true where it names a client and no tenant, and several have the client: which of them "
    "it ended is not known. A person is ended everywhere.",
    """
WITH party AS (
    SELECT DISTINCT source, tenant, client_id, subject_id FROM issuance WHERE outcome = 'success' AND tenant IS NOT NULL AND client_id IS NOT NULL
),
of_any AS (
    SELECT source, event_id, client_id, CASE WHEN target_kind <> 'client' THEN subject_id END AS subject_id
    FROM revocation
    WHERE tenant IS NULL AND target_kind IN ('client', 'grant', 'policy') AND grant_id IS NULL AND client_id IS NOT NULL
),
several AS (
    SELECT r.source, r.event_id
    FROM of_any r
    JOIN party p ON p.source = r.source AND p.client_id = r.client_id AND (r.subject_id IS NULL OR p.subject_id = r.subject_id)
    GROUP BY r.source, r.event_id
    HAVING min(p.tenant) < max(p.tenant)
)
SELECT r.source, r.tenant, r.event_id AS revocation_event, r.revoked_at, r.requested_at, r.decided_at,
       r.kind::VARCHAR AS kind, r.target_kind::VARCHAR AS target_kind,
       r.token_id, r.grant_id, r.session_id, r.client_id, r.client_name, r.subject_id, r.subject_name,
       r.issued_before, r.initiator::VARCHAR AS initiator, r.actor_id, r.reason,
       {'seen_at': r.revoked_at, 'batch_id': r.batch_id, 'line_no': r.line_no, 'event_id': r.event_id} AS record,
       k.before_s, k.after_s, s.event_id IS NOT NULL AS of_several,
       r.revoked_at + to_microseconds((k.after_s * 1000000)::BIGINT) AS certain_from
FROM revocation r
JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
LEFT JOIN several s ON s.source = r.source AND s.event_id = r.event_id
WHERE r.outcome = 'success' AND r.kind IN ('revoke', 'disable')
""",
    needs=("clock_error",),
)
