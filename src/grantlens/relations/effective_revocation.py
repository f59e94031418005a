"""Revocations that count."""

from grantlens.relations.relation import Relation


def one_event(call: str, record: str) -> str:
    """Return SQL that is true of a call by which something was ended: one record tells both, or two in an export, of one id and one time.

    Examples
    --------
    >>> one_event("u", "r.record")
    '(u.batch_id = r.record.batch_id AND u.line_no = r.record.line_no OR u.event_id = r.record.event_id AND u.used_at = r.record.seen_at)'
    """
    return (
        f"({call}.batch_id = {record}.batch_id AND {call}.line_no = {record}.line_no "
        f"OR {call}.event_id = {record}.event_id AND {call}.used_at = {record}.seen_at)"
    )


RELATION = Relation(
    "effective_revocation",
    "Revocations that count for the REV rules: acknowledged with success, of kind revoke or disable. "
    "revoked_at is by the clock of the issuance log, from which it differs where the clocks of the two are stated to: so it is in order with what was "
    "issued; record has it as it was logged, and revoked_true set right. before_s and after_s are of revoked_at, and "
    "certain_from is the moment from which a later event is proven to be later, before the error of "
    "that event's own clock. A client is named as in same_client. doubt says why it is not known which of several it ended, and is NULL where it is: 'client' where it names a "
    "client and no tenant, and several have the client - a person is ended everywhere; 'name' where it names a personal access token of GitHub "
    "by a name that another had that may not have been over: from the moment on at which the second was made after no end of the first.",
    """
WITH stamped AS (
    SELECT r.* REPLACE (r.revoked_at + k.by_issuance AS revoked_at), r.revoked_at AS logged_at,
           r.revoked_at - to_microseconds((k.offset_s * 1000000)::BIGINT) AS revoked_true,
           k.error_s + k.issuance_offset_s AS before_s, k.error_s + k.grid_s - k.issuance_offset_s AS after_s
    FROM revocation r
    JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
    WHERE r.outcome = 'success' AND r.kind IN ('revoke', 'disable')
),
party AS (
    SELECT DISTINCT source, tenant, client_id, subject_id FROM issuance WHERE outcome = 'success' AND tenant IS NOT NULL
),
of_any AS (
    SELECT source, event_id, client_id, CASE WHEN target_kind <> 'client' THEN subject_id END AS subject_id
    FROM stamped
    WHERE tenant IS NULL AND target_kind IN ('client', 'grant', 'policy') AND grant_id IS NULL
),
several AS (
    SELECT r.source, r.event_id
    FROM of_any r
    JOIN party p ON p.source = r.source AND p.client_id = r.client_id AND (r.subject_id IS NULL OR p.subject_id = r.subject_id)
    GROUP BY r.source, r.event_id
    HAVING min(p.tenant) < max(p.tenant)
),
-- What is renewed is no other token, whatever its id.
named AS (
    SELECT source, grant_id, min(issued_at) AS happened_at, false AS is_end, bool_or(kind <> 'refresh') AS is_new
    FROM issuance
    WHERE source = 'github' AND outcome = 'success' AND kind IN ('token', 'refresh', 'credential') AND starts_with(grant_id, 'pat:')
    GROUP BY source, grant_id, coalesce(token_id, event_id)
    UNION ALL
    SELECT source, grant_id, revoked_at, true, false
    FROM stamped
    WHERE source = 'github' AND target_kind = 'grant'
),
named_twice AS (
    SELECT source, grant_id, min(happened_at) AS twice_from
    FROM (SELECT *, lag(is_end) OVER (PARTITION BY source, grant_id ORDER BY happened_at, NOT is_end) AS was_over FROM named)
    WHERE is_new AND NOT was_over
    GROUP BY source, grant_id
)
SELECT r.source, r.tenant, r.event_id AS revocation_event, r.revoked_at, r.revoked_true, r.requested_at, r.decided_at,
       r.kind::VARCHAR AS kind, r.target_kind::VARCHAR AS target_kind,
       r.token_id, r.grant_id, r.session_id, coalesce(a.app_id, r.client_id) AS client_id, r.client_name, r.subject_id, r.subject_name,
       r.issued_before, r.initiator::VARCHAR AS initiator, r.actor_id, r.reason,
       {'seen_at': r.logged_at, 'batch_id': r.batch_id, 'line_no': r.line_no, 'event_id': r.event_id} AS record,
       r.before_s, r.after_s, CASE WHEN s.event_id IS NOT NULL THEN 'client' WHEN n.grant_id IS NOT NULL THEN 'name' END AS doubt,
       r.revoked_at + to_microseconds((r.after_s * 1000000)::BIGINT) AS certain_from
FROM stamped r
LEFT JOIN same_client a ON a.source = r.source AND a.id = r.client_id
LEFT JOIN several s ON s.source = r.source AND s.event_id = r.event_id
LEFT JOIN named_twice n ON n.source = r.source AND n.grant_id = r.grant_id AND r.target_kind = 'grant' AND r.revoked_at >= n.twice_from
""",
    needs=("clock_error", "same_client"),
)
