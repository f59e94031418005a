"""OOS-1: actions that no granted scope permitted."""

from grantlens.rule.evidence import WORKED, Evidence, scopes_of_a_call
from grantlens.rule.rule import Rule
from grantlens.rules.out_of_scope.examples import FIRES, SILENT
from grantlens.rules.out_of_scope.undecidable import UNDECIDABLE

RULE = Rule(
    id="OOS-1",
    version=14,
    name="out_of_scope",
    key=("client_id", "subject_id", "grant_id", "operation"),
    question="Which actions did no granted scope permit at that moment?",
    severity="high",
    remedy="Find out why the resource server let the call pass, then close that gap or grant the scope knowingly.",
    basis="RFC 6749 section 3.3; RFC 6750 section 3.1; MCP authorization, scope checks",
    needs=(
        "used_pair",
        "other_set",
        "everyones_call",
        "everyones_set",
        "question",
        "question_alternative",
        "judged_question",
        "scope_set",
        "named_caller",
        "operation_class",
        "stale_call",
        "caller_segment",
    ),
    # The token's own scopes, else those the call repeats, else the grant's at that moment; unknown scopes or operations are undecided.
    rests_on=Evidence(scopes_of_a_call("catalogue", says=(WORKED,))),
    sql="""
-- What a grant for everyone permits only together with the person's own: operations that need several scopes at once.
WITH both_held AS (
    SELECT call_no, operation_id, application, set_id FROM everyones_set
    UNION SELECT e.call_no, e.operation_id, e.application, e.set_id FROM everyones_call e SEMI JOIN everyones_set s USING (call_no)
),
together AS (
    SELECT call_no
    FROM (
        SELECT h.call_no, a.alt, bool_or(a.held_by IS NOT NULL) AS met
        FROM both_held h
        SEMI JOIN (SELECT op_id FROM cat_requirement GROUP BY op_id, alt HAVING count(*) > 1) m ON m.op_id = h.operation_id
        JOIN question q ON q.operation_id = h.operation_id AND q.set_id = h.set_id AND q.application IS NOT DISTINCT FROM h.application
        JOIN question_alternative a ON a.question_id = q.question_id
        GROUP BY h.call_no, a.alt, a.scope_id
    )
    GROUP BY call_no, alt
    HAVING bool_and(met)
),
-- What may have been held instead, on the other side of a change: whether it permits the call, and whether it does not.
instead AS (
    SELECT n.first_no, bool_or(j.verdict IS DISTINCT FROM 'out_of_scope') AS may_permit,
           bool_or(j.verdict = 'out_of_scope') AND count(z.caller_id) = 0 AS may_not
    FROM other_set n
    LEFT JOIN judged_question j ON j.operation_id = n.operation_id AND j.set_id = n.set_id AND j.application IS NOT DISTINCT FROM n.application
    -- What a scope permitted that had been taken away is told by REV-11.
    LEFT JOIN (SELECT DISTINCT caller_id, segment_id, operation_id FROM stale_call) z
        ON z.caller_id = n.caller_id AND z.segment_id = n.segment_id AND z.operation_id = n.operation_id
    GROUP BY n.first_no
),
-- Permitted by what may have been held instead, or as well.
beside AS (
    SELECT first_no, min(why) AS why
    FROM (
        SELECT first_no, 'the call and a change of the grant are closer than the clocks can tell' AS why FROM instead WHERE may_permit
        UNION ALL
        SELECT unnest(e.pairs), 'the client holds a grant for everyone beside this one'
        FROM everyones_call e
        SEMI JOIN (
            SELECT n.call_no
            FROM everyones_set n
            LEFT JOIN judged_question j ON j.operation_id = n.operation_id AND j.set_id = n.set_id AND j.application IS NOT DISTINCT FROM n.application
            WHERE j.verdict IS DISTINCT FROM 'out_of_scope'
            UNION SELECT call_no FROM together
        ) n USING (call_no)
    )
    GROUP BY first_no
),
judged AS (
    SELECT p.*, CASE WHEN b.first_no IS NULL AND j.verdict = 'out_of_scope' THEN 'out_of_scope' ELSE 'unknown' END AS judgement,
           x.scopes, coalesce(j.ambiguous_list, false) AS ambiguous_list,
           CASE WHEN b.first_no IS NOT NULL AND j.verdict = 'out_of_scope' THEN b.why
                WHEN p.container THEN 'a batch: what it did is not in this row'
                WHEN p.operation_id IS NULL THEN 'no catalogue knows the operation'
                WHEN p.set_id IS NULL THEN 'no log says which scopes were held'
                WHEN j.verdict IN ('in_scope', 'in_scope_by_implication') THEN 'the call and a change of the grant are closer than the clocks can tell'
                ELSE j.why_unknown END AS why_unknown,
           c.source, c.tenant, c.client_id, c.client_name, c.subject_id, c.token_id, c.resource_server
    FROM used_pair p
    LEFT JOIN judged_question j ON j.operation_id = p.operation_id AND j.set_id = p.set_id AND j.application IS NOT DISTINCT FROM p.application
    LEFT JOIN scope_set x ON x.set_id = p.set_id
    LEFT JOIN cat_operation y ON y.op_id = p.operation_id
    LEFT JOIN beside b ON b.first_no = p.first_no
    LEFT JOIN instead i ON i.first_no = p.first_no
    JOIN named_caller c ON c.caller_id = p.caller_id
    ANTI JOIN stale_call z ON z.caller_id = p.caller_id AND z.segment_id = p.segment_id AND z.operation_id = p.operation_id
    -- What is open to everyone needs no scope, whatever is known of those held.
    WHERE p.outcome = 'success' AND NOT p.ended AND (coalesce(j.verdict, 'unknown') IN ('out_of_scope', 'unknown') OR i.may_not)
      AND y.security IS DISTINCT FROM 'none_required'
),
required AS (
    SELECT op_id AS operation_id, list(scopes ORDER BY alt) AS required
    FROM (
        SELECT r.op_id, r.alt, list(s.scope ORDER BY s.scope) FILTER (s.scope IS NOT NULL) AS scopes
        FROM cat_requirement r LEFT JOIN cat_scope s ON s.scope_id = r.scope_id
        WHERE r.op_id IN (SELECT operation_id FROM judged WHERE judgement = 'out_of_scope')
        GROUP BY r.op_id, r.alt
    )
    GROUP BY op_id
),
-- That no log gives scopes is told of each client, subject and grant; that no catalogue knows an operation once of its client, whomever it calls for.
keyed AS (
    SELECT *, CASE WHEN judgement = 'out_of_scope' THEN operation_id END AS operation_key,
           client_id IS NOT NULL AND coalesce(why_unknown = 'no catalogue knows the operation', false) AS of_client,
           CASE WHEN NOT of_client THEN subject_id END AS subject_key, CASE WHEN NOT of_client THEN grant_id END AS grant_key
    FROM judged
),
-- What these operations are called in the log; a target may stand there but once.
unknown_operation AS (
    SELECT k.source, k.tenant, k.client_id, nullif(coalesce(t.operation, concat_ws(' ', t.method, t.target)), '') AS operation, count(*) AS calls
    FROM (
        SELECT source, tenant, client_id, caller_id, segment_id, min(first_used_at) AS seen_from, max(last_used_at) AS seen_until
        FROM keyed WHERE of_client GROUP BY ALL
    ) k
    JOIN usage_row u ON u.caller_id = k.caller_id AND u.used_at >= k.seen_from AND u.used_at <= k.seen_until AND u.outcome = 'success'
    JOIN usage_target t ON t.target_id = u.target_id
    LEFT JOIN usage_operation o ON o.target_id = u.target_id
    LEFT JOIN caller_segment s ON s.caller_id = u.caller_id AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
    WHERE o.operation_id IS NULL AND o.match IS DISTINCT FROM 'container' AND s.segment_id IS NOT DISTINCT FROM k.segment_id
    GROUP BY ALL
),
named_operation AS (
    SELECT source, tenant, client_id, list(operation ORDER BY calls DESC, operation)[:20] AS most_called, count(*) AS operations
    FROM unknown_operation WHERE operation IS NOT NULL
    GROUP BY source, tenant, client_id
)
SELECT CASE WHEN k.operation_key IS NULL THEN 'indeterminate' ELSE 'violation' END AS verdict,
       CASE WHEN o.writes OR o.sensitive THEN 'critical' ELSE 'high' END AS severity,
       CASE WHEN k.operation_key IS NULL
            THEN coalesce(max(k.client_name), k.client_id, 'An unnamed client') || ' made calls that cannot be judged against its scopes'
            ELSE coalesce(max(k.client_name), k.client_id, 'An unnamed client') || ' called ' || any_value(o.label) || ' without a scope that permits it'
       END AS title,
       k.source, k.tenant, k.client_id, k.subject_key AS subject_id, k.grant_key AS grant_id,
       CASE WHEN count(DISTINCT k.token_id) = 1 AND count(k.token_id) = count(*) THEN min(k.token_id) END AS token_id,
       CASE WHEN count(DISTINCT k.resource_server) = 1 AND count(k.resource_server) = count(*) THEN min(k.resource_server) END AS resource_server,
       any_value(o.label) AS operation,
       list_sort(list_distinct(flatten(list(coalesce(k.scopes, []))))) AS scopes,
       min(k.first_used_at) AS first_seen, max(k.last_used_at) AS last_seen, sum(k.events)::BIGINT AS events,
       CASE WHEN bool_or(k.of_client) THEN to_json({
                'required': NULL,
                'held': CASE WHEN bool_and(k.scopes IS NULL) THEN NULL ELSE list_sort(list_distinct(flatten(list(coalesce(k.scopes, []))))) END,
                'match': CASE WHEN bool_and(k.of_client) THEN 'unmatched' ELSE 'in_catalogue' END,
                'operations': coalesce(any_value(n.most_called), []),
                'operations_in_all': coalesce(any_value(n.operations), 0),
                'subjects': count(DISTINCT k.subject_id),
                'grants': count(DISTINCT k.grant_id),
                'tokens': count(DISTINCT k.token_id),
                'reasons': list_sort(list_distinct(list(k.why_unknown)))})
            WHEN k.operation_key IS NULL THEN to_json({
                'required': NULL,
                'held': CASE WHEN bool_and(k.scopes IS NULL) THEN NULL ELSE list_sort(list_distinct(flatten(list(coalesce(k.scopes, []))))) END,
                'match': CASE WHEN bool_and(k.container) THEN 'container' WHEN bool_and(k.operation_id IS NULL) THEN 'unmatched' ELSE 'in_catalogue' END,
                'reasons': list_sort(list_distinct(list(k.why_unknown)))})
            ELSE to_json({
                'required': any_value(r.required),
                'held': list_sort(list_distinct(flatten(list(coalesce(k.scopes, []))))),
                'match': 'in_catalogue',
                'held_from': min(k.scopes_from),
                'principal': CASE WHEN bool_or(k.application IS NULL) THEN 'unknown' WHEN bool_and(k.application) THEN 'application' ELSE 'delegated' END,
                'ambiguous_list': bool_or(k.ambiguous_list)})
       END AS detail,
       min(k.join_key) AS join_key,
       CASE WHEN $every_call THEN list(k.first_no) ELSE min(k.first_no, 19) END AS firsts, [max(k.last_no)] AS lasts,
       'usage' AS about_log, min(k.first_used_at) AS about_from, max(k.last_used_at) AS about_until
FROM keyed k
LEFT JOIN operation_class o ON o.operation_id = k.operation_key
LEFT JOIN required r ON r.operation_id = k.operation_key
LEFT JOIN named_operation n ON k.of_client AND n.source = k.source AND n.tenant IS NOT DISTINCT FROM k.tenant AND n.client_id = k.client_id
GROUP BY k.source, k.tenant, k.client_id, subject_key, grant_key, k.operation_key, o.writes, o.sensitive
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
