"""OOS-11: an action that was refused for want of scope, and done as soon as somebody had given the scope."""

from grantlens.relations.tenant_token import OF_ONE_TENANT, meant_by
from grantlens.rule.evidence import ISSUE_USE, PAIR, WORKED, Evidence, Way
from grantlens.rule.rule import Parameter, Rule
from grantlens.rules.scope_escalation.examples import FIRES, SILENT, UNDECIDABLE

_SAID = ("usage.outcome=denied", "usage.denial_reason=scope", WORKED, "issuance.scopes")

RULE = Rule(
    id="OOS-11",
    version=7,
    name="scope_escalation",
    key=("client_id", "subject_id", "operation"),
    question="Which actions were refused for want of scope, and done minutes later with a scope got in between?",
    severity="medium",
    remedy="Find out who decides about this scope. Where a policy or the client itself gave it, let a person be asked first, or take it away again; "
    "where an administrator did, ask whether it was for this. "
    "Where a person consented, nothing is wrong: that is how a client is to ask for more.",
    basis="RFC 6750 section 3.1 (insufficient_scope); MCP authorization, step-up authorization flow",
    needs=(
        "used_pair",
        "named_caller",
        "issued",
        "tenant_token",
        "grant_state",
        "known_scope",
        "clock_error",
        "covered_time",
    ),
    rests_on=Evidence(
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                (*_SAID, "issuance.consent_kind=policy or issuance.consent_kind=admin"),
                brought=("catalogue",),
            ),
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                (*_SAID, "issuance.kind=consent", "issuance.kind=token"),
                silence=("issuance",),
                brought=("catalogue",),
                leaves_open="where a consent is logged, who gave it",
            ),
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                (*_SAID, "issuance.kind=token"),
                silence=("issuance",),
                brought=("catalogue",),
                leaves_open="where the client acts for a person: no consent is logged",
            ),
        ),
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                _SAID,
                brought=("catalogue",),
                leaves_open="whether a person consented: the log does not say who gave a scope",
            ),
        ),
    ),
    parameters=(
        Parameter(
            "refusals",
            1,
            "calls",
            "How often it must have been refused, counted back from the last refusal for within_minutes.",
        ),
        Parameter(
            "within_minutes",
            10.0,
            "minutes",
            "How soon after the last refusal the scope must be given, and how soon after that the action be done.",
        ),
    ),
    sql=f"""
WITH caller AS (
    SELECT DISTINCT c.caller_id, c.source, c.tenant, c.client_id, c.client_name, c.subject_id, c.application, c.token_id, c.resource_server, p.operation_id
    FROM used_pair p
    JOIN named_caller c ON c.caller_id = p.caller_id
    WHERE c.client_id IS NOT NULL AND p.operation_id IS NOT NULL AND (p.outcome = 'success' OR p.denial_reason = 'scope')
    WINDOW same AS (PARTITION BY c.source, c.tenant, c.client_id, c.subject_id, p.operation_id)
    QUALIFY min(CASE WHEN p.outcome = 'denied' THEN p.first_used_at END) OVER same <= max(CASE WHEN p.outcome = 'success' THEN p.last_used_at END) OVER same
),
-- Refusals, and the success that follows them, have the same number of successes before them.
call AS (
    SELECT c.*, u.used_at, u.outcome = 'denied' AS refused,
           {{'seen_at': u.used_at, 'batch_id': u.batch_id, 'line_no': u.line_no, 'event_id': u.event_id}} AS record,
           count(*) FILTER (u.outcome = 'success') OVER (
               PARTITION BY c.source, c.tenant, c.client_id, c.subject_id, c.operation_id ORDER BY u.used_at, u.outcome = 'success', u.event_id
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS done_before
    FROM usage_row u
    JOIN caller c ON c.caller_id = u.caller_id
    JOIN usage_operation o ON o.target_id = u.target_id AND o.operation_id = c.operation_id
    WHERE u.used_at >= $since AND u.used_at < $until AND (u.outcome = 'success' OR u.denial_reason = 'scope')
),
turned AS (
    SELECT source, tenant, client_id, subject_id, operation_id, max(client_name) AS client_name, bool_or(application) AS application,
           max(used_at) FILTER (refused) AS refused_at, max(used_at) FILTER (NOT refused) AS used_at,
           max(token_id) FILTER (NOT refused) AS token_id, max(resource_server) FILTER (NOT refused) AS resource_server,
           list(record) FILTER (refused) AS all_refusals, max(record) FILTER (NOT refused) AS deed
    FROM call
    GROUP BY source, tenant, client_id, subject_id, operation_id, done_before
    HAVING max(used_at) FILTER (refused) >= max(used_at) FILTER (NOT refused) - 2 * to_microseconds(($within_minutes * 60000000)::BIGINT)
),
-- The scope was given between the last refusal and the success: surely, or as far as the clocks of the two logs can tell.
turn AS (
    SELECT t.* EXCLUDE (all_refusals), row_number() OVER (ORDER BY t.source, t.tenant, t.client_id, t.subject_id, t.operation_id, t.used_at) AS turn_no,
           list_filter(t.all_refusals, lambda x: x.seen_at >= t.refused_at - to_microseconds(($within_minutes * 60000000)::BIGINT)) AS refusals,
           t.refused_at - to_microseconds(((i.after_s + u.before_s) * 1000000)::BIGINT) AS perhaps_from,
           t.refused_at + to_microseconds(((i.before_s + u.after_s) * 1000000)::BIGINT) AS surely_from,
           t.used_at - to_microseconds(((i.after_s + u.before_s) * 1000000)::BIGINT) AS surely_until,
           t.used_at + to_microseconds(((i.before_s + u.after_s) * 1000000)::BIGINT) AS perhaps_until,
           t.refused_at - to_microseconds((u.offset_s * 1000000)::BIGINT) AS refused_true,
           to_microseconds(((u.offset_s - i.offset_s) * 1000000)::BIGINT) AS ahead,
           to_microseconds(((u.error_s + u.grid_s + i.error_s + i.grid_s) * 1000000)::BIGINT) AS near
    FROM turned t
    JOIN clock_error u ON u.source = t.source AND u.tenant IS NOT DISTINCT FROM t.tenant AND u.log = 'usage'
    JOIN clock_error i ON i.source = t.source AND i.tenant IS NOT DISTINCT FROM t.tenant AND i.log = 'issuance'
    QUALIFY len(refusals) >= $refusals
),
wanted AS (
    SELECT DISTINCT t.turn_no, t.source, t.tenant, t.client_id, t.subject_id, t.perhaps_from, t.perhaps_until, r.alt, r.scope_id
    FROM turn t
    JOIN cat_requirement r ON r.op_id = t.operation_id
        AND (r.principal = 'any' OR coalesce(t.application = (r.principal IN ('application', 'bot')), true))
),
given AS (
    SELECT i.source, i.tenant, i.client_id, i.subject_id, i.subject_id IS NULL AND coalesce(i.subject_kind = 'user', false) AS for_everyone,
           i.kind, i.scopes, i.grant_id, i.issued_at,
           {{'seen_at': i.issued_at, 'batch_id': i.batch_id, 'line_no': i.line_no, 'event_id': i.event_id}} AS record,
           CASE WHEN i.consent_actor = i.client_id OR (i.consent_actor = i.subject_id AND i.subject_kind IN ('service', 'agent')) THEN 'itself'
                WHEN i.consent_kind = 'user' OR (i.consent_kind IS NULL AND i.consent_actor = i.subject_id) THEN 'person'
                WHEN i.consent_kind = 'policy' THEN 'policy' WHEN i.consent_kind = 'admin' THEN 'administrator'
                WHEN i.consent_actor IS NULL AND i.kind IN ('token', 'refresh', 'exchange') THEN 'nobody' ELSE 'untold' END AS given_by
    FROM issued i
    SEMI JOIN wanted w ON w.source = i.source AND w.tenant IS NOT DISTINCT FROM i.tenant AND w.client_id = i.client_id
),
-- The scopes that were given, with all of what was wanted that each opens.
opens AS (
    SELECT DISTINCT x.scope, c.implied_scope_id AS scope_id
    FROM (SELECT DISTINCT unnest(scopes) AS scope FROM given) x
    JOIN known_scope n USING (scope)
    JOIN scope_closure c ON c.scope_id = n.scope_id
    SEMI JOIN wanted w ON w.scope_id = c.implied_scope_id
),
held AS (
    SELECT DISTINCT h.source, h.tenant, h.client_id, h.subject_id, h.for_everyone, o.scope_id, h.held_from, h.held_until
    FROM (
        SELECT source, tenant, client_id, subject_id, subject_id IS NULL AND coalesce(subject_kind = 'user', false) AS for_everyone,
               unnest(scopes) AS scope, valid_from AS held_from, valid_until AS held_until
        FROM grant_state SEMI JOIN wanted USING (source, client_id)
        UNION ALL
        SELECT source, home, client_id, subject_id, false, unnest(scopes), issued_at, coalesce(expires_at, 'infinity'::TIMESTAMPTZ)
        FROM (FROM tenant_token WHERE {OF_ONE_TENANT}) SEMI JOIN wanted USING (source, client_id)
    ) h
    JOIN opens o ON o.scope = h.scope
),
-- What it surely held when it was refused, it did not have to get. Joined on what is equal, one way after the other.
checked AS (
    SELECT w.*, w.scope_id IS NULL OR EXISTS (
               SELECT 1 FROM held h
               WHERE h.source = w.source AND h.tenant IS NOT DISTINCT FROM w.tenant AND h.client_id = w.client_id AND h.scope_id = w.scope_id
                 AND h.subject_id IS NOT DISTINCT FROM w.subject_id AND h.held_from < w.perhaps_from AND h.held_until >= w.perhaps_from)
           OR EXISTS (
               SELECT 1 FROM (FROM held WHERE for_everyone) h
               WHERE h.source = w.source AND h.tenant IS NOT DISTINCT FROM w.tenant AND h.client_id = w.client_id AND h.scope_id = w.scope_id
                 AND h.held_from < w.perhaps_from AND h.held_until >= w.perhaps_from) AS was_held
    FROM wanted w
),
lacking AS (
    SELECT DISTINCT c.* EXCLUDE (alt, was_held)
    FROM checked c
    ANTI JOIN (SELECT turn_no FROM checked GROUP BY turn_no, alt HAVING bool_and(was_held)) e ON e.turn_no = c.turn_no
    WHERE NOT c.was_held
),
opening AS (
    SELECT g.* EXCLUDE (scopes), o.scope_id FROM (SELECT *, unnest(scopes) AS scope FROM given) g JOIN opens o ON o.scope = g.scope
),
got AS (
    SELECT l.turn_no, g.scope, g.grant_id, g.record, g.given_by
    FROM lacking l
    JOIN opening g ON g.source = l.source AND g.tenant IS NOT DISTINCT FROM l.tenant AND g.client_id = l.client_id AND g.scope_id = l.scope_id
        AND g.subject_id IS NOT DISTINCT FROM l.subject_id AND g.issued_at >= l.perhaps_from AND g.issued_at <= l.perhaps_until
    UNION
    SELECT l.turn_no, g.scope, g.grant_id, g.record, g.given_by
    FROM lacking l
    JOIN (FROM opening WHERE for_everyone) g ON g.source = l.source AND g.tenant IS NOT DISTINCT FROM l.tenant AND g.client_id = l.client_id
        AND g.scope_id = l.scope_id AND g.issued_at >= l.perhaps_from AND g.issued_at <= l.perhaps_until
    UNION
    SELECT l.turn_no, NULL, g.grant_id, g.record, 'unclear'
    FROM lacking l
    JOIN (FROM given WHERE kind IN ('consent', 'change') AND scopes IS NULL) g ON g.source = l.source AND g.tenant IS NOT DISTINCT FROM l.tenant
        AND g.client_id = l.client_id AND g.subject_id IS NOT DISTINCT FROM l.subject_id
        AND g.issued_at >= l.perhaps_from AND g.issued_at <= l.perhaps_until
),
-- What came before the token with which it was done, came before the deed, whatever the clocks say.
soon AS (
    SELECT g.*, g.record.seen_at > t.surely_from AND (g.record.seen_at < t.surely_until OR coalesce(g.record.seen_at <= k.issued_at, false)) AS in_order,
           list_position(['person', 'untold', 'unclear', 'itself', 'policy', 'administrator', 'nobody'], g.given_by) AS weight
    FROM got g
    JOIN turn t ON t.turn_no = g.turn_no
    LEFT JOIN tenant_token k ON k.source = t.source AND k.token_id = t.token_id AND {meant_by("t.tenant", "k")}
    WHERE g.record.seen_at <= t.refused_at - t.ahead + to_microseconds(($within_minutes * 60000000)::BIGINT)
      AND g.record.seen_at >= t.used_at - t.ahead - to_microseconds(($within_minutes * 60000000)::BIGINT)
),
together AS (
    SELECT turn_no, list_sort(list_distinct(list(scope) FILTER (scope IS NOT NULL))) AS scopes,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           list_distinct(list(record)) AS records, max(record.seen_at) AS last_at,
           arg_min(given_by, weight) AS giver, NOT min({{'weight': weight, 'unsure': NOT in_order}}).unsure AS in_order
    FROM soon
    GROUP BY turn_no
),
-- What is known of the time before, and whether a consent in between would be in the log. Of what changed as near as the clocks can tell, it is not.
before AS (
    SELECT turn_no, bool_or(scopes_unknown) AS scopes_unknown, bool_and(by_consent) AS consent_known, bool_or(is_sure) AS is_sure
    FROM (
        SELECT t.turn_no, bool_or(g.scopes IS NULL) AS scopes_unknown, bool_or(c.grant_id IS NOT NULL) AS by_consent,
               min(g.from_true) <= min(t.refused_true - t.near) AND max(g.until_true) > max(t.refused_true + t.near) AS is_sure
        FROM turn t
        JOIN grant_state g ON g.source = t.source AND g.tenant IS NOT DISTINCT FROM t.tenant AND g.client_id = t.client_id
            AND g.subject_id IS NOT DISTINCT FROM t.subject_id AND g.from_true <= t.refused_true + t.near AND g.until_true > t.refused_true - t.near
        LEFT JOIN (SELECT DISTINCT source, grant_id, issued_at FROM given WHERE kind = 'consent') c
            ON c.source = g.source AND c.grant_id = g.grant_id AND c.issued_at = g.opened_at
        GROUP BY t.turn_no, g.grant_id, g.opened_at
    )
    GROUP BY turn_no
),
watched AS (
    SELECT DISTINCT t.turn_no
    FROM turn t
    JOIN together g ON g.turn_no = t.turn_no
    JOIN covered_time c ON c.source = t.source AND c.tenant IS NOT DISTINCT FROM t.tenant AND c.log = 'issuance' AND NOT c.in_part
        AND c.covered_from <= t.refused_at - t.ahead AND c.covered_until >= g.last_at
),
judged AS (
    SELECT t.*, g.scopes, g.giver, g.grant_id, list_concat(t.refusals, g.records, [t.deed]) AS records, array_to_string(g.scopes, ', ') AS named,
           CASE WHEN g.giver = 'person' THEN NULL
                WHEN g.giver = 'untold' THEN 'the log does not say whether a person gave the scope'
                WHEN g.giver = 'unclear' THEN 'a consent in between does not say to what'
                WHEN g.giver = 'nobody' AND w.turn_no IS NULL THEN 'the issuance log shows only some of what was issued: a consent may be missing'
                WHEN g.giver = 'nobody' AND b.scopes_unknown THEN 'no log says which scopes the client had been granted before'
                WHEN g.giver = 'nobody' AND NOT coalesce(b.consent_known, false) AND NOT coalesce(t.application, false)
                THEN 'no consent to the client is in the log: it may be older, and have been for this scope too'
                WHEN NOT g.in_order OR (g.giver = 'nobody' AND NOT (coalesce(b.is_sure, true) OR coalesce(t.application, false)))
                THEN 'refusal, grant and call are closer than the clocks can tell' END AS why_unknown,
           CASE WHEN g.giver = 'person' THEN 'clear' WHEN why_unknown IS NULL THEN 'violation' ELSE 'indeterminate' END AS verdict,
           CASE WHEN g.giver = 'unclear' THEN 'got a consent that does not say to what'
                WHEN g.giver <> 'person' AND NOT g.in_order THEN 'may have got ' || named || ' in between'
                WHEN g.giver = 'person' THEN 'was given ' || named || ' by a person' WHEN g.giver = 'policy' THEN 'was given ' || named || ' by a policy'
                WHEN g.giver = 'administrator' THEN 'was given ' || named || ' by an administrator' WHEN g.giver = 'itself' THEN 'gave itself ' || named
                WHEN g.giver = 'untold' THEN 'was given ' || named || ', perhaps not by a person'
                ELSE 'got a token with ' || named || CASE WHEN why_unknown IS NULL THEN ' without any consent' ELSE '' END END AS how
    FROM turn t
    JOIN together g ON g.turn_no = t.turn_no
    LEFT JOIN before b ON b.turn_no = t.turn_no
    LEFT JOIN watched w ON w.turn_no = t.turn_no
),
unjudged AS (
    SELECT c.source, c.tenant, c.client_id, c.subject_id, sum(p.events)::BIGINT AS calls
    FROM used_pair p
    JOIN named_caller c ON c.caller_id = p.caller_id
    WHERE p.denial_reason = 'scope' AND p.operation_id IS NULL
    GROUP BY c.source, c.tenant, c.client_id, c.subject_id
)
SELECT max(j.verdict) AS verdict,
       CASE WHEN max(j.verdict) = 'clear' THEN 'info' WHEN bool_and(j.giver IN ('person', 'administrator')) THEN 'medium'
            WHEN max(j.verdict) = 'violation' OR bool_or(j.why_unknown LIKE 'refusal%') THEN 'high'
            ELSE 'medium' END AS severity,
       coalesce(max(j.client_name), j.client_id) || ' was refused ' || o.label || ', ' || arg_max(j.how, {{'verdict': j.verdict, 'at': j.used_at}})
           || ', and did it' AS title,
       j.source, j.tenant, j.client_id, j.subject_id,
       CASE WHEN count(DISTINCT j.grant_id) = 1 AND count(j.grant_id) = count(*) THEN min(j.grant_id) END AS grant_id,
       CASE WHEN count(DISTINCT j.token_id) = 1 AND count(j.token_id) = count(*) THEN min(j.token_id) END AS token_id,
       CASE WHEN count(DISTINCT j.resource_server) = 1 AND count(j.resource_server) = count(*) THEN min(j.resource_server) END AS resource_server,
       o.label AS operation,
       list_sort(list_distinct(flatten(list(coalesce(j.scopes, []))))) AS scopes,
       min(j.refused_at) AS first_seen, max(j.used_at) AS last_seen, len(list_distinct(flatten(list(j.records)))) AS events,
       to_json({{
           'times': count(*),
           'refusals': sum(len(j.refusals)),
           'given_by': list_sort(list_distinct(list(j.giver))),
           'done_after_s': min(epoch_us(j.used_at) - epoch_us(j.refused_at)) / 1e6,
           'refusals_unjudged': coalesce(any_value(n.calls), 0),
           'reasons': list_sort(list_distinct(list(j.why_unknown) FILTER (j.why_unknown IS NOT NULL)))}}) AS detail,
       'client_subject' AS join_key,
       list_sort(list_distinct(flatten(list(j.records)))) AS records,
       'usage' AS about_log, min(j.refused_at) AS about_from, max(j.used_at) AS about_until
FROM judged j
JOIN cat_operation o ON o.op_id = j.operation_id
LEFT JOIN unjudged n ON n.source = j.source AND n.tenant IS NOT DISTINCT FROM j.tenant AND n.client_id = j.client_id
    AND n.subject_id IS NOT DISTINCT FROM j.subject_id
GROUP BY j.source, j.tenant, j.client_id, j.subject_id, j.operation_id, o.label
""",
    fires=FIRES,
    silent=SILENT,
    undecidable=UNDECIDABLE,
)
