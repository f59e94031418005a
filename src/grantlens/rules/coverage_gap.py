"""INT-5: stretches of time for which a log is missing."""

from grantlens.rule.evidence import Evidence, Way
from grantlens.rule.example import IN_PART, Example, use
from grantlens.rule.rule import Rule
from grantlens.schema import LOGS

RULE = Rule(
    id="INT-5",
    version=2,
    name="coverage_gap",
    key=("log", "first_seen"),
    question="Where is a log silent for longer than chance explains?",
    severity="medium",
    remedy="Fetch the missing stretch from the provider while it is still kept. Until then, absence there proves nothing.",
    basis="NIST SP 800-53 AU-6, AU-9; SSF 1.0: absence of a signal proves nothing unless the stream is known to be alive",
    # Any log will do that would show what happens, with events enough to tell a gap.
    rests_on=Evidence(
        tuple(Way((log,), silence=(log,)) for log in LOGS),
        (
            Way(
                leaves_open="the log shows only some of what happened: where it is silent, there may have been nothing to show"
            ),
        ),
    ),
    sql="""
SELECT CASE WHEN in_part THEN 'indeterminate' ELSE 'violation' END AS verdict, 'medium' AS severity,
       'The ' || log::VARCHAR || ' log of ' || source || coalesce(', tenant ' || tenant || ',', '') || ' is silent for '
           || round((epoch(covered_until) - epoch(covered_from)) / 3600, 1) || ' hours' AS title,
       source, tenant,
       covered_from AS first_seen, covered_until AS last_seen, 0 AS events,
       to_json({
           'log': log::VARCHAR,
           'tenant': tenant,
           'hours': round((epoch(covered_until) - epoch(covered_from)) / 3600, 3),
           'note': note,
           'reason': CASE WHEN in_part THEN 'the log shows only some of what happened: there may have been nothing to show' END}) AS detail,
       NULL AS about_log, covered_from AS about_from, covered_until AS about_until
FROM coverage
WHERE is_gap AND covered_until > $since AND covered_from < $until
""",
    fires=(
        Example(
            "a call each minute, and half a day of nothing",
            (
                *(use(f"10 {minute // 60:02}:{minute % 60:02}", "GET /v1/messages/7") for minute in range(720)),
                *(use(f"11 {minute // 60:02}:{minute % 60:02}", "GET /v1/messages/7") for minute in range(720)),
            ),
            ({"verdict": "violation", "severity": "medium", "client_id": None, "detail": {"log": "usage"}},),
        ),
        Example(
            "the same of one tenant, which the title names",
            tuple(
                use(f"{day} {minute // 60:02}:{minute % 60:02}", "GET /v1/messages/7", tenant="acme")
                for day in (10, 11)
                for minute in range(720)
            ),
            ({"verdict": "violation", "title": "The usage log of native, tenant acme, is silent for 12.0 hours"},),
        ),
    ),
    undecidable=(
        Example(
            "the same, in a log that shows only some calls",
            tuple(
                use(f"{day} {minute // 60:02}:{minute % 60:02}", "GET /v1/messages/7")
                for day in (10, 11)
                for minute in range(720)
            ),
            ({"verdict": "indeterminate", "detail": {"log": "usage"}},),
            declared=IN_PART,
        ),
    ),
    silent=(
        Example(
            "a call each minute, without a break",
            tuple(use(f"10 {minute // 60:02}:{minute % 60:02}", "GET /v1/messages/7") for minute in range(1440)),
        ),
        Example(
            "too few calls to call a silence a gap",
            tuple(use(f"{day:02} 09:00", "GET /v1/messages/7") for day in (1, 2, 3, 6)),
        ),
    ),
)
