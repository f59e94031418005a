"""REV-12: tokens that were issued to a person on a sign-in from before all access of that person was revoked.

The draft asks the authorisation server to have the person sign in again before it issues anything. What is made from a refresh token of before, or
exchanged for a token of before, REV-2 tells, and so all that came of it by refreshing: the server went on with a token that it had ended. Here it began
anew, on a session that it should have ended. That token may be refreshed: it is the same finding. What another client gets in exchange for it has its
sign-in from it, and is not told again.
"""

from grantlens.rule.evidence import ISSUE_END, PAIR, PERSON_REVOKED, SIGN_IN, Evidence, Way
from grantlens.rule.rule import Rule
from grantlens.rules.issuance_on_old_sign_in.examples import FIRES, SILENT, UNDECIDABLE

RULE = Rule(
    id="REV-12",
    version=2,
    name="issuance_on_old_sign_in",
    key=("client_id", "subject_id", "revocation_event"),
    question="Who got tokens on a sign-in from before all access of the person was revoked?",
    severity="high",
    remedy="End the person's sessions at the authorisation server, and revoke what was issued in them: a revocation of all access must end the sign-in too.",
    basis="Global Token Revocation draft; RFC 9068 section 2.2.1 and OpenID Connect Core section 2 for auth_time",
    needs=("effective_revocation", "issued", "child_token", "clock_error"),
    rests_on=Evidence(
        (Way(ISSUE_END, {ISSUE_END: PAIR}, ("issuance.auth_time", *PERSON_REVOKED)),),
        (
            Way(
                ISSUE_END,
                {ISSUE_END: PAIR},
                (SIGN_IN, *PERSON_REVOKED),
                leaves_open="whether the person signed in again within a session from before",
            ),
        ),
    ),
    sql="""
WITH RECURSIVE person_cut_off AS (
    -- Most providers tell it as a cut-off: what was issued to the person before. Who was disabled may be enabled again, sign-in and all.
    SELECT source, tenant, revocation_event, subject_id, revoked_at, certain_from, record, target_kind,
           CASE WHEN target_kind = 'policy' THEN least(issued_before, revoked_at) ELSE revoked_at END AS cut_at,
           cut_at - to_microseconds((before_s * 1000000)::BIGINT) AS cut_from, cut_at + to_microseconds((after_s * 1000000)::BIGINT) AS cut_until
    FROM effective_revocation
    WHERE kind = 'revoke' AND subject_id IS NOT NULL
      AND (target_kind = 'subject' OR (target_kind = 'policy' AND issued_before IS NOT NULL AND client_id IS NULL AND grant_id IS NULL))
),
-- What REV-2 tells: made from a token that had ended, and all that came of it but by exchange.
continued AS (
    SELECT r.source, t.tenant, t.token_id
    FROM person_cut_off r
    JOIN child_token t ON t.source = r.source AND t.parent_subject_id = r.subject_id AND t.issued_at > r.revoked_at
        AND CASE WHEN r.target_kind = 'subject' THEN t.parent_kind <> 'exchange' AND t.parent_issued_at <= r.cut_at
                 ELSE t.parent_kind NOT IN ('exchange', 'credential') AND t.parent_issued_at < r.cut_at END
        AND (t.parent_token_kind = 'refresh' OR t.kind = 'exchange') AND (r.tenant IS NULL OR t.tenant IS NULL OR t.tenant = r.tenant)
    UNION
    SELECT c.source, t.tenant, t.token_id
    FROM continued c
    JOIN child_token t ON t.source = c.source AND t.parent_token_id = c.token_id AND t.kind <> 'exchange'
        AND (c.tenant IS NULL OR t.tenant IS NULL OR t.tenant = c.tenant)
),
-- auth_time is cut off to whole seconds, and a time of 0 says nothing: some servers write it where nobody signed in.
issue AS (
    SELECT i.*, i.kind IN ('token', 'refresh', 'exchange') AND coalesce(i.token_kind, '') <> 'code'
                AND coalesce(i.subject_kind, 'user') = 'user' AND coalesce(i.grant_type, '') <> 'client_credentials' AS is_asked,
           {'seen_at': i.issued_at, 'batch_id': i.batch_id, 'line_no': i.line_no, 'event_id': i.event_id} AS record,
           i.issued_at - to_microseconds((k.before_s * 1000000)::BIGINT) AS issued_from,
           CASE WHEN i.auth_time > to_timestamp(0) THEN i.auth_time END AS told_at,
           told_at - to_microseconds((k.before_s * 1000000)::BIGINT) AS told_from,
           told_at + to_microseconds(((k.error_s - k.offset_s) * 1000000)::BIGINT)
               + CASE WHEN epoch_us(told_at) % 1000000 = 0 THEN INTERVAL 1 SECOND ELSE INTERVAL 0 SECOND END AS told_until,
           told_from > i.issued_at + to_microseconds((k.after_s * 1000000)::BIGINT) AS is_later
    FROM issued i
    SEMI JOIN person_cut_off r ON r.source = i.source AND r.subject_id = i.subject_id
    JOIN clock_error k ON k.source = i.source AND k.tenant IS NOT DISTINCT FROM i.tenant AND k.log = 'issuance'
),
-- Since when there is a session, and when the person last signed in for it, as far as its tokens up to then tell.
in_session AS (
    SELECT *, CASE WHEN session_id IS NOT NULL THEN min({'at': issued_at, 'record': record}) OVER same END AS begun,
           CASE WHEN session_id IS NOT NULL THEN max(told_from) FILTER (NOT is_later) OVER same END AS last_told_from
    FROM issue
    WINDOW same AS (PARTITION BY source, tenant, subject_id, session_id ORDER BY issued_at)
),
after_end AS (
    SELECT i.*, r.tenant AS ended_in, r.revocation_event, r.revoked_at, r.record AS ended,
           CASE WHEN i.told_at IS NULL THEN 'session' ELSE 'auth_time' END AS known_by,
           CASE WHEN i.told_at IS NULL THEN 'its session is from before the revocation, and nothing tells whether the person signed in again within it'
                WHEN i.is_later THEN 'its auth_time lies after its own issue'
                WHEN r.tenant IS NOT NULL AND i.tenant IS NULL THEN 'the revocation is of one tenant, and the issuance names none'
                WHEN i.told_until >= r.cut_from THEN 'the sign-in and the revocation are closer than the clocks can tell'
                WHEN i.issued_from <= r.certain_from THEN 'the issuance and the revocation are closer than the clocks can tell' END AS reason
    FROM person_cut_off r
    JOIN in_session i ON i.source = r.source AND i.subject_id = r.subject_id AND i.issued_at > r.revoked_at
        AND (r.tenant IS NULL OR i.tenant IS NULL OR i.tenant = r.tenant)
    ANTI JOIN continued c ON c.source = i.source AND c.token_id = i.token_id AND (c.tenant IS NULL OR i.tenant IS NULL OR c.tenant = i.tenant)
    WHERE i.is_asked AND i.issued_at >= $since AND i.issued_at < $until
      AND CASE WHEN i.told_at IS NULL THEN i.begun.at <= r.cut_at AND NOT coalesce(i.last_told_from > r.cut_until, false)
               ELSE i.is_later OR i.told_from <= r.cut_until END
),
-- Each by the last revocation of which it is sure.
judged AS (
    SELECT a.*
    FROM after_end a
    ANTI JOIN (FROM issue WHERE told_at IS NOT NULL) p ON a.kind = 'exchange' AND p.source = a.source AND p.token_id = a.parent_token_id
        AND (p.tenant IS NULL OR a.tenant IS NULL OR p.tenant = a.tenant) AND p.subject_id = a.subject_id AND p.issued_at > a.revoked_at AND p.is_asked
    QUALIFY row_number() OVER (
        PARTITION BY a.source, a.batch_id, a.line_no, a.event_id, a.token_id ORDER BY a.reason IS NOT NULL, a.revoked_at DESC, a.revocation_event) = 1
),
told AS (
    SELECT source, coalesce(tenant, ended_in) AS tenant, client_id, subject_id, revocation_event, bool_or(reason IS NULL) AS sure,
           min(revoked_at) AS revoked_at, min(ended) AS ended, coalesce(max(client_name), client_id, 'An unnamed client') AS client,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           CASE WHEN count(DISTINCT token_id) = 1 AND count(token_id) = count(*) THEN min(token_id) END AS token_id,
           min(issued_at) AS first_issued_at, max(issued_at) AS last_issued_at, count(DISTINCT coalesce(token_id, event_id)) AS tokens,
           bool_and(known_by = 'session') AS by_session,
           coalesce(max(told_at) FILTER (reason IS NULL), max(told_at)) AS signed_in_at,
           list_sort(list_distinct(list_concat([min(ended)], list(record), list(begun.record) FILTER (known_by = 'session')))) AS records,
           list_sort(list_distinct(list(reason) FILTER (reason IS NOT NULL))) AS reasons
    FROM judged
    GROUP BY source, coalesce(tenant, ended_in), client_id, subject_id, revocation_event
)
SELECT CASE WHEN sure THEN 'violation' ELSE 'indeterminate' END AS verdict,
       'high' AS severity,
       client || CASE WHEN sure THEN ' got a token on a sign-in from before the revocation'
                      WHEN by_session THEN ' got a token in a session from before the revocation'
                      ELSE ' got a token on a sign-in that may be from before the revocation' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, ended.seen_at AS first_seen, last_issued_at AS last_seen, len(records) AS events,
       to_json({
           'revocation_event': revocation_event,
           'issued_after_s': round((epoch_us(first_issued_at) - epoch_us(revoked_at)) / 1e6, 6),
           'signed_in_at': strftime(signed_in_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
           'tokens': tokens,
           'reasons': CASE WHEN NOT sure THEN reasons END}) AS detail,
       'client_subject' AS join_key,
       records,
       'issuance' AS about_log, ended.seen_at AS about_from, last_issued_at AS about_until
FROM told
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
