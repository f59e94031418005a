"""REV-11: calls that only a scope permitted which had been taken away."""

from grantlens.relations.revoked_use import ALLOWED_S, EXPLANATION
from grantlens.relations.tenant_token import meant_by
from grantlens.rule.evidence import after_a_downgrade, with_a_server
from grantlens.rule.rule import Rule
from grantlens.rules.stale_privilege.examples import FIRES, SILENT, UNDECIDABLE

RULE = Rule(
    id="REV-11",
    version=13,
    name="stale_privilege",
    key=("revocation_event", "token_id", "grant_id", "resource_server"),
    question="Which scopes were still used after they had been taken away, and for how long?",
    severity="high",
    remedy="End the tokens of a grant when scopes are taken from it, or let the server ask at each call which it still holds; "
    "a shorter token life bounds what is left.",
    basis="RFC 7662 section 4; CAEP 1.0 (token-claims-change); MCP authorization, scope checks",
    needs=("stale_call", "named_caller", "tenant_token", "clock_error", "operation_class"),
    # Without a bound of the server, from its row or from the call, every finding is undecided.
    rests_on=with_a_server(after_a_downgrade()),
    sql="""
-- One finding for each downgrade, token and resource server, and each tenant that calls if it may be another's. For an unknown token its grant stands in.
WITH summed AS (
    SELECT c.source, s.revocation_event, CASE WHEN c.token_known THEN c.token_id END AS token_id, s.grant_id, c.resource_server, s.of_any,
           min(c.tenant) AS tenant, CASE WHEN min(c.client_name) = max(c.client_name) THEN min(c.client_name) END AS client_name,
           CASE WHEN min(c.client_id) = max(c.client_id) THEN min(c.client_id) END AS client_id,
           CASE WHEN min(c.subject_id) = max(c.subject_id) THEN min(c.subject_id) END AS subject_id,
           CASE WHEN min(c.validation) = max(c.validation) THEN min(c.validation) END AS validation,  -- calls that contradict each other say nothing
           min(s.join_key) AS join_key, min(s.scopes_from) AS held_from, any_value(s.revoked_at) AS revoked_at, any_value(s.revoked_true) AS revoked_true, any_value(s.certain_from) AS certain_from,
           max(s.use_before_s) AS use_before_s, CASE WHEN s.of_any THEN c.tenant END AS apart,
           -- What is proven of one call is not said of another.
           list_sort(list_distinct(flatten(coalesce(list(s.scopes) FILTER (s.why_unknown IS NULL), list(s.scopes))))) AS scopes,
           list_sort(coalesce(list(DISTINCT o.label) FILTER (s.why_unknown IS NULL), list(DISTINCT o.label))) AS operations,
           count(*) AS calls, count(*) FILTER (s.why_unknown IS NULL) AS uses_after,
           count(*) FILTER (s.why_unknown IS NULL AND o.writes) AS writes_after,
           coalesce(bool_or(o.writes OR o.sensitive) FILTER (s.why_unknown IS NULL), bool_or(o.writes OR o.sensitive)) AS weighty,
           min(s.used_at) AS first_used_at, max(s.used_at) AS last_used_at, max(s.used_true) AS last_used_true, max(s.used_at) FILTER (s.why_unknown IS NULL) AS last_proven_at,
           list_sort(list(DISTINCT s.why_unknown)) AS reasons,
           list(s.usage_id ORDER BY s.used_at, s.event_id) AS usage_ids
    FROM stale_call s
    JOIN named_caller c USING (caller_id)
    JOIN operation_class o USING (operation_id)
    GROUP BY ALL
),
taken AS (
    SELECT s.source, s.revocation_event, s.token_id, s.grant_id, s.resource_server, s.of_any, s.apart, r.tenant,
           r.revoked_at AS logged_at, r.batch_id, r.line_no, k.error_s + k.grid_s - k.issuance_offset_s AS after_s, t.client_id, t.subject_id,
           CASE WHEN t.expires_at IS NOT NULL THEN greatest(0, epoch(t.expires_at - s.revoked_at)) END AS life_left_s
    FROM summed s
    JOIN revocation r ON r.source = s.source AND r.event_id = s.revocation_event
    JOIN clock_error k ON k.source = r.source AND k.tenant IS NOT DISTINCT FROM r.tenant AND k.log = 'revocation'
    LEFT JOIN tenant_token t ON t.source = s.source AND t.token_id = s.token_id AND """
    + meant_by("s.tenant", "t")
    + """
),
allowed AS (
    SELECT s.* REPLACE (CASE WHEN s.of_any THEN s.tenant ELSE coalesce(v.tenant, s.tenant) END AS tenant,
                        coalesce(v.client_id, s.client_id) AS client_id, coalesce(v.subject_id, s.subject_id) AS subject_id), v.logged_at, v.batch_id, v.line_no,
           """
    + ALLOWED_S
    + """ AS allowed_s,
           """
    + EXPLANATION
    + """ AS explanation,
           (epoch_us(s.last_used_true) - epoch_us(s.revoked_true)) / 1e6 AS last_success_s,
           greatest(0, (epoch_us(s.last_used_at) - epoch_us(s.revoked_at)) / 1e6 - s.use_before_s - v.after_s) AS lag_lower_s
    FROM summed s
    JOIN taken v ON v.source = s.source AND v.revocation_event = s.revocation_event AND v.token_id IS NOT DISTINCT FROM s.token_id
        AND v.grant_id IS NOT DISTINCT FROM s.grant_id AND v.resource_server IS NOT DISTINCT FROM s.resource_server AND v.of_any = s.of_any
        AND v.apart IS NOT DISTINCT FROM s.apart
    LEFT JOIN server p ON p.resource_server = s.resource_server
),
placed AS (
    SELECT *, last_proven_at - to_microseconds((use_before_s * 1000000)::BIGINT) > certain_from + to_microseconds((allowed_s * 1000000)::BIGINT) AS beyond
    FROM allowed
)
SELECT CASE WHEN uses_after = 0 OR allowed_s IS NULL THEN 'indeterminate' ELSE 'violation' END AS verdict,
       CASE WHEN NOT beyond THEN CASE WHEN weighty THEN 'medium' ELSE 'low' END
            WHEN weighty AND (uses_after = 0 OR allowed_s IS NOT NULL) THEN 'critical'
            ELSE 'high' END AS severity,
       CASE WHEN NOT beyond THEN explanation END AS explained_by,
       coalesce(client_name, client_id, 'An unnamed client') || CASE WHEN uses_after = 0 THEN ' may have used ' ELSE ' used ' END
           || array_to_string(scopes[1:3], ', ') || CASE WHEN len(scopes) > 3 THEN ' and ' || (len(scopes) - 3) || ' more' ELSE '' END
           || ' after ' || CASE WHEN len(scopes) = 1 THEN 'it had' ELSE 'they had' END || ' been taken away' AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, resource_server,
       CASE WHEN len(operations) = 1 THEN operations[1] END AS operation, scopes,
       first_used_at AS first_seen, last_used_at AS last_seen, calls + 1 AS events,
       to_json({
           'revocation_event': revocation_event,
           'scopes_removed': scopes,
           'operations': operations,
           'held_from': held_from,
           'last_success_s': round(last_success_s, 6),
           'lag_lower_s': round(lag_lower_s, 6),
           'uses_after': uses_after,
           'writes_after': writes_after,
           'allowed_s': round(allowed_s, 6),
           'reason': CASE WHEN uses_after = 0 THEN array_to_string(reasons, ', ')
                          WHEN allowed_s IS NULL THEN 'nothing says how long this server may go on accepting what was taken away' END}) AS detail,
       join_key, CASE WHEN $every_call THEN usage_ids ELSE usage_ids[1:19] || usage_ids[20:][-1:] END AS calls,
       [{'seen_at': logged_at, 'batch_id': batch_id, 'line_no': line_no, 'event_id': revocation_event}] AS records,
       'usage' AS about_log, logged_at AS about_from, last_used_at AS about_until
FROM placed
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
