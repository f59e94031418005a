"""INT-6: usage logs whose clock runs behind that of the issuance: tokens were used before they were issued.

A clock that runs ahead is told by no order of events. A call comes after the issue, and a refusal for a token that is over after its end:
both only ever show a clock that is behind. What a clock that is ahead looks like - calls let in after a revocation or an expiry - is what a
server that lets in too much looks like, which REV-1 and INT-2 are to find. How far it is ahead at most, the token that was used soonest tells. A record that
another clock received before it happened would show it; few logs say when they were received, and this is not read.
"""

from typing import Any

from grantlens.ingest.coverage import MIN_PAIRS
from grantlens.relations.causal_pair import JUDGED
from grantlens.rule.evidence import ISSUE_USE, MADE, TOKEN, Evidence, Way
from grantlens.rule.example import Example, refreshed, token, use
from grantlens.rule.rule import Parameter, Rule

_CALL = "GET /v1/messages/7"
_KEY = {"kind": "credential", "token_kind": "api_key"}


def pairs(*apart: float, first: int = 0, **more: Any) -> tuple[dict, ...]:
    """Write tokens issued a minute apart from 10:00 on, each first used so many seconds later: before its issue, if negative.

    Examples
    --------
    >>> [record.get("used_at") for record in pairs(-30)]
    [None, '2026-07-10T09:59:30.000000Z']
    """

    def at(seconds: float) -> str:
        day, rest = divmod(seconds, 86400)
        return f"{10 + int(day):02} {int(rest // 3600):02}:{int(rest // 60 % 60):02}:{rest % 60:09.6f}"

    return tuple(
        record
        for number, seconds in enumerate(apart, first)
        for record in (
            token(at(36000 + 60 * number), f"t{number}", ["mail.read"], **more),
            use(at(36000 + 60 * number + seconds), _CALL, f"t{number}", **more),
        )
    )


