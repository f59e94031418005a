"""REV-1: calls that succeeded after the revocation."""

from grantlens.rule.evidence import after_the_end, with_a_server
from grantlens.rule.rule import Rule
from grantlens.rules.use_after_revocation.examples import FIRES, SILENT
from grantlens.rules.use_after_revocation.undecidable import UNDECIDABLE

RULE = Rule(
    id="REV-1",
    version=19,
    name="use_after_revocation",
    key=("revocation_event", "token_id", "grant_id", "resource_server"),
    question="Which tokens still worked after they were revoked, and for how long?",
    severity="critical",
    remedy="Shorten the cache or the token life, or let the server ask at each call; where it is unexplained, cut the connection at the server.",
    basis="RFC 7009 section 2; RFC 7662 section 4",
    needs=("revoked_use", "covered_token", "grant_state", "named_caller", "clock_error"),
    # Without a bound of the server, from its row or from the call, every finding is undecided.
    rests_on=with_a_server(after_the_end()),
    sql="""
WITH held_by AS (
    SELECT DISTINCT source, tenant, client_id, subject_id, grant_id, opened_at, coalesce(ended_at, 'infinity'::TIMESTAMPTZ) AS ended_at
    FROM grant_state
),
-- Until when the revoked grant is the only one that its client and subject are known to have held.
alone AS (
    SELECT v.source, v.revocation_event, v.grant_id, g.tenant, g.client_id, g.subject_id,
           min(CASE WHEN o.grant_id IS NULL THEN 'infinity'::TIMESTAMPTZ ELSE greatest(o.opened_at, v.revoked_at) END) AS alone_until
    FROM covered_token v
    JOIN held_by g ON g.source = v.source AND g.grant_id = v.grant_id
    LEFT JOIN held_by o ON o.source = g.source AND o.tenant IS NOT DISTINCT FROM g.tenant AND o.client_id = g.client_id
        AND o.subject_id IS NOT DISTINCT FROM g.subject_id AND o.grant_id <> g.grant_id AND o.ended_at > v.revoked_at
    WHERE v.token_id IS NULL
    GROUP BY ALL
),
-- Calls that name neither token nor grant, of a client and subject whose only grant had ended.
paired AS (
    SELECT v.source, coalesce(v.tenant, g.tenant) AS tenant, v.revocation_event, v.grant_id, c.resource_server,
           any_value(v.revoked_true) AS revoked_true,
           max(w.used_at - to_microseconds((k.offset_s * 1000000)::BIGINT)) AS last_used_true,
           any_value(v.record) AS record, any_value(v.client_id) AS client_id,
           any_value(v.subject_id) AS subject_id, any_value(v.scopes) AS scopes,
           count(*) AS uses_after, min(w.used_at) AS first_used_at, max(w.used_at) AS last_used_at,
           list(w.usage_id ORDER BY w.used_at, w.event_id) AS usage_ids
    FROM covered_token v
    JOIN alone g ON g.source = v.source AND g.revocation_event = v.revocation_event AND g.grant_id = v.grant_id
    JOIN named_caller c ON c.source = g.source AND c.tenant IS NOT DISTINCT FROM g.tenant AND c.client_id = g.client_id
        AND c.subject_id IS NOT DISTINCT FROM g.subject_id AND c.join_key = 'client_subject' AND c.grant_id IS NULL
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
    JOIN clock_error i ON i.source = g.source AND i.tenant IS NOT DISTINCT FROM g.tenant AND i.log = 'issuance'
    JOIN usage_row w ON w.caller_id = c.caller_id AND w.outcome = 'success'
        AND w.used_at - to_microseconds((k.before_s * 1000000)::BIGINT) > v.certain_from
        AND w.used_at - to_microseconds(((k.offset_s - i.offset_s) * 1000000)::BIGINT) < least(v.covered_until, g.alone_until) AND w.used_at < $until
    WHERE v.token_id IS NULL
    GROUP BY v.source, coalesce(v.tenant, g.tenant), v.revocation_event, v.grant_id, c.resource_server
    HAVING max(w.used_at) >= $since
)
SELECT CASE WHEN u.uses_after = 0 OR u.why_unknown IS NOT NULL OR u.allowed_s IS NULL THEN 'indeterminate' ELSE 'violation' END AS verdict,
       CASE WHEN u.uses_after = 0 THEN 'critical'
            WHEN u.allowed_s IS NULL THEN 'high'
            WHEN u.beyond_allowed THEN 'critical'
            WHEN u.initiator = 'client' THEN 'high'  -- a client must not use what it had revoked
            WHEN u.writes_after > 0 THEN 'medium'
            ELSE 'low' END AS severity,
       CASE WHEN NOT u.beyond_allowed THEN u.explanation END AS explained_by,
       'Access of ' || coalesce(u.client_id, 'an unnamed client') || CASE WHEN u.uses_after = 0 THEN ' may have been used at the moment of its revocation'
           WHEN u.why_unknown IS NOT NULL THEN ' may have been used after its revocation' ELSE ' was used after its revocation' END AS title,
       u.source, u.tenant, u.client_id, u.subject_id, u.grant_id, u.token_id, u.resource_server,
       u.scopes, u.first_event_at AS first_seen, u.last_event_at AS last_seen, u.events,
       to_json({
           'revocation_event': u.revocation_event,
           'last_success_s': round(u.last_success_s, 6),
           'first_denial_s': round(u.first_denial_s, 6),
           'lag_lower_s': round(u.lag_lower_s, 6),
           'lag_upper_s': round(u.lag_upper_s, 6),
           'uses_after': u.uses_after,
           'censored': u.censored,
           'allowed_s': round(u.allowed_s, 6),
           'writes_after': u.writes_after,
           'reason': CASE WHEN u.uses_after = 0 THEN 'the success and the revocation are closer than the clocks can tell'
                          WHEN u.why_unknown IS NOT NULL THEN u.why_unknown
                          WHEN u.allowed_s IS NULL THEN 'nothing says how long this server may go on accepting a revoked token' END}) AS detail,
       u.join_key, u.calls, [u.record] AS records,
       'usage' AS about_log, u.logged_at AS about_from, u.last_attempt_at AS about_until
FROM revoked_use u
WHERE u.successes > 0
UNION ALL
SELECT 'indeterminate', 'high', NULL,
       'Access of ' || coalesce(p.client_id, 'an unnamed client') || ' may have been used after its revocation',
       p.source, p.tenant, p.client_id, p.subject_id, p.grant_id, NULL, p.resource_server,
       p.scopes,
       p.first_used_at, p.last_used_at, p.uses_after + 1,
       to_json({
           'revocation_event': p.revocation_event,
           'last_success_s': round((epoch_us(p.last_used_true) - epoch_us(p.revoked_true)) / 1e6, 6),
           'first_denial_s': NULL,
           'lag_lower_s': NULL, 'lag_upper_s': NULL,
           'uses_after': p.uses_after,
           'censored': 'right',
           'allowed_s': NULL,
           'writes_after': NULL,
           'reason': 'the calls name neither token nor grant: their client and subject had no other grant that is known'}),
       'client_subject', CASE WHEN $every_call THEN p.usage_ids ELSE p.usage_ids[1:19] || p.usage_ids[20:][-1:] END,
       [p.record], 'usage', p.record.seen_at, p.last_used_at
FROM paired p
-- Where calls name the grant, they tell more.
ANTI JOIN revoked_use u ON u.source = p.source AND u.revocation_event = p.revocation_event AND u.token_id IS NULL
    AND u.grant_id = p.grant_id AND u.resource_server IS NOT DISTINCT FROM p.resource_server AND u.successes > 0
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
