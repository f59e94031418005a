"""OOS-6: tokens whose actors do not follow from those before, and calls by another actor than the token's."""

from grantlens.rule.evidence import EXCHANGED, ISSUE_USE, NAMED, NESTED, TOKEN, WORKED, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.delegation_chain.examples import FIRES, SILENT, UNDECIDABLE

_KEPT = (NESTED, NAMED, EXCHANGED)
_CALLED = (NESTED, NAMED, "usage.token_id", "usage.actor_chain", WORKED)


RULE = Rule(
    id="OOS-6",
    version=3,
    name="delegation_chain",
    key=("client_id", "fault", "actors"),
    question="Which tokens name actors that do not follow from the token before, and which were used by another actor?",
    severity="high",
    remedy="Let the authorisation server put the new actor before those of the token that it is shown, and nobody whom may_act leaves out; let servers "
    "take the actor from the token alone. Where two ids are one actor, say so in the identities file, as client or subject.",
    basis="RFC 8693 sections 4.1 (act), 4.4 (may_act) and 1.1 (impersonation); RFC 6749 section 6",
    needs=("tenant_token", "issued", "canonical_identity"),
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
of_id AS (
    SELECT source, token_id, coalesce(list_distinct(list(tenant) FILTER (tenant IS NOT NULL)), []) AS homes
    FROM issue
    WHERE token_id IS NOT NULL
    GROUP BY source, token_id
),
-- A token id is one tenant's: what names none is of each that others name, and of any other.
each_issue AS (
    SELECT i.*, unnest(CASE WHEN i.tenant IS NULL THEN o.homes || [NULL] ELSE [i.tenant] END) AS home
    FROM issue i
    JOIN of_id o ON o.source = i.source AND o.token_id = i.token_id
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
    SELECT DISTINCT i.source, i.home, i.token_id, a.actors
    FROM each_issue i
    JOIN party a ON a.source = i.source AND a.written = i.actor_chain
),
acting AS (
    SELECT DISTINCT source, home, token_id, actors[1] AS actor FROM chain_of
),
allowing AS (
    SELECT DISTINCT i.source, i.home, i.token_id, unnest(a.actors) AS actor
    FROM each_issue i
    JOIN party a ON a.source = i.source AND a.written = i.may_act
),
shown AS (
    SELECT i.source, i.home, i.token_id, count(a.actors) > 0 AS names, bool_or(a.actors IS NULL) AS untold, bool_and(m.actors IS NOT NULL) AS limits,
           bool_and(i.client IS NOT NULL) AS client_known,
           -- For the reader, as much as one reads.
           list_sort(list_distinct(list(array_to_string(a.actors, ', '))))[1:20] AS chains,
           list_sort(list_distinct(list(a.actors[1])))[1:20] AS heads, list_sort(list_distinct(flatten(list(m.actors))))[1:20] AS may_act,
           -- What an actor is in an ID-JAG its draft leaves open, and a transaction token tells its callers otherwise.
           coalesce(bool_or(i.token_kind IN ('id_jag', 'txn')), false) AS of_other_kind
    FROM each_issue i
    LEFT JOIN party a ON a.source = i.source AND a.written = i.actor_chain
    LEFT JOIN party m ON m.source = i.source AND m.written = i.may_act
    GROUP BY i.source, i.home, i.token_id
),
-- The token of the same tenant is the one before; where none is named, and several issued one of that id, each of theirs may be it.
child AS (
    SELECT * EXCLUDE (own_tenant), own_tenant IS NULL AND coalesce(len(parent_homes) > 1, false) AS of_several,
           unnest(CASE WHEN own_tenant IS NULL AND len(parent_homes) > 0 THEN parent_homes
                       ELSE [CASE WHEN list_contains(parent_homes, own_tenant) THEN own_tenant END] END) AS parent_home
    FROM (
        SELECT i.*, coalesce(i.tenant, CASE WHEN len(o.homes) = 1 THEN o.homes[1] END) AS own_tenant, p.homes AS parent_homes
        FROM issue i
        LEFT JOIN of_id o ON o.source = i.source AND o.token_id = i.token_id
        LEFT JOIN of_id p ON p.source = i.source AND p.token_id = i.parent_token_id
        WHERE i.issued_at >= $since AND i.issued_at < $until
    )
),
came_of AS (
    SELECT i.*, a.actors, a.circles, s.names, s.untold, s.limits, s.client_known, s.chains, s.may_act AS let,
           k.source IS NOT NULL AS kept, g.source IS NOT NULL AS grown, h.source IS NOT NULL AS acted, m.source IS NOT NULL AS allowed,
           c.source IS NOT NULL AS same_client
    FROM child i
    LEFT JOIN party a ON a.source = i.source AND a.written = i.actor_chain
    LEFT JOIN shown s ON s.source = i.source AND s.token_id = i.parent_token_id AND s.home IS NOT DISTINCT FROM i.parent_home
        AND NOT s.of_other_kind AND coalesce(i.token_kind, '') NOT IN ('id_jag', 'txn') AND i.kind <> 'credential'
    LEFT JOIN chain_of k ON k.source = s.source AND k.token_id = s.token_id AND k.home IS NOT DISTINCT FROM s.home AND k.actors = a.actors
    LEFT JOIN chain_of g ON g.source = s.source AND g.token_id = s.token_id AND g.home IS NOT DISTINCT FROM s.home AND g.actors = a.actors[2:]
    LEFT JOIN acting h ON h.source = s.source AND h.token_id = s.token_id AND h.home IS NOT DISTINCT FROM s.home AND h.actor = a.actors[1]
    LEFT JOIN allowing m ON m.source = s.source AND m.token_id = s.token_id AND m.home IS NOT DISTINCT FROM s.home AND m.actor = a.actors[1]
    LEFT JOIN (SELECT DISTINCT source, home, token_id, client FROM each_issue) c
        ON c.source = s.source AND c.token_id = s.token_id AND c.home IS NOT DISTINCT FROM s.home AND c.client = i.client
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
called AS (
    SELECT c.*, c.tenant IS NULL AND len(o.homes) > 1 AS of_several,
           unnest(CASE WHEN c.tenant IS NULL AND len(o.homes) > 0 THEN o.homes
                       ELSE [CASE WHEN list_contains(o.homes, c.tenant) THEN c.tenant END] END) AS home
    FROM caller c
    JOIN of_id o ON o.source = c.source AND o.token_id = c.token_id
),
used AS (
    SELECT c.caller_id, c.source, coalesce(c.tenant, CASE WHEN NOT c.of_several THEN t.tenant END) AS tenant, t.client_id, t.client_name, t.subject_id,
           t.grant_id, t.token_id, c.resource_server, c.of_several, a.actors[1] AS actor, s.untold, s.heads,
           {'seen_at': t.issued_at, 'batch_id': t.batch_id, 'line_no': t.line_no, 'event_id': t.event_id} AS record
    FROM called c
    JOIN party a ON a.source = c.source AND a.written = c.actor_chain
    JOIN shown s ON s.source = c.source AND s.token_id = c.token_id AND s.home IS NOT DISTINCT FROM c.home
    JOIN tenant_token t ON t.source = c.source AND t.token_id = c.token_id AND t.home IS NOT DISTINCT FROM c.home AND NOT t.of_several
    LEFT JOIN acting h ON h.source = c.source AND h.token_id = c.token_id AND h.home IS NOT DISTINCT FROM c.home AND h.actor = a.actors[1]
    WHERE s.names AND h.source IS NULL AND t.token_kind IS DISTINCT FROM 'txn'
),
worked AS (
    SELECT caller_id, min(used_at) AS first_used_at, max(used_at) AS last_used_at,
           list({'used_at': used_at, 'event_id': event_id, 'usage_id': usage_id}) AS uses
    FROM usage_row
    SEMI JOIN used USING (caller_id)
    WHERE outcome = 'success' AND used_at >= $since AND used_at < $until
    GROUP BY caller_id
),
found AS (
    SELECT source, tenant, client_id, client_name, subject_id, grant_id, token_id, NULL AS resource_server, fault, array_to_string(actors, ', ') AS actors,
           CASE WHEN fault IN ('circle', 'too long') THEN NULL
                WHEN of_several THEN 'the new token names no tenant, and several issued one of the id that it came of'
                WHEN fault = 'left out' THEN 'a token without actors is an impersonation, or the log does not name them'
                WHEN fault = 'client not named' THEN 'nothing tells whether the client is one of these actors: the identities file can'
                WHEN fault = 'not continued' AND untold THEN 'the token before was issued several times, and not each time are its actors named'
                END AS reason,
           CASE WHEN fault = 'not allowed' THEN let WHEN fault NOT IN ('circle', 'too long') THEN chains END AS expected,
           issued_at AS first_at, issued_at AS last_at, NULL AS uses,
           {'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id} AS record
    FROM judged
    UNION ALL
    SELECT u.source, u.tenant, u.client_id, u.client_name, u.subject_id, u.grant_id, u.token_id, u.resource_server, 'other actor', u.actor,
           CASE WHEN u.of_several THEN 'the calls name no tenant, and several issued a token of this id'
                WHEN u.untold THEN 'the token was issued several times, and not each time are its actors named' END,
           u.heads, w.first_used_at, w.last_used_at, w.uses, u.record
    FROM used u
    JOIN worked w USING (caller_id)
),
told AS (
    SELECT source, tenant, client_id, fault, actors, bool_or(reason IS NULL) AS broken,
           CASE WHEN count(DISTINCT subject_id) = 1 AND count(subject_id) = count(*) THEN min(subject_id) END AS subject_id,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           CASE WHEN count(DISTINCT token_id) = 1 AND count(token_id) = count(*) THEN min(token_id) END AS token_id,
           CASE WHEN count(DISTINCT resource_server) = 1 AND count(resource_server) = count(*) THEN min(resource_server) END AS resource_server,
           min(first_at) AS first_seen, max(last_at) AS last_seen, list_sort(list_distinct(list(record))) AS records,
           -- Calls that may be with the token of any of several tenants count once.
           list_transform(list_sort(list_distinct(flatten(list(uses)))), lambda u: u.usage_id) AS usage_ids, coalesce(len(usage_ids), 0) AS calls,
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
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
