"""OOS-3: actions that were permitted, but not what the connection is for."""

from grantlens.rule.evidence import WORKED, Evidence, scopes_of_a_call
from grantlens.rule.example import Example, consent, token, use
from grantlens.rule.rule import Parameter, Rule

RULE = Rule(
    id="OOS-3",
    version=9,
    name="purpose",
    key=("client_id", "subject_id", "grant_id", "operation"),
    question="Which actions were permitted, but outside the purpose the connection was registered for?",
    severity="medium",
    remedy="Ask the owner. Then narrow the scopes to the purpose, or write the operation into the register.",
    basis="Register of connections: map every delegated connection to an owner and a purpose",
    needs=(
        "registered_client",
        "used_pair",
        "other_set",
        "judged_question",
        "scope_set",
        "named_caller",
        "operation_class",
        "approved_operation",
        "accepted_exception",
    ),
    parameters=(
        Parameter(
            "bulk_calls", 1000, "calls", "From how many calls of one operation on a finding counts as bulk and is high."
        ),
    ),
    # It looks only at calls that are in scope, so it needs all that OOS-1 needs.
    rests_on=Evidence(scopes_of_a_call("catalogue", "register", says=(WORKED,))),
    sql="""
-- What may have been held instead, on the other side of a change: whether it permits the call, and whether it does not.
WITH instead AS (
    SELECT n.first_no, bool_or(j.verdict IN ('in_scope', 'in_scope_by_implication')) AS may_permit, bool_or(j.verdict = 'out_of_scope') AS may_not
    FROM other_set n
    JOIN judged_question j ON j.operation_id = n.operation_id AND j.set_id = n.set_id AND j.application IS NOT DISTINCT FROM n.application
    GROUP BY n.first_no
),
used AS (
    SELECT p.*, c.source, c.tenant, c.client_id, c.client_name, c.subject_id, c.token_id, c.resource_server, x.scopes,
           y.security IS DISTINCT FROM 'none_required' AND (j.verdict = 'out_of_scope' OR coalesce(i.may_not, false)) AS doubted
    FROM used_pair p
    JOIN cat_operation y ON y.op_id = p.operation_id
    LEFT JOIN judged_question j ON j.operation_id = p.operation_id AND j.set_id = p.set_id AND j.application IS NOT DISTINCT FROM p.application
    LEFT JOIN instead i ON i.first_no = p.first_no
    LEFT JOIN scope_set x ON x.set_id = p.set_id
    JOIN named_caller c ON c.caller_id = p.caller_id
    -- What is open to everyone is in scope, whatever is known of the scopes that were held.
    WHERE p.outcome = 'success' AND NOT p.ended
      AND (j.verdict IN ('in_scope', 'in_scope_by_implication') OR y.security = 'none_required' OR (j.verdict = 'out_of_scope' AND i.may_permit))
),
outside AS (
    SELECT client_id, operation_id
    FROM (SELECT DISTINCT u.client_id, u.operation_id FROM used u) u
    JOIN operation_class o USING (operation_id)
    JOIN registered_client g USING (client_id)
    WHERE g.approved_operations IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM approved_operation a WHERE a.client_id = u.client_id AND o.label LIKE a.pattern ESCAPE '\\')
),
-- Calls that may not have been permitted are told where no other is.
unnamed AS (
    SELECT u.*, o.label, o.destroys
    FROM used u
    JOIN outside USING (client_id, operation_id)
    JOIN operation_class o USING (operation_id)
    QUALIFY NOT u.doubted OR bool_and(u.doubted) OVER (PARTITION BY u.source, u.tenant, u.client_id, u.subject_id, u.grant_id, u.operation_id)
)
SELECT CASE WHEN bool_and(u.doubted) THEN 'indeterminate' ELSE 'violation' END AS verdict,
       CASE WHEN x.reason IS NOT NULL THEN 'info'
            WHEN u.destroys OR sum(u.events) >= $bulk_calls THEN 'high' ELSE 'medium' END AS severity,
       CASE WHEN x.reason IS NOT NULL THEN 'exception' END AS explained_by,
       coalesce(max(g.name), max(u.client_name), u.client_id) || ' called ' || u.label || ', which its registered purpose does not name' AS title,
       u.source, u.tenant, u.client_id, u.subject_id, u.grant_id,
       CASE WHEN count(DISTINCT u.token_id) = 1 AND count(u.token_id) = count(*) THEN min(u.token_id) END AS token_id,
       CASE WHEN count(DISTINCT u.resource_server) = 1 AND count(u.resource_server) = count(*) THEN min(u.resource_server) END AS resource_server,
       u.label AS operation,
       list_sort(list_distinct(flatten(list(coalesce(u.scopes, []))))) AS scopes,
       min(u.first_used_at) AS first_seen, max(u.last_used_at) AS last_seen, sum(u.events)::BIGINT AS events,
       to_json({
           'purpose': max(g.purpose),
           'approved': max(g.approved_operations),
           'registered_at': strftime(max(g.registered_at), '%Y-%m-%dT%H:%M:%SZ'),
           'destroys': u.destroys,
           'exception': x.reason,
           'reason': CASE WHEN bool_and(u.doubted)
               THEN 'whether it was permitted is not known: the call and a change of the grant are closer than the clocks can tell' END}) AS detail,
       min(u.join_key) AS join_key,
       CASE WHEN $every_call THEN list(u.first_no) ELSE min(u.first_no, 19) END AS firsts, [max(u.last_no)] AS lasts,
       'usage' AS about_log, min(u.first_used_at) AS about_from, max(u.last_used_at) AS about_until
FROM unnamed u
JOIN registered_client g USING (client_id)
LEFT JOIN accepted_exception x ON x.client_id = u.client_id AND x.rule = 'OOS-3'
GROUP BY u.source, u.tenant, u.client_id, u.subject_id, u.grant_id, u.operation_id, u.label, u.destroys, x.reason
UNION ALL
-- A client whose row names no operations cannot be judged: told once, whomever it calls for.
SELECT 'indeterminate', 'medium', NULL,
       coalesce(max(g.name), max(u.client_name), u.client_id) || ' cannot be judged by purpose: the register names no operations',
       u.source, u.tenant, u.client_id,
       CASE WHEN count(DISTINCT u.subject_id) = 1 AND count(u.subject_id) = count(*) THEN min(u.subject_id) END,
       CASE WHEN count(DISTINCT u.grant_id) = 1 AND count(u.grant_id) = count(*) THEN min(u.grant_id) END, NULL, NULL, NULL, NULL,
       min(u.first_used_at), max(u.last_used_at), sum(u.events)::BIGINT,
       to_json({
           'purpose': max(g.purpose),
           'subjects': count(DISTINCT u.subject_id),
           'grants': count(DISTINCT u.grant_id),
           'reason': 'the register names no approved operations for this client'}),
       min(u.join_key),
       CASE WHEN $every_call THEN list(u.first_no) ELSE min(u.first_no, 19) END, [max(u.last_no)],
       'usage', min(u.first_used_at), max(u.last_used_at)
FROM used u
JOIN registered_client g USING (client_id)
WHERE g.approved_operations IS NULL
GROUP BY u.source, u.tenant, u.client_id
""",
    fires=(
        Example(
            "permitted, destructive and for no registered purpose",
            (
                token("10 09:01", "t1", ["mail.write"], "10 12:00"),
                use("10 09:05", "GET /v1/messages/7"),
                use("10 09:06", "DELETE /v1/messages/7", status=204),
            ),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "operation": "DELETE /v1/messages/{id}",
                    "detail": {"destroys": True},
                },
            ),
            register=(
                {
                    "client_id": "app",
                    "owner": "jo@example.org",
                    "purpose": "reads mail",
                    "approved_operations": ["GET /v1/messages/*"],
                },
            ),
        ),
        Example(
            "registered by its application id, where the log names the service principal",
            (
                consent("09 09:00", ["mail.write"], "entra:object-of-app:mail", source="microsoft_entra"),
                token(
                    "10 09:01", "t1", ["mail.write"], "10 12:00", client_id="object-of-app", source="microsoft_entra"
                ),
                use(
                    "10 09:06", "DELETE /v1/messages/7", status=204, client_id="object-of-app", source="microsoft_entra"
                ),
            ),
            ({"verdict": "violation", "client_id": "object-of-app", "operation": "DELETE /v1/messages/{id}"},),
            register=(
                {
                    "client_id": "app",
                    "owner": "jo@example.org",
                    "purpose": "reads mail",
                    "approved_operations": ["GET /v1/messages/*"],
                },
            ),
        ),
        Example(
            "many calls are bulk",
            (
                token("10 09:01", "t1", ["mail.write"], "10 12:00"),
                *(use(f"10 09:06:{second:02}", "POST /v1/messages", status=202) for second in range(5)),
            ),
            ({"verdict": "violation", "severity": "high", "events": 5, "operation": "POST /v1/messages"},),
            register=(
                {
                    "client_id": "app",
                    "owner": "jo@example.org",
                    "purpose": "reads mail",
                    "approved_operations": ["GET /v1/messages/*"],
                },
            ),
            parameters={"bulk_calls": 5},
        ),
        Example(
            "what is open to everyone is permitted, though no log says which scopes were held",
            (token("10 09:01", "t1", None, "10 12:00"), use("10 09:06", "GET /v1/status", server="jobs.example")),
            ({"verdict": "violation", "severity": "medium", "operation": "GET /v1/status", "scopes": []},),
            register=({"client_id": "app", "approved_operations": ["GET /v1/messages/*"]},),
        ),
        Example(
            "an accepted exception stays on record",
            (token("10 09:01", "t1", ["mail.send"], "10 12:00"), use("10 09:06", "POST /v1/messages", status=202)),
            ({"verdict": "violation", "severity": "info", "explained_by": "exception"},),
            register=(
                {
                    "client_id": "app",
                    "approved_operations": ["GET /v1/messages/*"],
                    "exceptions": [{"rule": "OOS-3", "reason": "newsletter of July", "until": None}],
                },
            ),
        ),
    ),
    silent=(
        Example(
            "the glob covers it",
            (token("10 09:01", "t1", ["mail.write"], "10 12:00"), use("10 09:05", "GET /v1/messages/7")),
            register=(
                {
                    "client_id": "app",
                    "owner": "jo@example.org",
                    "purpose": "reads mail",
                    "approved_operations": ["GET /v1/messages/*"],
                },
            ),
        ),
        Example(
            "only * is a glob: an underscore means itself",
            (token("10 09:01", "t1", ["mail.send"], "10 12:00"), use("10 09:05", "POST /v1/messages")),
            register=({"client_id": "app", "approved_operations": ["POST /v1/messages"]},),
        ),
        Example(
            "an unregistered client is a matter of GOV-1",
            (token("10 09:01", "t1", ["mail.write"], "10 12:00"), use("10 09:06", "DELETE /v1/messages/7")),
            register=({"client_id": "another", "approved_operations": []},),
        ),
        Example(
            "what is beyond scope is a matter of OOS-1",
            (token("10 09:01", "t1", ["mail.read"], "10 12:00"), use("10 09:06", "DELETE /v1/messages/7")),
            register=(
                {
                    "client_id": "app",
                    "owner": "jo@example.org",
                    "purpose": "reads mail",
                    "approved_operations": ["GET /v1/messages/*"],
                },
            ),
        ),
    ),
    undecidable=(
        Example(
            "a call seconds after the consent that permits it: it may have come before, and then OOS-1 would tell it",
            (
                consent("10 09:00", ["mail.read"]),
                consent("10 10:00", ["mail.send"]),
                use("10 10:00:03", "POST /v1/messages", None, grant_id="g1"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "operation": "POST /v1/messages",
                    "detail": {
                        "reason": "whether it was permitted is not known: the call and a change of the grant are closer than the clocks can tell"
                    },
                },
            ),
            register=({"client_id": "app", "approved_operations": ["GET /v1/messages/*"]},),
        ),
        Example(
            "a register row that names no operations: told once of its client, whomever it calls for",
            (
                token("10 09:01", "t1", ["mail.write"], "10 12:00"),
                use("10 09:06", "DELETE /v1/messages/7"),
                token("10 09:02", "t2", ["mail.write"], "10 12:00", subject_id="bob", grant_id="g2"),
                use("10 09:07", "DELETE /v1/messages/7", "t2", subject_id="bob"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "operation": None,
                    "client_id": "app",
                    "subject_id": None,
                    "grant_id": None,
                    "events": 2,
                    "detail": {
                        "subjects": 2,
                        "grants": 2,
                        "reason": "the register names no approved operations for this client",
                    },
                },
            ),
            register=({"client_id": "app", "owner": "jo@example.org", "purpose": "mail"},),
        ),
    ),
)
