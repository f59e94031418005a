"""OOS-14: calls outside of the hours, the objects or the number for which the connection is registered."""

from grantlens.relations.approved_operation import as_pattern
from grantlens.rule.evidence import WORKED, Evidence, Way
from grantlens.rule.rule import Rule
from grantlens.rules.beyond_limits.examples import FIRES, SILENT, UNDECIDABLE

RULE = Rule(
    id="OOS-14",
    version=1,
    name="beyond_limits",
    key=("client_id", "subject_id", "limit"),
    question="Which calls worked outside of the hours, on other objects, or more often in a day than the connection is registered for?",
    severity="medium",
    remedy="Ask the owner what the client did then. If it was its task, widen the limit in the register; if not, treat it as taken over, and revoke "
    "what it holds.",
    basis="Register of connections: what a connection is for includes when, on what and how much; NIST SP 800-53 AC-2(11) (usage conditions)",
    needs=("named_caller", "registered_client", "clock_error", "operation_class"),
    # Nothing is concluded from silence: one call outside is outside, whatever else the log leaves out.
    rests_on=Evidence((Way(("usage",), says=(WORKED, "usage.client_id"), brought=("register",)),)),
    sql="""
WITH limited AS (
    SELECT client_id, name, purpose, approved_hours, approved_resources, calls_per_day
    FROM registered_client
    WHERE approved_hours IS NOT NULL OR approved_resources IS NOT NULL OR calls_per_day IS NOT NULL
),
its_caller AS (
    SELECT c.*, g.approved_hours IS NOT NULL AS is_timed, g.approved_resources IS NOT NULL AS is_bounded, g.calls_per_day
    FROM named_caller c
    JOIN limited g USING (client_id)
),
worked AS (
    SELECT u.usage_id, u.used_at, c.source, c.tenant, c.client_id, c.client_name, c.subject_id, c.grant_id, c.token_id, c.resource_server, c.join_key,
           coalesce(u.resource_id, t.target) AS object, coalesce(o.destroys, false) AS destroys,
           u.used_at - to_microseconds((k.before_s * 1000000)::BIGINT) AS from_true,
           u.used_at + to_microseconds((k.after_s * 1000000)::BIGINT) AS until_true,
           c.is_timed, c.is_bounded, c.calls_per_day
    FROM (FROM usage_row SEMI JOIN its_caller USING (caller_id) WHERE outcome = 'success' AND used_at >= $since AND used_at < $until) u
    JOIN its_caller c USING (caller_id)
    JOIN usage_target t USING (target_id)
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
    LEFT JOIN usage_operation x ON x.target_id = u.target_id
    LEFT JOIN operation_class o ON o.operation_id = x.operation_id
),
-- Hours begin and end with a minute: each minute of calls is compared once.
minute AS (
    SELECT DISTINCT client_id, date_trunc('minute', from_true) AS from_minute, date_trunc('minute', until_true) AS until_minute
    FROM worked
    WHERE is_timed
),
-- The first and the last moment at which a call may have been made, by the clock on the wall where the client works.
wall AS (
    SELECT m.client_id, m.from_minute, m.until_minute, s.span,
           timezone(s.span.zone, m.from_minute) AS first_at, timezone(s.span.zone, m.until_minute) AS last_at,
           hour(first_at) * 60 + minute(first_at) AS first_minute, hour(last_at) * 60 + minute(last_at) AS last_minute
    FROM minute m
    LEFT JOIN (SELECT client_id, unnest(approved_hours) AS span FROM limited) s USING (client_id)
),
compared AS (
    SELECT client_id, from_minute, until_minute,
           isodow(first_at) = span.weekday AND first_minute >= span.from_minute AND first_minute < span.until_minute AS first_inside,
           isodow(last_at) = span.weekday AND last_minute >= span.from_minute AND last_minute < span.until_minute AS last_inside,
           (isodow(first_at) = span.weekday AND first_minute < span.until_minute AND (last_minute >= span.from_minute OR first_at::DATE < last_at::DATE))
               OR (isodow(last_at) = span.weekday AND last_minute >= span.from_minute AND first_at::DATE < last_at::DATE)
               OR last_at >= first_at + INTERVAL 1 DAY AS may_be_inside
    FROM wall
),
hour_told AS (
    SELECT client_id, from_minute, until_minute, coalesce(bool_or(first_inside) AND bool_or(last_inside), false) AS inside,
           coalesce(bool_or(may_be_inside), false) AS may_be_inside
    FROM compared
    GROUP BY client_id, from_minute, until_minute
),
pattern AS (
    SELECT client_id, """
    + as_pattern("unnest(approved_resources)")
    + """ AS pattern
    FROM limited
),
strange_object AS (
    SELECT w.client_id, w.object
    FROM (SELECT DISTINCT client_id, object FROM worked WHERE is_bounded) w
    WHERE NOT EXISTS (SELECT 1 FROM pattern p WHERE p.client_id = w.client_id AND w.object LIKE p.pattern ESCAPE '\\')
),
-- By days of UTC. A call at midnight may be of either.
of_day AS (
    SELECT source, tenant, client_id, usage_id, calls_per_day, unnest(list_distinct([from_true::DATE, until_true::DATE])) AS day,
           from_true::DATE = until_true::DATE AS sure
    FROM worked
    WHERE calls_per_day IS NOT NULL
),
busy AS (
    SELECT source, tenant, client_id, day, count(*) AS calls, count(*) FILTER (sure) > any_value(calls_per_day) AS sure
    FROM of_day
    GROUP BY source, tenant, client_id, day
    HAVING count(*) > any_value(calls_per_day)
),
beyond AS (
    SELECT w.*, 'hours' AS "limit", NOT t.may_be_inside AS sure, NULL AS day, NULL AS calls
    FROM worked w
    JOIN hour_told t ON t.client_id = w.client_id AND t.from_minute = date_trunc('minute', w.from_true) AND t.until_minute = date_trunc('minute', w.until_true)
    WHERE NOT t.inside
    UNION ALL
    SELECT w.*, 'resources', w.object IS NOT NULL, NULL, NULL
    FROM worked w
    LEFT JOIN strange_object s ON s.client_id = w.client_id AND s.object = w.object
    WHERE w.is_bounded AND (w.object IS NULL OR s.object IS NOT NULL)
    UNION ALL
    SELECT w.* REPLACE (NULL AS subject_id), 'calls per day', b.sure, b.day, b.calls
    FROM busy b
    JOIN of_day d ON d.source = b.source AND d.tenant IS NOT DISTINCT FROM b.tenant AND d.client_id = b.client_id AND d.day = b.day
    JOIN worked w USING (usage_id)
),
-- Calls that may lie within are told where no other is.
told AS (
    SELECT * FROM beyond
    QUALIFY sure OR NOT bool_or(sure) OVER (PARTITION BY source, tenant, client_id, subject_id, "limit")
)
SELECT CASE WHEN bool_and(t.sure) THEN 'violation' ELSE 'indeterminate' END AS verdict,
       CASE WHEN bool_or(t.destroys) OR t."limit" = 'calls per day' THEN 'high' ELSE 'medium' END AS severity,
       coalesce(max(g.name), max(t.client_name), t.client_id)
           || CASE WHEN bool_and(t.sure) THEN '' WHEN t."limit" = 'resources' THEN ' worked on objects that the log does not name, perhaps' ELSE ', perhaps,' END
           || CASE t."limit" WHEN 'hours' THEN ' worked outside of the hours that it is registered for'
                             WHEN 'resources' THEN CASE WHEN bool_and(t.sure) THEN ' worked on objects' ELSE '' END || ' beyond those that it is registered for'
                             ELSE ' called ' || max(t.calls) || ' times in a day, and is registered for ' || any_value(g.calls_per_day) END AS title,
       t.source, t.tenant, t.client_id, t.subject_id,
       CASE WHEN count(DISTINCT t.grant_id) = 1 AND count(t.grant_id) = count(*) THEN min(t.grant_id) END AS grant_id,
       CASE WHEN count(DISTINCT t.token_id) = 1 AND count(t.token_id) = count(*) THEN min(t.token_id) END AS token_id,
       CASE WHEN count(DISTINCT t.resource_server) = 1 AND count(t.resource_server) = count(*) THEN min(t.resource_server) END AS resource_server,
       min(t.used_at) AS first_seen, max(t.used_at) AS last_seen, count(DISTINCT t.usage_id) AS events,
       to_json({
           'limit': t."limit",
           'purpose': max(g.purpose),
           'approved': CASE t."limit" WHEN 'hours' THEN list_sort(list_distinct([s.written FOR s IN any_value(g.approved_hours)]))
                                      WHEN 'resources' THEN any_value(g.approved_resources) ELSE [any_value(g.calls_per_day)::VARCHAR || ' calls per day'] END,
           'objects': CASE WHEN t."limit" = 'resources' THEN min(DISTINCT t.object, 20) END,
           'days_beyond': nullif(count(DISTINCT t.day), 0),
           'most_calls': max(t.calls),
           'destroys': bool_or(t.destroys),
           'reason': CASE WHEN bool_and(t.sure) THEN NULL
                          WHEN t."limit" = 'hours' THEN 'the calls are so close to the begin or end of these hours that the clocks cannot tell'
                          WHEN t."limit" = 'resources' THEN 'the log does not name the objects of these calls'
                          ELSE 'calls at midnight may be of either day' END}) AS detail,
       min(t.join_key) AS join_key,
       CASE WHEN $every_call THEN list(t.usage_id ORDER BY t.used_at, t.usage_id)
            ELSE [e.usage_id FOR e IN min({'used_at': t.used_at, 'usage_id': t.usage_id}, 19) || [max({'used_at': t.used_at, 'usage_id': t.usage_id})]]
       END AS calls,
       'usage' AS about_log, min(t.used_at) AS about_from, max(t.used_at) AS about_until
FROM told t
JOIN limited g ON g.client_id = t.client_id
GROUP BY t.source, t.tenant, t.client_id, t.subject_id, t."limit"
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
