"""Each granted scope with its exposure and its use."""

from grantlens.relations.relation import Relation
from grantlens.relations.tenant_token import OF_ONE_TENANT

RELATION = Relation(
    "granted_scope",
    "One row for each grant and scope that it held in the window: for how long it could have been used and "
    "seen (exposure), which ends with the grant, in how many sessions, how often it was used, and how much of the grant's calls a "
    "catalogue can judge. refreshes are those of the grant while it stood, and refreshed_by their records. in_part is true where the usage log shows only some calls: nothing was exposed to it then, and lacks says which are missing, where that is known; always_logged tells that none of those that the scope permits can be, as scope_time has it. unclear is true where "
    "no log says whether it was held on, and was used: what the grant holds is not known from a later moment on, until held_until at the latest. Where it is known "
    "again, only what is held since then counts. maybe_over is true where it is not shown_standing: its end may be missing. join_key is the weakest key by which a call or the issuance came to the grant.",
    f"""
-- A client whose last token expired may be given another: what it holds stands. A key that expired, or a last token that was revoked, is over.
WITH ended AS (
    SELECT l.source, l.grant_id, l.opened_at, l.closed_at
    FROM grant_life l
    WHERE NOT l.by_consent AND (l.ended_by IS NOT NULL OR NOT EXISTS (
        FROM token_life t WHERE t.source = l.source AND t.grant_id = l.grant_id AND t.kind <> 'credential'))
),
stood AS (
    SELECT s.*, greatest(s.valid_from, $since) AS stood_from, least(s.valid_until, o.closed_at, $until) AS stood_until
    FROM grant_state s
    LEFT JOIN ended o USING (source, grant_id, opened_at)
    WHERE s.valid_from < least(o.closed_at, $until) AND least(s.valid_until, o.closed_at) > $since
),
-- Until when it is not known what a grant holds.
untold AS (
    SELECT source, grant_id, max(stood_until) AS untold_until FROM stood WHERE scopes IS NULL GROUP BY source, grant_id
),
-- What may have been used meanwhile, no call shows.
holding AS (
    SELECT h.* EXCLUDE (stood_from, stood_until), h.stood_from AS held_from, h.stood_until AS held_until, u.untold_until,
           coalesce(h.stood_from < u.untold_until, false) AS unclear
    FROM (SELECT source, tenant, grant_id, client_id, client_name, subject_id, unnest(scopes) AS scope, stood_from, stood_until FROM stood) h
    LEFT JOIN untold u ON u.source = h.source AND u.grant_id = h.grant_id
    QUALIFY NOT unclear OR bool_and(unclear) OVER (PARTITION BY h.source, h.grant_id, h.scope)
),
held AS (
    SELECT h.source, min(h.tenant) AS tenant, h.grant_id, min(h.client_id) AS client_id, min(h.client_name) AS client_name,
           min(h.subject_id) AS subject_id, h.scope, bool_or(h.unclear) AS unclear,
           min(h.held_from) AS held_from, max(CASE WHEN h.unclear THEN h.untold_until ELSE h.held_until END) AS held_until,
           sum(epoch_us(h.held_until) - epoch_us(h.held_from)) AS held_us
    FROM holding h
    GROUP BY h.source, h.grant_id, h.scope
),
-- A scope string may mean one scope in each of several catalogues; it is then credited through any of them.
known AS (
    SELECT n.scope, n.scope_id, s.is_protocol
    FROM (FROM known_scope SEMI JOIN held USING (scope)) n
    JOIN cat_scope s USING (scope_id)
),
-- A scope all of whose operations are logged in any case is judged though calls of others are left out.
sure AS (
    SELECT h.source, h.tenant, h.scope
    FROM (SELECT DISTINCT source, tenant, scope FROM holding) h
    JOIN (SELECT DISTINCT source, tenant, always FROM scope_time WHERE always_logged) a
        ON a.source = h.source AND a.tenant IS NOT DISTINCT FROM h.tenant
    JOIN known k USING (scope)
    JOIN scope_closure c USING (scope_id)
    LEFT JOIN cat_requirement q ON q.scope_id = c.implied_scope_id
    LEFT JOIN cat_operation o ON o.op_id = q.op_id
    GROUP BY h.source, h.tenant, h.scope
    -- A scope may be a mere name for others; of another without any operation nobody knows what it permits.
    HAVING count(o.op_id) > 0 AND bool_and(CASE WHEN o.op_id IS NULL THEN c.implied_scope_id = k.scope_id ELSE regexp_full_match(o.label, a.always) END)
),
seen AS (
    SELECT h.source, h.grant_id, h.scope, c.always_logged,
           bool_and(c.in_part) AS in_part, CASE WHEN bool_and(c.in_part) THEN min(c.lacks) END AS lacks,
           sum(CASE WHEN NOT c.in_part THEN greatest(0, epoch_us(least(c.covered_until, h.held_until)) - epoch_us(greatest(c.covered_from, h.held_from))) ELSE 0 END) AS covered_us
    FROM holding h
    LEFT JOIN sure s ON s.source = h.source AND s.tenant IS NOT DISTINCT FROM h.tenant AND s.scope = h.scope
    JOIN scope_time c ON c.source = h.source AND c.tenant IS NOT DISTINCT FROM h.tenant AND c.always_logged = (s.scope IS NOT NULL)
        AND c.covered_from < h.held_until AND c.covered_until > h.held_from
    GROUP BY h.source, h.grant_id, h.scope, c.always_logged
),
-- What a scope opens, itself and by implication, and whether any calls to that API are in the logs of its source and tenant.
opened AS (
    SELECT DISTINCT k.scope_id, o.catalogue, o.host
    FROM (SELECT DISTINCT scope_id FROM known) k
    JOIN scope_closure c USING (scope_id)
    JOIN cat_requirement q ON q.scope_id = c.implied_scope_id
    JOIN cat_operation o ON o.op_id = q.op_id
),
called_api AS (
    SELECT DISTINCT c.source, c.tenant, o.catalogue, o.host
    FROM (SELECT DISTINCT source, tenant, resource_server FROM usage_caller) c
    JOIN usage_target t ON t.resource_server IS NOT DISTINCT FROM c.resource_server
    JOIN usage_operation u USING (target_id)
    JOIN cat_operation o ON o.op_id = u.operation_id
),
logged AS (
    SELECT DISTINCT h.source, h.tenant, h.scope
    FROM (SELECT DISTINCT source, tenant, scope FROM held) h
    JOIN known k USING (scope)
    JOIN opened o USING (scope_id)
    JOIN called_api c ON c.source = h.source AND c.catalogue = o.catalogue AND c.host IS NOT DISTINCT FROM o.host
    WHERE c.tenant IS NULL OR h.tenant IS NULL OR c.tenant = h.tenant
),
scope_kind AS (
    SELECT k.scope, bool_and(k.is_protocol) AS is_protocol, bool_or(o.scope_id IS NOT NULL) AS mappable, max(r.rank) AS rank
    FROM known k
    LEFT JOIN (SELECT DISTINCT scope_id FROM opened) o ON o.scope_id = k.scope_id
    LEFT JOIN cat_scope_risk r ON r.scope_id = k.scope_id
    GROUP BY k.scope
),
call AS (
    SELECT c.source, p.grant_id, p.join_key, p.caller_id, p.operation_id, p.set_id, p.application,
           p.events, p.first_used_at, p.last_used_at, p.first_no, CASE WHEN $every_call THEN [p.first_no] END AS pairs, p.last_no
    FROM used_pair p
    JOIN named_caller c ON c.caller_id = p.caller_id
    -- A call with a token that is over still shows a need, unless the grant itself was over.
    WHERE p.outcome = 'success' AND NOT p.grant_ended
    UNION ALL
    -- What a person's own grant did not permit, and a grant for everyone beside it did, needed that one.
    SELECT source, grant_id, 'client_subject', NULL, operation_id, set_id, application,
           events, first_used_at, last_used_at, first_no, pairs, last_no
    FROM everyones_use
),
mapped AS (
    SELECT source, grant_id, sum(events) AS calls,
           coalesce(sum(events) FILTER (operation_id IS NOT NULL), 0) AS mapped_calls,
           bool_or(join_key = 'client_subject') AS by_pair
    FROM call WHERE grant_id IS NOT NULL
    GROUP BY source, grant_id
),
-- Calls that may be of this grant, and that no grant could be found for.
stray AS (
    SELECT source, grant_id, sum(calls) AS calls
    FROM (
        SELECT g.source, g.grant_id, c.calls
        FROM (
            SELECT y.party_no, sum(c.events) AS calls
            FROM call c JOIN caller_party y USING (caller_id)
            WHERE c.grant_id IS NULL
            GROUP BY y.party_no
        ) c
        JOIN possible_grant g USING (party_no)
        UNION ALL
        SELECT g.source, g.grant_id, c.events
        FROM call c JOIN unplaced_grant g ON g.source = c.source AND g.derived_id = c.grant_id
    )
    GROUP BY source, grant_id
),
credit AS (
    SELECT c.source, c.grant_id, k.scope_id,
           sum(c.events)::BIGINT AS uses, sum(c.events) FILTER (k.ambiguous) AS ambiguous_uses,
           min(c.first_used_at) AS first_used_at, max(c.last_used_at) AS last_used_at,
           CASE WHEN $every_call THEN flatten(list(c.pairs)) ELSE [min(c.first_no)] END AS firsts, max(c.last_no) AS last_no
    FROM call c
    JOIN question q ON q.operation_id = c.operation_id AND q.set_id = c.set_id AND q.application IS NOT DISTINCT FROM c.application
    JOIN credited_scope k ON k.question_id = q.question_id
    WHERE c.grant_id IS NOT NULL
    GROUP BY c.source, c.grant_id, k.scope_id
),
used AS (
    SELECT h.source, h.grant_id, h.scope, sum(c.uses)::BIGINT AS uses, sum(c.ambiguous_uses) AS ambiguous_uses,
           min(c.first_used_at) AS first_used_at, max(c.last_used_at) AS last_used_at, flatten(list(c.firsts)) AS firsts, [max(c.last_no)] AS lasts
    FROM held h
    JOIN known k USING (scope)
    JOIN credit c ON c.source = h.source AND c.grant_id = h.grant_id AND c.scope_id = k.scope_id
    GROUP BY h.source, h.grant_id, h.scope
),
own_token AS (
    FROM tenant_token WHERE {OF_ONE_TENANT}
),
-- Tokens with which the scope could have been used: made while it was held, and not known to lack it.
session AS (
    SELECT h.source, h.grant_id, h.scope, count(*) AS sessions
    FROM holding h
    JOIN own_token t ON t.source = h.source AND t.grant_id = h.grant_id
    WHERE t.issued_at >= h.held_from AND t.issued_at < h.held_until
      AND coalesce(t.token_kind, 'access') NOT IN ('refresh', 'id', 'code')
      AND (t.scopes IS NULL OR list_contains(t.scopes, h.scope))
    GROUP BY h.source, h.grant_id, h.scope
),
refreshed AS (
    SELECT source, grant_id, count(*) AS refreshes, min(issued_at) AS first_refreshed_at, max(issued_at) AS last_refreshed_at,
           CASE WHEN $every_call THEN list(record) ELSE list_distinct([min(record), max(record)]) END AS refreshed_by
    FROM (
        SELECT t.*, {{'seen_at': issued_at, 'event_id': event_id, 'batch_id': batch_id, 'line_no': line_no}} AS record,
               t.issued_at - to_microseconds((k.before_s * 1000000)::BIGINT) AS surely_at
        FROM own_token t
        JOIN clock_error k ON k.source = t.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
        WHERE t.kind = 'refresh' AND t.issued_at >= $since AND t.issued_at < $until AND coalesce(t.token_kind, 'access') <> 'refresh'
    ) f
    -- Nor does a refresh show a need when the grant was over.
    ANTI JOIN grant_end e ON e.source = f.source AND e.grant_id = f.grant_id AND e.certain_from < f.surely_at AND e.reopened_at > f.issued_at
    GROUP BY source, grant_id
)
SELECT h.source, h.tenant, h.grant_id, h.client_id, h.client_name, h.subject_id, h.scope,
       h.held_from, h.held_until, h.unclear, h.held_until >= $until AND e.grant_id IS NULL AS maybe_over,
       coalesce(v.covered_us, 0) / 86400e6 AS exposure_days,
       coalesce(v.covered_us, 0) / nullif(h.held_us, 0) AS coverage_share,
       CASE WHEN m.by_pair OR h.grant_id LIKE 'derived:%' THEN 'client_subject' ELSE 'grant' END AS join_key,
       coalesce(v.in_part, false) AS in_part, v.lacks, coalesce(v.always_logged, false) AS always_logged,
       coalesce(t.sessions, 0) AS sessions, coalesce(f.refreshes, 0) AS refreshes,
       f.first_refreshed_at, f.last_refreshed_at, coalesce(f.refreshed_by, []) AS refreshed_by,
       coalesce(u.uses, 0) AS uses, coalesce(u.ambiguous_uses, 0) AS ambiguous_uses,
       u.first_used_at, u.last_used_at,
       coalesce(m.calls, 0) + coalesce(y.calls, 0) AS calls,
       CASE WHEN coalesce(m.calls, 0) + coalesce(y.calls, 0) = 0 THEN 1.0
            ELSE coalesce(m.mapped_calls, 0) / (coalesce(m.calls, 0) + coalesce(y.calls, 0)) END AS map_share,
       k.scope IS NOT NULL AS known,
       coalesce(k.is_protocol, lower(h.scope) IN (SELECT name FROM protocol_scope)) AS is_protocol,
       coalesce(k.mappable, false) AS mappable,
       l.scope IS NOT NULL AS api_logged,
       coalesce(k.rank, 0) AS rank,
       u.firsts, u.lasts, r.record AS opening
FROM held h
LEFT JOIN seen v ON v.source = h.source AND v.grant_id = h.grant_id AND v.scope = h.scope
LEFT JOIN scope_kind k ON k.scope = h.scope
LEFT JOIN logged l ON l.source = h.source AND l.tenant IS NOT DISTINCT FROM h.tenant AND l.scope = h.scope
LEFT JOIN mapped m ON m.source = h.source AND m.grant_id = h.grant_id
LEFT JOIN stray y ON y.source = h.source AND y.grant_id = h.grant_id
LEFT JOIN used u ON u.source = h.source AND u.grant_id = h.grant_id AND u.scope = h.scope
LEFT JOIN session t ON t.source = h.source AND t.grant_id = h.grant_id AND t.scope = h.scope
LEFT JOIN refreshed f ON f.source = h.source AND f.grant_id = h.grant_id
LEFT JOIN shown_standing e ON e.source = h.source AND e.grant_id = h.grant_id
LEFT JOIN opening_record r ON r.source = h.source AND r.grant_id = h.grant_id
""",
    needs=(
        "grant_state",
        "grant_life",
        "token_life",
        "used_pair",
        "named_caller",
        "caller_party",
        "possible_grant",
        "unplaced_grant",
        "known_scope",
        "protocol_scope",
        "scope_time",
        "everyones_use",
        "question",
        "credited_scope",
        "tenant_token",
        "opening_record",
        "grant_end",
        "clock_error",
        "shown_standing",
    ),
    windowed=True,
)
