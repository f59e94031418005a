"""OOS-10: a token, key or session in other hands: bound to a key and used without it, or used in turn from a place where its client never was.

A network that the register lists for the client is a place of its own, as if the client had always called from there; so whoever is inside it, be it a
thief or another customer of the same cloud, is not seen. A bound token without its proof is told from wherever it comes.

That a proof of possession came twice (RFC 9449 section 11.1) is not asked: no column holds the id of a proof, since no log is known that writes it.
"""

from grantlens.rule.evidence import BOUND, ISSUE_USE, NAMES_CREDENTIAL, TOKEN, WORKED, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.credential_moved.examples import FIRES, SILENT, UNDECIDABLE

_PLACES = (NAMES_CREDENTIAL, WORKED, "usage.ip", "usage.user_agent")

RULE = Rule(
    id="OOS-10",
    version=3,
    name="credential_moved",
    key=("holder", "fault", "program"),
    question="Which tokens, keys or sessions were used by somebody other than their holder?",
    severity="high",
    remedy="Ask whoever runs the client whether the second place is theirs: a new worker, a proxy, or somebody who tried something out. If it is, list its "
    "network for the client in the register. If it is not, treat the token as stolen: revoke it with its grant, look at all calls from that place with "
    "any token, and find out where it was kept. "
    "Let servers take tokens only with the proof that they are bound to (DPoP, mutual TLS).",
    basis="RFC 9449 section 7 (proof of the bound key); RFC 9700 section 2.2 (sender-constrained tokens), 4.14 (replay)",
    needs=("named_caller", "canonical_identity", "registered_client", "caller_place", "covered_time"),
    # That a place is new is an absence.
    rests_on=Evidence(
        (
            Way(
                ("usage",),
                says=_PLACES,
                silence=("usage",),
                leaves_open="who calls: it shows addresses, and what programs call themselves",
            ),
            Way(
                ISSUE_USE,
                {ISSUE_USE: TOKEN},
                (*BOUND, "usage.token_id", WORKED),
                leaves_open="theft of a token that is bound to no key",
            ),
        ),
        (Way(("usage",), says=_PLACES, leaves_open="whether the place was new: earlier calls may not be in the log"),),
    ),
    parameters=(
        Parameter(
            "alone_minutes",
            60.0,
            "minutes",
            "How long the client must have called before the second place did: workers that share a token begin together.",
        ),
        Parameter(
            "usual_hours",
            24.0,
            "hours",
            "How long the client must have been seen before it, for what is usual to be known.",
        ),
        Parameter(
            "history_days", 14, "days", "How far back the usage log must reach before the second place was first seen."
        ),
        Parameter(
            "min_coverage",
            0.95,
            "share",
            "Least share of that time for which the usage log must be there, and of its calls that tell their place.",
        ),
        Parameter(
            "many_networks",
            3,
            "networks",
            "From how many networks, listed ones aside, a client must have used one token to have no place of its own.",
        ),
    ),
    sql="""
WITH spell AS (
    SELECT caller_id, min(used_at) AS first_at, max(used_at) AS last_at, count(*) AS calls, count(*) FILTER (outcome = 'success') AS worked,
           min(used_at) FILTER (outcome = 'success' AND used_at >= $since) AS worked_from
    FROM usage_row
    WHERE used_at < $until
    GROUP BY caller_id
),
called AS (
    SELECT s.*, c.source, c.tenant, c.client_id, c.client_name, c.subject_id, c.grant_id, c.token_id, u.session_id, c.resource_server,
           u.dpop_jkt, p.network, p.address, p.private, p.program,
           coalesce(k.name, c.client_id, c.subject_id, c.token_id, u.session_id) AS holder
    FROM spell s
    JOIN named_caller c USING (caller_id)
    JOIN usage_caller u USING (caller_id)
    JOIN caller_place p USING (caller_id)
    LEFT JOIN canonical_identity k ON k.source = c.source AND k.kind = 'client' AND k.id = c.client_id
),
-- Since when each program is known of a client; newcomers are those that came to a client which had been there without them.
known AS (
    SELECT source, tenant, holder, program, min(first_at) AS came_at, min(min(first_at)) OVER (PARTITION BY source, tenant, holder) AS known_from
    FROM called
    WHERE holder IS NOT NULL
    GROUP BY source, tenant, holder, program
),
newcomer AS (
    SELECT row_number() OVER () AS newcomer_no, * FROM known
    WHERE program IS NOT NULL AND came_at >= $since AND came_at >= known_from + to_microseconds(($alone_minutes * 60000000)::BIGINT)
),
-- Calls from a network that the register lists for their client: that is their place, however large it is, and known from the beginning on.
listed AS (
    SELECT c.caller_id, min(g.n.network) AS network
    FROM called c
    JOIN (SELECT client_id, unnest(networks) AS n FROM registered_client) g ON g.client_id = c.client_id AND c.address BETWEEN g.n.first_address AND g.n.last_address
    GROUP BY c.caller_id
),
around AS (
    SELECT c.* REPLACE (coalesce(l.network, c.network) AS network), l.network IS NOT NULL AS listed, k.came_at
    FROM called c
    LEFT JOIN listed l USING (caller_id)
    SEMI JOIN newcomer n ON n.source = c.source AND n.tenant IS NOT DISTINCT FROM c.tenant AND n.holder = c.holder
    LEFT JOIN known k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.holder = c.holder AND k.program = c.program
),
-- Each network of each program, and since when others were there who came before it, or whose name is not told.
place AS (
    SELECT source, tenant, holder, program, came_at, network, first_at, CASE WHEN listed THEN first_at WHEN network IS NOT NULL THEN min(first_at) OVER (
               PARTITION BY source, tenant, holder, network ORDER BY coalesce(epoch_us(came_at), -1000000000000000000)
               RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) END AS known_at
    FROM (SELECT source, tenant, holder, program, came_at, network, listed, min(first_at) AS first_at FROM around GROUP BY ALL)
),
-- Newcomers who came from networks where their client had never been: program and network are new at once.
stranger AS (
    SELECT n.*, s.seen_at_home, s.joined, s.networks
    FROM newcomer n
    JOIN (
        SELECT source, tenant, holder, program,
               bool_or(known_at IS NOT NULL AND known_at <= first_at) AS seen_at_home, bool_or(known_at IS NOT NULL AND known_at > first_at) AS joined,
               list_sort(list(network) FILTER (known_at IS NULL OR known_at > first_at)) AS networks
        FROM place
        GROUP BY source, tenant, holder, program
        HAVING bool_and(network IS NOT NULL AND (known_at IS NULL OR known_at > first_at)) FILTER (first_at = came_at)
    ) s ON s.source = n.source AND s.tenant IS NOT DISTINCT FROM n.tenant AND s.holder = n.holder AND s.program = n.program
),
credential AS (
    SELECT 'token' AS kind, token_id AS id, * FROM around WHERE token_id IS NOT NULL
    UNION ALL
    SELECT 'session', session_id, * FROM around WHERE session_id IS NOT NULL
),
-- Since when a client has used one token from so many networks that none of them is its place; those that are listed for it are.
roaming AS (
    SELECT source, tenant, holder, min(nth_at) AS roams_from
    FROM (
        SELECT source, tenant, holder, first_at AS nth_at, row_number() OVER (PARTITION BY source, tenant, holder, kind, id ORDER BY first_at) AS nth
        FROM (
            SELECT source, tenant, holder, kind, id, network, min(first_at) AS first_at
            FROM credential
            WHERE network IS NOT NULL AND NOT listed
            GROUP BY source, tenant, holder, kind, id, network
        )
    )
    WHERE nth = $many_networks
    GROUP BY source, tenant, holder
),
-- The tokens and sessions that each stranger used.
touched AS (
    SELECT DISTINCT s.newcomer_no, s.came_at, s.program, s.networks, c.source, c.tenant, c.holder, c.kind, c.id
    FROM stranger s
    JOIN credential c ON c.source = s.source AND c.tenant IS NOT DISTINCT FROM s.tenant AND c.holder = s.holder AND c.program = s.program
    LEFT JOIN roaming r ON r.source = s.source AND r.tenant IS NOT DISTINCT FROM s.tenant AND r.holder = s.holder
    WHERE r.roams_from IS NULL OR r.roams_from >= s.came_at
),
-- Their two sides: calls from the stranger's networks by it or by who came later, and those of who had been there before.
side AS (
    SELECT c.*, t.newcomer_no AS stranger_no, t.program AS stranger, c.came_at >= t.came_at AS away
    FROM credential c
    JOIN touched t ON t.source = c.source AND t.tenant IS NOT DISTINCT FROM c.tenant AND t.holder = c.holder AND t.kind = c.kind AND t.id = c.id
    WHERE c.network IS NOT NULL AND (c.came_at >= t.came_at) = (NOT c.listed AND list_contains(t.networks, c.network))
),
-- In turn, whichever of two calls of one moment was first: each side goes on after the other has begun. What never worked for the client is not its own.
moved AS (
    SELECT stranger_no, kind, id
    FROM (
        SELECT stranger_no, kind, id, min(first_at) FILTER (away) AS away_from, max(last_at) FILTER (away) AS away_until,
               min(first_at) FILTER (NOT away) AS home_from, max(last_at) FILTER (NOT away) AS home_until, sum(worked) FILTER (NOT away) > 0 AS home_worked
        FROM side
        GROUP BY stranger_no, kind, id
    )
    WHERE home_from < away_until AND away_from < home_until AND home_worked
    QUALIFY kind = max(kind) OVER (PARTITION BY stranger_no)  -- of a session only where no token tells it
),
-- How many of its earlier calls do not tell their place.
untold AS (
    SELECT source, tenant, holder, program, any_value(untold_calls / earlier_calls) AS share
    FROM (
        SELECT source, tenant, holder, program, first_at = came_at AS came, sum(calls) OVER earlier AS earlier_calls,
               sum(CASE WHEN program IS NULL OR network IS NULL THEN calls ELSE 0 END) OVER earlier AS untold_calls
        FROM around
        WINDOW earlier AS (PARTITION BY source, tenant, holder ORDER BY epoch_us(first_at) RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    WHERE came
    GROUP BY source, tenant, holder, program
),
history AS (
    SELECT s.newcomer_no AS stranger_no, bool_and(c.in_part) AS in_part,
           sum(greatest(0, epoch_us(least(c.covered_until, s.came_at))
               - epoch_us(greatest(c.covered_from, s.came_at - to_microseconds(($history_days * 86400000000)::BIGINT)))))
               FILTER (NOT c.in_part) / ($history_days * 86400e6) AS share
    FROM (FROM stranger SEMI JOIN moved m ON m.stranger_no = newcomer_no) s
    JOIN covered_time c ON c.source = s.source AND c.tenant IS NOT DISTINCT FROM s.tenant AND c.log = 'usage'
    GROUP BY s.newcomer_no
),
-- The calls with what moved, in order; those before and after a change of place show it.
step AS (
    SELECT stranger_no, id, away, usage_id, event_id, used_at, lag(away) OVER turn AS away_before, lead(away) OVER turn AS away_after
    FROM (FROM side SEMI JOIN moved USING (stranger_no, kind, id))
    JOIN usage_row u USING (caller_id)
    WHERE u.used_at < $until
    WINDOW turn AS (PARTITION BY stranger_no, id ORDER BY u.used_at, away, u.event_id)
),
shown AS (
    SELECT stranger_no, count(*) FILTER (away <> away_before) AS turns,
           list(usage_id ORDER BY used_at, event_id) FILTER (away OR away_before OR away_after) AS calls
    FROM step
    GROUP BY stranger_no
),
told AS (
    SELECT stranger_no, source, tenant, any_value(holder) AS holder, min(client_id) AS client_id, max(client_name) AS client_name,
           CASE WHEN count(DISTINCT subject_id) = 1 AND count(subject_id) = count(*) THEN min(subject_id) END AS subject_id,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           CASE WHEN count(DISTINCT token_id) = 1 THEN min(token_id) END AS token_id,
           list_sort(list(DISTINCT id)) AS ids, min(kind) AS kind, count(DISTINCT subject_id) AS people,
           any_value(stranger) AS program, list_sort(list(DISTINCT program) FILTER (away)) AS away_programs, sum(worked) FILTER (away) > 0 AS worked,
           min(first_at) FILTER (away) AS away_from, max(last_at) FILTER (away) AS away_until, sum(calls) FILTER (away)::BIGINT AS away_calls,
           min(first_at) FILTER (NOT away) AS home_from, max(last_at) FILTER (NOT away) AS home_until, sum(calls) FILTER (NOT away)::BIGINT AS home_calls,
           list_sort(list(DISTINCT network) FILTER (away)) AS away_networks, list_sort(list(DISTINCT network) FILTER (NOT away)) AS home_networks,
           list_sort(list(DISTINCT program) FILTER (NOT away)) AS home_programs,
           list_sort(coalesce(list(DISTINCT resource_server) FILTER (away), [])) AS away_servers,
           coalesce(list(DISTINCT resource_server) FILTER (NOT away), []) AS home_servers,
           bool_or(private) FILTER (away) <> bool_or(private) FILTER (NOT away) AS half_private
    FROM side
    SEMI JOIN moved USING (stranger_no, kind, id)
    GROUP BY stranger_no, source, tenant
),
weighed AS (
    SELECT t.*, h.turns, h.calls, s.came_at AS new_at, (epoch_us(s.came_at) - epoch_us(s.known_from)) / 3600e6 AS known_hours, coalesce(y.share, 0) AS history_share,
           array_to_string(list_filter([
               CASE WHEN y.in_part THEN 'the usage log shows only some of what was called'
                    WHEN history_share < $min_coverage THEN 'the usage log does not cover enough of the time before it' END,
               CASE WHEN known_hours < $usual_hours THEN 'the client had been seen too shortly to know what is usual for it' END,
               CASE WHEN coalesce(p.share, 0) > 1 - $min_coverage THEN 'many earlier calls do not tell their place' END,
               CASE WHEN s.seen_at_home THEN 'the new program was later used from a known network too: the client may have been changed' END,
               CASE WHEN s.joined THEN 'a known program was later used from the new network too: the client may have moved there' END,
               CASE WHEN t.half_private THEN 'one of the two addresses is private: where that is, the log does not tell' END,
               CASE WHEN NOT list_has_any(t.away_servers, t.home_servers) THEN 'the two places called different servers, which may see one client by different ways' END
           ], lambda x: x IS NOT NULL), '; ') AS reason
    FROM told t
    JOIN stranger s ON s.newcomer_no = t.stranger_no
    JOIN shown h USING (stranger_no)
    LEFT JOIN untold p ON p.source = s.source AND p.tenant IS NOT DISTINCT FROM s.tenant AND p.holder = s.holder AND p.program = s.program
    LEFT JOIN history y USING (stranger_no)
),
-- Tokens that are bound to a key, where they worked with another one, or with none at a server whose log had shown keys before.
bound AS (
    SELECT source, token_id, list(DISTINCT rtrim(cnf_jkt, '=')) AS keys,
           min({'seen_at': issued_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': event_id}) AS issue
    FROM issuance
    WHERE outcome = 'success' AND cnf_jkt IS NOT NULL AND token_id IS NOT NULL
    GROUP BY source, token_id
),
showing AS (
    SELECT source, resource_server, min(first_at) AS shown_from FROM called WHERE dpop_jkt IS NOT NULL GROUP BY source, resource_server
),
unproven AS (
    SELECT c.*, b.issue, CASE WHEN c.dpop_jkt IS NULL THEN 'no key' ELSE 'another key' END AS fault, w.shown_from
    FROM called c
    JOIN bound b USING (source, token_id)
    LEFT JOIN showing w ON w.source = c.source AND w.resource_server IS NOT DISTINCT FROM c.resource_server
    WHERE c.worked_from IS NOT NULL
      AND CASE WHEN c.dpop_jkt IS NULL THEN w.shown_from < c.last_at ELSE NOT list_contains(b.keys, rtrim(c.dpop_jkt, '=')) END
),
without AS (
    SELECT c.fault, c.source, c.tenant, c.holder, min(c.client_id) AS client_id, max(c.client_name) AS client_name,
           CASE WHEN count(DISTINCT c.subject_id) = 1 AND count(c.subject_id) = count(*) THEN min(c.subject_id) END AS subject_id,
           CASE WHEN count(DISTINCT c.grant_id) = 1 AND count(c.grant_id) = count(*) THEN min(c.grant_id) END AS grant_id,
           CASE WHEN count(DISTINCT c.token_id) = 1 THEN min(c.token_id) END AS token_id, list_sort(list(DISTINCT c.token_id)) AS ids,
           count(DISTINCT c.subject_id) AS people, list_sort(list(DISTINCT c.resource_server)) AS servers,
           list_sort(coalesce(list(DISTINCT c.network), [])) AS networks, list_sort(coalesce(list(DISTINCT c.program), [])) AS programs,
           min(u.used_at) AS first_seen, max(u.used_at) AS last_seen, list(u.usage_id ORDER BY u.used_at, u.event_id) AS calls, min(c.issue) AS issue
    FROM unproven c
    JOIN usage_row u USING (caller_id)
    WHERE u.outcome = 'success' AND u.used_at >= $since AND u.used_at < $until AND (c.fault <> 'no key' OR u.used_at > c.shown_from)
    GROUP BY c.fault, c.source, c.tenant, c.holder
)
SELECT CASE WHEN reason = '' THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN reason <> '' OR NOT worked THEN 'medium' ELSE 'high' END AS severity,
       CASE WHEN len(ids) = 1 THEN 'A ' || kind ELSE len(ids) || ' ' || kind || 's' END || ' of ' || coalesce(client_name, client_id, subject_id, 'an unnamed client')
           || CASE WHEN worked THEN '' ELSE ', refused there,' END || CASE WHEN len(ids) = 1 THEN ' was used' ELSE ' were used' END
           || ' in turn from ' || home_networks[1] || ' by ' || home_programs[1] || ' and from ' || away_networks[1] || ' by ' || program
           || CASE WHEN reason = '' THEN ', where it had never been' ELSE ', which may be its own' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, NULL AS resource_server,
       away_from AS first_seen, away_until AS last_seen, len(calls) AS events,
       to_json({
           'fault': 'another place',
           'holder': holder,
           'program': program,
           'credentials': ids[1:20],
           'count': len(ids),
           'people': people,
           'known_place': {
               'networks': home_networks[1:20],
               'programs': home_programs[1:20],
               'first_seen': strftime(home_from, '%Y-%m-%dT%H:%M:%S.%fZ'),
               'last_seen': strftime(home_until, '%Y-%m-%dT%H:%M:%S.%fZ'),
               'calls': home_calls},
           'new_place': {
               'networks': away_networks[1:20],
               'programs': away_programs[1:20],
               'first_seen': strftime(away_from, '%Y-%m-%dT%H:%M:%S.%fZ'),
               'last_seen': strftime(away_until, '%Y-%m-%dT%H:%M:%S.%fZ'),
               'calls': away_calls},
           'changes_of_place': turns,
           'servers': away_servers[1:20],
           'known_hours': round(known_hours, 3),
           'history_share': round(history_share, 6),
           'cannot_tell': 'who called: a new worker, proxy or VPN, or somebody who was handed the token, looks the same; and a thief at a known network, '
               || 'one that the register lists, or with the name of a known program, is not seen',
           'reason': nullif(reason, '')}) AS detail,
       CASE WHEN kind = 'session' THEN 'session' ELSE 'token' END AS join_key,
       CASE WHEN $every_call THEN calls ELSE calls[1:19] || calls[20:][-1:] END AS calls,
       NULL AS records,
       'usage' AS about_log, new_at - to_microseconds(($history_days * 86400000000)::BIGINT) AS about_from, away_until AS about_until
FROM weighed
UNION ALL BY NAME
SELECT 'violation' AS verdict, 'high' AS severity,
       CASE WHEN len(ids) = 1 THEN 'A token' ELSE len(ids) || ' tokens' END || ' of ' || coalesce(client_name, client_id, subject_id, 'an unnamed client')
           || CASE WHEN len(ids) = 1 THEN ' that is' ELSE ' that are' END || ' bound to a key worked '
           || CASE fault WHEN 'no key' THEN 'without it' ELSE 'with another one' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, CASE WHEN len(servers) = 1 THEN servers[1] END AS resource_server,
       first_seen, last_seen, len(calls) + 1 AS events,  -- the calls, and an issuance
       to_json({
           'fault': fault,
           'holder': holder,
           'program': NULL,
           'credentials': ids[1:20],
           'count': len(ids),
           'people': people,
           'new_place': {
               'networks': networks[1:20],
               'programs': programs[1:20],
               'first_seen': strftime(first_seen, '%Y-%m-%dT%H:%M:%S.%fZ'),
               'last_seen': strftime(last_seen, '%Y-%m-%dT%H:%M:%S.%fZ'),
               'calls': len(calls)},
           'servers': servers[1:20],
           'cannot_tell': 'who called: a client that lost its key and went on with the token looks the same',
           'reason': NULL}) AS detail,
       'token' AS join_key,
       CASE WHEN $every_call THEN calls ELSE calls[1:18] || calls[19:][-1:] END AS calls,
       [issue] AS records,
       'usage' AS about_log, first_seen AS about_from, last_seen AS about_until
FROM without
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
