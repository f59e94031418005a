"""Revocations that count."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "effective_revocation",
    "Revocations that count for the REV rules: acknowledged with success, of kind revoke or disable. "
    "certain_from is the moment from which a later event is proven to be later, before the error of "
    "that event's own clock.",
    """
SELECT r.source, r.tenant, r.event_id AS revocation_event, r.revoked_at, r.requested_at, r.decided_at,
       r.kind::VARCHAR AS kind, r.target_kind::VARCHAR AS target_kind,
       r.token_id, r.grant_id, r.session_id, r.client_id, r.client_name, r.subject_id, r.subject_name,
       r.issued_before, r.initiator::VARCHAR AS initiator, r.actor_id, r.reason, r.batch_id, r.line_no,
       k.before_s, k.after_s,
       r.revoked_at + to_microseconds((k.after_s * 1000000)::BIGINT) AS certain_from
FROM revocation r
JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
WHERE r.outcome = 'success' AND r.kind IN ('revoke', 'disable')
""",
    needs=("clock_error",),
)
