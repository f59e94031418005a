"""REV-7: refresh tokens and codes that were used again after they had been used up.

Either the log shows that a refresh token was replaced and came again, or the server says so itself, when it refuses one. It knows of
rotations that no log shows, and how much leeway it gives: its word is a fact. Who came second it cannot tell either.
"""

from grantlens.rule.evidence import NAMED, NAMED_REUSE, ROTATED, Evidence, Way
from grantlens.rule.example import BYSTANDER, Example, logs_from_to, moment, refreshed, revoked, token, use
from grantlens.rule.rule import Parameter, Rule

REFUSED = refreshed("10 11:30", None, None, None, outcome="denied", token_kind=None, denial_reason="reuse")

_SHOWN = ("issuance.kind=refresh", NAMED, "issuance.token_kind=refresh", ROTATED)

RULE = Rule(
    id="REV-7",
    version=2,
    name="refresh_reuse",
    key=("client_id", "subject_id", "grant_id", "token_id"),
    question="Which refresh tokens or codes were used again after they had been used up?",
    severity="high",
    remedy="Treat it as stolen: nobody can tell whether the client or a thief came second. End the grant, have the person consent again, "
    "and look at what was called from each address. Let the server end all tokens of a grant when one is used twice. Where it does, and every "
    "reuse was refused, look for a client that asks twice: one that lost an answer, or several workers or tabs that share a token.",
    basis="RFC 9700 section 4.14.2 (refresh token rotation); RFC 6749 section 4.1.2 (codes)",
    needs=("token", "covered_token", "covered_time", "clock_error"),
    parameters=(
        Parameter(
            "retry_seconds",
            60.0,
            "seconds",
            "How long after the replacement the old token may come again: the answer was lost, or two workers of one client share it.",
        ),
        Parameter(
            "family_seconds",
            60.0,
            "seconds",
            "How soon after the reuse the other tokens of the grant must have been ended.",
        ),
    ),
    # The old token, its successor and what came of either are issuance; whether the server then ended the family a revocation tells.
    rests_on=Evidence(
        (
            Way(("issuance",), says=_SHOWN),
            Way(
                ("issuance",),
                says=(NAMED_REUSE,),
                leaves_open="a reuse that the server took, or refused in other words",
            ),
        )
    ),
    sql="""
-- Each time that a refresh token was shown, or that the server says that it or a code came again: what was given for it stands in several rows.
WITH shown AS (
    SELECT source, parent_token_id AS token_id, issued_at, outcome = 'success' AS accepted, bool_and(kind = 'token') AS is_code,
           coalesce(bool_or(denial_reason = 'reuse'), false) AS named, min(tenant) AS tenant, min(client_id) AS client_id,
           min(client_name) AS client_name, min(subject_id) AS subject_id, min(grant_id) AS grant_id, min(ip) AS ip,
           min(token_id) FILTER (token_kind = 'refresh' AND token_id <> parent_token_id) AS successor,
           min({'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id}) AS record
    FROM issuance
    WHERE (kind = 'refresh' AND parent_token_id IS NOT NULL) OR (kind IN ('refresh', 'token') AND denial_reason = 'reuse')
    GROUP BY source, parent_token_id, issued_at, outcome, CASE WHEN parent_token_id IS NULL THEN event_id END
),
replaced AS (
    SELECT source, token_id, min({'shown_at': issued_at, 'successor': successor, 'ip': ip, 'record': record}) AS first
    FROM shown
    WHERE accepted AND successor IS NOT NULL
    GROUP BY source, token_id
),
-- Where the server names no token, those of one client, person and grant are told together.
again AS (
    SELECT s.*, r.first.shown_at AS replaced_at, r.first.successor AS first_successor, r.first.ip AS first_ip, r.first.record AS first_record,
           coalesce(s.token_id, to_json([s.tenant, s.client_id, s.subject_id, s.grant_id])::VARCHAR) AS shown_key
    FROM shown s
    LEFT JOIN replaced r ON r.source = s.source AND r.token_id = s.token_id AND r.first.shown_at < s.issued_at
    WHERE (r.token_id IS NOT NULL OR s.named) AND s.issued_at >= $since AND s.issued_at < $until
),
-- Whoever used what was given for it had got the answer, and had no need to ask again.
given AS (
    SELECT DISTINCT a.source, a.token_id, t.token_id AS child
    FROM again a
    JOIN token t ON t.source = a.source AND t.parent_token_id = a.token_id AND t.issued_at = a.replaced_at
),
arrived AS (
    SELECT source, token_id, min(seen_at) AS arrived_at
    FROM (
        SELECT g.source, g.token_id, s.issued_at AS seen_at
        FROM given g
        JOIN shown s ON s.source = g.source AND s.token_id = g.child
        UNION ALL
        SELECT g.source, g.token_id, u.used_at + to_microseconds(((i.before_s + k.after_s) * 1000000)::BIGINT)
        FROM given g
        JOIN token t ON t.source = g.source AND t.token_id = g.child
        JOIN usage_caller c ON c.source = g.source AND c.token_id = g.child
        JOIN usage_row u ON u.caller_id = c.caller_id
        JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
        JOIN clock_error i ON i.source = t.source AND i.tenant IS NOT DISTINCT FROM t.tenant AND i.log = 'issuance'
        WHERE u.outcome = 'success'
    )
    GROUP BY source, token_id
),
ended AS (
    SELECT a.source, a.token_id, a.issued_at, max(CASE WHEN c.revoked_at < a.issued_at THEN c.revoked_at END) AS ended_before,
           min(CASE WHEN c.revoked_at >= a.issued_at THEN c.revoked_at END) AS ended_at
    FROM again a
    JOIN covered_token c ON c.source = a.source AND c.token_id = coalesce(a.first_successor, a.token_id)
    GROUP BY a.source, a.token_id, a.issued_at
),
judged AS (
    SELECT a.*, e.ended_at,
           a.replaced_at IS NULL OR a.issued_at > a.replaced_at + to_microseconds(($retry_seconds * 1000000)::BIGINT) AS is_late,
           CASE WHEN v.arrived_at < a.issued_at OR (a.named AND is_late) THEN 'violation'
                WHEN a.named OR is_late THEN 'indeterminate' END AS verdict
    FROM again a
    LEFT JOIN arrived v ON v.source = a.source AND v.token_id = a.token_id
    LEFT JOIN ended e ON e.source = a.source AND e.token_id = a.token_id AND e.issued_at = a.issued_at
    WHERE e.ended_before IS NULL  -- what comes after the end of its family is REV-2's
),
found AS (
    SELECT source, token_id, shown_key, max(verdict) AS verdict, bool_and(is_code) AS is_code,
           min(issued_at) AS first_again_at, max(issued_at) AS last_again_at, count(*) AS times,
           count(*) FILTER (accepted) AS accepted, count(*) FILTER (named) AS named, min(tenant) AS tenant, min(client_id) AS client_id,
           min(client_name) AS client_name, min(subject_id) AS subject_id, min(grant_id) AS grant_id,
           any_value(replaced_at) AS replaced_at, min(epoch_us(issued_at) - epoch_us(replaced_at)) / 1e6 AS again_after_s,
           any_value(first_successor) AS first_successor, max(first_ip) AS first_ip,
           list_sort(list_distinct(list(ip) FILTER (ip IS NOT NULL))) AS addresses, min(ended_at) AS ended_at,
           list(record ORDER BY issued_at) AS again_records, any_value(first_record) AS first_record
    FROM judged
    WHERE verdict IS NOT NULL
    GROUP BY source, token_id, shown_key
),
-- A server that names a reuse may end the family and not log that: then it lives on only where something of it is taken later.
unended AS (
    SELECT f.source, f.shown_key
    FROM found f
    JOIN shown s ON s.source = f.source AND s.token_id = f.first_successor AND s.accepted
        AND s.issued_at > f.first_again_at + to_microseconds(($family_seconds * 1000000)::BIGINT)
    UNION
    SELECT f.source, f.shown_key
    FROM found f
    JOIN covered_time c ON c.source = f.source AND c.log = 'revocation' AND c.tenant IS NOT DISTINCT FROM f.tenant AND NOT c.in_part
        AND c.covered_from <= f.first_again_at AND c.covered_until > f.first_again_at + to_microseconds(($family_seconds * 1000000)::BIGINT)
    WHERE f.named = 0
),
told AS (
    SELECT f.*, p.scopes, coalesce(p.client_id, f.client_id) AS holder, coalesce(p.subject_id, f.subject_id) AS subject,
           coalesce(p.grant_id, f.grant_id) AS held_grant,
           CASE WHEN f.ended_at <= f.first_again_at + to_microseconds(($family_seconds * 1000000)::BIGINT) THEN true
                WHEN u.source IS NOT NULL THEN false END AS family_ended
    FROM found f
    LEFT JOIN token p ON p.source = f.source AND p.token_id = f.token_id
    LEFT JOIN unended u ON u.source = f.source AND u.shown_key = f.shown_key
)
SELECT verdict, CASE WHEN verdict = 'violation' AND NOT family_ended THEN 'critical'
                     WHEN accepted = 0 AND family_ended THEN 'medium' ELSE 'high' END AS severity,
       coalesce(client_name, holder, 'An unnamed client') || CASE WHEN verdict = 'violation' THEN ' used ' ELSE ' may have used ' END
           || CASE WHEN is_code THEN 'a code again after it had been redeemed, '
                   WHEN verdict = 'violation' THEN 'a refresh token again after it had been replaced, '
                   ELSE 'a refresh token after it had been replaced, ' END
           || CASE WHEN accepted > 0 THEN 'and got tokens for it' WHEN named > 0 THEN 'and was refused for that' ELSE 'and was refused' END AS title,
       source, tenant, holder AS client_id, subject AS subject_id, held_grant AS grant_id, token_id, scopes,
       least(replaced_at, first_again_at) AS first_seen, last_again_at AS last_seen,
       times + CASE WHEN first_record IS NULL THEN 0 ELSE 1 END AS events,
       to_json({
           'replaced_at': strftime(replaced_at, '%Y-%m-%dT%H:%M:%S.%fZ'),
           'times': times,
           'accepted': accepted,
           'said_by_server': named,
           'again_after_s': again_after_s,
           'address_before': first_ip,
           'addresses': addresses,
           'family_ended': family_ended,
           'reason': CASE WHEN verdict = 'indeterminate' THEN 'nothing that was given for it was seen used before: the answer may have been lost' END
       }) AS detail,
       CASE WHEN token_id IS NULL THEN 'client_subject' ELSE 'token' END AS join_key,
       CASE WHEN first_record IS NULL THEN again_records ELSE list_prepend(first_record, again_records) END AS records,
       'issuance' AS about_log, least(replaced_at, first_again_at) AS about_from, last_again_at AS about_until
FROM told
""",
    fires=(
        Example(
            "the successor was used, then the old token comes from elsewhere, and the server takes it",
            (
                token("10 09:00", "r1", ["mail.read"], token_kind="refresh", ip="192.0.2.1"),
                refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh", ip="192.0.2.1"),
                refreshed("10 10:00", "a2", "r1", ["mail.read"], ip="192.0.2.1"),
                refreshed("10 11:00", "r3", "r2", ["mail.read"], token_kind="refresh", ip="192.0.2.1"),
                refreshed("10 11:30", "r4", "r1", ["mail.read"], token_kind="refresh", ip="203.0.113.9"),
                *logs_from_to("01 08:00", "20 08:00"),
                revoked("02 08:00", token_id="old", event_id="r0", client_id=BYSTANDER, subject_id=None),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "critical",
                    "title": "app used a refresh token again after it had been replaced, and got tokens for it",
                    "token_id": "r1",
                    "grant_id": "g1",
                    "events": 2,
                    "detail": {
                        "times": 1,
                        "accepted": 1,
                        "again_after_s": 5400.0,
                        "address_before": "192.0.2.1",
                        "addresses": ["203.0.113.9"],
                        "family_ended": False,
                        "reason": None,
                    },
                },
            ),
        ),
        Example(
            "the server refuses it and ends the grant at once; the access token shows that the answer had arrived",
            (
                token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "a2", "r1", ["mail.read"]),
                use("10 10:05", "GET /v1/messages/7", "a2"),
                refreshed("10 11:30", None, "r1", None, outcome="denied", token_kind=None, ip="203.0.113.9"),
                revoked("10 11:30:02", "grant", initiator="system"),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "medium",
                    "title": "app used a refresh token again after it had been replaced, and was refused",
                    "detail": {
                        "accepted": 0,
                        "family_ended": True,
                        "address_before": None,
                        "addresses": ["203.0.113.9"],
                    },
                },
            ),
        ),
        Example(
            "the server says itself that a refresh token came again, and the log shows neither the token nor its rotation",
            (REFUSED, {**REFUSED, "issued_at": moment("10 11:31"), "ip": "203.0.113.9"}),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "title": "app used a refresh token again after it had been replaced, and was refused for that",
                    "token_id": None,
                    "grant_id": "g1",
                    "events": 2,
                    "detail": {
                        "replaced_at": None,
                        "times": 2,
                        "accepted": 0,
                        "said_by_server": 2,
                        "again_after_s": None,
                        "addresses": ["203.0.113.9"],
                        "family_ended": None,
                    },
                },
            ),
        ),
        Example(
            "the server says itself that a refresh token came again, and goes on with the one that took its place",
            (
                token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
                {**REFUSED, "parent_token_id": "r1"},
                refreshed("10 12:00", "r3", "r2", ["mail.read"], token_kind="refresh"),
            ),
            ({"severity": "critical", "token_id": "r1", "events": 2, "detail": {"family_ended": False}},),
        ),
        Example(
            "the server says itself that a code came again",
            (
                token("10 11:29", "a1", ["mail.read"], parent_token_id="c1"),
                {**REFUSED, "kind": "token", "parent_token_id": "c1"},
            ),
            (
                {
                    "verdict": "violation",
                    "title": "app used a code again after it had been redeemed, and was refused for that",
                    "token_id": "c1",
                    "detail": {"said_by_server": 1},
                },
            ),
        ),
    ),
    silent=(
        Example(
            "refused because it had expired",
            (
                token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
                {**REFUSED, "parent_token_id": "r1", "denial_reason": "expired"},
            ),
        ),
        Example(
            "the answer was lost, and the client asks again at once",
            (
                token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00:30", "r3", "r1", ["mail.read"], token_kind="refresh"),
            ),
        ),
        Example(
            "a refresh token that is not replaced may be used over and over",
            (
                token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "a1", "r1", ["mail.read"]),
                use("10 10:05", "GET /v1/messages/7", "a1"),
                refreshed("10 11:00", "a2", "r1", ["mail.read"]),
            ),
        ),
        Example(
            "refused after the grant was revoked",
            (
                token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 11:00", "r3", "r2", ["mail.read"], token_kind="refresh"),
                revoked("10 11:10", "grant"),
                refreshed("10 11:30", None, "r1", None, outcome="denied", token_kind=None),
            ),
        ),
    ),
    undecidable=(
        Example(
            "the server says that it came again, so soon that the answer may have been lost",
            (
                token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 11:29:30", "r2", "r1", ["mail.read"], token_kind="refresh"),
                {**REFUSED, "parent_token_id": "r1"},
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app may have used a refresh token after it had been replaced, and was refused for that",
                    "events": 2,
                    "detail": {"said_by_server": 1, "again_after_s": 30.0},
                },
            ),
        ),
        Example(
            "nothing that was given for it was used: the answer may have been lost",
            (
                token("10 09:00", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 10:00", "r2", "r1", ["mail.read"], token_kind="refresh"),
                refreshed("10 11:00", "r3", "r1", ["mail.read"], token_kind="refresh"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "severity": "high",
                    "title": "app may have used a refresh token after it had been replaced, and got tokens for it",
                    "detail": {
                        "reason": "nothing that was given for it was seen used before: the answer may have been lost"
                    },
                },
            ),
        ),
    ),
)
