"""REV-4: revocations that were really the expiry."""

from grantlens.rule.evidence import after_the_end, with_an_expiry
from grantlens.rule.example import Example, logs_from_to, revoked, token, use
from grantlens.rule.rule import Rule

RULE = Rule(
    id="REV-4",
    version=16,
    name="never_effective",
    key=("revocation_event", "token_id", "grant_id", "resource_server"),
    question="Which revocations never took effect while the token lived?",
    severity="critical",
    remedy="The server does not check revocation at all: make it check, or count on expiry and keep token lives short.",
    basis="RFC 7009 section 2; RFC 7662 section 4",
    needs=("revoked_use",),
    # It rests on a success late in the token's life, which is a presence.
    rests_on=with_an_expiry(after_the_end(), "whether the token would have ended by itself is not known"),
    sql="""
WITH lived AS (
    SELECT *, least(expires_at, $until) AS life_ends_at, coalesce(expires_at <= $until, false) AS over FROM revoked_use
),
judged AS (
    SELECT *, why_unknown IS NULL AND 10 * last_success_s >= 9 * epoch(life_ends_at - revoked_at) AS to_the_end FROM lived
)
-- While a token lives it may still be refused.
SELECT CASE WHEN over AND to_the_end THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN NOT beyond_allowed THEN 'high' ELSE 'critical' END AS severity,
       CASE WHEN NOT beyond_allowed THEN explanation END AS explained_by,
       'Access of ' || coalesce(client_id, 'an unnamed client') || CASE
           WHEN over AND to_the_end THEN ' still worked near the end of its token''s life: no effect of the revocation is seen'
           WHEN over THEN ' was not seen to end before its token expired'
           ELSE ' had not ended by the end of the window: its token may live on, and be refused later' END AS title,
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
           'life_ends_s': round((epoch_us(life_ends_at) - epoch_us(revoked_at)) / 1e6, 6),
           'ends_by': CASE WHEN over THEN 'expiry' ELSE 'end of window' END,
           'reason': CASE WHEN why_unknown IS NOT NULL THEN why_unknown
                          WHEN NOT over THEN 'the token may live on after the window'
                          WHEN NOT to_the_end THEN 'no call was let in during the last tenth of what the token had left to live' END}) AS detail,
       join_key, calls, [record] AS records,
       'usage' AS about_log, logged_at AS about_from, last_attempt_at AS about_until
FROM judged
WHERE uses_after > 0 AND denials = 0 AND alive IS DISTINCT FROM false
""",
    fires=(
        Example(
            "it worked into the last tenth of its life",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:20", "GET /v1/messages/7"),
                use("10 12:55", "GET /v1/messages/7"),
                *logs_from_to("10 09:00", "10 18:00"),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "critical",
                    "title": "Access of app still worked near the end of its token's life: no effect of the revocation is seen",
                    "explained_by": None,
                    "detail": {"ends_by": "expiry", "censored": "right", "lag_lower_s": 3289.0, "lag_upper_s": None},
                },
            ),
        ),
        Example(
            "a refusal for another reason proves nothing",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:30", "DELETE /v1/messages/7", status=403),
                use("10 12:55", "GET /v1/messages/7"),
                use("10 13:10", "GET /v1/messages/7", status=401),
                *logs_from_to("10 09:00", "10 18:00"),
            ),
            ({"verdict": "violation", "detail": {"first_denial_s": None}},),
        ),
        Example(
            "an offline server, as documented: still true, less severe",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:58", "GET /v1/messages/7", server="offline.example"),
                *logs_from_to("10 09:00", "10 18:00"),
            ),
            ({"verdict": "violation", "severity": "high", "explained_by": "offline_jwt"},),
        ),
    ),
    silent=(
        Example(
            "the token that worked to its end is another tenant's of the same id",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="one"),
                token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="two", grant_id="g2"),
                revoked("10 12:00", tenant="one"),
                use("10 12:20", "GET /v1/messages/7", status=401, tenant="one"),
                use("10 12:55", "GET /v1/messages/7", tenant="two"),
                *logs_from_to("10 09:00", "10 18:00"),
            ),
        ),
        Example(
            "refused in the end",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:20", "GET /v1/messages/7"),
                use("10 12:40", "GET /v1/messages/7", status=401),
                *logs_from_to("10 09:00", "10 18:00"),
            ),
        ),
        Example(
            "the token had expired before the revocation",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00"),
                revoked("10 12:00"),
                use("10 12:20", "GET /v1/messages/7"),
                *logs_from_to("10 09:00", "10 18:00"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "a person was disabled, and may have been enabled again: the log shows only some of what was ended or is back",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00", "subject", kind="disable"),
                use("10 12:55", "GET /v1/messages/7"),
                *logs_from_to("10 09:00", "10 18:00"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "token_id": "t1",
                    "detail": {
                        "reason": "the revocation log does not show all that time: that it was enabled again may be missing"
                    },
                },
            ),
            declared={"carries": ("issuance", "usage")},
        ),
        Example(
            "a token of an id that two tenants issued worked to its end, and the revocation names neither",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="one"),
                token("10 11:00", "t1", ["mail.read"], "10 13:00", tenant="two", grant_id="g2"),
                revoked("10 12:00"),
                use("10 12:55", "GET /v1/messages/7", tenant="one"),
                *logs_from_to("10 09:00", "10 18:00"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": "one",
                    "detail": {"reason": "the revocation names no tenant, and several have a token of this id"},
                },
            ),
        ),
        Example(
            "the last success came early, and nothing after it",
            (
                token("10 11:00", "t1", ["mail.read"], "10 13:00"),
                revoked("10 12:00"),
                use("10 12:05", "GET /v1/messages/7"),
                *logs_from_to("10 09:00", "10 18:00"),
            ),
            ({"verdict": "indeterminate", "title": "Access of app was not seen to end before its token expired"},),
        ),
        Example(
            "it worked to the end of the window, and the token outlives that",
            (
                token("20 11:00", "t1", ["mail.read"], "21 13:00"),
                revoked("20 17:00"),
                use("20 17:58", "GET /v1/messages/7"),
                *logs_from_to("10 09:00", "20 18:00"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "Access of app had not ended by the end of the window: its token may live on, and be refused later",
                    "detail": {"ends_by": "end of window"},
                },
            ),
        ),
        Example(
            "it worked to the end of the window, and no expiry is logged",
            (
                token("20 11:00", "t1", ["mail.read"]),
                revoked("20 17:00"),
                use("20 17:58", "GET /v1/messages/7"),
                *logs_from_to("10 09:00", "20 18:00"),
            ),
            ({"verdict": "indeterminate", "detail": {"ends_by": "end of window"}},),
        ),
    ),
)
