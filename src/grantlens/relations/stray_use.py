"""Calls that worked at servers which the token's audience does not name, and all others with these tokens."""

from grantlens.relations.relation import Relation
from grantlens.relations.server_name import are_one

RELATION = Relation(
    "stray_use",
    "Calls that worked in the window, counted for each caller whose access token was also, or only, used at a server that its audience "
    "does not name, or was issued without an audience and used at several servers that are audiences of others. meant is 'yes' where "
    "the audience names the server; 'no' where it names others that are called or stated, and the server is an audience or stated "
    "too, but 'asked' where the log shows no more than that the server asked the authorisation server about the token; 'unknown' "
    "where one may be another name of the other, tenant_untold then true where it would be 'no', did both logs name the tenant; 'untold' where there is no audience. Names are compared as server_name has them; "
    "server tells one server from another, and one that lies in another is no other; only_asked is true where all calls are such questions, token tells one token of an id from another. Calls of the authorisation "
    "server's own userinfo are left out: it takes each of its tokens.",
    """
WITH name AS (
    SELECT DISTINCT source, name, key, wide_key, portless, known_as FROM server_name
),
-- A key is for whatever it opens, and who holds a token is no server that takes it.
held AS (
    SELECT c.caller_id, c.source, coalesce(c.tenant, CASE WHEN NOT t.of_several THEN t.tenant END) AS tenant, c.token_id, c.resource_server,
           CASE WHEN len(t.audience) > 0 THEN list_sort(t.audience) END AS audience,
           -- An id is that of another token in another tenant.
           {'of_several': t.of_several, 'home': t.home, 'event_id': t.event_id} AS token
    FROM usage_caller c
    JOIN caller_token t ON t.caller_id = c.caller_id
    WHERE c.resource_server IS NOT NULL AND c.resource_server IS DISTINCT FROM t.client_id AND t.kind <> 'credential'
      AND coalesce(t.token_kind, CASE WHEN len(t.audience) > 0 THEN 'access' END) = 'access'
),
-- Servers for which something is issued under the name by which they are called.
placed AS (
    SELECT source, tenant, server AS name, told FROM called_audience
    UNION
    SELECT source, tenant, name, true FROM server_name WHERE said_as = 'called' AND known_as IS NOT NULL
),
-- Audiences that are servers by the name under which they are called.
called AS (
    SELECT source, tenant, audience AS name, told FROM called_audience
    UNION
    SELECT source, tenant, name, true FROM server_name WHERE said_as = 'audience' AND (known_as IS NOT NULL OR ends_with(key, '/userinfo'))
),
-- Decided once for each audience and server, of which there are few.
pair AS (
    SELECT row_number() OVER () AS pair_no, * FROM (SELECT DISTINCT source, tenant, audience, resource_server FROM held WHERE audience IS NOT NULL)
),
part AS (
    SELECT p.pair_no, p.part, bool_or(coalesce(k.told AND k.tenant IS NOT DISTINCT FROM p.tenant, false)) AS is_called, bool_or(k.name IS NOT NULL) AS may_be_called,
           bool_or("""
    + are_one("a", "s")
    + """) AS same
    FROM (SELECT *, unnest(audience) AS part FROM pair) p
    JOIN name a ON a.source = p.source AND a.name = p.part
    JOIN name s ON s.source = p.source AND s.name = p.resource_server
    LEFT JOIN called k ON k.source = p.source AND k.name = p.part AND (k.tenant IS NULL OR k.tenant = p.tenant)
    GROUP BY p.pair_no, p.part
),
meant AS (
    SELECT p.source, p.tenant, p.audience, p.resource_server,
           CASE WHEN j.same THEN 'yes' WHEN j.all_called AND l.is_placed THEN 'no' ELSE 'unknown' END AS meant,
           NOT j.same AND NOT coalesce(j.all_called AND l.is_placed, false) AND j.all_may_be_called AND l.pair_no IS NOT NULL AS tenant_untold
    FROM pair p
    JOIN (
        SELECT pair_no, bool_or(same) AS same, bool_and(is_called) AS all_called, bool_and(may_be_called) AS all_may_be_called FROM part GROUP BY pair_no
    ) j USING (pair_no)
    LEFT JOIN (
        SELECT p.pair_no, bool_or(l.told AND l.tenant IS NOT DISTINCT FROM p.tenant) AS is_placed
        FROM pair p JOIN placed l ON l.source = p.source AND l.name = p.resource_server AND (l.tenant IS NULL OR l.tenant = p.tenant)
        GROUP BY p.pair_no
    ) l USING (pair_no)
),
judged AS (
    SELECT h.*, m.meant, m.tenant_untold
    FROM held h
    JOIN meant m ON m.source = h.source AND m.tenant IS NOT DISTINCT FROM h.tenant AND m.audience = h.audience AND m.resource_server = h.resource_server
    UNION ALL
    SELECT h.*, 'untold', false
    FROM held h
    -- One of the logs may not name the tenant: that the server is another's audience is no proof then, and none is needed.
    SEMI JOIN placed l ON l.source = h.source AND l.name = h.resource_server AND (l.tenant IS NULL OR l.tenant = h.tenant)
    WHERE h.audience IS NULL
),
served AS (
    SELECT j.*, coalesce('=' || s.known_as, CASE WHEN s.portless THEN s.wide_key ELSE s.key END) AS server
    FROM judged j
    JOIN name s ON s.source = j.source AND s.name = j.resource_server
),
stray AS (
    SELECT s.* FROM served s
    SEMI JOIN (
        SELECT source, token_id, token
        FROM (SELECT *, max(server) OVER (PARTITION BY source, token_id, token) AS last_server FROM served)
        GROUP BY source, token_id, token
        -- Servers are one where each lies in the last of them.
        HAVING bool_or(meant IN ('no', 'unknown')) OR (bool_or(meant = 'untold') AND bool_or(NOT starts_with(last_server || '/', server || '/')))
    ) t USING (source, token_id, token)
),
worked AS (
    SELECT u.caller_id, count(*) AS calls, min(u.used_at) AS first_used_at, max(u.used_at) AS last_used_at,
           list({'used_at': u.used_at, 'event_id': u.event_id, 'usage_id': u.usage_id}) AS uses,
           bool_and(coalesce(lower(g.operation) = 'introspect_token', false)) AS only_asked
    FROM usage_row u
    SEMI JOIN stray USING (caller_id)
    JOIN usage_target g USING (target_id)
    WHERE u.outcome = 'success' AND u.used_at >= $since AND u.used_at < $until
      AND NOT coalesce(lower(g.operation) = 'user_info_request' OR ends_with(lower(g.target), '/userinfo'), false)
    GROUP BY u.caller_id
)
SELECT s.* REPLACE (CASE WHEN s.meant = 'no' AND w.only_asked THEN 'asked' ELSE s.meant END AS meant),
       w.* EXCLUDE (caller_id), coalesce(t.client_id, c.client_id) AS client_id, coalesce(t.client_name, c.client_name) AS client_name,
       coalesce(t.subject_id, c.subject_id) AS subject_id, t.grant_id, t.scopes,
       {'seen_at': t.issued_at, 'batch_id': t.batch_id, 'line_no': t.line_no, 'event_id': t.event_id} AS issue
FROM stray s
JOIN worked w USING (caller_id)
JOIN usage_caller c USING (caller_id)
JOIN caller_token t ON t.caller_id = s.caller_id
""",
    needs=("caller_token", "server_name", "called_audience"),
    windowed=True,
)
