"""PRV-2: scopes that were used, and then no more, though the client worked on."""

from __future__ import annotations

from typing import Any

from grantlens.catalogue.optional import lacks
from grantlens.rule.evidence import MAYBE_OVER, UNUSED, Evidence
from grantlens.rule.example import (
    BYSTANDER,
    IN_PART,
    Example,
    consent,
    revoked,
    three_logs_from_to,
    token,
    use,
    without_ends,
)
from grantlens.rule.rule import Parameter, Rule


def _work(*files: int, reads: range = range(1, 31), **more: Any) -> tuple[dict[str, Any], ...]:
    """Write a month in which ann's app reads mail on all days that are given, and files on some."""
    return (
        consent("01 08:00", ["mail.read", "files.read"]),
        token("01 08:01", "t1", ["mail.read", "files.read"]),
        *(use(f"{day:02} 09:00", "GET /v1/messages/7") for day in reads),
        *(use(f"{day:02} 09:05", "GET /v1/files/7", server="files.example", **more) for day in files),
        *three_logs_from_to("01 08:00", "30 23:00"),
    )


def _users_made(scope: str) -> tuple[dict[str, Any], ...]:
    """Write a month of a trail without data events in which the app reads mail on all days, and makes users on some."""
    made: dict[str, Any] = {"method": None, "target": None, "operation": "iam:CreateUser"}
    records = (
        consent("01 08:00", ["mail.read", scope]),
        token("01 08:01", "t1", ["mail.read", scope]),
        *(use(f"{day:02} 09:00", "GET /v1/messages/7") for day in range(1, 31)),
        *(use(f"{day:02} 09:05", "", server="iam.amazonaws.com", **made) for day in (1, 3, 5, 7, 9)),
        *three_logs_from_to("01 08:00", "30 23:00"),
    )
    return tuple({**record, "source": "aws_cloudtrail"} for record in records)


