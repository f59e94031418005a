"""PRV-5: grants that hold all that their server lists, or a scope that alone opens everything."""

from grantlens.catalogue.omnibus import values
from grantlens.rule.evidence import ISSUE_USE, PAIR, Evidence, Way
from grantlens.rule.example import Example, consent, revoked, token, use
from grantlens.rule.rule import Rule

_SAYS = ("issuance.scopes",)
_OFFER = ["mail.read", "mail.send", "mail.write"]
_MAIL = "https://mail.google.com/"

RULE = Rule(
    id="PRV-5",
    version=6,
    name="wholesale_grant",
    key=("client_id", "resource_server"),
    question="Which grants hold everything that their server lists, or a scope that alone opens everything?",
    severity="low",
    remedy="Ask the owner what the connection is for, and have people consent again, to no more than that. This rule looks at what was granted: what the "
    "calls needed, PRV-1 and PRV-4 tell. A client that asks for every scope in a server's metadata asks for less once the server's challenges name "
    "the scopes that a call needs, or once it lists only those that basic use needs, as MCP means it: where it does, its whole list is little.",
    basis="MCP authorization 2025-11-25, scope selection: all of scopes_supported where the challenge names none, a list meant to be the least that "
    "basic use needs; RFC 9728 section 2, by which a list may leave scopes out; vendors' own words on a scope",
    needs=("grant_state", "issued", "used_pair", "named_caller", "server_name", "protocol_scope"),
    rests_on=Evidence(
        (
            Way(("issuance",), says=(*_SAYS, "issuance.audience"), brought=("server",)),
            Way(ISSUE_USE, {ISSUE_USE: PAIR}, (*_SAYS, "usage.resource_server"), brought=("server",)),
            Way(("issuance",), says=_SAYS, leaves_open="only of scopes that alone open all that a product holds"),
        ),
    ),
    sql="""
WITH omnibus AS (
    SELECT * FROM (VALUES
           """
    + values()
    + """) v(scope, source, of_people, opens)
),
-- What each server lists, without what opens no data. Where that is one scope, nobody could ask for less.
listed AS (
    SELECT s.resource_server, n.key AS place,
           list_sort(list_distinct(list_filter(s.scopes_supported, lambda x: NOT list_contains(p.names, lower(x))))) AS scopes
    FROM server s
    JOIN server_name n ON n.name = s.resource_server AND n.said_as = 'listed'
    CROSS JOIN (SELECT list(name) AS names FROM protocol_scope) p
),
offered AS (
    SELECT * FROM listed WHERE len(scopes) > 1
),
held AS (
    SELECT source, tenant, grant_id, client_id, client_name, subject_id, subject_kind, valid_from, scopes
    FROM grant_state
    WHERE valid_from < $until AND valid_until > $since
),
-- For which servers a grant is: those that it or a token of it names, and where none does, those that took its calls.
named_place AS (
    SELECT DISTINCT i.source, i.grant_id, n.key, n.known_as
    FROM (SELECT source, tenant, grant_id, unnest(audience) AS name FROM issued WHERE grant_id IS NOT NULL AND issued_at < $until) i
    JOIN server_name n ON n.source = i.source AND n.tenant IS NOT DISTINCT FROM i.tenant AND n.name = i.name AND n.said_as = 'audience'
),
called_place AS (
    SELECT DISTINCT c.source, p.grant_id, n.key, n.known_as
    FROM used_pair p
    JOIN named_caller c USING (caller_id)
    JOIN server_name n ON n.source = c.source AND n.tenant IS NOT DISTINCT FROM c.tenant AND n.name = c.resource_server AND n.said_as = 'called'
    WHERE p.grant_id IS NOT NULL AND p.outcome = 'success'
),
aimed AS (
    SELECT * FROM named_place
    UNION ALL
    SELECT * FROM called_place c
    WHERE NOT EXISTS (SELECT 1 FROM named_place n WHERE n.source = c.source AND n.grant_id = c.grant_id)
),
-- A server's name stands for all that lies below it; what the identities call by one name is one server.
meant AS (
    SELECT DISTINCT a.source, a.grant_id, o.resource_server
    FROM aimed a
    JOIN offered o ON a.key = o.place OR starts_with(a.key, o.place || '/')
        OR a.known_as IN (SELECT s.known_as FROM server_name s WHERE s.source = a.source AND s.key = o.place)
),
of_server AS (
    SELECT h.source, h.tenant, h.grant_id, h.client_id, h.client_name, h.subject_id, h.valid_from, o.resource_server, o.scopes,
           m.grant_id IS NOT NULL AND h.scopes IS NOT NULL AS sure,
           CASE WHEN h.scopes IS NULL THEN 'the log does not say what was granted'
                WHEN m.grant_id IS NULL THEN 'the log does not say for which server the grant is' END AS reason
    FROM held h
    CROSS JOIN offered o
    LEFT JOIN meant m ON m.source = h.source AND m.grant_id = h.grant_id AND m.resource_server = o.resource_server
    WHERE CASE WHEN m.grant_id IS NULL
               THEN list_has_all(h.scopes, o.scopes) AND NOT EXISTS (
                   SELECT 1 FROM named_place n WHERE n.source = h.source AND n.grant_id = h.grant_id)
               ELSE coalesce(list_has_all(h.scopes, o.scopes), true) END
),
of_scope AS (
    SELECT h.source, h.tenant, h.grant_id, h.client_id, h.client_name, h.subject_id, h.valid_from, v.scope, v.opens
    FROM (SELECT *, unnest(scopes) AS scope FROM held) h
    JOIN omnibus v ON v.scope = h.scope AND (v.source IS NULL OR v.source = h.source) AND NOT (v.of_people AND coalesce(h.subject_kind = 'service', false))
),
-- Each grant once for each server, and once for its scopes that open everything: since when it is so.
wholesale AS (
    SELECT source, tenant, grant_id, client_id, client_name, subject_id, resource_server, scopes, bool_or(sure) AS sure,
           NULL::VARCHAR AS opens, CASE WHEN NOT bool_or(sure) THEN min(reason) END AS reason,
           coalesce(min(valid_from) FILTER (sure), min(valid_from)) AS reached_at
    FROM of_server
    GROUP BY source, tenant, grant_id, client_id, client_name, subject_id, resource_server, scopes
    UNION ALL
    SELECT source, tenant, grant_id, client_id, client_name, subject_id, NULL, [scope], true, opens, NULL, min(valid_from)
    FROM of_scope
    GROUP BY source, tenant, grant_id, client_id, client_name, subject_id, scope, opens
),
given AS (
    SELECT w.source, w.grant_id, w.reached_at,
           min({'seen_at': i.issued_at, 'event_id': i.event_id, 'batch_id': i.batch_id, 'line_no': i.line_no}) AS opened_by,
           max({'seen_at': i.issued_at, 'event_id': i.event_id, 'batch_id': i.batch_id, 'line_no': i.line_no}) AS reached_by
    FROM (SELECT DISTINCT source, grant_id, reached_at FROM wholesale) w
    JOIN issued i ON i.source = w.source AND i.grant_id = w.grant_id AND i.issued_at <= w.reached_at
    GROUP BY w.source, w.grant_id, w.reached_at
),
-- Where something is sure of a client, what is not is told by that finding too, and does not weaken it.
together AS (
    SELECT w.source, w.tenant, w.client_id, w.resource_server, max(w.client_name) AS client_name, bool_or(w.sure) AS sure,
           list_sort(list_distinct(flatten(list(w.scopes)))) AS scopes,
           list_sort(list_distinct(list(w.opens))) AS opens,
           CASE WHEN NOT bool_or(w.sure) THEN min(w.reason) END AS reason,
           count(DISTINCT w.grant_id) AS grants, count(DISTINCT w.grant_id) FILTER (w.sure) AS sure_grants, count(DISTINCT w.subject_id) AS people,
           CASE WHEN count(DISTINCT w.subject_id) = 1 AND count(w.subject_id) = count(*) THEN min(w.subject_id) END AS subject_id,
           CASE WHEN count(DISTINCT w.grant_id) = 1 THEN min(w.grant_id) END AS grant_id,
           min(w.reached_at) AS first_seen, max(w.reached_at) AS last_seen,
           list_sort(list_distinct(list(g.opened_by) || list(g.reached_by))) AS records
    FROM wholesale w
    LEFT JOIN given g ON g.source = w.source AND g.grant_id = w.grant_id AND g.reached_at = w.reached_at
    GROUP BY w.source, w.tenant, w.client_id, w.resource_server
)
SELECT CASE WHEN sure THEN 'violation' ELSE 'indeterminate' END AS verdict, 'low' AS severity,
       coalesce(client_name, client_id, 'An unnamed client') || CASE
           WHEN resource_server IS NULL THEN ' holds ' || array_to_string(scopes, ' and ') || ', which alone opens all of ' || array_to_string(opens, ' and of ')
           WHEN sure THEN ' holds all ' || len(scopes) || ' scopes that ' || resource_server || ' lists'
           ELSE ' may hold all ' || len(scopes) || ' scopes that ' || resource_server || ' lists' END AS title,
       source, tenant, client_id, subject_id, grant_id, resource_server, scopes, first_seen, last_seen, len(records) AS events,
       to_json({
           'held': CASE WHEN resource_server IS NULL THEN 'omnibus scope' ELSE 'all that the server lists' END,
           'opens': opens,
           'grants': grants,
           'sure_grants': sure_grants,
           'people': people,
           'reason': reason}) AS detail,
       CASE WHEN grant_id LIKE 'derived:%' THEN 'client_subject' ELSE 'grant' END AS join_key,
       CASE WHEN $every_call OR len(records) <= 20 THEN records ELSE records[1:19] || records[-1:] END AS records,
       'issuance' AS about_log, first_seen AS about_from, last_seen AS about_until
FROM together
""",
    fires=(
        Example(
            "a client asked a server for everything, and for its identity",
            (consent("10 09:00", ["openid", *_OFFER], audience=["https://Mail.example/"]),),
            (
                {
                    "verdict": "violation",
                    "severity": "low",
                    "title": "app holds all 3 scopes that mail.example lists",
                    "client_id": "app",
                    "grant_id": "g1",
                    "resource_server": "mail.example",
                    "scopes": _OFFER,
                    "detail": {"grants": 1, "people": 1},
                },
            ),
        ),
        Example(
            "two people gave a client everything, a token narrower than its grant changes nothing, and its calls tell the server",
            (
                consent("10 09:00", _OFFER),
                token("10 09:05", "t1", ["mail.read"], "10 10:00"),
                use("10 09:10", "GET /v1/messages/7"),
                consent("11 09:00", _OFFER, "g2", subject_id="ben", audience=["mail.example/v1"]),
            ),
            (
                {
                    "verdict": "violation",
                    "grant_id": None,
                    "subject_id": None,
                    "events": 2,
                    "detail": {"grants": 2, "people": 2},
                },
            ),
        ),
        Example(
            "a person consented to everything in two pieces: both records are told, of one grant",
            (
                consent("10 09:00", _OFFER[:2], audience=["mail.example"]),
                consent("12 09:00", _OFFER[2:], audience=["mail.example"]),
            ),
            ({"verdict": "violation", "events": 2, "detail": {"grants": 1}},),
        ),
        Example(
            "one scope that opens all of a mailbox",
            (consent("10 09:00", [_MAIL, "email"]),),
            (
                {
                    "verdict": "violation",
                    "title": f"app holds {_MAIL}, which alone opens all of a mailbox",
                    "resource_server": None,
                    "scopes": [_MAIL],
                },
            ),
        ),
    ),
    silent=(
        Example("all but one", (consent("10 09:00", _OFFER[:2], audience=["mail.example"]),)),
        Example("all of one server, asked of another", (consent("10 09:00", _OFFER, audience=["jobs.example"]),)),
        Example("a server that offers one scope", (consent("10 09:00", ["files.all"], audience=["files.example"]),)),
        Example("a scope whose name means this elsewhere only", (consent("10 09:00", ["api"]),)),
        Example(
            "what a service account is given, its roles limit",
            (
                consent(
                    "10 09:00",
                    ["https://www.googleapis.com/auth/cloud-platform"],
                    subject_id="robot",
                    subject_kind="service",
                ),
            ),
        ),
        Example(
            "revoked before the window",
            (
                consent("10 09:00", [*_OFFER, _MAIL], audience=["mail.example"]),
                revoked("11 09:00", "grant"),
                consent("20 09:00", ["jobs.run"], "g2", client_id="bystander"),
            ),
            since="12 00:00",
        ),
        Example(
            "narrowed before the window",
            (
                consent("10 09:00", _OFFER, audience=["mail.example"]),
                revoked("11 09:00", "grant", kind="downgrade", scopes_removed=["mail.write"]),
                consent("20 09:00", ["jobs.run"], "g2", client_id="bystander"),
            ),
            since="12 00:00",
        ),
    ),
    undecidable=(
        Example(
            "nothing tells for which server the grant is",
            (consent("10 09:00", _OFFER),),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app may hold all 3 scopes that mail.example lists",
                    "detail": {"reason": "the log does not say for which server the grant is"},
                },
            ),
        ),
        Example(
            "nothing tells what was granted",
            (consent("10 09:00", None, audience=["mail.example"]),),
            ({"verdict": "indeterminate", "detail": {"reason": "the log does not say what was granted"}},),
        ),
    ),
)
