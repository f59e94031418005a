"""OOS-12: actions beyond scope that were refused."""

from grantlens.rule.evidence import REFUSED_OTHERWISE, Evidence, Way, scopes_of_a_call
from grantlens.rule.example import Example, consent, token, use
from grantlens.rule.rule import Rule

RULE = Rule(
    id="OOS-12",
    version=7,
    name="denied_attempts",
    key=("client_id", "subject_id", "grant_id", "operation"),
    question="Which actions beyond their scope did clients try, and were refused?",
    severity="low",
    remedy="Nothing got through. Look at trends: listing, counting and sampling often come before a bulk read.",
    basis="RFC 6750 section 3.1 (insufficient_scope)",
    needs=("used_pair", "judged_question", "scope_set", "named_caller", "operation_class"),
    # The server says why it refused, or the catalogue finds that no scope held would have done.
    rests_on=Evidence(
        (
            Way(("usage",), says=("usage.outcome=denied", "usage.denial_reason=scope")),
            *scopes_of_a_call("catalogue", says=("usage.outcome=denied", REFUSED_OTHERWISE)),
        )
    ),
    sql="""
WITH refused AS (
    SELECT p.*, j.verdict AS judgement, x.scopes,
           c.source, c.tenant, c.client_id, c.client_name, c.subject_id, c.token_id, c.resource_server
    FROM used_pair p
    LEFT JOIN judged_question j ON j.operation_id = p.operation_id AND j.set_id = p.set_id AND j.application IS NOT DISTINCT FROM p.application
    LEFT JOIN scope_set x ON x.set_id = p.set_id
    JOIN named_caller c ON c.caller_id = p.caller_id
    WHERE p.outcome = 'denied' AND NOT p.ended
      AND (p.denial_reason = 'scope'
           OR (j.verdict = 'out_of_scope' AND (p.denial_reason IS NULL OR p.denial_reason IN ('policy', 'other'))))
)
SELECT 'clear' AS verdict,
       CASE WHEN o.writes OR o.sensitive THEN 'low' ELSE 'info' END AS severity,
       coalesce(max(r.client_name), r.client_id, 'An unnamed client') || ' was refused '
           || coalesce(o.label, 'an operation that no catalogue knows') || ' for want of scope' AS title,
       r.source, r.tenant, r.client_id, r.subject_id, r.grant_id,
       CASE WHEN count(DISTINCT r.token_id) = 1 AND count(r.token_id) = count(*) THEN min(r.token_id) END AS token_id,
       CASE WHEN count(DISTINCT r.resource_server) = 1 AND count(r.resource_server) = count(*) THEN min(r.resource_server) END AS resource_server,
       o.label AS operation,
       list_sort(list_distinct(flatten(list(coalesce(r.scopes, []))))) AS scopes,
       min(r.first_used_at) AS first_seen, max(r.last_used_at) AS last_seen, sum(r.events)::BIGINT AS events,
       to_json({
           'said_by_server': sum(r.events) FILTER (r.denial_reason = 'scope'),
           'judged_by_catalogue': sum(r.events) FILTER (r.judgement = 'out_of_scope'),
           'days': date_diff('day', min(r.first_used_at), max(r.last_used_at)) + 1}) AS detail,
       min(r.join_key) AS join_key,
       CASE WHEN $every_call THEN list(r.first_no) ELSE min(r.first_no, 19) END AS firsts, [max(r.last_no)] AS lasts,
       'usage' AS about_log, min(r.first_used_at) AS about_from, max(r.last_used_at) AS about_until
FROM refused r
LEFT JOIN operation_class o ON o.operation_id = r.operation_id
GROUP BY r.source, r.tenant, r.client_id, r.subject_id, r.grant_id, r.operation_id, o.label, o.writes, o.sensitive
""",
    fires=(
        Example(
            "the server refused for want of scope",
            (
                token("10 09:01", "t1", ["mail.read"], "10 12:00"),
                use("10 09:06", "DELETE /v1/messages/7", status=403),
                use("10 09:07", "DELETE /v1/messages/8", status=403),
            ),
            (
                {
                    "verdict": "clear",
                    "severity": "low",
                    "title": "app was refused DELETE /v1/messages/{id} for want of scope",
                    "operation": "DELETE /v1/messages/{id}",
                    "token_id": "t1",
                    "resource_server": "mail.example",
                    "events": 2,
                },
            ),
        ),
        Example(
            "the log says only 'denied', the catalogue says why",
            (
                token("10 09:01", "t1", ["mail.read"], "10 12:00"),
                token("10 09:01", "t2", ["mail.write"], "10 12:00"),
                use("10 09:06", "DELETE /v1/messages/7", status=403, denial_reason="other"),
                use("10 09:07", "DELETE /v1/messages/7", status=403, denial_reason=None),
                use("10 09:08", "DELETE /v1/messages/7", "t2", status=403, denial_reason="other"),
            ),
            (
                {
                    "verdict": "clear",
                    "token_id": "t1",
                    "resource_server": "mail.example",
                    "events": 2,
                    "detail": {"said_by_server": None, "judged_by_catalogue": 2},
                },
            ),
        ),
        Example(
            "refused with a token, and by its grant alone: one finding, which names the weaker key",
            (
                consent("10 09:00", ["mail.read"]),
                token("10 09:01", "t1", ["mail.read"], "12 12:00"),
                use("10 09:07", "GET /v1/audit", None, "jobs.example", status=403, grant_id="g1"),
                use("10 09:08", "GET /v1/audit", "t1", "jobs.example", status=403, client_name="The app"),
                use("10 09:09", "GET /v1/audit", "t1", None, status=403, client_name="The app"),
            ),
            (
                {
                    "verdict": "clear",
                    "severity": "low",
                    "title": "The app was refused GET /v1/audit for want of scope",
                    "operation": "GET /v1/audit",
                    "token_id": None,
                    "resource_server": None,
                    "scopes": ["mail.read"],
                    "first_seen": "2026-07-10T09:07:00Z",
                    "last_seen": "2026-07-10T09:09:00Z",
                    "join_key": "grant",
                },
            ),
        ),
        Example(
            "what no catalogue knows was refused over two days, by two servers, with tokens of which no issuance is known",
            (
                use("10 09:06", "GET /v1/odd/7", "t9", status=403, client_id=None),
                use("11 09:06", "GET /v1/odd/7", "t8", "jobs.example", status=403, client_id=None),
            ),
            (
                {
                    "verdict": "clear",
                    "severity": "info",
                    "title": "An unnamed client was refused an operation that no catalogue knows for want of scope",
                    "operation": None,
                    "token_id": None,
                    "resource_server": None,
                    "scopes": [],
                    "events": 2,
                    "detail": {"said_by_server": 2, "judged_by_catalogue": None, "days": 2},
                },
            ),
        ),
        Example(
            "a client that acts for itself was refused what its scope permits to people only; ann was refused it for another reason",
            (
                token("10 09:01", "t1", ["people.mine"], "10 12:00", subject_kind="service", subject_id="robot"),
                token("10 09:01", "t2", ["people.mine"], "10 12:00", grant_id="g2"),
                use("10 09:06", "GET /v1/people", status=403, denial_reason="policy", subject_id="robot"),
                use("10 09:06", "GET /v1/people", "t2", status=403, denial_reason="policy"),
            ),
            ({"verdict": "clear", "subject_id": "robot", "events": 1},),
        ),
        Example(
            "no issuance tells of the token, and the call repeats its scopes",
            (
                use(
                    "10 09:06",
                    "DELETE /v1/messages/7",
                    status=403,
                    denial_reason="policy",
                    subject_id=None,
                    token_scopes=["mail.read"],
                ),
            ),
            ({"verdict": "clear", "subject_id": None, "scopes": ["mail.read"], "detail": {"judged_by_catalogue": 1}},),
        ),
        Example(
            "the call names no token: what its client holds for the person is known, and does not permit it",
            (
                token("10 09:01", "t1", ["mail.read"], "10 12:00"),
                use("10 09:06", "DELETE /v1/messages/7", None, status=403, denial_reason="policy"),
            ),
            ({"verdict": "clear", "token_id": None, "detail": {"said_by_server": None, "judged_by_catalogue": 1}},),
        ),
    ),
    silent=(
        Example(
            "a dead token is no attempt beyond scope",
            (token("10 09:01", "t1", ["mail.read"], "10 12:00"), use("10 09:06", "GET /v1/messages/7", status=401)),
        ),
        Example(
            "a rate limit is none either",
            (token("10 09:01", "t1", ["mail.read"], "10 12:00"), use("10 09:06", "DELETE /v1/messages/7", status=429)),
        ),
        Example(
            "it was let through, which OOS-1 tells",
            (token("10 09:01", "t1", ["mail.read"], "10 12:00"), use("10 09:06", "DELETE /v1/messages/7")),
        ),
        Example(
            "refused after the token had expired: whatever it says, it is no attempt beyond scope",
            (token("10 09:01", "t1", ["mail.read"], "10 10:00"), use("10 12:06", "DELETE /v1/messages/7", status=403)),
        ),
        Example(
            "refused although in scope: a role or a licence was missing",
            (
                token("10 09:01", "t1", ["mail.read"], "10 12:00"),
                use("10 09:06", "GET /v1/messages/7", status=403, denial_reason="policy"),
            ),
        ),
    ),
)
