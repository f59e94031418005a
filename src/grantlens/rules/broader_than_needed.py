"""PRV-4: scopes that are used, where a narrower one would have been enough."""

from typing import Any

from grantlens.catalogue.optional import lacks
from grantlens.rule.evidence import ISSUE_USE, MAYBE_OVER, PAIR, UNUSED, WORKED, Evidence, Way
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


def _users_made(scope: str) -> tuple[dict[str, Any], ...]:
    """Write a month of a trail without data events in which a user is made each day."""
    made: dict[str, Any] = {"method": None, "target": None, "operation": "iam:CreateUser", "grant_id": "g1"}
    records = (
        consent("01 08:00", [scope]),
        *(use(f"{day:02} 09:00", "", None, "iam.amazonaws.com", **made) for day in range(1, 31)),
        *three_logs_from_to("01 08:00", "31 23:00"),
    )
    return tuple({**record, "source": "aws_cloudtrail"} for record in records)


RULE = Rule(
    id="PRV-4",
    version=18,
    name="broader_than_needed",
    key=("grant_id", "scope"),
    question="For which used scopes would a narrower one have been enough for every call seen?",
    severity="medium",
    remedy="Replace the scope by the narrower one; the calls behind this finding are those it must still permit.",
    basis="NIST SP 800-53 AC-6; RFC 9700 section 2.3",
    needs=("granted_scope", "narrower_scope", "known_scope"),
    parameters=(
        Parameter("floor_days", 30, "days", "Least exposure before a replacement is proposed."),
        Parameter("floor_sessions", 60, "sessions", "Or this many sessions."),
        Parameter(
            "min_coverage", 0.95, "share", "Least share of the grant's life for which the usage log must be there."
        ),
        Parameter("min_map", 0.90, "share", "Least share of the grant's calls that a catalogue must know."),
    ),
    # Enough for every call: an absence of calls that need more.
    rests_on=Evidence(
        (UNUSED,),
        (
            MAYBE_OVER,
            Way(
                ISSUE_USE,
                {ISSUE_USE: PAIR},
                ("issuance.scopes", WORKED),
                brought=("catalogue",),
                leaves_open="a narrower scope is enough for the calls seen, others may have needed more",
            ),
        ),
    ),
    sql="""
WITH proposal AS (
    SELECT g.*, n.replacement, n.operations_before, n.operations_after, n.operations_used,
           coalesce((g.exposure_days >= $floor_days OR g.sessions >= $floor_sessions)
               AND g.coverage_share >= $min_coverage AND g.map_share >= $min_map AND NOT g.unclear AND NOT g.maybe_over, false) AS enough
    FROM narrower_scope n
    JOIN known_scope m ON m.scope_id = n.scope_id
    JOIN granted_scope g ON g.source = n.source AND g.grant_id = n.grant_id AND g.scope = m.scope
    WHERE g.held_until >= $until  -- of what is not held any more nothing is left to narrow
)
SELECT CASE WHEN enough THEN 'violation' ELSE 'indeterminate' END AS verdict,
       'medium' AS severity,
       coalesce(client_name, client_id, 'An unnamed client') || ' holds ' || scope || ' where ' || replacement || ' was enough for every call seen' AS title,
       source, tenant, client_id, subject_id, grant_id, [scope] AS scopes,
       first_used_at AS first_seen, last_used_at AS last_seen, uses + 1 AS events,  -- the calls, and what opened the grant
       to_json({
           'scope': scope,
           'replacement': replacement,
           'uses': uses,
           'operations_used': operations_used,
           'operations_before': operations_before,
           'operations_after': operations_after,
           'exposure_days': round(exposure_days, 6),
           'reason': CASE WHEN unclear THEN 'a later record of the grant does not say which scopes are left: it may have needed more since'
                          WHEN in_part THEN 'the usage log shows only some of the calls: others may have needed more' || coalesce('; ' || lacks, '')
                          WHEN maybe_over THEN 'no revocation log shows all the time since: that the grant ended may be missing'
                          WHEN NOT enough THEN 'watched too short, or too little of it could be judged' END}) AS detail,
       join_key, firsts, lasts, [opening] AS records,
       'usage' AS about_log, held_from AS about_from, held_until AS about_until
FROM proposal
""",
    fires=(
        Example(
            "it writes nothing: reading would do",
            (
                consent("01 08:00", ["mail.write"]),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
            (
                {
                    "verdict": "violation",
                    "scopes": ["mail.write"],
                    "join_key": "grant",
                    "detail": {"scope": "mail.write", "replacement": "mail.read", "uses": 30},
                },
            ),
        ),
        Example(
            "one of its calls names neither token nor grant: the finding says so",
            (
                consent("01 08:00", ["mail.write"]),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 30)),
                use("30 09:00", "GET /v1/messages/7", None),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
            ({"verdict": "violation", "join_key": "client_subject", "detail": {"uses": 30}},),
        ),
        Example(
            "no consent stands behind its tokens, and the last one expired: it may be given another",
            (
                *(token(f"{day:02} 08:00", f"t{day}", ["mail.write"], f"{day:02} 10:00") for day in range(1, 31)),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", f"t{day}") for day in range(1, 31)),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
            ({"verdict": "violation", "scopes": ["mail.write"], "detail": {"replacement": "mail.read", "uses": 30}},),
        ),
        Example(
            "a trail that holds no data events: it makes users and deletes none, which would be in it",
            _users_made("iam:*teUser"),
            (
                {
                    "verdict": "violation",
                    "scopes": ["iam:*teUser"],
                    "detail": {"replacement": "iam:CreateUser", "uses": 30, "reason": None},
                },
            ),
        ),
    ),
    silent=(
        Example(
            "a person whose own grant does not permit it writes with the grant for everyone",
            (
                consent("01 08:00", ["mail.write"], "g-all", subject_id=None, consent_kind="admin"),
                consent("01 08:30", ["files.read"]),
                token("01 09:00", "t1", None),
                use("01 09:30", "DELETE /v1/messages/7"),
                token("01 09:00", "t2", None, grant_id="g-all", subject_id="bob"),
                use("01 10:00", "GET /v1/messages/7", "t2", subject_id="bob"),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
        ),
        *(
            Example(
                f"the scope was taken back by a {kind}: nothing is left to narrow",
                (
                    consent("01 08:00", ["mail.write"]),
                    *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                    revoked("31 08:00", "grant", kind=kind, scopes_removed=["mail.write"]),
                    *three_logs_from_to("01 08:00", "31 23:00"),
                ),
            )
            for kind in ("revoke", "downgrade")
        ),
        *(
            Example(
                f"the key {how}: nothing is left to narrow",
                (
                    token("01 08:00", "t1", ["mail.write"], expiry, kind="credential", token_kind="api_key"),
                    *(use(f"{day:02} 09:00", "GET /v1/messages/7") for day in range(1, 31)),
                    *end,
                    *three_logs_from_to("01 08:00", "31 23:00"),
                ),
            )
            for how, expiry, end in (("expired", "31 08:00", ()), ("was deleted", None, (revoked("31 08:00"),)))
        ),
        Example(
            "one write needs the broad scope",
            (
                consent("01 08:00", ["mail.write"]),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                use("12 10:00", "DELETE /v1/messages/7", None, grant_id="g1", status=204),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
        ),
        Example(
            "one write with a token that was over shows the need as well, while the grant lives",
            (
                consent("01 08:00", ["mail.write"]),
                token("01 08:01", "t1", ["mail.write"], "01 10:00"),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                use("12 10:00", "DELETE /v1/messages/7", status=204),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
        ),
        Example(
            "the narrow scope is held as well: the broad one is not needed at all, which is no matter of narrowing",
            (
                consent("01 08:00", ["mail.write", "mail.read"]),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
        ),
        Example(
            "two broad scopes share what a narrower one of each would lose: replaced side by side they would break a call",
            (
                consent("01 08:00", ["mail.write", "desk.use"]),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                *(use(f"{day:02} 09:05", "POST /v1/messages", None, grant_id="g1", status=202) for day in range(1, 31)),
                *(
                    use(f"{day:02} 09:10", "GET /v1/files/7", None, "files.example", grant_id="g1")
                    for day in range(1, 31)
                ),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
        ),
        Example(
            "the narrower scope opens only some jobs, and no log shows which",
            (
                consent("01 08:00", ["jobs.run"]),
                *(
                    use(f"{day:02} 09:00", "GET /v1/jobs/7", None, "jobs.example", grant_id="g1")
                    for day in range(1, 31)
                ),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
        ),
        Example(
            "two kinds of use, and no one narrower scope for both",
            (
                consent("01 08:00", ["mail.write"]),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                use("12 10:00", "POST /v1/messages", None, grant_id="g1", status=202),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
        ),
    ),
    undecidable=(
        Example(
            "there is no log of revocations, so that nothing shows that the grant still stands",
            without_ends(
                (
                    consent("01 08:00", ["mail.write"]),
                    *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                    *three_logs_from_to("01 08:00", "31 23:00"),
                )
            ),
            (
                {
                    "verdict": "indeterminate",
                    "scopes": ["mail.write"],
                    "detail": {
                        "reason": "no revocation log shows all the time since: that the grant ended may be missing"
                    },
                },
            ),
        ),
        Example(
            "the log of revocations shows only some of them, and so does not show that the grant still stands",
            (
                consent("01 08:00", ["mail.write"]),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                *three_logs_from_to("01 08:00", "31 23:00"),
                revoked("02 08:00", "grant", client_id=BYSTANDER, grant_id="other"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "scopes": ["mail.write"],
                    "detail": {
                        "reason": "no revocation log shows all the time since: that the grant ended may be missing"
                    },
                },
            ),
            declared={"carries": ("issuance", "usage")},
        ),
        Example(
            "a month, and a late change of the grant that does not say which scopes it left",
            (
                consent("01 08:00", ["mail.write"]),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                consent("30 12:00", None, kind="change"),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "scopes": ["mail.write"],
                    "detail": {
                        "reason": "a later record of the grant does not say which scopes are left: it may have needed more since"
                    },
                },
            ),
        ),
        Example(
            "a month, of a log that shows only some calls",
            (
                consent("01 08:00", ["mail.write"]),
                *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                *three_logs_from_to("01 08:00", "31 23:00"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"reason": "the usage log shows only some of the calls: others may have needed more"},
                },
            ),
            declared=IN_PART,
        ),
        Example(
            "a month, of a trail that holds no data events",
            tuple(
                {**record, "source": "aws_cloudtrail"}
                for record in (
                    consent("01 08:00", ["mail.write"]),
                    *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
                    *three_logs_from_to("01 08:00", "31 23:00"),
                )
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "reason": f"the usage log shows only some of the calls: others may have needed more; {lacks()['aws_cloudtrail']}"
                    },
                },
            ),
        ),
        Example(
            "two days",
            (
                consent("01 08:00", ["mail.write"]),
                use("01 09:00", "GET /v1/messages/7", None, grant_id="g1"),
                *three_logs_from_to("01 08:00", "03 08:00"),
            ),
            ({"verdict": "indeterminate", "detail": {"replacement": "mail.read"}},),
        ),
    ),
)
