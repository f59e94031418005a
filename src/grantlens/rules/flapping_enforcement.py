"""REV-5: servers that refuse, then accept again."""

from grantlens.rule.evidence import after_the_end
from grantlens.rule.example import Example, consent, revoked, token, use
from grantlens.rule.rule import Rule

RULE = Rule(
    id="REV-5",
    version=14,
    name="flapping_enforcement",
    key=("revocation_event", "token_id", "grant_id", "resource_server"),
    question="Where was a revoked token refused and then accepted again?",
    severity="high",
    remedy="Some nodes of the server do not know of the revocation: look at replication and per-node caches.",
    basis="Measured on Google Cloud API keys (Aikido, May 2026): acceptance after deletion falls unevenly",
    needs=("revoked_use",),
    # Success, refusal, success of one token: told of a grant, two of its tokens may have done it.
    rests_on=after_the_end(("usage.denial_reason=token",)),
    sql="""
SELECT CASE WHEN token_id IS NULL OR why_unknown IS NOT NULL THEN 'indeterminate' ELSE 'violation' END AS verdict,
       'high' AS severity,
       'Access of ' || coalesce(client_id, 'an unnamed client') || ' was refused and then accepted again after '
           || CASE WHEN why_unknown IS NOT NULL THEN 'a revocation that may have been of other access' ELSE 'its revocation' END AS title,
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
           'denials': denials,
           'reason': CASE WHEN why_unknown IS NOT NULL THEN why_unknown
                          WHEN token_id IS NULL THEN 'no call names a token: one may have been refused, and another let in' END}) AS detail,
       join_key, calls, [record] AS records,
       'usage' AS about_log, logged_at AS about_from, last_attempt_at AS about_until
FROM revoked_use
WHERE flapped
""",
    fires=(
        Example(
            "in, out, in again",
            (
                token("10 11:00", "t1", ["mail.read"], "10 14:00"),
                revoked("10 12:00"),
                use("10 12:01", "GET /v1/messages/7"),
                use("10 12:02", "GET /v1/messages/7", status=401),
                use("10 12:03", "GET /v1/messages/7"),
                use("10 12:04", "GET /v1/messages/7", status=401),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "title": "Access of app was refused and then accepted again after its revocation",
                    "detail": {
                        "last_success_s": 180.0,
                        "first_denial_s": 120.0,
                        "lag_lower_s": 169.0,
                        "lag_upper_s": 251.0,
                        "censored": "no",
                    },
                },
            ),
        ),
    ),
    silent=(
        Example(
            "two tenants' tokens of one id: the revoked one is let in and then refused, the other one is let in",
            (
                token("10 11:00", "t1", ["mail.read"], "10 14:00", tenant="one"),
                token("10 11:00", "t1", ["mail.read"], "10 14:00", tenant="two", grant_id="g2"),
                revoked("10 12:00", tenant="one"),
                use("10 12:01", "GET /v1/messages/7", tenant="one"),
                use("10 12:02", "GET /v1/messages/7", status=401, tenant="one"),
                use("10 12:03", "GET /v1/messages/7", tenant="two"),
            ),
        ),
        Example(
            "in, then out for good",
            (
                token("10 11:00", "t1", ["mail.read"], "10 14:00"),
                revoked("10 12:00"),
                use("10 12:01", "GET /v1/messages/7"),
                use("10 12:02", "GET /v1/messages/7", status=401),
            ),
        ),
        Example(
            "a refusal for want of scope in between",
            (
                token("10 11:00", "t1", ["mail.read"], "10 14:00"),
                revoked("10 12:00"),
                use("10 12:01", "GET /v1/messages/7"),
                use("10 12:02", "DELETE /v1/messages/7", status=403),
                use("10 12:03", "GET /v1/messages/7"),
            ),
        ),
        Example(
            "out, then in: no success was proven before the refusal",
            (
                token("10 11:00", "t1", ["mail.read"], "10 14:00"),
                revoked("10 12:00"),
                use("10 12:02", "GET /v1/messages/7", status=401),
                use("10 12:03", "GET /v1/messages/7"),
            ),
        ),
        Example(
            "each server for itself",
            (
                token("10 11:00", "t1", ["mail.read", "files.read"], "10 14:00"),
                revoked("10 12:00"),
                use("10 12:01", "GET /v1/messages/7"),
                use("10 12:02", "GET /v1/files/7", server="files.example", status=401),
                use("10 12:03", "GET /v1/messages/7"),
            ),
        ),
        Example(
            "two tokens of one grant: one is let in, the other refused",
            (
                token("10 11:00", "t1", ["mail.read"], "10 14:00"),
                token("10 11:01", "t2", ["mail.read"], "10 14:00"),
                revoked("10 12:00", "grant"),
                use("10 12:01", "GET /v1/messages/7"),
                use("10 12:02", "GET /v1/messages/7", "t2", status=401),
                use("10 12:03", "GET /v1/messages/7"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "a person was disabled, and may have been enabled again: the log shows only some of what was ended or is back",
            (
                token("10 11:00", "t1", ["mail.read"], "10 14:00"),
                revoked("10 12:00", "subject", kind="disable"),
                use("10 12:01", "GET /v1/messages/7"),
                use("10 12:02", "GET /v1/messages/7", status=401),
                use("10 12:03", "GET /v1/messages/7"),
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
            "two tenants issued a token of one id, and calls that name neither were let in, refused and let in",
            (
                token("10 11:00", "t1", ["mail.read"], "10 14:00", tenant="one"),
                token("10 11:00", "t1", ["mail.read"], "10 14:00", tenant="two", grant_id="g2"),
                revoked("10 12:00", tenant="one"),
                use("10 12:01", "GET /v1/messages/7"),
                use("10 12:02", "GET /v1/messages/7", status=401),
                use("10 12:03", "GET /v1/messages/7"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": None,
                    "detail": {"reason": "the calls name no tenant, and several have a token of this id"},
                },
            ),
        ),
        Example(
            "a client of two tenants is ended, the log does not say in which",
            (
                token("10 11:00", "t1", ["mail.read"], "10 14:00", tenant="one"),
                token("10 11:00", "t2", ["mail.read"], "10 14:00", tenant="two"),
                revoked("10 12:00", "client"),
                use("10 12:01", "GET /v1/messages/7", tenant="one"),
                use("10 12:02", "GET /v1/messages/7", status=401, tenant="one"),
                use("10 12:03", "GET /v1/messages/7", tenant="one"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": "one",
                    "title": "Access of app was refused and then accepted again after a revocation that may have been of other access",
                    "detail": {"reason": "the revocation names no tenant, and several have this client"},
                },
            ),
        ),
        Example(
            "a grant was let in, refused and let in: which of its tokens, no call tells",
            (
                consent("10 11:00", ["mail.read"]),
                revoked("10 12:00", "grant"),
                use("10 12:01", "GET /v1/messages/7", None, grant_id="g1"),
                use("10 12:02", "GET /v1/messages/7", None, grant_id="g1", status=401),
                use("10 12:03", "GET /v1/messages/7", None, grant_id="g1"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "token_id": None,
                    "grant_id": "g1",
                    "detail": {
                        "last_success_s": 180.0,
                        "reason": "no call names a token: one may have been refused, and another let in",
                    },
                },
            ),
        ),
    ),
)
