"""Calls counted once for each caller, grant state and operation."""

from grantlens.relations.relation import Relation

RELATION = Relation(
    "used_pair",
    "Calls of the window, counted for each caller, segment, operation and outcome: rules decide on these "
    "pairs, not on calls. grant_id is the grant that stood behind them, join_key the key that led to it; set_id is the set of "
    "scopes that was held, and scopes_from tells what names it. ended is true for calls after the end of the token or grant, "
    "grant_ended for those after the end of the grant, also with a token that was issued after it; container for a batch, whose parts are not in the row. first_no "
    "numbers the pairs by their first call, last_no by their last: a rule keeps the numbers of its evidence.",
    """
-- Calls with a token that is over may lie on both sides of the end of its grant, and of its new beginning.
WITH life AS (
    SELECT source, grant_id, min(from_true) AS from_true, max(until_true) AS until_true FROM grant_state GROUP BY source, grant_id, opened_at
),
open_grant AS (
    SELECT c.caller_id, g.from_true + to_microseconds((k.offset_s * 1000000)::BIGINT) AS opened_at,
           g.until_true + to_microseconds((k.offset_s * 1000000)::BIGINT) AS ended_at
    FROM caller_end e
    JOIN named_caller c USING (caller_id)
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
    JOIN life g ON g.source = c.source AND g.grant_id = c.grant_id
),
-- What a token says that it may, it says also when its grant is over: from when a call is proven to come after that, until it is given again.
over_grant AS (
    SELECT c.caller_id, g.certain_from + to_microseconds((k.before_s * 1000000)::BIGINT) AS ended_at,
           g.reopened_true + to_microseconds((k.offset_s * 1000000)::BIGINT) AS reopened_at
    FROM grant_end g
    JOIN named_caller c ON c.source = g.source AND c.grant_id = g.grant_id AND c.token_known AND c.own_set_id IS NOT NULL
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
),
counted AS (
    SELECT u.caller_id, s.segment_id, s.set_id, o.operation_id, coalesce(o.container, false) AS container,
           u.outcome, u.denial_reason,
           coalesce(s.phase = 'ended', false) OR coalesce(u.used_at > e.ended_at, false) AS ended,
           v.caller_id IS NOT NULL OR (ended AND g.caller_id IS NULL) AS over,
           count(*) AS events, min(u.used_at) AS first_used_at, max(u.used_at) AS last_used_at
    FROM usage_row u
    LEFT JOIN caller_segment s ON s.caller_id = u.caller_id AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
    LEFT JOIN caller_end e ON e.caller_id = u.caller_id
    LEFT JOIN open_grant g ON g.caller_id = u.caller_id AND g.opened_at <= u.used_at AND g.ended_at > u.used_at
    LEFT JOIN over_grant v ON v.caller_id = u.caller_id AND v.ended_at < u.used_at AND v.reopened_at > u.used_at
    -- There may be as many targets as calls: what is joined is kept narrow.
    LEFT JOIN (
        SELECT target_id, operation_id, match = 'container' AS container FROM usage_operation
        WHERE operation_id IS NOT NULL OR match = 'container'
    ) o ON o.target_id = u.target_id
    WHERE u.used_at >= $since AND u.used_at < $until
    GROUP BY ALL
)
SELECT k.* EXCLUDE (set_id, over),
       coalesce(s.grant_id, c.grant_id) AS grant_id, c.join_key,
       coalesce(s.scopes_from, c.own_scopes_from) AS scopes_from,
       k.over AND coalesce(s.grant_id, c.grant_id) IS NOT NULL AS grant_ended,
       coalesce(k.set_id, CASE WHEN k.segment_id IS NULL THEN c.own_set_id END) AS set_id, c.application,
       row_number() OVER (ORDER BY k.first_used_at, k.caller_id, k.segment_id, k.operation_id, k.outcome, k.denial_reason, k.ended, k.over, k.container) AS first_no,
       row_number() OVER (ORDER BY k.last_used_at, k.caller_id, k.segment_id, k.operation_id, k.outcome, k.denial_reason, k.ended, k.over, k.container) AS last_no
FROM counted k
JOIN named_caller c USING (caller_id)
LEFT JOIN caller_segment s USING (segment_id)
""",
    needs=("caller_segment", "caller_end", "named_caller", "grant_state", "grant_end", "clock_error"),
    windowed=True,
)
