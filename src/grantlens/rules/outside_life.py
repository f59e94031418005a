"""INT-2: calls before the token was issued, or after it expired."""

from grantlens.relations.caller_token import SURELY_EXPIRED
from grantlens.rule.evidence import ISSUE_USE, KEYS_BEGIN, TOKEN, WORKED, Evidence, Way
from grantlens.rule.example import IN_PART, Example, refreshed, token, use
from grantlens.rule.rule import Rule

_KEY = {"kind": "credential", "token_kind": "api_key"}

RULE = Rule(
    id="INT-2",
    version=9,
    name="outside_life",
    key=("token_id",),
    question="Which tokens worked before they were issued, or after they expired?",
    severity="high",
    remedy="Before: look at the clocks. After: the resource server does not check expiry.",
    basis="RFC 9068 section 4; RFC 7519 section 4.1.4",
    needs=("clock_error", "caller_token", "causal_pair", "covered_time"),
    # The life is the token's own: nothing but the token joins. What is logged of a key may be that it was switched on again.
    rests_on=Evidence(
        (
            Way(ISSUE_USE, {ISSUE_USE: TOKEN}, ("usage.token_id", WORKED, "issuance.expires_at")),
            Way(
                ISSUE_USE,
                {ISSUE_USE: TOKEN},
                ("usage.token_id", WORKED, f"issuance.kind=token or issuance.kind=exchange or {KEYS_BEGIN}"),
                leaves_open="only of calls before the issue: no expiry is logged",
            ),
        ),
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: TOKEN},
                ("usage.token_id", WORKED),
                leaves_open="only of calls before the first record of a key, which may be older: no expiry is logged",
            ),
        ),
    ),
    sql="""
WITH watched AS (
    SELECT c.caller_id, c.source, c.tenant, c.token_id, coalesce(c.client_id, t.client_id) AS client_id,
           coalesce(c.client_name, t.client_name) AS client_name, coalesce(c.subject_id, t.subject_id) AS subject_id,
           coalesce(t.grant_id, c.grant_id) AS grant_id, c.resource_server,
           t.issued_at, t.expires_at, t.scopes, t.batch_id, t.line_no, t.event_id, t.of_several,
           -- What renews a token under its own id, or may have switched a key on again, is no sign that it had not been there before.
           (t.kind = 'credential' AND NOT coalesce(d.keys_begin, false))
               OR (t.kind = 'refresh' AND coalesce(t.parent_token_id, t.token_id) = t.token_id) AS may_be_older,
           u.offset_s - k.offset_s AS ahead_s,
           t.issued_at - to_microseconds(((u.after_s + k.before_s) * 1000000)::BIGINT) AS surely_before,
           """
    + SURELY_EXPIRED
    + """ AS surely_after
    FROM usage_caller c
    JOIN caller_token t ON t.caller_id = c.caller_id
    JOIN clock_error u ON u.source = c.source AND u.tenant IS NOT DISTINCT FROM c.tenant AND u.log = 'usage'
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM t.tenant AND k.log = 'issuance'
    LEFT JOIN declared d ON d.source = c.source
    LEFT JOIN server s ON s.resource_server = c.resource_server
),
outside AS (
    SELECT w.*, u.used_at, coalesce(u.used_at > w.surely_after, false) AS late, u.usage_id, u.event_id AS call_event
    FROM watched w
    JOIN usage_row u ON u.caller_id = w.caller_id
        AND (u.used_at < w.surely_before OR u.used_at > w.surely_after)
    WHERE u.outcome = 'success' AND u.used_at >= $since AND u.used_at < $until
),
-- Where five tokens and a tenth of all came too early, and nobody stated the clock, it is likelier that than so many thieves: INT-6 tells what is known.
-- Of logs that show only some of all, five are not to be expected: two are more than one thief.
shown_whole AS (
    SELECT i.source, i.tenant
    FROM (FROM covered_time WHERE log = 'issuance' AND NOT in_part) i
    SEMI JOIN (FROM covered_time WHERE log = 'usage' AND NOT in_part) u ON u.source = i.source AND u.tenant IS NOT DISTINCT FROM i.tenant
    GROUP BY i.source, i.tenant
),
skewed AS (
    SELECT p.source, p.tenant
    FROM causal_pair p
    JOIN clock_error u ON u.source = p.source AND u.tenant IS NOT DISTINCT FROM p.tenant AND u.log = 'usage'
    JOIN clock_error k ON k.source = p.source AND k.tenant IS NOT DISTINCT FROM p.issued_in AND k.log = 'issuance'
    LEFT JOIN shown_whole w ON w.source = p.source AND w.tenant IS NOT DISTINCT FROM p.tenant
    WHERE u.assumed AND p.used_at < $until AND p.issued_at < $until
    GROUP BY p.source, p.tenant
    HAVING count(*) FILTER (p.apart_s < -(u.after_s + k.before_s)) >= greatest(CASE WHEN count(w.source) > 0 THEN 5 ELSE 2 END, count(*) / 10)
),
told AS (
    SELECT o.*, NOT o.late AND s.source IS NOT NULL AS may_be_clock
    FROM outside o
    LEFT JOIN skewed s ON s.source = o.source AND s.tenant IS NOT DISTINCT FROM o.tenant
)
SELECT CASE WHEN NOT bool_or(of_several) AND (bool_or(late) OR NOT (bool_and(may_be_older) OR bool_or(may_be_clock))) THEN 'violation' ELSE 'indeterminate' END AS verdict,
       'high' AS severity,
       coalesce(max(client_name), max(client_id), 'An unnamed client')
           || CASE WHEN bool_or(of_several) THEN ' used a token outside its life, if it is one that the log tells of'
                   WHEN bool_or(late) THEN ' used a token after it had expired'
                   WHEN bool_and(may_be_older) THEN ' used a token before the first record of its issue'
                   WHEN bool_or(may_be_clock) THEN ' used a token before it was issued, if the clocks are right'
                   ELSE ' used a token before it was issued' END AS title,
       source, tenant, max(client_id) AS client_id, max(subject_id) AS subject_id, max(grant_id) AS grant_id, token_id,
       CASE WHEN count(DISTINCT resource_server) = 1 AND count(resource_server) = count(*) THEN min(resource_server) END AS resource_server,
       any_value(scopes) AS scopes,
       min(used_at) AS first_seen, max(used_at) AS last_seen, count(*) + 1 AS events,  -- the calls, and the issuance
       to_json({
           'before_issue': count(*) FILTER (NOT late),
           'after_expiry': count(*) FILTER (late),
           'earliest_before_issue_s': round(max((epoch_us(issued_at) - epoch_us(used_at)) / 1e6 + ahead_s) FILTER (NOT late), 6),
           'latest_after_expiry_s': round(max((epoch_us(used_at) - epoch_us(expires_at)) / 1e6 - ahead_s) FILTER (late), 6),
           'reason': CASE WHEN bool_or(of_several) THEN 'the calls name no tenant, and several issued a token of this id'
                          WHEN NOT bool_or(late) AND bool_and(may_be_older)
                          THEN 'the record may have renewed it or switched it on again: when it was issued is not in the logs'
                          WHEN NOT bool_or(late) AND bool_or(may_be_clock)
                          THEN 'so many tokens of this log were used before their issue that its clock may run behind: see INT-6' END}) AS detail,
       'token' AS join_key,
       CASE WHEN $every_call THEN list(usage_id ORDER BY used_at, call_event)
            ELSE list(usage_id ORDER BY used_at, call_event)[1:19] || list(usage_id ORDER BY used_at, call_event)[-1:] END AS calls,
       [{'seen_at': min(issued_at), 'batch_id': any_value(batch_id), 'line_no': any_value(line_no), 'event_id': any_value(event_id)}] AS records,
       'usage' AS about_log, min(used_at) AS about_from, max(used_at) AS about_until
FROM told
GROUP BY source, tenant, token_id
""",
    fires=(
        Example(
            "an hour after expiry",
            (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 11:00", "GET /v1/messages/7")),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "token_id": "t1",
                    "detail": {"after_expiry": 1, "before_issue": 0, "latest_after_expiry_s": 3600.0},
                },
            ),
        ),
        Example(
            "a minute before it was issued",
            (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 08:59", "GET /v1/messages/7")),
            ({"verdict": "violation", "detail": {"after_expiry": 0, "before_issue": 1}},),
        ),
        Example(
            "two tenants issued a token of one id, and that of the caller had expired",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00", tenant="one", grant_id="g1"),
                token("10 08:00", "t1", ["mail.read"], "10 18:00", tenant="two", grant_id="g2", client_id="other"),
                use("10 11:00", "GET /v1/messages/7", tenant="one"),
                use("10 11:00", "GET /v1/messages/7", tenant="two", client_id="other"),
            ),
            (
                {
                    "verdict": "violation",
                    "tenant": "one",
                    "client_id": "app",
                    "grant_id": "g1",
                    "detail": {"after_expiry": 1, "latest_after_expiry_s": 3600.0},
                },
            ),
        ),
        Example(
            "a key before it was made, where the log tells of no key first in another way",
            (use("10 09:00", "GET /v1/messages/7", "k1"), token("10 11:00", "k1", ["mail.read"], **_KEY)),
            ({"verdict": "violation", "token_id": "k1", "detail": {"before_issue": 1}},),
            declared={"keys_begin": True},
        ),
    ),
    silent=(
        Example(
            "a token of that id is another tenant's",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00", tenant="one"),
                use("10 11:00", "GET /v1/messages/7", tenant="two"),
            ),
        ),
        Example(
            "within the leeway of sixty seconds and the clock errors",
            (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 10:01:05", "GET /v1/messages/7")),
        ),
        Example(
            "refused after expiry",
            (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 11:00", "GET /v1/messages/7", status=401)),
        ),
        Example(
            "in the second of its issuance",
            (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 09:00", "GET /v1/messages/7")),
        ),
        Example(
            "a key that was issued again, until nobody says when",
            (
                token("10 09:00", "k1", ["mail.read"], "10 10:00", **_KEY),
                token("10 09:30", "k1", ["mail.read"], **_KEY),
                use("10 11:00", "GET /v1/messages/7", "k1"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "the log shows only some of the calls, and of three tokens two were used before their issue: others may tell that the clock is behind",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00"),
                use("10 08:57", "GET /v1/messages/7"),
                token("10 11:00", "t2", ["mail.read"], "10 12:00"),
                use("10 10:57", "GET /v1/messages/7", "t2"),
                token("10 13:00", "t3", ["mail.read"], "10 14:00"),
                use("10 13:05", "GET /v1/messages/7", "t3"),
            ),
            tuple(
                {
                    "verdict": "indeterminate",
                    "token_id": name,
                    "detail": {
                        "reason": "so many tokens of this log were used before their issue that its clock may run behind: see INT-6"
                    },
                }
                for name in ("t1", "t2")
            ),
            declared=IN_PART,
        ),
        Example(
            "a clock that may be behind: every other token, of several people, a day each",
            tuple(
                record
                for day in range(10, 20)
                for record in (
                    token(f"{day} 09:00", f"t{day}", ["mail.read"], subject_id=f"p{day}"),
                    use(
                        f"{day} {'08:57' if day % 2 else '09:30'}",
                        "GET /v1/messages/7",
                        f"t{day}",
                        subject_id=f"p{day}",
                    ),
                )
            ),
            tuple(
                {
                    "verdict": "indeterminate",
                    "token_id": f"t{day}",
                    "title": "app used a token before it was issued, if the clocks are right",
                    "detail": {
                        "before_issue": 1,
                        "reason": "so many tokens of this log were used before their issue that its clock may run behind: see INT-6",
                    },
                }
                for day in range(11, 20, 2)
            ),
        ),
        Example(
            "two tenants issued a token of one id, and the call names none",
            (
                token("10 09:00", "t1", ["mail.read"], "10 10:00", tenant="one"),
                token("10 09:00", "t1", ["mail.read"], tenant="two"),
                use("10 11:00", "GET /v1/messages/7"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "title": "app used a token outside its life, if it is one that the log tells of",
                    "detail": {
                        "after_expiry": 1,
                        "reason": "the calls name no tenant, and several issued a token of this id",
                    },
                },
            ),
        ),
        Example(
            "a token that is older than the log was renewed, and kept its id",
            (
                use("10 09:00", "GET /v1/messages/7"),
                refreshed("10 11:00", "t1", "t1", ["mail.read"], "10 12:00"),
            ),
            ({"verdict": "indeterminate", "token_id": "t1", "detail": {"before_issue": 1}},),
        ),
        Example(
            "a key that was in use is switched on, which it may have been all the time",
            (use("10 09:00", "GET /v1/messages/7", "k1"), token("10 11:00", "k1", ["mail.read"], **_KEY)),
            (
                {
                    "verdict": "indeterminate",
                    "token_id": "k1",
                    "title": "app used a token before the first record of its issue",
                    "detail": {"before_issue": 1},
                },
            ),
        ),
    ),
)
