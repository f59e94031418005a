"""OOS-9: calls that reached what belongs to another tenant."""

from typing import Any

from grantlens.rule.evidence import WORKED, Evidence, Way
from grantlens.rule.example import Example, token, use
from grantlens.rule.rule import Rule

READ = "GET /v1/messages/7"
OURS: dict[str, Any] = {"tenant": "acme"}
THEIRS: dict[str, Any] = {**OURS, "resource_tenant": "globex"}

RULE = Rule(
    id="OOS-9",
    version=4,
    name="other_tenant",
    key=("client_id", "own_tenant", "resource_tenant"),
    question="Which calls reached what belongs to another tenant?",
    severity="critical",
    remedy="Ask both tenants whether they share it. If they do, list the other tenant for the client in the register (approved_tenants). If they do not, "
    "stop the client, tell the other tenant what was read or changed, and find out why the server did not look whose it is.",
    basis="OWASP API Security Top 10 2023, API1 (object level authorization)",
    needs=("used_pair", "named_caller", "tenant_token", "operation_class", "registered_client"),
    rests_on=Evidence(
        (
            Way(
                ("usage",),
                says=(WORKED, "usage.tenant", "usage.resource_tenant", "usage.client_id"),
                brought=("register",),
            ),
        ),
        (Way(("usage",), says=(WORKED, "usage.resource_tenant"), leaves_open="whether the tenants share it"),),
    ),
    sql="""
-- Whoever got the token belongs to the tenant that issued it, wherever the call was logged; where the call's own tenant issued one of
-- its id, to that one.
WITH reached AS (
    SELECT p.*, c.source, c.tenant, CASE WHEN NOT coalesce(t.of_several, false) THEN coalesce(c.token_tenant, t.home, c.tenant) END AS own_tenant,
           coalesce(c.client_id, t.client_id) AS client_id, coalesce(c.client_name, t.client_name) AS client_name,
           coalesce(c.subject_id, t.subject_id) AS subject_id, c.token_id, c.resource_server, lower(trim(c.resource_tenant)) AS resource_tenant
    FROM used_pair p
    JOIN named_caller c USING (caller_id)
    LEFT JOIN tenant_token t ON NOT c.token_known AND t.source = c.source AND t.token_id = c.token_id AND t.of_any
    WHERE p.outcome = 'success' AND c.resource_tenant IS NOT NULL
),
stated AS (
    SELECT client_id, name, list_transform(approved_tenants, lambda x: lower(trim(x))) AS approved
    FROM registered_client
),
-- An approved tenant is nobody's question, whatever the log says or leaves out of the client's own.
strange AS (
    SELECT r.*, s.name, s.approved,
           CASE WHEN r.own_tenant IS NULL THEN 'the log does not say to which tenant the client belongs'
                WHEN r.client_id IS NULL THEN 'the log does not name the client'
                WHEN s.approved IS NULL THEN 'the register does not say which tenants share with this client' END AS reason
    FROM reached r
    LEFT JOIN stated s USING (client_id)
    WHERE lower(trim(r.own_tenant)) IS DISTINCT FROM r.resource_tenant
      AND NOT coalesce(list_contains(s.approved, r.resource_tenant), false)
)
SELECT CASE WHEN s.reason IS NULL THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN s.reason IS NULL THEN 'critical' ELSE 'high' END AS severity,
       coalesce(max(s.name), max(s.client_name), s.client_id, 'An unnamed client') || coalesce(' of ' || s.own_tenant, '') || ' reached what belongs to ' || s.resource_tenant
           || CASE WHEN s.reason IS NULL THEN ', a tenant that the register does not list for it'
                   ELSE ', and nothing tells whether that tenant shares it' END AS title,
       s.source, s.tenant, s.client_id,
       CASE WHEN count(DISTINCT s.subject_id) = 1 AND count(s.subject_id) = count(*) THEN min(s.subject_id) END AS subject_id,
       CASE WHEN count(DISTINCT s.grant_id) = 1 AND count(s.grant_id) = count(*) THEN min(s.grant_id) END AS grant_id,
       CASE WHEN count(DISTINCT s.token_id) = 1 AND count(s.token_id) = count(*) THEN min(s.token_id) END AS token_id,
       CASE WHEN count(DISTINCT s.resource_server) = 1 AND count(s.resource_server) = count(*) THEN min(s.resource_server) END AS resource_server,
       min(s.first_used_at) AS first_seen, max(s.last_used_at) AS last_seen, sum(s.events)::BIGINT AS events,
       to_json({
           'own_tenant': s.own_tenant,
           'resource_tenant': s.resource_tenant,
           'approved_tenants': min(s.approved),
           'people': count(DISTINCT s.subject_id),
           'operations': list_sort(list_distinct(list(o.label)))[1:20],
           'reason': s.reason}) AS detail,
       min(s.join_key) AS join_key,
       CASE WHEN $every_call THEN list(s.first_no) ELSE min(s.first_no, 19) END AS firsts, [max(s.last_no)] AS lasts,
       'usage' AS about_log, min(s.first_used_at) AS about_from, max(s.last_used_at) AS about_until
FROM strange s
LEFT JOIN operation_class o USING (operation_id)
GROUP BY s.source, s.tenant, s.own_tenant, s.client_id, s.resource_tenant, s.reason
""",
    fires=(
        Example(
            "two people read another tenant's messages through a client that may reach its own only",
            (
                token("10 09:00", "t1", ["mail.read"], "10 12:00", **OURS),
                use("10 09:10", READ, **THEIRS),
                use("10 09:20", READ, "t2", subject_id="ben", **THEIRS),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "critical",
                    "title": "app of acme reached what belongs to globex, a tenant that the register does not list for it",
                    "tenant": "acme",
                    "client_id": "app",
                    "subject_id": None,
                    "resource_server": "mail.example",
                    "first_seen": "2026-07-10T09:10:00Z",
                    "last_seen": "2026-07-10T09:20:00Z",
                    "events": 2,
                    "detail": {
                        "resource_tenant": "globex",
                        "approved_tenants": [],
                        "people": 2,
                        "operations": ["GET /v1/messages/{id}"],
                        "reason": None,
                    },
                },
            ),
            register=({"client_id": "app", "approved_tenants": []},),
        ),
        Example(
            "calls with two tokens at two servers: the finding names neither",
            (
                token("10 09:00", "t1", ["mail.read"], "10 12:00", **OURS),
                token("10 09:00", "t2", ["files.read"], "10 12:00", grant_id="g2", **OURS),
                use("10 09:10", READ, **THEIRS),
                use("10 09:20", "GET /v1/files/7", "t2", "files.example", **THEIRS),
            ),
            (
                {
                    "verdict": "violation",
                    "subject_id": "ann",
                    "grant_id": None,
                    "token_id": None,
                    "resource_server": None,
                },
            ),
            register=({"client_id": "app", "approved_tenants": []},),
        ),
        Example(
            "a call with a token at a server, and one of which the log names neither: nor does the finding",
            (
                token("10 09:00", "t1", ["mail.read"], "10 12:00", **OURS),
                use("10 09:10", READ, **THEIRS),
                use("10 09:20", READ, None, None, **THEIRS),
            ),
            (
                {
                    "verdict": "violation",
                    "subject_id": "ann",
                    "token_id": None,
                    "resource_server": None,
                },
            ),
            register=({"client_id": "app", "approved_tenants": []},),
        ),
        Example(
            "a token of one tenant is used in another tenant's log",
            (
                token("10 09:00", "t1", ["mail.read"], "10 12:00", **OURS),
                use("10 09:10", READ, tenant="globex", resource_tenant="globex"),
            ),
            (
                {
                    "verdict": "violation",
                    "tenant": "globex",
                    "detail": {"own_tenant": "acme", "approved_tenants": ["initech"]},
                },
            ),
            register=({"client_id": "app", "approved_tenants": ["Initech"]},),
        ),
    ),
    silent=(
        Example(
            "its own tenant, written in capitals",
            (use("10 09:10", READ, tenant="acme", resource_tenant="ACME"),),
            register=({"client_id": "app", "approved_tenants": []},),
        ),
        Example(
            "the other tenant shares with the client, and so the register says",
            (use("10 09:10", READ, **THEIRS), use("10 09:20", READ, resource_tenant="globex")),
            register=({"client_id": "app", "approved_tenants": ["Globex "]},),
        ),
        Example(
            "two tenants issued a token of one id, and each reads its own",
            (
                token("10 09:00", "t1", ["mail.read"], "10 12:00", tenant="globex", grant_id="g2"),
                token("10 09:05", "t1", ["mail.read"], "10 12:00", **OURS),
                use("10 09:10", READ, **OURS, resource_tenant="acme"),
            ),
            register=({"client_id": "app", "approved_tenants": []},),
        ),
        Example(
            "the server refused",
            (use("10 09:10", READ, status=403, **THEIRS),),
            register=({"client_id": "app", "approved_tenants": []},),
        ),
        Example(
            "the log does not say whose it is",
            (use("10 09:10", READ, **OURS),),
            register=({"client_id": "app", "approved_tenants": []},),
        ),
    ),
    undecidable=(
        Example(
            "two other tenants issued a token of the id that was shown",
            (
                token("10 09:00", "t1", ["mail.read"], "10 12:00", tenant="initech"),
                token("10 09:00", "t1", ["mail.read"], "10 12:00", tenant="globex"),
                use("10 09:10", READ, **THEIRS),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "tenant": "acme",
                    "detail": {
                        "own_tenant": None,
                        "reason": "the log does not say to which tenant the client belongs",
                    },
                },
            ),
            register=({"client_id": "app", "approved_tenants": []},),
        ),
        Example(
            "the register knows the client, and not with whom its tenant shares",
            (use("10 09:10", READ, **THEIRS),),
            (
                {
                    "verdict": "indeterminate",
                    "severity": "high",
                    "title": "app of acme reached what belongs to globex, and nothing tells whether that tenant shares it",
                    "detail": {"reason": "the register does not say which tenants share with this client"},
                },
            ),
            register=({"client_id": "app"},),
        ),
        Example(
            "the log does not tell to which tenant the client belongs",
            (use("10 09:10", READ, resource_tenant="globex"),),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reason": "the log does not say to which tenant the client belongs"},
                },
            ),
            register=({"client_id": "app", "approved_tenants": []},),
        ),
    ),
)