RULE = Rule(
    id="PRV-2",
    version=15,
    name="dormant_scope",
    key=("grant_id", "scope"),
    question="Which scopes were used, and then no more, though the client worked on?",
    severity="medium",
    remedy="Ask the owner whether the work is over: what is not done any more needs no scope, and it can be asked for again.",
    basis="NIST SP 800-53 AC-6(7); PCI DSS 4.0.1 requirement 7.2.5.1",
    needs=(
        "granted_scope",
        "known_scope",
        "used_pair",
        "named_caller",
        "question",
        "credited_scope",
        "caller_segment",
        "scope_time",
        "grant_state",
        "grant_end",
    ),
    parameters=(
        Parameter("quiet_days", 30, "days", "Least silence before a scope counts as dormant."),
        Parameter(
            "gaps", 2, "times", "The silence must be so many times as long as gaps between days of use usually are."
        ),
        Parameter("least_days", 3, "days", "On fewer days of use nothing tells how often it is needed."),
        Parameter("min_coverage", 0.95, "share", "Least share of the silence for which the usage log must be there."),
        Parameter("min_map", 0.90, "share", "Least share of the grant's calls that a catalogue must know."),
    ),
    # That it was not used any more is an absence, of the grant as a whole.
    rests_on=Evidence((UNUSED,), (MAYBE_OVER,)),
    sql="""
WITH worked AS (
    SELECT c.source, p.grant_id, max(p.last_used_at) AS last_call_at
    FROM used_pair p JOIN named_caller c USING (caller_id)
    WHERE p.outcome = 'success'
    GROUP BY c.source, p.grant_id
),
-- Since when each scope is held without a break: while it was not, it could not be used.
given AS (
    SELECT source, grant_id, scope, max(valid_from) AS given_at
    FROM (
        SELECT *, lag(valid_until) OVER (PARTITION BY source, grant_id, scope ORDER BY valid_from) AS held_before
        FROM (SELECT source, grant_id, valid_from, valid_until, unnest(scopes) AS scope FROM grant_state)
    )
    WHERE valid_from < $until AND coalesce(valid_from > held_before, true)
    GROUP BY source, grant_id, scope
),
used AS (
    SELECT g.*, greatest(g.last_used_at, n.given_at) AS silent_from
    FROM granted_scope g
    JOIN given n ON n.source = g.source AND n.grant_id = g.grant_id AND n.scope = g.scope
    WHERE g.uses > 0
),
-- Held to the end, and silent for long while the grant was used for other things: of a grant that nobody used PRV-3 tells.
quiet AS (
    SELECT u.*, (epoch_us($until) - epoch_us(u.silent_from)) / 86400e6 AS silent_days
    FROM used u
    JOIN worked w ON w.source = u.source AND w.grant_id = u.grant_id
    WHERE u.held_until >= $until AND w.last_call_at >= u.silent_from + to_days($quiet_days::INTEGER)
),
crediting AS (
    SELECT DISTINCT q.source, q.grant_id, q.scope, p.caller_id, p.segment_id, p.operation_id
    FROM quiet q
    JOIN known_scope n ON n.scope = q.scope
    JOIN used_pair p ON p.grant_id = q.grant_id
    JOIN named_caller c ON c.caller_id = p.caller_id AND c.source = q.source
    JOIN question u ON u.operation_id = p.operation_id AND u.set_id = p.set_id AND u.application IS NOT DISTINCT FROM p.application
    JOIN credited_scope s ON s.question_id = u.question_id AND s.scope_id = n.scope_id
),
-- What worked though the grant was over shows no need.
day_of_use AS (
    SELECT DISTINCT r.source, r.grant_id, r.scope, epoch_us(u.used_at) // 86400000000 AS day
    FROM crediting r
    JOIN usage_row u ON u.caller_id = r.caller_id
    JOIN usage_operation o ON o.target_id = u.target_id AND o.operation_id = r.operation_id
    LEFT JOIN caller_segment s ON s.caller_id = u.caller_id AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
    ANTI JOIN grant_end e ON e.source = r.source AND e.grant_id = r.grant_id AND e.certain_from < u.used_at AND e.reopened_at > u.used_at
    WHERE u.outcome = 'success' AND u.used_at >= $since AND u.used_at < $until AND s.segment_id IS NOT DISTINCT FROM r.segment_id
),
-- How far apart its days of use were, but for the longest few of many.
rhythm AS (
    SELECT source, grant_id, scope, count(*) AS days, quantile_disc(gap, 0.95) AS usual_gap
    FROM (SELECT *, day - lag(day) OVER (PARTITION BY source, grant_id, scope ORDER BY day) AS gap FROM day_of_use)
    GROUP BY source, grant_id, scope
),
seen AS (
    SELECT q.source, q.grant_id, q.scope,
           sum(greatest(0, epoch_us(least(c.covered_until, $until)) - epoch_us(greatest(c.covered_from, q.silent_from)))) AS covered_us
    FROM quiet q
    JOIN scope_time c ON c.source = q.source AND c.tenant IS NOT DISTINCT FROM q.tenant AND c.always_logged = q.always_logged AND NOT c.in_part
    GROUP BY q.source, q.grant_id, q.scope
),
judged AS (
    SELECT q.*, coalesce(r.days, 0) AS days, r.usual_gap,
           coalesce(v.covered_us, 0) / (epoch_us($until) - epoch_us(q.silent_from)) AS share,
           CASE WHEN q.unclear THEN 'a later record of the grant does not say which scopes are left: it may have been used since'
                WHEN r.usual_gap IS NULL OR r.days < $least_days THEN 'on so few days of use nothing tells how often it is needed'
                WHEN q.in_part THEN 'the usage log shows only some of the calls, so its silence proves nothing' || coalesce('; ' || q.lacks, '')
                WHEN share < $min_coverage THEN 'the usage log does not cover the silence'
                WHEN q.map_share < $min_map THEN 'too many calls of the grant are known to no catalogue, and may have used it'
                WHEN q.maybe_over THEN 'no revocation log shows all the time since: that the grant ended may be missing' END AS why_unknown
    FROM quiet q
    LEFT JOIN rhythm r ON r.source = q.source AND r.grant_id = q.grant_id AND r.scope = q.scope
    LEFT JOIN seen v ON v.source = q.source AND v.grant_id = q.grant_id AND v.scope = q.scope
    WHERE r.usual_gap IS NULL OR r.days < $least_days OR q.silent_days > $gaps * r.usual_gap
)
SELECT CASE WHEN why_unknown IS NULL THEN 'violation' ELSE 'indeterminate' END AS verdict,
       'medium' AS severity,
       coalesce(client_name, client_id, 'An unnamed client') || ' has not used ' || scope || ' for ' || floor(silent_days)::BIGINT
           || CASE WHEN floor(silent_days) = 1 THEN ' day' ELSE ' days' END || ', and worked on without it' AS title,
       source, tenant, client_id, subject_id, grant_id, [scope] AS scopes,
       first_used_at AS first_seen, last_used_at AS last_seen, uses + 1 AS events,
       to_json({
           'scope': scope,
           'uses': uses,
           'days_of_use': days,
           'usual_gap_days': usual_gap,
           'silent_days': round(silent_days, 3),
           'reason': why_unknown}) AS detail,
       join_key, firsts, lasts, [opening] AS records,
       'usage' AS about_log, silent_from AS about_from, $until AS about_until
FROM judged
""",
    fires=(
        Example(
            "files are read every other day for a while, and then no more, while mail is read on",
            _work(1, 3, 5, 7, 9),
            (
                {
                    "verdict": "violation",
                    "severity": "medium",
                    "grant_id": "g1",
                    "scopes": ["files.read"],
                    "title": "app has not used files.read for 21 days, and worked on without it",
                    "detail": {"scope": "files.read", "uses": 5, "days_of_use": 5, "usual_gap_days": 2, "reason": None},
                },
            ),
            parameters={"quiet_days": 10},
        ),
        Example(
            "another scope was given meanwhile: this one was held all the time",
            (*_work(1, 3, 5, 7, 9), consent("28 08:00", ["mail.send"], event_id="more")),
            ({"verdict": "violation", "scopes": ["files.read"], "detail": {"silent_days": 21.58}},),
            parameters={"quiet_days": 10},
        ),
        Example(
            "the grant was revoked and given again, and is used since for mail alone; what worked in between shows no need",
            (
                *_work(1, 3, 5, 7, 9),
                revoked("10 08:00", "grant"),
                consent("12 08:00", ["mail.read", "files.read"], event_id="again"),
                token("12 08:01", "t2", ["mail.read", "files.read"]),
                *(use(f"{day:02} 10:00", "GET /v1/messages/7", "t2") for day in range(12, 31)),
                use("11 09:05", "GET /v1/files/7", server="files.example"),
            ),
            (
                {
                    "verdict": "violation",
                    "title": "app has not used files.read for 18 days, and worked on without it",
                    "last_seen": "2026-07-09T09:05:00Z",
                    "detail": {"uses": 5, "days_of_use": 5, "silent_days": 18.625},
                },
            ),
            parameters={"quiet_days": 10},
        ),
        Example(
            "a trail that holds no data events: it made users every other day for a while, and would be in it if it had gone on",
            _users_made("iam:CreateUser"),
            ({"verdict": "violation", "scopes": ["iam:CreateUser"], "detail": {"uses": 5, "reason": None}},),
            parameters={"quiet_days": 10},
        ),
    ),
    silent=(
        Example(
            "the silence is no longer than usual gaps are: a job that runs every ten days",
            _work(1, 11, 21),
            parameters={"quiet_days": 7},
        ),
        Example(
            "the whole grant is silent: PRV-3 tells of it",
            _work(1, 3, 5, 7, 9, reads=range(1, 12)),
            parameters={"quiet_days": 10},
        ),
        Example(
            "the whole grant is silent, but for calls that are refused",
            (
                *_work(1, 3, 5, 7, 9, reads=range(1, 12)),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", status=401) for day in range(12, 31)),
            ),
            parameters={"quiet_days": 10},
        ),
        Example("it was never used: PRV-1 tells of it", _work(), parameters={"quiet_days": 10}),
        Example("a silence of less than the least", _work(1, 3, 5, 7, 9)),
        Example(
            "the key was deleted: what nobody holds is not dormant",
            (
                token("01 08:00", "t1", ["mail.read", "files.read"], kind="credential", token_kind="api_key"),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7") for day in range(1, 30)),
                *(use(f"{day:02} 09:05", "GET /v1/files/7", server="files.example") for day in (1, 3, 5, 7, 9)),
                revoked("30 08:00"),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
            parameters={"quiet_days": 10},
        ),
        Example(
            "it was taken away when the work was over, and given again two days ago: while nobody held it, it could not be used",
            (
                *_work(1, 3, 5, 7, 9),
                revoked("10 08:00", "grant", kind="downgrade", scopes_removed=["files.read"]),
                consent("28 08:00", ["files.read"], event_id="again"),
            ),
            parameters={"quiet_days": 10},
        ),
    ),
    undecidable=(
        Example(
            "there is no log of revocations, so that nothing shows that the grant still stands",
            without_ends(_work(1, 3, 5, 7, 9, reads=range(1, 30))),
            (
                {
                    "verdict": "indeterminate",
                    "scopes": ["files.read"],
                    "detail": {
                        "reason": "no revocation log shows all the time since: that the grant ended may be missing"
                    },
                },
            ),
            parameters={"quiet_days": 10},
        ),
        Example(
            "the log of revocations shows only some of them, and so does not show that the grant still stands",
            (
                *_work(1, 3, 5, 7, 9, reads=range(1, 30)),
                revoked("02 08:00", "grant", client_id=BYSTANDER, grant_id="other"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "scopes": ["files.read"],
                    "detail": {
                        "reason": "no revocation log shows all the time since: that the grant ended may be missing"
                    },
                },
            ),
            parameters={"quiet_days": 10},
            declared={"carries": ("issuance", "usage")},
        ),
        Example(
            "a late change of the grant does not say which scopes it left",
            (*_work(1, 3, 5, 7, 9), consent("28 08:00", None, kind="change", event_id="more")),
            (
                {
                    "verdict": "indeterminate",
                    "scopes": ["files.read"],
                    "detail": {
                        "reason": "a later record of the grant does not say which scopes are left: it may have been used since"
                    },
                },
            ),
            parameters={"quiet_days": 10},
        ),
        Example(
            "used on two days: how often it is needed nobody knows",
            _work(1, 3),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "days_of_use": 2,
                        "reason": "on so few days of use nothing tells how often it is needed",
                    },
                },
            ),
            parameters={"quiet_days": 10},
        ),
        Example(
            "the log shows only some of the calls",
            _work(1, 3, 5, 7, 9),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reason": "the usage log shows only some of the calls, so its silence proves nothing"},
                },
            ),
            parameters={"quiet_days": 10},
            declared=IN_PART,
        ),
        Example(
            "a cluster's log without any read: it may have been used to read",
            tuple({**record, "source": "kubernetes"} for record in _work(1, 3, 5, 7, 9)),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "reason": f"the usage log shows only some of the calls, so its silence proves nothing; {lacks()['kubernetes']}"
                    },
                },
            ),
            parameters={"quiet_days": 10},
        ),
        Example(
            "a trail that holds no data events, and may hold nothing that reads: the scope permits to read users, too",
            _users_made("iam:*User"),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "reason": f"the usage log shows only some of the calls, so its silence proves nothing; {lacks()['aws_cloudtrail']}"
                    },
                },
            ),
            parameters={"quiet_days": 10},
        ),
        Example(
            "calls that no catalogue knows may have used it",
            (
                *_work(1, 3, 5, 7, 9),
                *(use(f"{day:02} 10:00", "GET /v1/odd/7") for day in range(1, 31)),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reason": "too many calls of the grant are known to no catalogue, and may have used it"},
                },
            ),
            parameters={"quiet_days": 10},
        ),
    ),
)
