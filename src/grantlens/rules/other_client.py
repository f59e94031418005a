"""INT-3: tokens in the hands of another client than the one that they were issued to."""

from grantlens.rule.evidence import ISSUE_USE, TOKEN, WORKED, Evidence, Way
from grantlens.rule.example import Example, token, use
from grantlens.rule.rule import Rule

RULE = Rule(
    id="INT-3",
    version=6,
    name="other_client",
    key=("token_id", "client_id"),
    question="Which tokens worked for another client than the one that they were issued to?",
    severity="high",
    remedy="Revoke the token, and find out how it came there: it was stolen or handed on, or one of the two logs names clients wrongly. "
    "If both ids are one client, say so in the identities file.",
    basis="RFC 9068 section 4 (client_id); RFC 9700 section 2.2 (sender-constrained tokens)",
    needs=("token", "caller_token", "issued", "canonical_identity"),
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
-- A token that the log issues several times may have been issued to several clients, and not each record need name one.
-- A transaction token goes from workload to workload: whether its caller had been called with it, OOS-13 asks.
WITH issue AS (
    SELECT i.source, i.tenant, i.token_id, i.client_id, coalesce(n.name, i.client_id) AS holder,
           coalesce(i.kind = 'credential' AND i.client_id = i.subject_id, false) AS is_own_key,
           {'seen_at': i.issued_at, 'batch_id': i.batch_id, 'line_no': i.line_no, 'event_id': i.event_id} AS record
    FROM issued i
    LEFT JOIN canonical_identity n ON n.source = i.source AND n.kind = 'client' AND n.id = i.client_id
    WHERE i.token_id IS NOT NULL AND i.kind IN ('token', 'refresh', 'exchange', 'credential') AND i.token_kind IS DISTINCT FROM 'txn'
),
-- Each tenant's token has holders of its own. What names no tenant may be of each of those, and of any other.
home AS (
    SELECT source, token_id, list(DISTINCT tenant) FILTER (tenant IS NOT NULL) || [NULL] AS homes
    FROM issue SEMI JOIN (FROM token WHERE tenants_differ) USING (source, token_id)
    GROUP BY source, token_id
),
held AS (
    SELECT source, token_id, home, of_many, list(DISTINCT holder) AS holders, bool_or(client_id IS NULL) AS one_unnamed, bool_or(is_own_key) AS is_own_key,
           min({'seen_at': record.seen_at, 'event_id': record.event_id, 'client_id': client_id, 'holder': holder, 'record': record})
               FILTER (client_id IS NOT NULL) AS first
    FROM (
        SELECT i.*, h.homes IS NOT NULL AS of_many,
               unnest(CASE WHEN h.homes IS NULL OR i.tenant IS NOT NULL THEN [i.tenant] ELSE h.homes END) AS home
        FROM issue i LEFT JOIN home h ON h.source = i.source AND h.token_id = i.token_id
    )
    GROUP BY source, token_id, home, of_many
),
-- A call is made with a token of its own tenant, else with one that names none; one that names no tenant, with that of any.
possible AS (
    SELECT c.caller_id, h.first, coalesce(n.name, c.client_id) <> h.first.holder AS is_other,
           CASE WHEN list_contains(h.holders, coalesce(n.name, c.client_id)) THEN 'the issuance log names several clients for this token'
                WHEN h.one_unnamed THEN 'not every issuance of this token names a client'
                WHEN h.is_own_key AND c.client_id = c.subject_id THEN 'the issuance names who made this key, who may have made it for the one that uses it' END
           AS reason,
           CASE WHEN h.home IS NULL THEN 2 WHEN c.tenant IS NULL OR c.tenant = h.home THEN 1 ELSE 3 END AS distance
    FROM usage_caller c
    JOIN held h ON h.source = c.source AND h.token_id = c.token_id
    LEFT JOIN canonical_identity n ON n.source = c.source AND n.kind = 'client' AND n.id = c.client_id
    WHERE c.client_id IS NOT NULL AND (h.of_many OR coalesce(n.name, c.client_id) <> h.first.holder)
    QUALIFY distance = min(distance) OVER (PARTITION BY c.caller_id)
),
judged AS (
    SELECT caller_id, min(first) FILTER (is_other) AS first, distance = 3 AS elsewhere,
           CASE WHEN elsewhere THEN 'the issuance log knows a token of this id in another tenant only, which may be another token'
                WHEN bool_and(coalesce(is_other, false) AND reason IS NULL) THEN NULL
                WHEN count(*) > 1 THEN 'the calls name no tenant, and several issued a token of this id'
                ELSE any_value(reason) END AS reason
    FROM possible
    GROUP BY caller_id, distance
    HAVING CASE WHEN elsewhere THEN bool_and(is_other) ELSE bool_or(is_other) END
),
other AS (
    SELECT j.caller_id, j.reason, j.elsewhere, j.first.client_id AS issued_to, j.first.record AS record,
           c.source, c.tenant, c.token_id, c.client_id, c.client_name, c.resource_server,
           -- Of another tenant's token nothing is this call's.
           CASE WHEN NOT t.of_several THEN t.subject_id ELSE c.subject_id END AS holder_id,
           CASE WHEN NOT t.of_several THEN t.grant_id ELSE c.grant_id END AS held_grant,
           CASE WHEN NOT t.of_several THEN t.scopes END AS scopes
    FROM judged j
    JOIN usage_caller c ON c.caller_id = j.caller_id
    LEFT JOIN caller_token t ON t.caller_id = j.caller_id
),
worked AS (
    SELECT o.*, u.used_at, u.usage_id, u.event_id AS call_event
    FROM other o
    JOIN usage_row u ON u.caller_id = o.caller_id
    WHERE u.outcome = 'success' AND u.used_at >= $since AND u.used_at < $until
)
SELECT CASE WHEN max(reason) IS NULL THEN 'violation' ELSE 'indeterminate' END AS verdict, 'high' AS severity,
       coalesce(max(client_name), client_id) || CASE
           WHEN max(reason) IS NULL THEN ' used a token that was issued to ' || max(issued_to)
           WHEN bool_or(elsewhere) THEN ' used a token of an id that the log knows in another tenant only'
           WHEN max(reason) LIKE 'the calls name no tenant%' THEN ' used a token of an id that several tenants issued, one of them to ' || max(issued_to)
           WHEN max(reason) LIKE 'the issuance names who%' THEN ' used a key that ' || max(issued_to) || ' made'
           WHEN max(reason) LIKE 'not every%' THEN ' used a token of which one issuance names no client'
           ELSE ' used a token that the log issues to several clients' END AS title,
       source, tenant, client_id, max(holder_id) AS subject_id, max(held_grant) AS grant_id, token_id,
       CASE WHEN count(DISTINCT resource_server) = 1 AND count(resource_server) = count(*) THEN min(resource_server) END AS resource_server,
       any_value(scopes) AS scopes,
       min(used_at) AS first_seen, max(used_at) AS last_seen, count(*) + 1 AS events,  -- the calls, and the issuance
       to_json({
           'issued_to': max(issued_to),
           'calls': count(*),
           'reason': max(reason)}) AS detail,
       'token' AS join_key,
       CASE WHEN $every_call THEN list(usage_id ORDER BY used_at, call_event)
            ELSE list(usage_id ORDER BY used_at, call_event)[1:19] || list(usage_id ORDER BY used_at, call_event)[-1:] END AS calls,
       [any_value(record)] AS records,
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
        Example(
            "two tenants issued a token of one id, and that of the one is used by the client of the other",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00", tenant="one"),
                token("10 08:00", "t1", ["mail.read"], "10 18:00", tenant="two", grant_id="g2", client_id="other"),
                use("10 09:10", "GET /v1/messages/7", tenant="one", client_id="other"),
            ),
            (
                {
                    "verdict": "violation",
                    "tenant": "one",
                    "grant_id": "g1",
                    "detail": {"issued_to": "app", "reason": None},
                },
            ),
        ),
        Example(
            "the log issues it to two clients, and a third one uses it",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00"),
                token("10 09:01", "t1", ["mail.read"], "10 18:00", client_id="second"),
                use("10 09:10", "GET /v1/messages/7", client_id="third"),
            ),
            ({"verdict": "violation", "client_id": "third", "detail": {"issued_to": "app", "reason": None}},),
        ),
        Example(
            "a person's own key is used by an app",
            (
                token("10 09:00", "t1", None, kind="credential", token_kind="api_key", client_id="ann"),
                use("10 09:10", "GET /v1/messages/7", client_id="other"),
            ),
            ({"verdict": "violation", "client_id": "other", "detail": {"issued_to": "ann", "reason": None}},),
        ),
    ),
    silent=(
        Example(
            "a token of that id was issued to the same client, in another tenant",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00", tenant="one"),
                use("10 09:10", "GET /v1/messages/7", tenant="two"),
            ),
        ),
        Example(
            "two tenants issued a token of one id, each to a client of its own",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00", tenant="one"),
                token("10 08:00", "t1", ["mail.read"], "10 18:00", tenant="two", grant_id="g2", client_id="other"),
                use("10 09:10", "GET /v1/messages/7", tenant="one"),
                use("10 09:10", "GET /v1/messages/7", tenant="two", client_id="other"),
            ),
        ),
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
        Example(
            "a transaction token is passed on from workload to workload",
            (
                token("10 09:00", "t1", ["mail.read"], "10 09:05", kind="exchange", token_kind="txn"),
                use("10 09:01", "GET /v1/messages/7"),
                use("10 09:02", "GET /v1/messages/7", client_id="mail.example"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "two tenants issued a token of one id to two clients, and a call of one of these names no tenant",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00", tenant="one"),
                token("10 08:00", "t1", ["mail.read"], "10 18:00", tenant="two", grant_id="g2", client_id="other"),
                use("10 09:10", "GET /v1/messages/7", client_id="other"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": None,
                    "title": "other used a token of an id that several tenants issued, one of them to app",
                    "grant_id": None,
                    "detail": {
                        "issued_to": "app",
                        "reason": "the calls name no tenant, and several issued a token of this id",
                    },
                },
            ),
        ),
        Example(
            "a token of that id was issued to another client, in another tenant",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00", tenant="one"),
                use("10 09:10", "GET /v1/messages/7", client_id="other", tenant="two"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": "two",
                    "title": "other used a token of an id that the log knows in another tenant only",
                    "grant_id": None,
                    "detail": {
                        "issued_to": "app",
                        "reason": "the issuance log knows a token of this id in another tenant only, which may be another token",
                    },
                },
            ),
        ),
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
        Example(
            "the first record of the token names no client, the second does",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00", client_id=None),
                token("10 09:01", "t1", ["mail.read"], "10 18:00"),
                use("10 09:10", "GET /v1/messages/7", client_id="other"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "other used a token of which one issuance names no client",
                    "detail": {"issued_to": "app", "reason": "not every issuance of this token names a client"},
                },
            ),
        ),
        Example(
            "a key that a person made is used as its own by somebody else, for whom it may have been made",
            (
                token("10 09:00", "t1", None, kind="credential", token_kind="api_key", client_id="ann"),
                use("10 09:10", "GET /v1/messages/7", client_id="robot", subject_id="robot"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "robot used a key that ann made",
                    "detail": {
                        "issued_to": "ann",
                        "reason": "the issuance names who made this key, who may have made it for the one that uses it",
                    },
                },
            ),
        ),
    ),
)
