"""Small logs of which PRV-1 cannot tell whether a scope was never needed, and why."""

from grantlens.catalogue.optional import lacks
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
from grantlens.rules.unused_scope.examples import OTHERS, TOKENS, WORK, called, files_read, trail
from grantlens.rules.unused_scope.judgement import IN_PART_REASON

UNDECIDABLE = (
    Example(
        "there is no log of revocations, so that nothing shows that the grant still stands",
        without_ends((*WORK, *TOKENS, *OTHERS)),
        (
            {"verdict": "clear", "detail": {"scope": "mail.write"}},
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "state": "unused", "action": "ask"}},
        ),
    ),
    Example(
        "the log of revocations shows only some of them, and so does not show that the grant still stands",
        (*WORK, *TOKENS, *OTHERS, revoked("02 08:00", "grant", client_id=BYSTANDER, grant_id="other")),
        (
            {"verdict": "clear", "detail": {"scope": "mail.write"}},
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "state": "unused", "action": "ask"}},
        ),
        declared={"carries": ("issuance", "usage")},
    ),
    Example(
        "a late change of the grant does not say which scopes it left: a scope may have been used since, one that was used before it is needed",
        (*WORK, *TOKENS, *OTHERS, consent("25 08:00", None, kind="change")),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "scope": "files.read",
                    "state": "not_observable",
                    "action": "ask",
                    "reason": "A later record of its grant does not say which scopes are left: it may have been used since.",
                },
            },
            {"verdict": "clear", "detail": {"scope": "mail.write"}},
        ),
    ),
    Example(
        "a month without a need and many sessions, but nothing from which to learn how likely it comes",
        (*WORK, *TOKENS),
        (
            {"verdict": "clear", "detail": {"scope": "mail.write"}},
            {
                "verdict": "indeterminate",
                "detail": {
                    "scope": "files.read",
                    "state": "unused",
                    "p_needed": None,
                    "action": "ask",
                    "sessions": 91,
                },
            },
        ),
    ),
    Example(
        "a scope that was taken away and given again: no session while it was not held counts",
        (
            consent("01 08:00", ["mail.read", "files.read"]),
            revoked("03 08:00", "grant", kind="downgrade", scopes_removed=["files.read"]),
            token("04 08:00", "t1", None),
            consent("05 08:00", ["files.read"]),
            use("04 09:00", "GET /v1/messages/7"),
            *OTHERS,
        ),
        (
            {"verdict": "clear", "detail": {"scope": "mail.read", "sessions": 1}},
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "sessions": 0}},
        ),
    ),
    Example(
        "what a person's own grant did not permit, and an admin's grant for everyone did, needed that one, once each though that one changed",
        (
            consent("01 08:00", ["mail.read"], "g-all", subject_id=None, consent_kind="admin"),
            consent("01 08:30", ["mail.send"]),
            token("01 09:00", "t1", None),
            use("01 09:30", "GET /v1/messages/7"),
            use("01 09:40", "PUT /v1/files/7", server="files.example"),
            consent("03 08:00", ["people.read"], "g-all", subject_id=None, consent_kind="admin"),
            use("05 09:30", "GET /v1/messages/7"),
            *three_logs_from_to("01 08:00", "31 23:00"),
        ),
        (
            {"verdict": "clear", "scopes": ["mail.read"], "detail": {"uses": 2, "calls": 2}},
            {"verdict": "indeterminate", "scopes": ["people.read"], "detail": {"uses": 0, "calls": 2}},
            {"verdict": "indeterminate", "grant_id": "g1", "scopes": ["mail.send"], "detail": {"uses": 0}},
        ),
    ),
    Example(
        "a hundred sessions within two hours",
        (
            consent("30 08:00", ["files.read"]),
            *(token(f"30 09:{n % 60:02}", f"t{n}", ["files.read"], "30 11:00") for n in range(100)),
            *OTHERS,
            *three_logs_from_to("01 08:00", "30 10:00"),
        ),
        ({"verdict": "indeterminate", "detail": {"scope": "files.read", "action": "ask"}},),
    ),
    Example(
        "no need, and the grant is gone",
        (*WORK, *TOKENS, *OTHERS, revoked("31 20:00", "grant", grant_id="g1")),
        (
            {"verdict": "clear", "detail": {"scope": "mail.write"}},
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "state": "unused", "action": "ask"}},
        ),
    ),
    Example(
        "the register accepts the silence",
        (*WORK, *TOKENS, *OTHERS),
        (
            {"scopes": ["mail.write"], "verdict": "clear", "explained_by": None},
            {
                "scopes": ["files.read"],
                "verdict": "indeterminate",
                "explained_by": "exception",
                "detail": {"action": "ask", "reason": "The register accepts that it is silent: needed in October."},
            },
        ),
        register=(
            {"client_id": "app", "exceptions": [{"rule": "PRV-1", "reason": "needed in October", "until": None}]},
        ),
    ),
    Example(
        "what worked after the grant was over shows no need of it",
        (
            consent("01 08:00", ["mail.read"]),
            token("01 08:01", "t1", ["mail.read"], "31 10:00"),
            revoked("05 09:00", "grant"),
            use("06 09:00", "GET /v1/messages/7"),
            *three_logs_from_to("01 08:00", "31 23:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"scope": "mail.read", "uses": 0, "state": "insufficient_evidence"},
            },
        ),
    ),
    Example(
        "the usage log shows only some calls: what it does not show may have been",
        (*WORK, *(token(f"{day:02} 09:10", f"t{day}", ["mail.write"], f"{day:02} 10:10") for day in range(1, 31))),
        (
            {
                "verdict": "indeterminate",
                "detail": {"scope": "files.read", "state": "not_observable", "reason": IN_PART_REASON},
            },
            {"verdict": "clear", "detail": {"scope": "mail.write", "state": "used", "action": "keep"}},
        ),
        declared=IN_PART,
    ),
    Example(
        "many sessions, none of which could have used it: their tokens lacked it, or only said who somebody is",
        (
            *WORK,
            *(
                token(f"{day:02} {hour:02}:{minute}", f"t{day}-{hour}-{minute}", scopes, token_kind=kind)
                for day in range(1, 31)
                for hour in (9, 14, 18)
                for minute, kind, scopes in ((10, "access", ["mail.write"]), (11, "id", None), (12, "code", None))
            ),
        ),
        (
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "action": "ask", "sessions": 1}},
            {"verdict": "clear", "detail": {"scope": "mail.write", "state": "used", "sessions": 91}},
        ),
    ),
    Example(
        "many sessions, all before a window of four days",
        (
            consent("01 08:00", ["files.read"]),
            *(token(f"10 09:{minute}", f"t{minute}", ["files.read"], f"10 10:{minute}") for minute in range(10, 60)),
            *(token(f"11 09:{minute}", f"u{minute}", ["files.read"], f"11 10:{minute}") for minute in range(10, 60)),
            *three_logs_from_to("01 08:00", "31 23:00"),
            files_read("29 12:00"),
        ),
        ({"verdict": "indeterminate", "detail": {"state": "insufficient_evidence", "sessions": 0}},),
        since="28 00:00",
    ),
    Example(
        "as many calls of the client do not say for whom: one of them may have needed it",
        (
            *WORK,
            *(
                use(f"{day:02} 12:00", "GET /v1/files/1", None, "files.example", subject_id=None)
                for day in range(1, 31)
            ),
        ),
        (
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "state": "insufficient_evidence"}},
            {"verdict": "clear", "detail": {"scope": "mail.write", "state": "used", "uses": 60}},
        ),
    ),
    Example(
        "three days are no evidence",
        (
            consent("01 08:00", ["files.read"]),
            *three_logs_from_to("01 08:00", "04 08:00"),
            files_read("03 12:00"),
        ),
        ({"verdict": "indeterminate", "detail": {"state": "insufficient_evidence", "action": "wait"}},),
    ),
    Example(
        "no log could have shown the use",
        (consent("01 08:00", ["payroll.read", "openid"]), *three_logs_from_to("01 08:00", "31 23:00")),
        (
            {"verdict": "indeterminate", "detail": {"scope": "payroll.read", "state": "not_observable"}},
            {"verdict": "indeterminate", "detail": {"scope": "openid", "state": "not_observable"}},
        ),
    ),
    Example(
        "half of the calls cannot be judged",
        (
            consent("01 08:00", ["mail.read", "files.read"]),
            use("05 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            use("05 09:01", "GET /v1/odd/7", None, grant_id="g1"),
            *three_logs_from_to("01 08:00", "31 23:00"),
            files_read("31 12:00"),
        ),
        (
            {"verdict": "clear", "detail": {"scope": "mail.read"}},
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "state": "insufficient_evidence"}},
        ),
    ),
    Example(
        "a trail that holds no data events: whoever only reads objects is not seen in it",
        tuple({**record, "source": "aws_cloudtrail"} for record in (*WORK, *TOKENS, *OTHERS)),
        (
            {"verdict": "clear", "detail": {"scope": "mail.write", "state": "used"}},
            {
                "verdict": "indeterminate",
                "detail": {
                    "scope": "files.read",
                    "state": "not_observable",
                    "reason": f"{IN_PART_REASON[:-1]}; {lacks()['aws_cloudtrail']}.",
                },
            },
        ),
    ),
    *(
        Example(
            f"a trail that holds no data events: {why}",
            trail(scope, "iam:GetUser", *(called("20 12:00", change) for change in changes)),
            ({"verdict": "indeterminate", "scopes": [scope], "detail": {"state": "not_observable", "in_part": True}},),
        )
        for scope, changes, why in (
            ("iam:GetUser", ("iam:CreateUser",), "nor may it hold what reads"),
            ("iam:*User", ("iam:CreateUser",), "the scope permits what reads, too"),
            ("iam:CreateUser", (), "nobody made a change in IAM, so it may leave all changes out"),
        )
    ),
)
