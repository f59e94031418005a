"""OOS-5: a token that came of another one, for the same server, and holds more."""

from grantlens.rule.evidence import AUDIENCE, EXCHANGED, NAMED, Evidence, Way
from grantlens.rule.example import Example, consent, token
from grantlens.rule.rule import Rule

_CAME_OF = (NAMED, EXCHANGED, "issuance.scopes")

_EXCHANGED = token(
    "10 09:05",
    "t2",
    ["mail.read", "mail.send"],
    kind="exchange",
    parent_token_id="t1",
    grant_id="g2",
    client_id="agent",
    audience=["mail.example"],
)

_OF_TWO_TENANTS = (
    token("10 09:00", "t1", ["mail.read"], audience=["mail.example"], tenant="north"),
    token("10 09:01", "t1", ["mail.read", "mail.send"], audience=["mail.example"], tenant="south"),
)

RULE = Rule(
    id="OOS-5",
    version=5,
    name="widened_at_exchange",
    key=("client_id", "subject_id", "grant_id"),
    question="Which tokens hold scopes that the token they came of did not hold, at the same resource server?",
    severity="medium",
    remedy="Let the authorisation server give in an exchange no more than the presented token holds, and find out who asked for more.",
    basis="RFC 9700 section 2.3; RFC 8693 section 2.1, which leaves it to the server; HashiCorp Vault: token create",
    needs=("child_token", "added_scope", "known_scope", "grant_state", "server_name"),
    # Parent and child are both issuance: no join between logs.
    rests_on=Evidence(
        (
            Way(("issuance",), says=(*_CAME_OF, AUDIENCE)),
            Way(
                ("issuance",),
                says=_CAME_OF,
                brought=("catalogue",),
                leaves_open="where the catalogue knows both scopes",
            ),
        ),
        (Way(("issuance",), says=_CAME_OF, leaves_open="the log does not say for which servers tokens are"),),
    ),
    sql="""
-- A rotated token is OOS-4's.
WITH came_of AS (
    FROM child_token
    WHERE kind <> 'refresh' AND scopes IS NOT NULL AND issued_at >= $since AND issued_at < $until
),
-- What the person or an admin gave this client themselves needs no other token.
own_grant AS (
    SELECT c.source, c.tenant, c.token_id, list_distinct(flatten(list(g.scopes))) AS scopes, bool_or(g.scopes IS NULL) AS is_untold
    FROM came_of c
    JOIN grant_state g ON g.source = c.source AND g.grant_id = c.grant_id AND g.valid_from <= c.issued_at AND g.valid_until > c.issued_at
    WHERE g.by_consent
    GROUP BY c.source, c.tenant, c.token_id
),
addressed AS (
    SELECT t.source, t.tenant, t.token_id, t.of_child, list(coalesce(n.known_as, n.wide_key)) AS servers
    FROM (
        SELECT source, tenant, token_id, true AS of_child, unnest(audience) AS name FROM came_of
        UNION ALL
        SELECT source, tenant, token_id, false, unnest(parent_audience) FROM came_of
    ) t
    JOIN (SELECT DISTINCT source, name, wide_key, known_as FROM server_name WHERE said_as = 'audience') n USING (source, name)
    GROUP BY t.source, t.tenant, t.token_id, t.of_child
),
-- Where the log does not tell for which servers both are, a catalogue may: whose operations the scopes open.
server AS (
    SELECT DISTINCT n.scope, o.catalogue, o.host
    FROM known_scope n
    JOIN scope_closure i USING (scope_id)
    JOIN cat_requirement q ON q.scope_id = i.implied_scope_id
    JOIN cat_operation o USING (op_id)
),
opened AS (
    SELECT s.source, s.tenant, s.token_id, s.of_child, list({'catalogue': v.catalogue, 'host': v.host}) AS servers
    FROM (
        SELECT source, tenant, token_id, unnest(parent_scopes) AS scope, false AS of_child FROM came_of
        UNION ALL
        SELECT source, tenant, token_id, unnest(scopes_added), true FROM added_scope
    ) s
    JOIN server v USING (scope)
    GROUP BY s.source, s.tenant, s.token_id, s.of_child
),
judged AS (
    SELECT c.*, coalesce(list_has_any(x.servers, y.servers), list_has_any(b.servers, f.servers)) AS same_server,
           list_filter(a.scopes_added, lambda s: NOT list_contains(coalesce(o.scopes, []), s)) AS added, a.rank,
           CASE WHEN NOT c.parent_known THEN 'no issuance of the token that it came of is in the logs'
                WHEN c.parent_of_several THEN 'the token names no tenant, and several issued one of the id that it came of'
                WHEN c.parent_scopes IS NULL THEN 'the log does not say which scopes the token that it came of held'
                WHEN len(added) > 0 AND same_server IS DISTINCT FROM false AND o.is_untold
                THEN 'no log says which scopes the client''s own grant held then'
                WHEN len(added) > 0 AND same_server IS NULL
                THEN 'neither the log nor a catalogue says whether both tokens are for one server: each has scopes of its own' END AS why_unknown
    FROM came_of c
    LEFT JOIN added_scope a ON a.source = c.source AND a.token_id = c.token_id AND a.tenant IS NOT DISTINCT FROM c.tenant
    LEFT JOIN own_grant o ON o.source = c.source AND o.token_id = c.token_id AND o.tenant IS NOT DISTINCT FROM c.tenant
    LEFT JOIN addressed x ON x.source = c.source AND x.token_id = c.token_id AND x.tenant IS NOT DISTINCT FROM c.tenant AND NOT x.of_child
    LEFT JOIN addressed y ON y.source = c.source AND y.token_id = c.token_id AND y.tenant IS NOT DISTINCT FROM c.tenant AND y.of_child
    LEFT JOIN opened b ON b.source = c.source AND b.token_id = c.token_id AND b.tenant IS NOT DISTINCT FROM c.tenant AND NOT b.of_child
    LEFT JOIN opened f ON f.source = c.source AND f.token_id = c.token_id AND f.tenant IS NOT DISTINCT FROM c.tenant AND f.of_child
),
found AS (
    SELECT *, CASE WHEN why_unknown IS NOT NULL THEN 'indeterminate' WHEN len(added) > 0 AND same_server THEN 'violation' END AS verdict
    FROM judged
)
SELECT max(verdict) AS verdict,
       CASE WHEN max(CASE WHEN verdict = 'violation' THEN rank END) >= 3 THEN 'high' ELSE 'medium' END AS severity,
       coalesce(max(client_name), client_id, 'An unnamed client')
           || CASE WHEN max(verdict) = 'violation' THEN ' got more for a token than that token held'
                   ELSE ' got a token for another one, and the logs do not say whether it holds more' END AS title,
       source, tenant, client_id, subject_id, grant_id,
       CASE WHEN count(*) FILTER (verdict = 'violation') = 1 THEN min(token_id) FILTER (verdict = 'violation') END AS token_id,
       list_sort(list_distinct(flatten(list(coalesce(added, []))))) AS scopes,
       min(issued_at) AS first_seen, max(issued_at) AS last_seen, count(*) AS events,
       to_json({
           'scopes_added': list_sort(list_distinct(flatten(list(coalesce(added, []))))),
           'came_of': list_sort(list_distinct(list(parent_client_id) FILTER (parent_client_id IS NOT NULL))),
           'tokens': count(*) FILTER (verdict = 'violation'),
           'reasons': list_sort(list_distinct(list(why_unknown) FILTER (why_unknown IS NOT NULL)))}) AS detail,
       'token' AS join_key,
       list({'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id} ORDER BY verdict DESC, issued_at, token_id) AS records,
       'issuance' AS about_log, min(issued_at) AS about_from, max(issued_at) AS about_until
FROM found
WHERE verdict IS NOT NULL
GROUP BY source, tenant, client_id, subject_id, grant_id
""",
    fires=(
        Example(
            "an agent gets a token that may send, for one that may read",
            (
                token("10 09:00", "t1", ["mail.read"], audience=["mail.example"]),
                _EXCHANGED,
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "medium",
                    "title": "agent got more for a token than that token held",
                    "client_id": "agent",
                    "token_id": "t2",
                    "detail": {"scopes_added": ["mail.send"], "came_of": ["app"], "tokens": 1, "reasons": None},
                },
            ),
        ),
        Example(
            "the log names no audience, and the catalogue knows both scopes of one server",
            (
                token("10 09:00", "t1", ["mail.read"]),
                token("10 09:05", "t2", ["mail.write"], kind="exchange", parent_token_id="t1"),
            ),
            ({"verdict": "violation", "detail": {"scopes_added": ["mail.write"]}},),
        ),
        Example(
            "a key that may read makes one that may do all: admin weighs more",
            (
                token("10 09:00", "k1", ["mail.read"], None, kind="credential", audience=["mail.example"]),
                token(
                    "10 09:05",
                    "k2",
                    ["admin"],
                    None,
                    kind="credential",
                    parent_token_id="k1",
                    audience=["mail.example"],
                ),
            ),
            ({"verdict": "violation", "severity": "high", "detail": {"scopes_added": ["admin"]}},),
        ),
        Example(
            "a catalogue whose scopes differ by case: mail.write implies mail.read, and not Mail.Read",
            (
                token("10 09:00", "t1", ["mail.write"], audience=["mail.example"]),
                token(
                    "10 09:05",
                    "t2",
                    ["mail.read", "Mail.Read"],
                    kind="exchange",
                    parent_token_id="t1",
                    audience=["mail.example"],
                ),
            ),
            ({"verdict": "violation", "detail": {"scopes_added": ["Mail.Read"]}},),
        ),
        Example(
            "two tenants have a token of one id: what came of the one that may not send",
            (*_OF_TWO_TENANTS, {**_EXCHANGED, "tenant": "north"}),
            ({"verdict": "violation", "tenant": "north", "detail": {"scopes_added": ["mail.send"]}},),
        ),
    ),
    silent=(
        Example(
            "less than before, and what the parent's scope implies",
            (
                token("10 09:00", "t1", ["mail.write", "files.read"], audience=["mail.example"]),
                token(
                    "10 09:05",
                    "t2",
                    ["mail.read", "openid"],
                    kind="exchange",
                    parent_token_id="t1",
                    audience=["mail.example"],
                ),
            ),
        ),
        Example(
            "a token for another server holds that server's scopes",
            (
                token("10 09:00", "t1", ["mail.read"], audience=["mail.example"]),
                token(
                    "10 09:05", "t2", ["files.read"], kind="exchange", parent_token_id="t1", audience=["files.example"]
                ),
            ),
        ),
        Example(
            "scopes of another server, as the catalogue tells",
            (
                token("10 09:00", "t1", ["mail.read"]),
                token("10 09:05", "t2", ["files.read"], kind="exchange", parent_token_id="t1"),
            ),
        ),
        Example(
            "ann gave the agent this scope herself",
            (
                consent("10 08:00", ["mail.send"], "g2", client_id="agent"),
                token("10 09:00", "t1", ["mail.read"], audience=["mail.example"]),
                _EXCHANGED,
            ),
        ),
        Example(
            "a log that names no scopes at all says nothing of them",
            (
                token("10 09:00", "t1", None, audience=["mail.example"]),
                token("10 09:05", "t2", None, kind="exchange", parent_token_id="t1", audience=["mail.example"]),
            ),
        ),
        Example(
            "two tenants have a token of one id: what came of the one that may send",
            (*_OF_TWO_TENANTS, {**_EXCHANGED, "tenant": "south"}),
        ),
    ),
    undecidable=(
        Example(
            "a change of the client's own grant does not say which scopes it left: they may have been among them",
            (
                consent("10 08:00", ["mail.read"], "g2", client_id="agent"),
                consent("10 08:30", None, "g2", client_id="agent", kind="change"),
                token("10 09:00", "t1", ["mail.read"], audience=["mail.example"]),
                _EXCHANGED,
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reasons": ["no log says which scopes the client's own grant held then"]},
                },
            ),
        ),
        Example(
            "the token that it came of is not in the log",
            (_EXCHANGED,),
            (
                {
                    "verdict": "indeterminate",
                    "title": "agent got a token for another one, and the logs do not say whether it holds more",
                    "detail": {
                        "scopes_added": [],
                        "reasons": ["no issuance of the token that it came of is in the logs"],
                    },
                },
            ),
        ),
        Example(
            "neither the log nor a catalogue says for which server they are",
            (
                token("10 09:00", "t1", ["odd.read"]),
                token("10 09:05", "t2", ["odd.write"], kind="exchange", parent_token_id="t1"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "scopes_added": ["odd.write"],
                        "reasons": [
                            "neither the log nor a catalogue says whether both tokens are for one server: each has scopes of its own"
                        ],
                    },
                },
            ),
        ),
        Example(
            "the log does not say what the first token held",
            (token("10 09:00", "t1", None, audience=["mail.example"]), _EXCHANGED),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reasons": ["the log does not say which scopes the token that it came of held"]},
                },
            ),
        ),
        Example(
            "two tenants have a token of one id, and the new token names no tenant",
            (*_OF_TWO_TENANTS, _EXCHANGED),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "scopes_added": [],
                        "reasons": ["the token names no tenant, and several issued one of the id that it came of"],
                    },
                },
            ),
        ),
    ),
)
