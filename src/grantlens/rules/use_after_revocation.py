"""REV-1: calls that succeeded after the revocation."""

from grantlens.rule.evidence import after_the_end, with_a_server
from grantlens.rule.example import Example, consent, refreshed, revoked, token, use
from grantlens.rule.rule import Rule

RULE = Rule(
    id="REV-1",
    version=7,
    name="use_after_revocation",
    key=("revocation_event", "token_id", "grant_id", "resource_server"),
    question="Which tokens still worked after they were revoked, and for how long?",
    severity="critical",
    remedy="Shorten the cache or the token life, or let the server ask at each call; where it is unexplained, cut the connection at the server.",
    basis="RFC 7009 section 2; RFC 7662 section 4",
    needs=("revoked_use", "covered_token", "grant_state", "named_caller", "clock_error"),
    # Without a bound of the server, from its row or from the call, every finding is undecided.
    rests_on=with_a_server(after_the_end()),
    sql="""
WITH held_by AS (
    SELECT DISTINCT source, tenant, client_id, subject_id, grant_id, opened_at, coalesce(ended_at, 'infinity'::TIMESTAMPTZ) AS ended_at
    FROM grant_state
),
-- Until when the revoked grant is the only one that its client and subject are known to have held.
alone AS (
    SELECT v.source, v.revocation_event, v.grant_id, g.tenant, g.client_id, g.subject_id,
           min(CASE WHEN o.grant_id IS NULL THEN 'infinity'::TIMESTAMPTZ ELSE greatest(o.opened_at, v.revoked_at) END) AS alone_until
    FROM covered_token v
    JOIN held_by g ON g.source = v.source AND g.grant_id = v.grant_id
    LEFT JOIN held_by o ON o.source = g.source AND o.tenant IS NOT DISTINCT FROM g.tenant AND o.client_id = g.client_id
        AND o.subject_id IS NOT DISTINCT FROM g.subject_id AND o.grant_id <> g.grant_id AND o.ended_at > v.revoked_at
    WHERE v.token_id IS NULL
    GROUP BY ALL
),
-- Calls that name neither token nor grant, of a client and subject whose only grant had ended.
paired AS (
    SELECT v.source, coalesce(v.tenant, g.tenant) AS tenant, v.revocation_event, v.grant_id, c.resource_server, any_value(v.revoked_at) AS revoked_at,
           any_value(v.record) AS record, any_value(v.client_id) AS client_id,
           any_value(v.subject_id) AS subject_id, any_value(v.scopes) AS scopes,
           count(*) AS uses_after, min(w.used_at) AS first_used_at, max(w.used_at) AS last_used_at,
           list(w.usage_id ORDER BY w.used_at, w.event_id) AS usage_ids
    FROM covered_token v
    JOIN alone g ON g.source = v.source AND g.revocation_event = v.revocation_event AND g.grant_id = v.grant_id
    JOIN named_caller c ON c.source = g.source AND c.tenant IS NOT DISTINCT FROM g.tenant AND c.client_id = g.client_id
        AND c.subject_id IS NOT DISTINCT FROM g.subject_id AND c.join_key = 'client_subject' AND c.grant_id IS NULL
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
    JOIN usage_row w ON w.caller_id = c.caller_id AND w.outcome = 'success'
        AND w.used_at - to_microseconds((k.before_s * 1000000)::BIGINT) > v.certain_from
        AND w.used_at < least(v.covered_until, g.alone_until) AND w.used_at < $until
    WHERE v.token_id IS NULL AND v.revoked_at < $until
    GROUP BY v.source, coalesce(v.tenant, g.tenant), v.revocation_event, v.grant_id, c.resource_server
    HAVING any_value(v.revoked_at) >= $since OR max(w.used_at) >= $since
)
SELECT CASE WHEN u.uses_after = 0 OR u.of_several OR u.allowed_s IS NULL THEN 'indeterminate' ELSE 'violation' END AS verdict,
       CASE WHEN u.uses_after = 0 THEN 'critical'
            WHEN u.allowed_s IS NULL THEN 'high'
            WHEN u.beyond_allowed THEN 'critical'
            WHEN u.initiator = 'client' THEN 'high'  -- a client must not use what it had revoked
            WHEN u.writes_after > 0 THEN 'medium'
            ELSE 'low' END AS severity,
       CASE WHEN NOT u.beyond_allowed THEN u.explanation END AS explained_by,
       'Access of ' || coalesce(u.client_id, 'an unnamed client') || CASE WHEN u.uses_after = 0 THEN ' may have been used at the moment of its revocation'
           WHEN u.of_several THEN ' may have been used after its revocation' ELSE ' was used after its revocation' END AS title,
       u.source, u.tenant, u.client_id, u.subject_id, u.grant_id, u.token_id, u.resource_server,
       u.scopes, u.first_event_at AS first_seen, u.last_event_at AS last_seen, u.events,
       to_json({
           'revocation_event': u.revocation_event,
           'last_success_s': round(u.last_success_s, 6),
           'first_denial_s': round(u.first_denial_s, 6),
           'lag_lower_s': round(u.lag_lower_s, 6),
           'lag_upper_s': round(u.lag_upper_s, 6),
           'uses_after': u.uses_after,
           'censored': u.censored,
           'allowed_s': round(u.allowed_s, 6),
           'writes_after': u.writes_after,
           'reason': CASE WHEN u.uses_after = 0 THEN 'the success and the revocation are closer than the clocks can tell'
                          WHEN u.of_several THEN 'the revocation names no tenant, and several have this client' WHEN u.allowed_s IS NULL THEN 'nothing says how long this server may go on accepting a revoked token' END}) AS detail,
       u.join_key, u.calls, [u.record] AS records,
       'usage' AS about_log, u.revoked_at AS about_from, u.last_attempt_at AS about_until
FROM revoked_use u
WHERE u.successes > 0
UNION ALL
SELECT 'indeterminate', 'high', NULL,
       'Access of ' || coalesce(p.client_id, 'an unnamed client') || ' may have been used after its revocation',
       p.source, p.tenant, p.client_id, p.subject_id, p.grant_id, NULL, p.resource_server,
       p.scopes,
       p.first_used_at, p.last_used_at, p.uses_after + 1,
       to_json({
           'revocation_event': p.revocation_event,
           'last_success_s': round((epoch_us(p.last_used_at) - epoch_us(p.revoked_at)) / 1e6, 6),
           'first_denial_s': NULL,
           'lag_lower_s': NULL, 'lag_upper_s': NULL,
           'uses_after': p.uses_after,
           'censored': 'right',
           'allowed_s': NULL,
           'writes_after': NULL,
           'reason': 'the calls name neither token nor grant: their client and subject had no other grant that is known'}),
       'client_subject', CASE WHEN $every_call THEN p.usage_ids ELSE p.usage_ids[1:19] || p.usage_ids[20:][-1:] END,
       [p.record], 'usage', p.revoked_at, p.last_used_at
FROM paired p
-- Where calls name the grant, they tell more.
ANTI JOIN revoked_use u ON u.source = p.source AND u.revocation_event = p.revocation_event AND u.token_id IS NULL
    AND u.grant_id = p.grant_id AND u.resource_server IS NOT DISTINCT FROM p.resource_server AND u.successes > 0
""",
    fires=(
        Example(
            "calls that name the revoked session, which no refresh opens again, while another session of the grant lives on",
            (
                token("10 11:00", "t1", ["mail.read"], "10 18:00", session_id="s1"),
                token("10 11:30", "t2", ["mail.read"], "10 18:00", session_id="s2"),
                revoked("10 12:00", "session", session_id="s1", client_id=None, subject_id=None),
                refreshed("10 12:10", "t3", "rt1", ["mail.read"], "10 18:00", session_id="s1"),
                use("10 12:30", "GET /v1/messages/7", None, session_id="s1"),
                use("10 12:40", "GET /v1/messages/7", "t2", session_id="s2"),
            ),
            (
                {
                    "verdict": "violation",
                    "subject_id": "ann",
                    "token_id": None,
                    "grant_id": None,
                    "join_key": "session",
                    "detail": {"uses_after": 1, "last_success_s": 1800.0},
                },
            ),
        ),
        Example(
            "it was revoked before the window, and worked within it",
            (
                token("10 11:00", "t1", ["mail.read"], "12 13:00"),
                revoked("10 12:00"),
                use("10 12:10", "GET /v1/messages/7", status=401),
                use("12 09:00", "GET /v1/messages/7"),
            ),
            ({"verdict": "violation", "token_id": "t1", "events": 3, "detail": {"first_denial_s": 600.0}},),
            since="12 00:00",
        ),
        Example(
            "a key that worked while it was switched off",
            (
                token("10 09:00", "t1", None, kind="credential", token_kind="api_key"),
                revoked("10 12:00", kind="disable"),
                use("10 12:30", "GET /v1/messages/7"),
                token("10 13:00", "t1", None, kind="credential", token_kind="api_key"),
                use("10 14:00", "GET /v1/messages/7"),
            ),
            ({"verdict": "violation", "token_id": "t1", "events": 2, "detail": {"last_success_s": 1800.0}},),
        ),
        Example(
            "the call names the revoked grant, and a token of which no issuance is known",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                use("10 12:30", "GET /v1/messages/7", "t9", grant_id="g1"),
            ),
            ({"verdict": "violation", "grant_id": "g1", "token_id": None, "join_key": "grant"},),
        ),
        Example(
            "it went on, and nothing explains it",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:00:30.25", "GET /v1/messages/7"),
                use("10 12:01", "GET /v1/messages/7", status=401),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "critical",
                    "title": "Access of app was used after its revocation",
                    "explained_by": None,
                    "token_id": "t1",
                    "resource_server": "mail.example",
                    "events": 3,
                    "join_key": "token",
                    "detail": {
                        "revocation_event": "r1",
                        "last_success_s": 30.25,
                        "first_denial_s": 60.0,
                        "lag_lower_s": 19.25,
                        "lag_upper_s": 70.0,
                        "uses_after": 1,
                        "censored": "no",
                    },
                },
            ),
        ),
        Example(
            "inside the server's cache time: a fact, explained",
            (
                token("10 11:00", "t1", ["files.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:02", "GET /v1/files/7", server="files.example"),
                use("10 12:06", "GET /v1/files/7", server="files.example", status=401),
            ),
            ({"verdict": "violation", "severity": "low", "explained_by": "cache", "detail": {"allowed_s": 300.0}},),
        ),
        Example(
            "the same with a write",
            (
                token("10 11:00", "t1", ["files.write"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:02", "PUT /v1/files/7", server="files.example"),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "medium",
                    "explained_by": "cache",
                    "detail": {"censored": "right", "lag_upper_s": None},
                },
            ),
        ),
        Example(
            "a client that goes on with what it had revoked itself",
            (
                token("10 11:00", "t1", ["files.read"], "10 13:00"),
                revoked("10 12:00", initiator="client"),
                use("10 12:02", "GET /v1/files/7", server="files.example"),
            ),
            ({"verdict": "violation", "severity": "high"},),
        ),
        Example(
            "an offline server accepts until the token expires",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:30", "GET /v1/messages/7", server="offline.example"),
            ),
            ({"verdict": "violation", "explained_by": "offline_jwt", "detail": {"allowed_s": 3600.0}},),
        ),
        Example(
            "a grant is revoked and the log names no token: the grant stands in",
            (
                consent("10 11:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                use("10 12:10", "GET /v1/messages/7", None, grant_id="g1"),
            ),
            ({"verdict": "violation", "token_id": None, "grant_id": "g1", "join_key": "grant"},),
        ),
        Example(
            "the subject is disabled: all its tokens are covered",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00", "subject", kind="disable"),
                use("10 12:10", "GET /v1/messages/7"),
            ),
            ({"verdict": "violation", "token_id": "t1"},),
        ),
    ),
    silent=(
        Example(
            "it was revoked, and worked, before the window",
            (
                token("10 11:00", "t1", ["mail.read"], "12 13:00"),
                revoked("10 12:00"),
                use("11 09:00", "GET /v1/messages/7"),
                use("12 09:00", "GET /v1/messages/7", status=401),
            ),
            since="12 00:00",
        ),
        Example(
            "a key that was switched on again is good again",
            (
                token("10 09:00", "t1", None, kind="credential", token_kind="api_key"),
                revoked("10 12:00", kind="disable"),
                token("10 13:00", "t1", None, kind="credential", token_kind="api_key"),
                use("10 14:00", "GET /v1/messages/7"),
            ),
        ),
        Example(
            "calls that name neither token nor grant, while another grant of client and subject lives",
            (
                consent("10 11:00", ["mail.read"]),
                consent("10 11:00", ["files.read"], "g2"),
                revoked("10 12:00", "grant"),
                use("10 12:10", "GET /v1/messages/7", None),
            ),
        ),
        Example(
            "refused at once",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                use("10 11:59", "GET /v1/messages/7"),
                revoked("10 12:00"),
                use("10 12:00:12", "GET /v1/messages/7", status=401),
            ),
        ),
        Example(
            "a call that began before and ended after",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                use("10 11:59:50", "GET /v1/messages/7", ended_at="2026-07-10T12:05:00Z"),
                revoked("10 12:00"),
            ),
        ),
        Example(
            "a failed revocation ends nothing",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00", outcome="error"),
                use("10 12:10", "GET /v1/messages/7"),
            ),
        ),
        Example(
            "a downgrade is no revocation",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00", "grant", kind="downgrade", scopes_removed=["mail.send"]),
                use("10 12:10", "GET /v1/messages/7"),
            ),
        ),
        Example(
            "a child by token exchange is never covered",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                token("10 11:30", "t2", ["mail.read"], "10 13:00", kind="exchange", parent_token_id="t1"),
                revoked("10 12:00", "grant"),
                use("10 12:10", "GET /v1/messages/7", "t2"),
            ),
        ),
        Example(
            "a token issued after the revocation of its grant is not covered",
            (
                consent("10 11:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                consent("10 12:30", ["mail.read"]),
                token("10 12:31", "t2", ["mail.read"], "10 13:00"),
                use("10 12:40", "GET /v1/messages/7", "t2"),
                use("10 12:41", "GET /v1/messages/7", None, grant_id="g1"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "calls that name neither token nor grant, after the end of the only grant of their client and subject",
            (
                consent("10 11:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                use("10 11:30", "GET /v1/messages/7", None),
                use("10 12:10", "GET /v1/messages/7", None),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "token_id": None,
                    "grant_id": "g1",
                    "events": 2,
                    "join_key": "client_subject",
                    "detail": {"last_success_s": 600.0, "uses_after": 1},
                },
            ),
        ),
        Example(
            "in the same second",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:00", "GET /v1/messages/7"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "severity": "critical",
                    "detail": {"uses_after": 0, "last_success_s": 0.0, "lag_lower_s": 0.0},
                },
            ),
        ),
        Example(
            "closer than two clocks can tell",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00:00.5"),
                use("10 12:00:09.5", "GET /v1/messages/7"),
            ),
            ({"verdict": "indeterminate", "detail": {"uses_after": 0, "last_success_s": 9.0}},),
        ),
        Example(
            "a server of which nothing is known",
            (
                token("10 11:00", "t1", ["jobs.run"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:10", "POST /v1/jobs", server="jobs.example"),
            ),
            ({"verdict": "indeterminate", "severity": "high", "detail": {"uses_after": 1, "allowed_s": None}},),
        ),
        Example(
            "the log says 'cached', nobody says how long",
            (
                token("10 11:00", "t1", ["jobs.run"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:10", "POST /v1/jobs", server="jobs.example", validation="cached"),
            ),
            ({"verdict": "indeterminate", "severity": "high"},),
        ),
    ),
)