RULE = Rule(
    id="INT-6",
    version=2,
    name="clock_skew",
    key=("log",),
    question="Which usage logs tell of tokens that were used before they were issued: whose clock runs behind?",
    severity="info",
    remedy="Write the line that --format json and the page of a report give (clock_entry) into a TOML file, with what was stated of that source "
    "before, and state it: grantlens clock add STORE FILE. Where the times are wrong by whole or half hours, load that log again with the right --time-zone. "
    "A usage clock that runs ahead nothing here can tell from late calls, by which REV-1 and INT-2 would be wrong: state it, where it is known.",
    basis="NIST SP 800-53 AU-8; RFC 9068 section 2.2: a token is issued (iat) before it is used",
    needs=("causal_pair", "clock_error"),
    parameters=(
        Parameter("min_pairs", MIN_PAIRS, "tokens", "Tokens that an hour needs before it says anything about a clock."),
    ),
    # Pairs of which the making is logged, and nothing but the token joins.
    rests_on=Evidence(
        (
            Way(
                ISSUE_USE,
                {ISSUE_USE: TOKEN},
                ("usage.token_id", MADE),
                leaves_open="whether the clock runs ahead",
            ),
        ),
    ),
    sql=f"""
-- What nobody stated is looked at as if nothing had been estimated.
WITH stated AS (
    SELECT source, tenant, log, NOT assumed AS stated, assumed AND offset_s <> 0 AS applied, before_s AS applied_before_s, after_s AS applied_after_s,
           CASE WHEN assumed THEN 5.0 ELSE error_s END AS error_s,
           CASE WHEN assumed THEN 0.0 ELSE offset_s END AS offset_s,
           CASE WHEN assumed THEN 5.0 ELSE before_s END AS before_s,
           CASE WHEN assumed THEN 5.0 + grid_s ELSE after_s END AS after_s
    FROM clock_error
),
pair AS (
    SELECT p.* REPLACE (p.apart_s - u.offset_s + i.offset_s AS apart_s),
           p.apart_s + u.after_s + i.before_s < 0 AS inverted,
           p.apart_s + u.applied_after_s + i.applied_before_s < 0 AS still_inverted,
           u.applied, u.stated, i.stated AS issuance_stated, u.offset_s AS stated_s, u.error_s
    FROM causal_pair p
    JOIN stated u ON u.source = p.source AND u.tenant IS NOT DISTINCT FROM p.tenant AND u.log = 'usage'
    JOIN stated i ON i.source = p.source AND i.tenant IS NOT DISTINCT FROM p.issued_in AND i.log = 'issuance'
    WHERE p.used_at >= $since AND greatest(p.used_at, p.issued_at) < $until
),{JUDGED},
counted AS (
    SELECT source, tenant, bool_or(applied) AS applied, bool_or(stated) AS stated, bool_or(issuance_stated) AS issuance_stated,
           any_value(stated_s) AS stated_s, any_value(error_s) AS error_s,
           count(*) AS pairs, count(*) FILTER (inverted) AS inverted, count(*) FILTER (still_inverted) AS still_inverted,
           -min(apart_s) AS most_s, -max(apart_s) FILTER (inverted) AS least_s
    FROM pair
    GROUP BY source, tenant
    HAVING bool_or(inverted)
),
judged AS (
    SELECT c.*, coalesce(g.hours, 0) AS hours, coalesce(g.hours_behind, 0) AS hours_behind, coalesce(g.hours_behind > g.hours / 2, false) AS agreed,
           e.offset_s, c.error_s + e.spread_s AS offset_error_s,
           -- No zone is further from UTC than fourteen hours.
           CASE WHEN abs(e.offset_s - 1800 * round(e.offset_s / 1800)) <= 60 AND abs(round(e.offset_s / 1800)) BETWEEN 1 AND 28
                THEN round(e.offset_s / 1800) / 2 END AS zone_hours,
           'the usage log of ' || c.source || coalesce(', tenant ' || c.tenant || ',', '') AS log_name
    FROM counted c
    JOIN estimate e ON e.source = c.source AND e.tenant IS NOT DISTINCT FROM c.tenant
    LEFT JOIN agreement g ON g.source = c.source AND g.tenant IS NOT DISTINCT FROM c.tenant
),
-- The first call with each of these tokens; one that was forgotten has none.
call AS (
    SELECT p.source, p.tenant, p.token_id, arg_min(u.usage_id, coalesce(u.event_id, '')) AS usage_id
    FROM (FROM pair WHERE inverted) p
    JOIN usage_caller c ON c.source = p.source AND c.tenant IS NOT DISTINCT FROM p.tenant AND c.token_id = p.token_id
    JOIN usage_row u ON u.caller_id = c.caller_id AND u.used_at = p.used_at
    GROUP BY p.source, p.tenant, p.token_id
),
evidence AS (
    SELECT p.source, p.tenant, min(p.used_at) AS first_seen, max(p.used_at) AS last_seen,
           list(c.usage_id ORDER BY p.used_at, p.token_id) FILTER (c.usage_id IS NOT NULL) AS calls,
           list({{'seen_at': p.issued_at, 'batch_id': p.batch_id, 'line_no': p.line_no, 'event_id': p.event_id}}
                ORDER BY p.issued_at DESC, p.token_id) AS records
    FROM pair p
    LEFT JOIN call c ON c.source = p.source AND c.tenant IS NOT DISTINCT FROM p.tenant AND c.token_id = p.token_id
    WHERE p.inverted
    GROUP BY p.source, p.tenant
)
SELECT CASE WHEN j.agreed OR j.applied THEN 'violation' ELSE 'indeterminate' END AS verdict,
       -- Where the times are set right, or only a few are odd, nothing is wrong that this alone could tell.
       CASE WHEN j.agreed AND NOT j.applied THEN 'low' ELSE 'info' END AS severity,
       CASE WHEN NOT (j.agreed OR j.applied)
            THEN format('{{:,}} of {{:,}} tokens ', j.inverted, j.pairs) || CASE WHEN j.inverted = 1 THEN 'was' ELSE 'were' END
                 || ' used before the issue, as ' || j.log_name || ' tells'
            WHEN j.zone_hours IS NOT NULL AND NOT j.stated
            THEN upper(j.log_name[1]) || j.log_name[2:] || format(' is {{:g}} h behind its issuance: a wrong time zone, not a clock', -j.zone_hours)
            WHEN j.stated OR j.issuance_stated
            THEN upper(j.log_name[1]) || j.log_name[2:] || format(' is {{:,.1f}} s behind its issuance, against what was stated of its clock', -j.offset_s)
            ELSE upper(j.log_name[1]) || j.log_name[2:] || format(' has a clock that runs {{:,.1f}} s behind that of its issuance', -j.offset_s) END AS title,
       j.source, j.tenant, e.first_seen, e.last_seen, coalesce(len(e.calls), 0) + len(e.records) AS events,
       to_json({{
           'log': 'usage',
           'offset_s': round(j.offset_s, 6),
           'applied': j.applied,
           'not_applied': CASE WHEN j.applied THEN NULL
                               WHEN j.stated THEN 'what the organisation states of a clock goes before what is estimated'
                               WHEN NOT j.agreed THEN 'most hours that can tell do not agree, or none can tell'
                               ELSE 'over all that the logs hold, most hours that can tell do not agree' END,
           'pairs': j.pairs,
           'inverted': j.inverted,
           'still_inverted': j.still_inverted,
           'hours_told': j.hours,
           'hours_behind': j.hours_behind,
           'earliest_before_issue_s': round(j.most_s, 6),
           'latest_before_issue_s': round(j.least_s, 6),
           'stated': j.stated OR j.issuance_stated,
           'zone_hours': j.zone_hours,
           -- In TOML, as JSON writes a text.
           'clock_entry': CASE WHEN j.zone_hours IS NULL AND (j.agreed OR j.applied OR (j.hours = 0 AND j.inverted = j.pairs))
                               THEN 'clock = [{{source = ' || to_json(j.source)::VARCHAR || coalesce(', tenant = ' || to_json(j.tenant)::VARCHAR, '')
                                    || ', log = "usage", error_seconds = ' || ceil(j.offset_error_s)
                                    || ', offset_seconds = ' || round(j.offset_s + j.stated_s, 1) || '}}]' END,
           'reason': CASE WHEN j.agreed OR j.applied THEN NULL
                          WHEN j.hours = 0 THEN 'no hour holds enough tokens to tell a clock that is behind, or a wrong time zone, from a few odd records'
                          WHEN j.hours_behind > 0 THEN 'in most hours the tokens are in order: a clock may have been wrong for a while'
                          ELSE 'most tokens are in order: an id may have been given out again, or some calls be logged by another clock' END}}) AS detail,
       'token' AS join_key,
       -- Evidence is the first calls and the last issues.
       CASE WHEN $every_call THEN e.calls ELSE e.calls[1:10] END AS calls,
       CASE WHEN $every_call THEN e.records ELSE e.records[1:10] END AS records,
       'usage' AS about_log, e.first_seen AS about_from, e.last_seen AS about_until
FROM judged j
JOIN evidence e ON e.source = j.source AND e.tenant IS NOT DISTINCT FROM j.tenant
""",
    fires=(
        Example(
            "a usage clock half a minute behind",
            pairs(-30, -30, -29, -30, -28),
            (
                {
                    "verdict": "violation",
                    "severity": "info",
                    "client_id": None,
                    "events": 10,
                    "title": "The usage log of native has a clock that runs 30.0 s behind that of its issuance",
                    "detail": {
                        "log": "usage",
                        "offset_s": -30.0,
                        "applied": True,
                        "not_applied": None,
                        "pairs": 5,
                        "inverted": 5,
                        "still_inverted": 0,
                        "hours_told": 1,
                        "hours_behind": 1,
                        "earliest_before_issue_s": 30.0,
                        "latest_before_issue_s": 28.0,
                        "stated": False,
                        "zone_hours": None,
                        "clock_entry": 'clock = [{source = "native", log = "usage", error_seconds = 5.0, offset_seconds = -30.0}]',
                        "reason": None,
                    },
                },
            ),
        ),
        Example(
            "five hours behind, which is a time zone",
            pairs(*[-17990] * 5, tenant="acme"),
            (
                {
                    "verdict": "violation",
                    "tenant": "acme",
                    "title": "The usage log of native, tenant acme, is 5 h behind its issuance: a wrong time zone, not a clock",
                    "detail": {"zone_hours": -5.0, "clock_entry": None, "applied": True},
                },
            ),
        ),
        Example(
            "one id among them was given out again, long after its use",
            pairs(-30, -30, -30, -30, -30, -30, -30, -36000),
            ({"verdict": "violation", "detail": {"offset_s": -30.0, "inverted": 8, "still_inverted": 1}},),
        ),
        Example(
            "keys, where each first record is of their making",
            tuple({**record, **_KEY} if record["log"] == "issuance" else record for record in pairs(*[-30] * 5)),
            ({"verdict": "violation"},),
            declared={"keys_begin": True},
        ),
    ),
    silent=(
        Example("each token waits for its use", pairs(0, 1, 30, 600, 5)),
        Example(
            "a clock that runs five minutes ahead: calls that seem late may be late, so that no order of events tells it",
            pairs(301, 303, 310, 302, 305),
        ),
        Example("within the errors of the two clocks, and the width of a stamp", pairs(*[-11] * 5)),
        Example(
            "a token of that id is another tenant's",
            (
                *pairs(1, 1, 1, 1, 1, tenant="one"),
                *(record | {"tenant": "two"} for record in pairs(*[-30] * 5) if record["log"] == "usage"),
            ),
        ),
        Example(
            "a key that was switched on again, or a token that was renewed under its id, may be older than its first record",
            (
                *(record | _KEY if record["log"] == "issuance" else record for record in pairs(*[-30] * 5)),
                *(
                    record
                    for number in range(5, 10)
                    for record in (
                        refreshed(f"10 10:0{number}", f"t{number}", f"t{number}", ["mail.read"]),
                        use(f"10 09:0{number}", _CALL, f"t{number}"),
                    )
                ),
            ),
        ),
    ),
    undecidable=(
        Example(
            "too few tokens to tell a clock from an odd record",
            pairs(-30, -30, -30, -30),
            (
                {
                    "verdict": "indeterminate",
                    "severity": "info",
                    "title": "4 of 4 tokens were used before the issue, as the usage log of native tells",
                    "detail": {
                        "applied": False,
                        "hours_told": 0,
                        "reason": "no hour holds enough tokens to tell a clock that is behind, or a wrong time zone, from a few odd records",
                    },
                },
            ),
        ),
        Example(
            "a third of the tokens of an hour: an id given out twice, or calls by another clock",
            pairs(-30, 30, 30, -30, 30, 30),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "inverted": 2,
                        "hours_told": 1,
                        "hours_behind": 0,
                        "clock_entry": None,
                        "reason": "most tokens are in order: an id may have been given out again, or some calls be logged by another clock",
                    },
                },
            ),
        ),
        Example(
            "an hour of three",
            (*pairs(*[-30] * 5), *pairs(*[30] * 5, first=60), *pairs(*[30] * 5, first=120)),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "hours_told": 3,
                        "hours_behind": 1,
                        "reason": "in most hours the tokens are in order: a clock may have been wrong for a while",
                    },
                },
            ),
        ),
    ),
)
