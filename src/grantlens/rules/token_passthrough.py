"""OOS-7: tokens that opened several servers, and are not for each of them: one handed them on, or they open whatever takes them."""

from grantlens.rule.evidence import for_a_server
from grantlens.rule.example import Example, token, use
from grantlens.rule.rule import Rule
from grantlens.rules.wrong_audience import AT_WORK, FILE, FILES, MAIL, OTHERS, READ

RULE = Rule(
    id="OOS-7",
    version=5,
    name="token_passthrough",
    key=("client_id", "audience"),
    question="Which tokens opened several servers, though they are not for each of them?",
    severity="critical",
    remedy="Let a server that calls another one get a token of its own for it, by token exchange, and never hand on the one it was given; let each "
    "server refuse tokens that do not name it as audience. Every server that took the token knows it: treat it as shared with them.",
    basis="MCP authorization 2026-07-28 (Access Token Privilege Restriction); RFC 9700 section 2.3; RFC 8707 section 2",
    needs=("stray_use",),
    rests_on=for_a_server(),
    sql="""
WITH placed AS (
    SELECT *, max(server) OVER of_token AS last_server, max(server) FILTER (meant IN ('yes', 'no')) OVER of_token AS last_sure_server
    FROM stray_use
    WINDOW of_token AS (PARTITION BY source, token_id, token)
),
-- Servers are one where each lies in the last of them.
opened AS (
    SELECT source, token_id, token,
           bool_or(meant IN ('yes', 'no') AND NOT starts_with(last_sure_server || '/', server || '/')) AND bool_or(meant = 'no') AS sure
    FROM placed
    GROUP BY source, token_id, token
    HAVING bool_or(NOT starts_with(last_server || '/', server || '/')) AND bool_or(meant <> 'yes')
),
used AS (
    SELECT s.*, o.sure, CASE WHEN o.sure THEN s.client_id END AS of_client
    FROM stray_use s
    JOIN opened o USING (source, token_id, token)
    WHERE NOT o.sure OR s.meant IN ('yes', 'no')
),
found AS (
    SELECT source, tenant, sure, audience,
           count(DISTINCT token_id) AS tokens, sum(calls)::BIGINT AS calls, min(first_used_at) AS first_seen, max(last_used_at) AS last_seen,
           CASE WHEN count(DISTINCT client_id) = 1 AND count(client_id) = count(*) THEN min(client_id) END AS client_id,
           CASE WHEN count(DISTINCT client_id) = 1 THEN max(client_name) END AS client_name,
           CASE WHEN count(DISTINCT subject_id) = 1 AND count(subject_id) = count(*) THEN min(subject_id) END AS subject_id,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           CASE WHEN count(DISTINCT token_id) = 1 THEN min(token_id) END AS token_id,
           CASE WHEN count(DISTINCT token_id) = 1 THEN any_value(scopes) END AS scopes,
           count(DISTINCT client_id) AS clients,
           list_sort(list(DISTINCT resource_server)) AS servers,
           list_sort(coalesce(list(DISTINCT resource_server) FILTER (meant = 'no'), [])) AS not_for,
           list_transform(list_sort(flatten(list(uses))), lambda u: u.usage_id) AS usage_ids,
           min(issue) AS issue, bool_or(meant = 'asked') AS asked, bool_and(only_asked) AS only_asked,
           coalesce(bool_and(tenant_untold) FILTER (meant = 'unknown'), false) AS tenant_untold
    FROM used
    GROUP BY source, tenant, sure, audience, of_client
)
SELECT CASE WHEN sure THEN 'violation' ELSE 'indeterminate' END AS verdict, 'critical' AS severity,
       CASE WHEN tokens = 1 THEN 'A token' ELSE tokens || ' tokens' END
           || CASE WHEN clients > 1 THEN ' of several clients' ELSE ' of ' || coalesce(client_name, client_id, 'an unnamed client') END
           || coalesce(' for ' || array_to_string(audience, ', '), '')
           || CASE WHEN sure AND len(not_for) < len(servers) THEN ' also opened '
                   WHEN asked OR only_asked THEN ' came to '
                   WHEN tokens = 1 OR len(servers) = 2 THEN ' opened ' ELSE ' each opened several of ' END
           || array_to_string((CASE WHEN sure THEN not_for ELSE servers END)[1:5], ', ')
           || CASE WHEN len(CASE WHEN sure THEN not_for ELSE servers END) > 5
                   THEN ' and ' || (len(CASE WHEN sure THEN not_for ELSE servers END) - 5) || ' more' ELSE '' END
           || CASE WHEN sure THEN ''
                   WHEN audience IS NULL THEN ', and no log says for which ' || CASE WHEN tokens = 1 THEN 'it was' ELSE 'they were' END || ' issued'
                   WHEN asked THEN ', and the log does not say whether each took it'
                   WHEN tenant_untold THEN ', and only one of the logs says in which tenant'
                   ELSE ', and nothing tells whether they are one server' END AS title,
       source, tenant, CASE WHEN sure THEN client_id END AS client_id, subject_id, grant_id, token_id,
       CASE WHEN len(not_for) = 1 THEN not_for[1] END AS resource_server, scopes, first_seen, last_seen,
       calls + 1 AS events,  -- the calls, and an issuance
       to_json({
           'audience': array_to_string(audience, ', '),
           'servers': servers,
           'not_for': not_for,
           'tokens': tokens,
           'clients': clients,
           'calls': calls,
           'reason': CASE WHEN sure THEN NULL
               WHEN audience IS NULL THEN 'issued without an audience, which may mean all of these servers'
               WHEN asked THEN 'introspections show that the token came to these servers: their own logs tell whether they took it'
               WHEN tenant_untold THEN 'only one of the logs of issuance and usage names the tenant: whether these servers are of it is not told'
               ELSE 'nothing in the logs tells which of these are names of one server: the identities file can' END}) AS detail,
       'token' AS join_key,
       CASE WHEN $every_call THEN usage_ids ELSE list_concat(usage_ids[1:19], usage_ids[20:][-1:]) END AS calls,
       [issue] AS records,
       'usage' AS about_log, first_seen AS about_from, last_seen AS about_until
FROM found
""",
    fires=(
        Example(
            "the mail server hands its caller's token on to the file server",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                use("10 09:10", READ, ip="192.0.2.7"),
                use("10 09:10:01", FILE, server="files.example", ip="198.51.100.1"),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "critical",
                    "title": "A token of app for mail.example also opened files.example",
                    "client_id": "app",
                    "token_id": "t1",
                    "resource_server": "files.example",
                    "events": 3,
                    "detail": {
                        "audience": "mail.example",
                        "servers": ["files.example", "mail.example"],
                        "not_for": ["files.example"],
                        "reason": None,
                    },
                },
            ),
        ),
        Example(
            "a token for a third server opens two",
            (
                *AT_WORK,
                token("10 08:00", "o3", ["jobs.run"], "10 18:00", **OTHERS, audience=["jobs.example"]),
                use("10 08:10", "POST /v1/jobs", "o3", "jobs.example", client_id="other", subject_id="ben"),
                token("10 09:00", "t1", ["jobs.run"], "10 18:00", audience=["jobs.example"]),
                use("10 09:10", READ),
                use("10 09:20", FILE, server="files.example"),
            ),
            (
                {
                    "verdict": "violation",
                    "title": "A token of app for jobs.example opened files.example, mail.example",
                    "resource_server": None,
                    "detail": {"not_for": ["files.example", "mail.example"]},
                },
            ),
        ),
        Example(
            "many tokens are handed on: one finding",
            (
                *AT_WORK,
                *(token("10 09:00", name, ["mail.read"], "10 18:00", **MAIL) for name in ("t1", "t2", "t3")),
                *(use("10 09:10", READ, name) for name in ("t1", "t2", "t3")),
                *(use("10 09:11", FILE, name, "files.example") for name in ("t1", "t2", "t3")),
            ),
            (
                {
                    "verdict": "violation",
                    "title": "3 tokens of app for mail.example also opened files.example",
                    "client_id": "app",
                    "subject_id": "ann",
                    "grant_id": "g1",
                    "token_id": None,
                    "first_seen": "2026-07-10T09:10:00Z",
                    "last_seen": "2026-07-10T09:11:00Z",
                    "detail": {"tokens": 3, "calls": 6, "servers": ["files.example", "mail.example"]},
                },
            ),
        ),
        Example(
            "tokens of two people are handed on: one finding, which names neither of them, and the client as it calls itself",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL, client_name="The app"),
                token("10 09:00", "t2", ["mail.read"], "10 18:00", **MAIL, subject_id="ben", grant_id="g2"),
                *(use("10 09:10", READ, name, subject_id=who) for name, who in (("t1", "ann"), ("t2", "ben"))),
                *(
                    use("10 09:11", FILE, name, "files.example", subject_id=who)
                    for name, who in (("t1", "ann"), ("t2", "ben"))
                ),
            ),
            (
                {
                    "verdict": "violation",
                    "title": "2 tokens of The app for mail.example also opened files.example",
                    "subject_id": None,
                    "grant_id": None,
                    "detail": {"tokens": 2, "clients": 1},
                },
            ),
        ),
    ),
    silent=(
        Example(
            "it is for both",
            (
                *AT_WORK,
                token(
                    "10 09:00",
                    "t1",
                    ["mail.read", "files.read"],
                    "10 18:00",
                    audience=["mail.example", "files.example"],
                ),
                use("10 09:10", READ),
                use("10 09:20", FILE, server="files.example"),
            ),
        ),
        Example(
            "it is for one server, and opened it under two names",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["files.read"], "10 18:00", **FILES),
                use("10 09:20", FILE, server="files.example"),
                use("10 09:30", FILE, server="https://files.example/v1"),
            ),
        ),
        Example(
            "it opened one server only, under two names, which is not its own: OOS-2 tells of it",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                use("10 09:20", FILE, server="files.example"),
                use("10 09:30", FILE, server="https://files.example/v1"),
            ),
        ),
        Example(
            "the second server refuses it",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                use("10 09:10", READ),
                use("10 09:20", FILE, server="files.example", status=401),
            ),
        ),
        Example(
            "the server's own token for the next one, by exchange",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                token("10 09:05", "t2", ["files.read"], "10 18:00", kind="exchange", parent_token_id="t1", **FILES),
                use("10 09:10", READ),
                use("10 09:20", FILE, "t2", "files.example"),
            ),
        ),
        Example(
            "a key, and a token of which no issuance is known, open what they open",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], kind="credential", token_kind="api_key"),
                *(use("10 09:10", READ, name) for name in ("t1", "t-unseen")),
                *(use("10 09:20", FILE, name, "files.example") for name in ("t1", "t-unseen")),
            ),
        ),
    ),
    undecidable=(
        Example(
            "only the log of calls names the tenant",
            (
                *({**record, "tenant": "one"} if record["log"] == "usage" else record for record in AT_WORK),
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                use("10 09:10", READ, tenant="one"),
                use("10 09:10:01", FILE, server="files.example", tenant="one"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": "one",
                    "title": "A token of app for mail.example opened files.example, mail.example, and only one of the logs says in which tenant",
                    "detail": {
                        "reason": "only one of the logs of issuance and usage names the tenant: whether these servers are of it is not told"
                    },
                },
            ),
        ),
        Example(
            "a token that was issued without an audience opens two servers, for which others have tokens of their own",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read", "files.read"], "10 18:00"),
                use("10 09:10", READ),
                use("10 09:20", FILE, server="files.example"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "client_id": None,
                    "title": "A token of app opened files.example, mail.example, and no log says for which it was issued",
                    "detail": {
                        "audience": None,
                        "reason": "issued without an audience, which may mean all of these servers",
                    },
                },
            ),
        ),
        Example(
            "a token without an audience, where only the log of calls names the tenant",
            (
                *({**record, "tenant": "one"} if record["log"] == "usage" else record for record in AT_WORK),
                token("10 09:00", "t1", ["mail.read", "files.read"], "10 18:00"),
                use("10 09:10", READ, tenant="one"),
                use("10 09:20", FILE, server="files.example", tenant="one"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": "one",
                    "detail": {"reason": "issued without an audience, which may mean all of these servers"},
                },
            ),
        ),
        Example(
            "nothing is issued for the second server by the name under which it is called",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                use("10 09:10", READ),
                use("10 09:20", "POST /v1/jobs", server="jobs.example"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "A token of app for mail.example opened jobs.example, mail.example, and nothing tells whether they are one server",
                },
            ),
        ),
    ),
)
