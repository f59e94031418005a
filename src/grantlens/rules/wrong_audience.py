"""OOS-2: servers that took tokens which are not for them."""

from typing import Any

from grantlens.rule.evidence import for_a_server
from grantlens.rule.example import Example, token, use
from grantlens.rule.rule import Rule

READ, FILE = "GET /v1/messages/7", "GET /v1/files/7"
MAIL: dict[str, Any] = {"audience": ["mail.example"]}
FILES: dict[str, Any] = {"audience": ["https://files.example/"]}
OTHERS: dict[str, Any] = {"client_id": "other", "subject_id": "ben", "grant_id": "g2"}

# Both servers are called, and both are audiences.
AT_WORK = (
    token("10 08:00", "o1", ["files.read"], "10 18:00", **OTHERS, **FILES),
    use("10 08:10", FILE, "o1", "files.example", client_id="other", subject_id="ben"),
    token("10 08:00", "o2", ["mail.read"], "10 18:00", **OTHERS, **MAIL),
    use("10 08:10", READ, "o2", client_id="other", subject_id="ben"),
)

RULE = Rule(
    id="OOS-2",
    version=3,
    name="wrong_audience",
    key=("client_id", "resource_server", "audience"),
    question="Which servers took tokens that are not for them?",
    severity="high",
    remedy="Let the server refuse each token that does not name it as audience, and let the client ask for one of its own for each server. "
    "Where both names are one server, or a gateway stands before it, say so in the identities file.",
    basis="RFC 9700 section 2.3; RFC 9068 section 4 (aud); RFC 8707 section 2; MCP authorization 2026-07-28 (Access Token Privilege Restriction)",
    needs=("stray_use",),
    rests_on=for_a_server(),
    sql="""
WITH found AS (
    SELECT source, tenant, meant, CASE WHEN meant = 'no' THEN client_id END AS of_client, audience, resource_server,
           count(DISTINCT token_id) AS tokens, sum(calls)::BIGINT AS calls, min(first_used_at) AS first_seen, max(last_used_at) AS last_seen,
           CASE WHEN count(DISTINCT client_id) = 1 THEN max(client_name) END AS client_name,
           CASE WHEN count(DISTINCT subject_id) = 1 AND count(subject_id) = count(*) THEN min(subject_id) END AS subject_id,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           CASE WHEN count(DISTINCT token_id) = 1 THEN min(token_id) END AS token_id,
           CASE WHEN count(DISTINCT token_id) = 1 THEN any_value(scopes) END AS scopes,
           count(DISTINCT client_id) AS clients,
           list_transform(list_sort(flatten(list(uses))), lambda u: u.usage_id) AS usage_ids,
           min(issue) AS issue, bool_and(only_asked) AS only_asked, bool_or(tenant_untold) AS tenant_untold,
           array_to_string(audience, ', ') AS named
    FROM stray_use
    WHERE meant IN ('no', 'asked', 'unknown')
    GROUP BY source, tenant, meant, CASE WHEN meant = 'no' THEN client_id END, audience, resource_server
)
SELECT CASE WHEN meant = 'no' THEN 'violation' ELSE 'indeterminate' END AS verdict, 'high' AS severity,
       resource_server || CASE WHEN only_asked THEN ' asked about ' ELSE ' took ' END || CASE WHEN tokens = 1 THEN 'a token' ELSE tokens || ' tokens' END
           || CASE WHEN meant <> 'no' THEN ' issued for '
                   ELSE ' of ' || coalesce(client_name, of_client, 'an unnamed client') || CASE WHEN tokens = 1 THEN ' that is for ' ELSE ' that are for ' END END
           || named
           || CASE meant WHEN 'no' THEN ''
                         WHEN 'asked' THEN ', and the log does not say whether it took ' || CASE WHEN tokens = 1 THEN 'it' ELSE 'them' END
                         ELSE CASE WHEN tenant_untold THEN ', and only one of the logs says in which tenant'
                                   ELSE ', and nothing tells whether that is the same server' END END AS title,
       source, tenant, of_client AS client_id, subject_id, grant_id, token_id, resource_server, scopes, first_seen, last_seen,
       calls + 1 AS events,  -- the calls, and an issuance
       to_json({
           'audience': array_to_string(audience, ', '),
           'tokens': tokens,
           'clients': clients,
           'calls': calls,
           'reason': CASE WHEN tenant_untold
                          THEN 'only one of the logs of issuance and usage names the tenant: whether both servers are of it is not told'
                          WHEN meant = 'unknown' THEN 'nothing in the logs tells whether these are two names of one server: the identities file can'
                          WHEN meant = 'asked' THEN 'an introspection shows that the token came to this server: its own log tells whether it took it' END}) AS detail,
       'token' AS join_key,
       CASE WHEN $every_call THEN usage_ids ELSE list_concat(usage_ids[1:19], usage_ids[20:][-1:]) END AS calls,
       [issue] AS records,
       'usage' AS about_log, first_seen AS about_from, last_seen AS about_until
FROM found
""",
    fires=(
        Example(
            "two tokens for the mail server read files",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                token("10 09:30", "t2", ["mail.read"], "10 18:00", **MAIL),
                use("10 09:10", FILE, server="files.example"),
                use("10 09:40", FILE, "t2", server="files.example"),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "title": "files.example took 2 tokens of app that are for mail.example",
                    "client_id": "app",
                    "subject_id": "ann",
                    "grant_id": "g1",
                    "token_id": None,
                    "resource_server": "files.example",
                    "events": 3,
                    "detail": {"audience": "mail.example", "tokens": 2, "clients": 1, "calls": 2, "reason": None},
                },
            ),
        ),
    ),
    silent=(
        Example(
            "the token is for both servers",
            (
                *AT_WORK,
                token(
                    "10 09:00",
                    "t1",
                    ["mail.read", "files.read"],
                    "10 18:00",
                    audience=["files.example", "mail.example"],
                ),
                use("10 09:10", READ),
                use("10 09:20", FILE, server="files.example"),
            ),
        ),
        Example(
            "the other server refuses it",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                use("10 09:10", FILE, server="files.example", status=401),
            ),
        ),
        Example(
            "two tenants issued a token of one id, each for the server at which it was used",
            (
                *({**record, "tenant": tenant} for tenant in ("one", "two") for record in AT_WORK),
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL, tenant="one"),
                token("10 09:00", "t1", ["files.read"], "10 18:00", **FILES, tenant="two"),
                use("10 09:10", READ, tenant="one"),
                use("10 09:20", FILE, server="files.example", tenant="two"),
            ),
        ),
        Example(
            "one server, written in several ways",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", audience=["HTTPS://Mail.Example:443/"]),
                token("10 09:00", "t2", ["mail.read"], "10 18:00", audience=["https://mail.example/v1"]),
                token("10 09:00", "t3", ["mail.read"], "10 18:00", audience=["https://mail.example:8443"]),
                use("10 09:10", READ),
                use("10 09:20", READ, "t2"),
                use("10 09:30", READ, "t3"),
                use("10 09:30", READ, "t2", server="https://mail.example/v1/messages"),
            ),
        ),
        Example(
            "the token was issued without an audience",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00"),
                use("10 09:10", FILE, server="files.example"),
            ),
        ),
        Example(
            "the log does not name the server, or it is the userinfo of the authorisation server",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                use("10 09:10", READ, resource_server=None),
                use("10 09:20", "GET /oauth2/userinfo", server="files.example"),
            ),
        ),
        Example(
            "a key works wherever it opens, and a refresh token is for the authorisation server",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], kind="credential", token_kind="api_key", **MAIL),
                token("10 09:00", "t2", ["mail.read"], token_kind="refresh", **MAIL),
                use("10 09:10", FILE, server="files.example"),
                use("10 09:10", FILE, "t2", server="files.example"),
            ),
        ),
        Example(
            "a client asks about its own token",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", client_id="files.example", **MAIL),
                use("10 09:10", "", server="files.example", method=None, operation="introspect_token"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "only the log of issuance names the tenant",
            (
                *({**record, "tenant": "one"} if record["log"] == "issuance" else record for record in AT_WORK),
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL, tenant="one"),
                use("10 09:10", FILE, server="files.example"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": "one",
                    "title": "files.example took a token issued for mail.example, and only one of the logs says in which tenant",
                    "detail": {
                        "reason": "only one of the logs of issuance and usage names the tenant: whether both servers are of it is not told"
                    },
                },
            ),
        ),
        Example(
            "the server asked the authorisation server about the token",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["mail.read"], "10 18:00", **MAIL),
                use("10 09:10", "", server="files.example", method=None, operation="introspect_token"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "files.example asked about a token issued for mail.example, and the log does not say whether it took it",
                    "detail": {
                        "reason": "an introspection shows that the token came to this server: its own log tells whether it took it"
                    },
                },
            ),
        ),
        Example(
            "no token is for the server by the name under which it is called: two tokens are one question",
            (
                token("10 09:00", "t1", ["jobs.run"], "10 18:00", audience=["0c9a3e1c-55d1-4d0e-9d6e-4a0a7ad8b3f1"]),
                token("10 09:30", "t2", ["jobs.run"], "10 18:00", audience=["0c9a3e1c-55d1-4d0e-9d6e-4a0a7ad8b3f1"]),
                use("10 09:10", "POST /v1/jobs", server="jobs.example"),
                use("10 09:40", "POST /v1/jobs", "t2", server="jobs.example"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "client_id": None,
                    "title": "jobs.example took 2 tokens issued for 0c9a3e1c-55d1-4d0e-9d6e-4a0a7ad8b3f1, "
                    "and nothing tells whether that is the same server",
                    "detail": {
                        "tokens": 2,
                        "reason": "nothing in the logs tells whether these are two names of one server: the identities file can",
                    },
                },
            ),
        ),
        Example(
            "the server is an audience of others, and the token's own is called nowhere: it may be another name of the server",
            (
                *AT_WORK,
                token("10 09:00", "t1", ["files.read"], "10 18:00", audience=["urn:acme:files"]),
                use("10 09:10", FILE, server="files.example"),
            ),
            ({"verdict": "indeterminate", "resource_server": "files.example"},),
        ),
    ),
)
