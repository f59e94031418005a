"""INT-7: who acted, and then stopped, deleted or changed what tells of it; not who had done nothing else, nor what the register approves."""

from typing import Any

from grantlens.rule.evidence import REMOVES, WHOSE, WORKED, Evidence, Way
from grantlens.rule.example import IN_PART, Example, logs_from_to, use
from grantlens.rule.rule import Parameter, Rule

LOGGED = logs_from_to("01 08:00", "31 23:00")
READ = "GET /v1/messages/7"


def told(when: str, operation: str, **more: Any) -> dict[str, Any]:
    """Write a call of CloudTrail."""
    at = {"server": "cloudtrail.amazonaws.com", "method": None, "target": None, **more}
    return use(when, READ, operation=f"cloudtrail:{operation}", **at)


RULE = Rule(
    id="INT-7",
    version=4,
    name="evidence_removal",
    key=("client_id", "subject_id", "operation"),
    question="Who acted, and then stopped or deleted the logs and records that tell of it?",
    severity="high",
    remedy="Ask who did it and why, switch the log on again, and look for copies that it could not reach: what was sent on, exported or backed up. If it "
    "is somebody's task, write the operation into the register, and let a client do it that does nothing else.",
    basis="NIST SP 800-53 AU-9 (protection of audit information); MITRE ATT&CK T1562.008 (disable or modify cloud logs)",
    needs=("named_caller", "removal", "canonical_identity", "covered_time", "approved_operation"),
    rests_on=Evidence(
        (
            Way(
                ("usage",),
                says=(REMOVES, WORKED, WHOSE),
                leaves_open="what was lost by it",
            ),
        ),
        (Way(("usage",), says=(REMOVES,), leaves_open="who did it, or whether it worked"),),
    ),
    parameters=(
        Parameter(
            "within_hours",
            24.0,
            "hours",
            "Within how long before it another call of the same client, person or token must have worked. What is done in one sitting lies within a day.",
        ),
        Parameter(
            "routine_days",
            5,
            "days",
            "On how many days the same removal is a habit: it may be a task that the register does not name.",
        ),
    ),
    sql="""
WITH who AS (
    SELECT c.caller_id, c.source, c.tenant, c.client_id, c.client_name, c.subject_id, c.grant_id, c.token_id, c.resource_server, c.join_key,
           coalesce(k.name, c.client_id) AS client, coalesce(p.name, c.subject_id) AS person
    FROM named_caller c
    LEFT JOIN canonical_identity k ON k.source = c.source AND k.kind = 'client' AND k.id = c.client_id
    LEFT JOIN canonical_identity p ON p.source = c.source AND p.kind = 'subject' AND p.id = c.subject_id
),
removing AS (
    SELECT w.*, a.call, a.does, u.usage_id, u.used_at, u.outcome,
           {'seen_at': u.used_at, 'batch_id': u.batch_id, 'line_no': u.line_no, 'event_id': u.event_id} AS record,
           u.used_at - to_microseconds(($within_hours * 3600000000)::BIGINT) AS acted_from
    FROM usage_row u
    JOIN removal a USING (target_id)
    JOIN who w USING (caller_id)
    WHERE u.used_at < $until
      AND NOT EXISTS (SELECT 1 FROM approved_operation g WHERE g.client_id = w.client_id AND a.call LIKE g.pattern ESCAPE '\\')
),
habit AS (
    SELECT source, tenant, client, person, call, count(DISTINCT epoch_us(used_at) // 86400000000) AS days
    FROM removing WHERE outcome = 'success'
    GROUP BY source, tenant, client, person, call
),
-- By what a caller is known again: all calls of those who removed something, each in the order of time.
party AS (
    SELECT w.caller_id, w.source, w.tenant, k.kind, CASE k.kind WHEN 'client' THEN w.client WHEN 'subject' THEN w.person ELSE w.token_id END AS name
    FROM who w
    CROSS JOIN (SELECT unnest(['client', 'subject', 'token']) AS kind) k
),
actor AS (
    SELECT p.*
    FROM party p
    SEMI JOIN (SELECT q.source, q.kind, q.name FROM removing r JOIN party q USING (caller_id) WHERE r.used_at >= $since) q
        ON q.source = p.source AND q.kind = p.kind AND q.name = p.name
),
act AS (
    SELECT c.source, c.tenant, c.kind, c.name, u.usage_id, u.used_at, a.target_id IS NULL AS is_other,
           CASE WHEN a.target_id IS NULL
                THEN {'seen_at': u.used_at, 'batch_id': u.batch_id, 'line_no': u.line_no, 'event_id': u.event_id} END AS other
    FROM usage_row u
    JOIN actor c USING (caller_id)
    LEFT JOIN removal a USING (target_id)
    WHERE u.used_at + to_microseconds(($within_hours * 3600000000)::BIGINT) >= $since AND u.used_at < $until
      AND (a.target_id IS NOT NULL OR u.outcome = 'success')
),
-- What names no tenant may be of the one that another call of its party names.
before AS (
    SELECT usage_id, max(last_other) AS last_other, bool_or(other_beside) AS other_beside,
           max(CASE WHEN tenant IS NULL THEN last_of_any_at ELSE last_unnamed_at END) AS last_perhaps_at
    FROM (
        SELECT usage_id, tenant, is_other, bool_or(is_other) OVER (PARTITION BY source, tenant, kind, name, used_at) AS other_beside,
               max(other) OVER (
                   PARTITION BY source, tenant, kind, name ORDER BY epoch_us(used_at) RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS last_other,
               max(used_at) FILTER (is_other) OVER until_then AS last_of_any_at,
               max(used_at) FILTER (is_other AND tenant IS NULL) OVER until_then AS last_unnamed_at
        FROM act
        WINDOW until_then AS (PARTITION BY source, kind, name ORDER BY used_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    WHERE NOT is_other
    GROUP BY usage_id
),
acted AS (
    SELECT r.*, b.other_beside, b.last_perhaps_at, coalesce(h.days, 0) >= $routine_days AS is_routine,
           CASE WHEN b.last_other.seen_at >= r.acted_from THEN b.last_other END AS last_other
    FROM removing r
    LEFT JOIN before b USING (usage_id)
    LEFT JOIN habit h ON h.source = r.source AND h.tenant IS NOT DISTINCT FROM r.tenant AND h.client IS NOT DISTINCT FROM r.client
        AND h.person IS NOT DISTINCT FROM r.person AND h.call = r.call
    WHERE r.used_at >= $since
),
-- Where no other call is seen: whether all of the time was logged in which there could be one.
watched_time AS (
    SELECT a.usage_id, sum(epoch_us(least(c.covered_until, a.used_at)) - epoch_us(greatest(c.covered_from, a.acted_from))) AS covered_us
    FROM acted a
    JOIN covered_time c ON c.source = a.source AND c.tenant IS NOT DISTINCT FROM a.tenant AND c.log = 'usage' AND NOT c.in_part
        AND c.covered_from < a.used_at AND c.covered_until > a.acted_from
    WHERE a.last_other IS NULL
    GROUP BY a.usage_id
),
-- A silence of the log that begins within a minute, and ends inside the window.
hush AS (
    SELECT a.usage_id, max(epoch(g.covered_until) - epoch(g.covered_from)) / 3600 AS hours
    FROM acted a
    JOIN coverage g ON g.source = a.source AND g.log = 'usage' AND g.is_gap AND (g.tenant IS NULL OR g.tenant = a.tenant)
        AND g.covered_from > a.used_at AND g.covered_from <= a.used_at + INTERVAL 1 MINUTE AND g.covered_until <= $until
    WHERE a.outcome = 'success'
    GROUP BY a.usage_id
),
doubted AS (
    SELECT a.*, h.hours AS silent_hours,
           CASE WHEN a.last_other IS NOT NULL THEN NULL
                WHEN coalesce(a.client, a.person, a.token_id) IS NULL THEN 'the log does not say whose call it was'
                WHEN a.other_beside THEN 'its other call bears the same time: which came first, the log does not tell'
                WHEN a.last_perhaps_at >= a.acted_from THEN 'only one of the two calls names its tenant: whether they are of one, the log does not tell'
                WHEN coalesce(w.covered_us, 0) < $within_hours * 3600e6 THEN 'the usage log does not show all calls of the time before it' END AS doubt
    FROM acted a
    LEFT JOIN watched_time w USING (usage_id)
    LEFT JOIN hush h USING (usage_id)
),
weighed AS (
    SELECT *,
           CASE WHEN outcome = 'denied' THEN NULL
                WHEN doubt IS NOT NULL THEN doubt
                WHEN outcome = 'error' THEN 'it failed, and the log does not say how much of it was done'
                WHEN does = 'changes' THEN 'the log does not say what it changed'
                WHEN does = 'tidies' THEN 'clients also delete a job when they have done with it'
                WHEN is_routine THEN 'it does so regularly: it may be its task' END AS why_unknown
    FROM doubted
    WHERE last_other IS NOT NULL OR doubt IS NOT NULL
),
summed AS (
    SELECT source, tenant, client_id, subject_id, call, does, max(client_name) AS client_name,
           CASE WHEN count(DISTINCT grant_id) = 1 AND count(grant_id) = count(*) THEN min(grant_id) END AS grant_id,
           CASE WHEN count(DISTINCT token_id) = 1 AND count(token_id) = count(*) THEN min(token_id) END AS token_id,
           min(resource_server) AS resource_server, min(join_key) AS join_key,
           count(*) FILTER (outcome = 'success') AS times, count(*) FILTER (outcome <> 'success') AS failed_times,
           bool_or(outcome <> 'denied' AND why_unknown IS NULL) AS is_proven, bool_and(outcome = 'denied') AS is_refused,
           bool_and(doubt IS NOT NULL) AS is_doubted, bool_or(is_routine) AS is_routine,
           min((epoch_us(used_at) - epoch_us(last_other.seen_at)) / 1e6) AS after_s, max(silent_hours) AS silent_hours,
           list_sort(list(DISTINCT why_unknown)) AS reasons, min(used_at) AS first_at, max(used_at) AS last_at,
           min(coalesce(last_other.seen_at, used_at)) AS about_from,
           list_sort(list_distinct(flatten(list([record, last_other])))) AS proof
    FROM weighed
    GROUP BY source, tenant, client_id, subject_id, call, does
)
SELECT CASE WHEN is_proven THEN 'violation' WHEN is_refused THEN 'clear' ELSE 'indeterminate' END AS verdict,
       CASE WHEN is_refused THEN 'low' WHEN is_proven THEN 'high' WHEN times = 0 OR does = 'changes' OR is_routine THEN 'medium' ELSE 'high' END AS severity,
       coalesce(client_name, client_id, subject_id, 'Somebody unnamed')
           || CASE WHEN times = 0
                   THEN ' tried to ' || CASE does WHEN 'stops' THEN 'stop a log' WHEN 'deletes' THEN 'delete logged records' WHEN 'tidies' THEN 'delete a job'
                                                  ELSE 'change what is logged' END || CASE WHEN is_refused THEN ', and was refused' ELSE ', which failed' END
                   ELSE CASE does WHEN 'stops' THEN ' stopped a log' WHEN 'deletes' THEN ' deleted logged records' WHEN 'tidies' THEN ' deleted a job'
                                  ELSE ' may have cut a log short' END
                       || CASE WHEN is_doubted THEN ', perhaps after other calls of its own' ELSE ' after other calls of its own' END END
           || ': ' || call
           || CASE WHEN silent_hours IS NOT NULL THEN '; the log is then silent for ' || round(silent_hours, 1) || ' hours' ELSE '' END AS title,
       source, tenant, client_id, subject_id, grant_id, token_id, resource_server, call AS operation,
       first_at AS first_seen, last_at AS last_seen, len(proof) AS events,
       to_json({
           'does': does,
           'times': times,
           'failed': failed_times,
           'after_s': round(after_s, 6),
           'silent_hours': round(silent_hours, 3),
           'not_shown': CASE WHEN times = 0 THEN NULL
                             WHEN does = 'deletes' THEN 'what the deleted records told'
                             WHEN does = 'tidies' THEN 'what the job read or wrote, unless another log tells it'
                             ELSE 'what was done while it was not logged' END,
           'reason': CASE WHEN NOT is_proven AND NOT is_refused THEN array_to_string(reasons, ', ') END}) AS detail,
       join_key,
       CASE WHEN $every_call THEN proof ELSE proof[1:19] || proof[20:][-1:] END AS records,
       'usage' AS about_log, about_from, last_at AS about_until
FROM summed
""",
    fires=(
        Example(
            "a client reads, and stops the log",
            (use("10 12:00", READ), told("10 12:30", "StopLogging")),
            (
                {
                    "verdict": "violation",
                    "severity": "high",
                    "title": "app stopped a log after other calls of its own: cloudtrail:StopLogging",
                    "client_id": "app",
                    "subject_id": "ann",
                    "operation": "cloudtrail:StopLogging",
                    "events": 2,
                    "detail": {
                        "does": "stops",
                        "times": 1,
                        "after_s": 1800.0,
                        "silent_hours": None,
                        "not_shown": "what was done while it was not logged",
                        "reason": None,
                    },
                },
            ),
        ),
        Example(
            "a person reads with one client and deletes the log's stream with another; the id is no part of the operation",
            (
                use("10 12:00", READ),
                use("10 12:01", "DELETE /api/v2/log-streams/lst_1", "t2", "auth0", 204, client_id="tool"),
                use("10 12:02", "DELETE /api/v2/log-streams/lst_2/", "t2", "auth0", 204, client_id="tool"),
            ),
            (
                {
                    "verdict": "violation",
                    "client_id": "tool",
                    "operation": "DELETE /api/v2/log-streams/{id}",
                    "events": 3,
                    "detail": {"times": 2, "after_s": 60.0},
                },
            ),
        ),
        Example(
            "the same client for another person, and one that was refused before it worked",
            (
                use("10 12:00", READ),
                told("10 12:30", "DeleteEventDataStore", status=403, subject_id="ben"),
                told("10 12:31", "DeleteEventDataStore", subject_id="ben"),
            ),
            (
                {
                    "verdict": "violation",
                    "title": "app deleted logged records after other calls of its own: cloudtrail:DeleteEventDataStore",
                    "subject_id": "ben",
                    "events": 3,
                    "detail": {"times": 1, "failed": 1, "not_shown": "what the deleted records told"},
                },
            ),
        ),
    ),
    silent=(
        Example(
            "a client whose task it is, and that does so each week",
            (use("10 12:00", READ), *(told(f"{day} 12:30", "StopLogging") for day in (10, 17, 24))),
            register=({"client_id": "app", "approved_operations": ["GET *", "cloudtrail:*Logging"]},),
        ),
        Example(
            "somebody else does it who has done nothing: that is not this client removing its traces",
            (
                *LOGGED,
                use("10 12:00", READ, None),
                told("10 12:30", "StopLogging", client_id="console", subject_id="eve"),
            ),
        ),
        Example(
            "its other calls are of another week, or came later, or were refused; what removes more is no other call",
            (
                *LOGGED,
                use("03 12:00", READ),
                use("10 12:00", READ, status=401),
                told("10 12:29", "DeleteTrail"),
                told("10 12:30", "StopLogging"),
                use("10 12:31", READ),
            ),
        ),
        Example(
            "it was refused: a fact, and nothing is gone",
            (use("10 12:00", READ), told("10 12:30", "StopLogging", status=403)),
            (
                {
                    "verdict": "clear",
                    "severity": "low",
                    "title": "app tried to stop a log, and was refused: cloudtrail:StopLogging",
                    "detail": {"times": 0, "failed": 1, "not_shown": None, "reason": None},
                },
            ),
        ),
        Example(
            "to look at a log, to begin one, and what is called so at another server",
            (
                use("10 12:00", READ),
                told("10 12:30", "GetTrailStatus"),
                told("10 12:31", "StartLogging"),
                told("10 12:32", "StopLogging", server="mail.example"),
                use("10 12:33", "DELETE /services/data/v61.0/jobs/query/7/results", server="salesforce"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "the call may as well keep more",
            (use("10 12:00", READ), told("10 12:30", "UpdateTrail")),
            (
                {
                    "verdict": "indeterminate",
                    "severity": "medium",
                    "title": "app may have cut a log short after other calls of its own: cloudtrail:UpdateTrail",
                    "detail": {"does": "changes", "reason": "the log does not say what it changed"},
                },
            ),
        ),
        Example(
            "a job is deleted 24 seconds after its last call: to hide it, or to tidy up",
            (
                use("17 11:15:18", "GET /services/data/v61.0/jobs/query/7/results", server="salesforce"),
                use("17 11:15:42", "DELETE /services/data/v61.0/jobs/query/7", server="salesforce", status=204),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "severity": "high",
                    "title": "app deleted a job after other calls of its own: DELETE /services/data/{version}/jobs/query/{job}",
                    "detail": {"after_s": 24.0, "reason": "clients also delete a job when they have done with it"},
                },
            ),
        ),
        Example(
            "on five days: a habit of hiding, or a task that no register names",
            tuple(
                record
                for day in range(10, 15)
                for record in (use(f"{day} 12:00", READ), told(f"{day} 12:30", "StopLogging"))
            ),
            (
                {
                    "verdict": "indeterminate",
                    "severity": "medium",
                    "events": 10,
                    "detail": {"times": 5, "reason": "it does so regularly: it may be its task"},
                },
            ),
        ),
        Example(
            "the log begins shortly before it",
            (*logs_from_to("10 12:29", "31 23:00"), told("10 12:30", "StopLogging")),
            (
                {
                    "verdict": "indeterminate",
                    "severity": "high",
                    "title": "app stopped a log, perhaps after other calls of its own: cloudtrail:StopLogging",
                    "events": 1,
                    "detail": {
                        "after_s": None,
                        "reason": "the usage log does not show all calls of the time before it",
                    },
                },
            ),
        ),
        Example(
            "a log that shows only some calls",
            (*LOGGED, told("10 12:30", "StopLogging")),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reason": "the usage log does not show all calls of the time before it"},
                },
            ),
            declared=IN_PART,
        ),
    ),
)
