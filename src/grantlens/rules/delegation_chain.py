"""OOS-6: tokens whose actors do not follow from those before, and calls by another actor than the token's."""

from grantlens.rule.evidence import EXCHANGED, ISSUE_USE, NAMED, NESTED, TOKEN, WORKED, Evidence, Way
from grantlens.rule.example import Example, refreshed, token, use
from grantlens.rule.rule import Parameter, Rule

READ = "GET /v1/messages/7"
_KEPT = (NESTED, NAMED, EXCHANGED)
_CALLED = (NESTED, NAMED, "usage.token_id", "usage.actor_chain", WORKED)


def asked(token_id: str, *actors: str, **more: object) -> dict:
    """Write a token of client app that ann's agents act with, the actor now first."""
    return token("10 09:00", token_id, ["mail.read"], "10 18:00", **{"actor_chain": list(actors), **more})


def exchanged(token_id: str, parent: str, *actors: str, **more: object) -> dict:
    """Write a token that client desk got for another one; without actors, the log does not say who acts."""
    defaults = {"kind": "exchange", "parent_token_id": parent, "client_id": "desk", "grant_id": "g2"}
    return token("10 09:05", token_id, ["mail.read"], "10 18:00", actor_chain=[*actors] or None, **{**defaults, **more})


RULE = Rule(
    id="OOS-6",
    version=1,
    name="delegation_chain",
    key=("client_id", "fault", "actors"),
    question="Which tokens name actors that do not follow from the token before, and which were used by another actor?",
    severity="high",
    remedy="Let the authorisation server put the new actor before those of the token that it is shown, and nobody whom may_act leaves out; let servers "
    "take the actor from the token alone. Where two ids are one actor, say so in the identities file, as client or subject.",
    basis="RFC 8693 sections 4.1 (act), 4.4 (may_act) and 1.1 (impersonation); RFC 6749 section 6",
    needs=("token", "issued", "canonical_identity"),
    parameters=(
        Parameter(
            "most_actors",
            0,
            "actors",
            "How many a chain may name; 0 sets no limit: RFC 8693 has none, and each organisation must know its own.",
        ),
    ),
    rests_on=Evidence(
        (
            Way(ISSUE_USE, {ISSUE_USE: TOKEN}, (*_KEPT, *_CALLED)),
            Way(("issuance",), says=_KEPT, leaves_open="who acted in calls"),
            Way(ISSUE_USE, {ISSUE_USE: TOKEN}, _CALLED, leaves_open="whether an exchange kept the actors before it"),
            Way(("issuance",), says=(NESTED,), leaves_open="only whether a chain runs in a circle or is too long"),
        )
    ),
    sql="""
WITH known AS (
    SELECT source, kind, id, name FROM canonical_identity WHERE name IS NOT NULL
),
-- Only of logs whose loader says that actors are what RFC 8693 calls so.
issue AS (
    SELECT i.source, i.tenant, i.kind, i.token_id, i.token_kind, i.parent_token_id, i.grant_id, i.client_id, i.client_name, i.subject_id,
           i.actor_chain, i.may_act, i.issued_at, i.batch_id, i.line_no, i.event_id, coalesce(n.name, i.client_id) AS client
    FROM issued i
    JOIN declared d ON d.source = i.source AND d.actors = 'nested'
    LEFT JOIN known n ON n.source = i.source AND n.kind = 'client' AND n.id = i.client_id
    WHERE i.kind IN ('token', 'refresh', 'exchange', 'credential')
),
caller AS (
    SELECT caller_id, source, tenant, token_id, resource_server, actor_chain
    FROM usage_caller
    WHERE token_id IS NOT NULL AND actor_chain IS NOT NULL
),
-- Each list of actors once, by the names under which they are known; one in which somebody has no id is not known.
link AS (
    SELECT source, written, unnest(list_transform(range(1, len(written) + 1), lambda n: {'nth': n, 'id': written[n]})) AS part
    FROM (
        SELECT source, actor_chain AS written FROM issue
        UNION SELECT source, may_act FROM issue
        UNION SELECT source, actor_chain FROM caller
    )
),
named AS (
    SELECT l.source, l.written, l.part.nth AS nth, coalesce(c.name, s.name, nullif(l.part.id, '')) AS actor
    FROM link l
    LEFT JOIN known c ON c.source = l.source AND c.kind = 'client' AND c.id = l.part.id
    LEFT JOIN known s ON s.source = l.source AND s.kind = 'subject' AND s.id = l.part.id
),
-- An actor who asks itself makes no circle.
party AS (
    SELECT source, written, list(actor ORDER BY nth) AS actors, count(*) FILTER (actor IS DISTINCT FROM nearer) > count(DISTINCT actor) AS circles
    FROM (SELECT *, lag(actor) OVER (PARTITION BY source, written ORDER BY nth) AS nearer FROM named)
    GROUP BY source, written
    HAVING count(actor) = count(*)
),
-- A token that is issued several times has what any of its records names; one that names no actors leaves them open.
chain_of AS (
    SELECT DISTINCT i.source, i.token_id, a.actors
    FROM issue i
    JOIN party a ON a.source = i.source AND a.written = i.actor_chain
    WHERE i.token_id IS NOT NULL
),
acting AS (
    SELECT DISTINCT source, token_id, actors[1] AS actor FROM chain_of
),
allowing AS (
    SELECT DISTINCT i.source, i.token_id, unnest(a.actors) AS actor
    FROM issue i
    JOIN party a ON a.source = i.source AND a.written = i.may_act
    WHERE i.token_id IS NOT NULL
),
shown AS (
    SELECT i.source, i.token_id, count(a.actors) > 0 AS names, bool_or(a.actors IS NULL) AS untold, bool_and(m.actors IS NOT NULL) AS limits,
           bool_and(i.client IS NOT NULL) AS client_known,
           -- For the reader, as much as one reads.
           list_sort(list_distinct(list(array_to_string(a.actors, ', '))))[1:20] AS chains,
           list_sort(list_distinct(list(a.actors[1])))[1:20] AS heads, list_sort(list_distinct(flatten(list(m.actors))))[1:20] AS may_act,
           -- What an actor is in an ID-JAG its draft leaves open, and a transaction token tells its callers otherwise.
           coalesce(bool_or(i.token_kind IN ('id_jag', 'txn')), false) AS of_other_kind
    FROM issue i
    LEFT JOIN party a ON a.source = i.source AND a.written = i.actor_chain
    LEFT JOIN party m ON m.source = i.source AND m.written = i.may_act
    WHERE i.token_id IS NOT NULL
    GROUP BY i.source, i.token_id
),
came_of AS (
    SELECT i.*, a.actors, a.circles, s.names, s.untold, s.limits, s.client_known, s.chains, s.may_act AS let,
           k.source IS NOT NULL AS kept, g.source IS NOT NULL AS grown, h.source IS NOT NULL AS acted, m.source IS NOT NULL AS allowed,
           c.source IS NOT NULL AS same_client
    FROM issue i
    LEFT JOIN party a ON a.source = i.source AND a.written = i.actor_chain
    LEFT JOIN shown s ON s.source = i.source AND s.token_id = i.parent_token_id
        AND NOT s.of_other_kind AND coalesce(i.token_kind, '') NOT IN ('id_jag', 'txn') AND i.kind <> 'credential'
    LEFT JOIN chain_of k ON k.source = s.source AND k.token_id = s.token_id AND k.actors = a.actors
    LEFT JOIN chain_of g ON g.source = s.source AND g.token_id = s.token_id AND g.actors = a.actors[2:]
    LEFT JOIN acting h ON h.source = s.source AND h.token_id = s.token_id AND h.actor = a.actors[1]
    LEFT JOIN allowing m ON m.source = s.source AND m.token_id = s.token_id AND m.actor = a.actors[1]
    LEFT JOIN (SELECT DISTINCT source, token_id, client FROM issue) c ON c.source = s.source AND c.token_id = s.token_id AND c.client = i.client
    WHERE i.issued_at >= $since AND i.issued_at < $until
),
-- A refresh brings no new actor, an exchange at most one.
judged AS (
    SELECT *, unnest(list_filter([
               CASE WHEN circles THEN 'circle' END,
               CASE WHEN $most_actors::INTEGER > 0 AND len(actors) > $most_actors::INTEGER THEN 'too long' END,
               CASE WHEN limits AND actors IS NOT NULL AND kind <> 'refresh' AND NOT allowed AND NOT acted THEN 'not allowed' END,
               CASE WHEN names AND actors IS NOT NULL AND NOT kept AND NOT (grown AND kind <> 'refresh') THEN 'not continued' END,
               CASE WHEN names AND actors IS NULL AND kind = 'exchange' THEN 'left out' END,
               CASE WHEN kept AND kind = 'exchange' AND client_known AND NOT same_client AND NOT list_contains(actors, client)
                    THEN 'client not named' END],
               lambda f: f IS NOT NULL)) AS fault
    FROM came_of
),
used AS (
    SELECT c.caller_id, c.source, coalesce(c.tenant, t.tenant) AS tenant, t.client_id, t.client_name, t.subject_id, t.grant_id, t.token_id, c.resource_server,
           a.actors[1] AS actor, s.untold, s.heads, {'seen_at': t.issued_at, 'batch_id': t.batch_id, 'line_no': t.line_no, 'event_id': t.event_id} AS record
    FROM caller c
    JOIN party a ON a.source = c.source AND a.written = c.actor_chain
    JOIN shown s ON s.source = c.source AND s.token_id = c.token_id
    JOIN token t ON t.source = c.source AND t.token_id = c.token_id
    LEFT JOIN acting h ON h.source = c.source AND h.token_id = c.token_id AND h.actor = a.actors[1]
    WHERE s.names AND h.source IS NULL AND (c.tenant IS NULL OR t.tenant IS NULL OR c.tenant = t.tenant)
),
worked AS (
    SELECT caller_id, count(*) AS calls, min(used_at) AS first_used_at, max(used_at) AS last_used_at,
           list({'used_at': used_at, 'event_id': event_id, 'usage_id': usage_id}) AS uses
    FROM usage_row
    SEMI JOIN used USING (caller_id)
    WHERE outcome = 'success' AND used_at >= $since AND used_at < $until
    GROUP BY caller_id
),
found AS (
    SELECT source, tenant, client_id, client_name, subject_id, grant_id, token_id, NULL AS resource_server, fault, array_to_string(actors, ', ') AS actors,
           CASE fault WHEN 'left out' THEN 'a token without actors is an impersonation, or the log does not name them'
                      WHEN 'client not named' THEN 'nothing tells whether the client is one of these actors: the identities file can'
                      WHEN 'not continued' THEN CASE WHEN untold THEN 'the token before was issued several times, and not each time are its actors named' END
                      END AS reason,
           CASE WHEN fault = 'not allowed' THEN let WHEN fault NOT IN ('circle', 'too long') THEN chains END AS expected,
           0 AS calls, issued_at AS first_at, issued_at AS last_at, NULL AS uses,
           {'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id} AS record
    FROM judged
    UNION ALL
    SELECT u.source, u.tenant, u.client_id, u.client_name, u.subject_id, u.grant_id, u.token_id, u.resource_server, 'other actor', u.actor,
           CASE WHEN u.untold THEN 'the token was issued several times, and not each time are its actors named' END,
           u.heads, w.calls, w.first_used_at, w.last_used_at, w.uses, u.record
    FROM used u
    JOIN worked w USING (caller_id)
),
told AS (
    SELECT source, tenant, client_id, fault, actors, bool_or(reason IS NULL) AS broken,
           CASE WHEN count(DISTINCT subject_id) = 1 AND count(subject_id) = count(*) THEN min(subject_id) END AS subject_id,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           CASE WHEN count(DISTINCT token_id) = 1 AND count(token_id) = count(*) THEN min(token_id) END AS token_id,
           CASE WHEN count(DISTINCT resource_server) = 1 AND count(resource_server) = count(*) THEN min(resource_server) END AS resource_server,
           min(first_at) AS first_seen, max(last_at) AS last_seen, sum(calls)::BIGINT AS calls, list_sort(list_distinct(list(record))) AS records,
           list_transform(list_sort(flatten(list(uses))), lambda u: u.usage_id) AS usage_ids,
           list_sort(list_distinct(flatten(list(coalesce(expected, [])))))[1:20] AS expected,
           list_sort(list_distinct(list(reason) FILTER (reason IS NOT NULL))) AS reasons,
           coalesce(max(client_name), client_id, 'An unnamed client') AS client
    FROM found
    GROUP BY source, tenant, client_id, fault, actors
)
SELECT CASE WHEN broken THEN 'violation' ELSE 'indeterminate' END AS verdict, 'high' AS severity,
       CASE fault WHEN 'other actor' THEN actors || ' acted with ' || CASE WHEN len(records) = 1 THEN 'a token' ELSE len(records) || ' tokens' END
                                          || ' of ' || client || ' that ' || CASE WHEN len(records) = 1 THEN 'names ' ELSE 'name ' END
                                          || CASE WHEN len(expected) <= 3 THEN array_to_string(expected, ' or ') ELSE 'others' END
                  WHEN 'circle' THEN client || ' got a token whose actors come round in a circle'
                  WHEN 'too long' THEN client || ' got a token with more actors than a chain may have'
                  WHEN 'not allowed' THEN client || ' got a token for an actor that the token before does not allow'
                  WHEN 'not continued' THEN client || ' got a token whose actors do not follow from the token before'
                  WHEN 'left out' THEN client || ' got a token without the actors of the token before'
                  ELSE client || ' got a token with the actors of the token before, and is none of them' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, resource_server, first_seen, last_seen, calls + len(records) AS events,
       to_json({
           'fault': fault,
           'actors': actors,
           'expected': expected,
           'tokens': len(records),
           'calls': calls,
           'reasons': CASE WHEN NOT broken THEN reasons END}) AS detail,
       'token' AS join_key,
       CASE WHEN $every_call THEN usage_ids ELSE list_concat(usage_ids[1:19], usage_ids[20:][-1:]) END AS calls,
       records,
       CASE WHEN fault = 'other actor' THEN 'usage' ELSE 'issuance' END AS about_log, first_seen AS about_from, last_seen AS about_until
FROM told
""",
    fires=(
        Example(
            "a token whose actor is the planner is used by another one",
            (
                asked("t1", "planner"),
                use("10 09:10", READ, actor_chain=["planner"]),
                use("10 09:20", READ, actor_chain=["stranger", "planner"]),
                use("10 09:30", READ, actor_chain=["stranger", "planner"]),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "title": "stranger acted with a token of app that names planner",
                    "client_id": "app",
                    "token_id": "t1",
                    "events": 3,
                    "detail": {"fault": "other actor", "actors": "stranger", "expected": ["planner"], "calls": 2},
                },
            ),
        ),
        Example(
            "an exchange forgets the planner, who asked the tool",
            (asked("t1", "planner"), exchanged("t2", "t1", "tool")),
            (
                {
                    "verdict": "violation",
                    "title": "desk got a token whose actors do not follow from the token before",
                    "client_id": "desk",
                    "token_id": "t2",
                    "events": 1,
                    "detail": {"fault": "not continued", "actors": "tool", "expected": ["planner"], "reasons": None},
                },
            ),
        ),
        Example(
            "the token lets the planner act, and another actor gets a new one for it",
            (asked("t1", may_act=["planner"]), exchanged("t2", "t1", "stranger")),
            ({"verdict": "violation", "detail": {"fault": "not allowed", "expected": ["planner"]}},),
        ),
        Example(
            "the planner asks the tool, and the tool asks the planner",
            (
                asked("t1", "planner"),
                exchanged("t2", "t1", "tool", "planner"),
                exchanged("t3", "t2", "planner", "tool", "planner", client_id="app"),
            ),
            (
                {
                    "verdict": "violation",
                    "title": "app got a token whose actors come round in a circle",
                    "token_id": "t3",
                    "detail": {"fault": "circle", "actors": "planner, tool, planner", "expected": []},
                },
            ),
        ),
        Example(
            "a chain of three where two are allowed",
            (asked("t1", "third", "second", "first"),),
            ({"verdict": "violation", "detail": {"fault": "too long", "actors": "third, second, first"}},),
            parameters={"most_actors": 2},
        ),
    ),
    silent=(
        Example(
            "each exchange puts one actor before the others, and calls name all or the first",
            (
                asked("t0", may_act=["planner"]),
                exchanged("t1", "t0", "planner", client_id="app", may_act=["tool", "planner"]),
                exchanged("t2", "t1", "tool", "planner"),
                use("10 09:10", READ, "t1", actor_chain=["planner"]),
                use("10 09:20", READ, "t2", actor_chain=["tool"]),
                use("10 09:30", READ, "t2", actor_chain=["tool", "planner"]),
            ),
        ),
        Example(
            "a refresh keeps the actors, and so does an actor who asks for a token of another server",
            (
                asked("r1", "planner", token_kind="refresh", may_act=["tool"]),
                refreshed("10 09:30", "t2", "r1", ["mail.read"], actor_chain=["planner"]),
                exchanged("t3", "t2", "planner", client_id="app", audience=["files.example"]),
                exchanged("t4", "t3", "planner", "planner", client_id="app"),
            ),
        ),
        Example(
            "a chain that one of the logs does not tell is not broken",
            (
                asked("t1"),
                exchanged("t2", "t1", "tool", "planner"),
                exchanged("t3", "gone", "tool", "planner"),
                use("10 09:10", READ, "t1", actor_chain=["planner"]),
                use("10 09:20", READ, "t2"),
                use("10 09:30", READ, "lost", actor_chain=["planner"]),
            ),
        ),
        Example(
            "another actor is refused",
            (asked("t1", "planner"), use("10 09:10", READ, status=401, actor_chain=["stranger"])),
        ),
        Example(
            "what an actor is in an ID-JAG is left open",
            (
                asked("t1", "planner"),
                exchanged("j1", "t1", "tool", token_kind="id_jag"),
                exchanged("t2", "j1", "other", client_id="tool-there"),
            ),
        ),
        Example(
            "a log whose actors are something else takes no part",
            (asked("t1", "planner"), exchanged("t2", "t1", "tool"), use("10 09:10", READ, actor_chain=["stranger"])),
            declared={"actors": ""},
        ),
    ),
    undecidable=(
        Example(
            "an exchange drops the actor: an impersonation, if the log names all actors",
            (asked("t1", "planner"), exchanged("t2", "t1")),
            (
                {
                    "verdict": "indeterminate",
                    "title": "desk got a token without the actors of the token before",
                    "detail": {
                        "fault": "left out",
                        "actors": None,
                        "expected": ["planner"],
                        "reasons": ["a token without actors is an impersonation, or the log does not name them"],
                    },
                },
            ),
        ),
        Example(
            "another client gets a token in which the planner still acts",
            (asked("t1", "planner"), exchanged("t2", "t1", "planner")),
            (
                {
                    "verdict": "indeterminate",
                    "title": "desk got a token with the actors of the token before, and is none of them",
                    "detail": {
                        "fault": "client not named",
                        "reasons": ["nothing tells whether the client is one of these actors: the identities file can"],
                    },
                },
            ),
        ),
        Example(
            "one of two records of a token does not name its actors",
            (
                asked("t1", "planner"),
                asked("t1"),
                exchanged("t2", "t1", "tool"),
                use("10 09:10", READ, actor_chain=["stranger"]),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "fault": "not continued",
                        "reasons": [
                            "the token before was issued several times, and not each time are its actors named"
                        ],
                    },
                },
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "fault": "other actor",
                        "reasons": ["the token was issued several times, and not each time are its actors named"],
                    },
                },
            ),
        ),
    ),
)
