"""INT-3: tokens in the hands of another client than the one that they were issued to."""

from grantlens.rules.evidence import ISSUE_USE, TOKEN, WORKED, Evidence, Way
from grantlens.rules.example import Example, token, use
from grantlens.rules.rule import Rule

RULE = Rule(
    id="INT-3",
    version=1,
    name="other_client",
    key=("token_id", "client_id"),
    question="Which tokens worked for another client than the one that they were issued to?",
    severity="high",
    remedy="Revoke the token, and find out how it came there: it was stolen or handed on, or one of the two logs names clients wrongly. "
    "If both ids are one client, say so in the identities file.",
    basis="RFC 9068 section 4 (client_id); RFC 9700 section 2.2 (sender-constrained tokens)",
    needs=("token", "issued", "canonical_identity"),
    rests_on=Evidence(
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: TOKEN},
                ("usage.token_id", WORKED, "usage.client_id", "issuance.client_id", "issuance.token_id"),
            ),
        )
    ),
    sql="""
-- A token that the log issues several times may have been issued to several clients.
WITH holder AS (
    SELECT source, token_id, count(DISTINCT client_id) AS clients
    FROM issued
    WHERE token_id IS NOT NULL
    GROUP BY source, token_id
),
other AS (
    SELECT c.caller_id, c.source, c.tenant, c.token_id, c.client_id, c.client_name, t.subject_id, t.grant_id, c.resource_server,
           t.client_id AS issued_to, t.scopes, h.clients > 1 AS several, t.issued_at, t.batch_id, t.line_no, t.event_id
    FROM usage_caller c
    JOIN token t ON t.source = c.source AND t.token_id = c.token_id
    JOIN holder h ON h.source = t.source AND h.token_id = t.token_id
    LEFT JOIN canonical_identity a ON a.source = c.source AND a.kind = 'client' AND a.id = c.client_id
    LEFT JOIN canonical_identity b ON b.source = t.source AND b.kind = 'client' AND b.id = t.client_id
    WHERE c.client_id <> t.client_id AND coalesce(a.name, c.client_id) <> coalesce(b.name, t.client_id)
      AND (c.tenant IS NULL OR t.tenant IS NULL OR c.tenant = t.tenant)
),
worked AS (
    SELECT o.*, u.used_at, u.usage_id, u.event_id AS call_event
    FROM other o
    JOIN usage_row u ON u.caller_id = o.caller_id
    WHERE u.outcome = 'success' AND u.used_at >= $since AND u.used_at < $until
)
SELECT CASE WHEN bool_or(several) THEN 'indeterminate' ELSE 'violation' END AS verdict, 'high' AS severity,
       coalesce(max(client_name), client_id) || CASE WHEN bool_or(several)
           THEN ' used a token that the log issues to several clients' ELSE ' used a token that was issued to ' || max(issued_to) END AS title,
       source, tenant, client_id, max(subject_id) AS subject_id, max(grant_id) AS grant_id, token_id,
       CASE WHEN count(DISTINCT resource_server) = 1 AND count(resource_server) = count(*) THEN min(resource_server) END AS resource_server,
       any_value(scopes) AS scopes,
       min(used_at) AS first_seen, max(used_at) AS last_seen, count(*) + 1 AS events,  -- the calls, and the issuance
       to_json({
           'issued_to': max(issued_to),
           'calls': count(*),
           'reason': CASE WHEN bool_or(several) THEN 'the issuance log names several clients for this token' END}) AS detail,
       'token' AS join_key,
       CASE WHEN $every_call THEN list(usage_id ORDER BY used_at, call_event)
            ELSE list(usage_id ORDER BY used_at, call_event)[1:19] || list(usage_id ORDER BY used_at, call_event)[-1:] END AS calls,
       [{'seen_at': min(issued_at), 'batch_id': any_value(batch_id), 'line_no': any_value(line_no), 'event_id': any_value(event_id)}] AS records,
       'usage' AS about_log, min(used_at) AS about_from, max(used_at) AS about_until
FROM worked
GROUP BY source, tenant, token_id, client_id
""",
    fires=(
        Example(
            "a token of app is used by another client, beside app itself",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00"),
                use("10 09:10", "GET /v1/messages/7"),
                use("10 09:20", "GET /v1/messages/7", client_id="other", subject_id=None),
                use("10 09:30", "GET /v1/messages/8", client_id="other", subject_id=None),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "title": "other used a token that was issued to app",
                    "client_id": "other",
                    "token_id": "t1",
                    "grant_id": "g1",
                    "events": 3,
                    "detail": {"issued_to": "app", "calls": 2, "reason": None},
                },
            ),
        ),
    ),
    silent=(
        Example(
            "the log of calls names no client",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00"),
                use("10 09:10", "GET /v1/messages/7", client_id=None),
            ),
        ),
        Example(
            "the other client is refused",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00"),
                use("10 09:10", "GET /v1/messages/7", client_id="other", status=401),
            ),
        ),
        Example(
            "a token that was exchanged for the other client is its own",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00"),
                token(
                    "10 09:05",
                    "t2",
                    ["mail.read"],
                    "10 18:00",
                    kind="exchange",
                    parent_token_id="t1",
                    client_id="other",
                ),
                use("10 09:10", "GET /v1/messages/7", "t2", client_id="other"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "the issuance log names two clients for one token",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00"),
                token("10 09:01", "t1", ["mail.read"], "10 18:00", client_id="second"),
                use("10 09:10", "GET /v1/messages/7", client_id="second"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "second used a token that the log issues to several clients",
                    "detail": {"reason": "the issuance log names several clients for this token"},
                },
            ),
        ),
    ),
)
