"""REV-3: access tokens that outlived their revoked grant or refresh token."""

from grantlens.rule.evidence import after_the_end, with_a_server
from grantlens.rule.example import Example, consent, revoked, token, use
from grantlens.rule.rule import Rule

RULE = Rule(
    id="REV-3",
    version=14,
    name="cascade_failure",
    key=("revocation_event", "token_id", "grant_id", "resource_server"),
    question="Which access tokens went on working after their grant or refresh token was revoked?",
    severity="high",
    remedy="Revoke access tokens together with the grant, or keep their life short; RFC 7009 only says SHOULD.",
    basis="RFC 7009 section 2.1",
    needs=("revoked_use",),
    # A token that was itself revoked is REV-1: here the issue must tell which tokens stand behind the grant.
    rests_on=with_a_server(after_the_end(of_a_grant=True)),
    sql="""
SELECT CASE WHEN why_unknown IS NOT NULL OR allowed_s IS NULL THEN 'indeterminate' ELSE 'violation' END AS verdict,
       'high' AS severity,
       'An access token of ' || coalesce(client_id, 'an unnamed client') || CASE WHEN why_unknown IS NOT NULL THEN ' may have gone on' ELSE ' went on' END
           || ' working after the revocation of its ' || CASE target_kind WHEN 'grant' THEN 'grant' ELSE 'refresh token' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, resource_server,
       scopes, first_event_at AS first_seen, last_event_at AS last_seen, events,
       to_json({
           'revocation_event': revocation_event,
           'last_success_s': round(last_success_s, 6),
           'first_denial_s': round(first_denial_s, 6),
           'lag_lower_s': round(lag_lower_s, 6),
           'lag_upper_s': round(lag_upper_s, 6),
           'uses_after': uses_after,
           'censored': censored,
           'allowed_s': round(allowed_s, 6),
           'reason': CASE WHEN why_unknown IS NOT NULL THEN why_unknown
                          WHEN allowed_s IS NULL THEN 'nothing says how long this server may go on accepting a revoked token' END}) AS detail,
       join_key, calls, [record] AS records,
       'usage' AS about_log, logged_at AS about_from, last_attempt_at AS about_until
FROM revoked_use
WHERE uses_after > 0 AND NOT is_target
  AND target_kind IN ('grant', 'token', 'credential')
  AND coalesce(token_kind, 'access') NOT IN ('refresh', 'code', 'id')
  AND coalesce(beyond_allowed, true)
""",
    fires=(
        Example(
            "a refresh token is gone in one tenant, and the access token of its grant works on there; another tenant's has the same ids",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh", tenant="one"),
                token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="one"),
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh", tenant="two", grant_id="g2"),
                token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="two", grant_id="g2"),
                revoked("10 12:00", token_id="rt1", tenant="two"),
                use("10 12:10", "GET /v1/messages/7", tenant="one"),
                use("10 12:10", "GET /v1/messages/7", tenant="two"),
            ),
            ({"verdict": "violation", "tenant": "two", "token_id": "t1", "grant_id": "g2", "events": 2},),
        ),
        Example(
            "the grant is gone, its access token works on",
            (
                consent("10 09:00", ["mail.read"]),
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00", "grant"),
                use("10 12:10", "GET /v1/messages/7"),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "title": "An access token of app went on working after the revocation of its grant",
                    "token_id": "t1",
                    "resource_server": "mail.example",
                    "detail": {"lag_lower_s": 589.0, "lag_upper_s": None},
                },
            ),
        ),
        Example(
            "the refresh token is gone, the access token of its grant works on",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00", token_id="rt1"),
                use("10 12:10", "GET /v1/messages/7"),
            ),
            (
                {
                    "verdict": "violation",
                    "title": "An access token of app went on working after the revocation of its refresh token",
                    "token_id": "t1",
                },
            ),
        ),
        Example(
            "a grant that is older than the logs: what worked before it was given again",
            (
                revoked("10 12:00", "grant"),
                use("10 12:10", "GET /v1/messages/7", None, grant_id="g1"),
                consent("10 13:00", ["mail.read"]),
                use("10 13:10", "GET /v1/messages/7", None, grant_id="g1"),
            ),
            ({"verdict": "violation", "grant_id": "g1", "detail": {"uses_after": 1}},),
        ),
        Example(
            "of what was given only some is in the log, and the token that works on is older than the end of its grant",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00", "grant"),
                use("10 12:10", "GET /v1/messages/7"),
            ),
            ({"verdict": "violation", "token_id": "t1"},),
            declared={"carries": ("usage", "revocation")},
        ),
    ),
    silent=(
        Example(
            "inside the server's cache time",
            (
                token("10 11:00", "t1", ["files.read"], "10 13:00"),
                revoked("10 12:00", "grant"),
                use("10 12:02", "GET /v1/files/7", server="files.example"),
            ),
        ),
        Example(
            "within the errors of the clocks, which REV-1 tells of",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00", "grant"),
                use("10 12:00:10", "GET /v1/messages/7"),
            ),
        ),
        Example(
            "the access token itself was revoked: that is REV-1",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:10", "GET /v1/messages/7"),
            ),
        ),
        Example(
            "the grant is gone, and what is let in are no access tokens: that is REV-1",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00", token_kind="id"),
                token("10 11:00", "t2", ["mail.read"], "10 13:00", token_kind="code"),
                revoked("10 12:00", "grant"),
                use("10 12:10", "GET /v1/messages/7"),
                use("10 12:10", "GET /v1/messages/7", "t2"),
            ),
        ),
        Example(
            "a client was disabled: that is REV-1",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00", "client", kind="disable"),
                use("10 12:10", "GET /v1/messages/7"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "the grant is gone, calls name it and no token, and the log shows only some of what was given: a consent may be missing",
            (
                consent("10 09:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                use("10 12:10", "GET /v1/messages/7", None, grant_id="g1"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "grant_id": "g1",
                    "detail": {"reason": "the issuance log does not show all that time: a consent may be missing"},
                },
            ),
            declared={"carries": ("usage", "revocation")},
        ),
        Example(
            "the refresh token is gone in one tenant, and a call with a token of its grant's id, which another tenant issued too, names none",
            (
                token("10 09:01", "rt1", ["mail.read"], token_kind="refresh", tenant="one"),
                token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="one"),
                token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="two", grant_id="g2"),
                revoked("10 12:00", token_id="rt1", tenant="one"),
                use("10 12:10", "GET /v1/messages/7"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "An access token of app may have gone on working after the revocation of its refresh token",
                    "tenant": None,
                    "detail": {"reason": "the calls name no tenant, and several have a token of this id"},
                },
            ),
        ),
        Example(
            "a server of which nothing is known",
            (
                token("10 11:00", "t1", ["jobs.run"], "10 13:00"),
                revoked("10 12:00", "grant"),
                use("10 12:10", "POST /v1/jobs", server="jobs.example"),
            ),
            ({"verdict": "indeterminate", "token_id": "t1"},),
        ),
    ),
)
