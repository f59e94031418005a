"""What PRV-1 tells, what it does not, and what it leaves open."""

from collections.abc import Mapping
from typing import Any

from grantlens.catalogue.optional import lacks
from grantlens.rule.example import BYSTANDER, IN_PART, Example, consent, logs_from_to, refreshed, revoked, token, use
from grantlens.rules.unused_scope.judgement import IN_PART_REASON


def _files_read(when: str) -> dict[str, Any]:
    """Write a call of somebody else: it shows that calls of this API are in the log."""
    return use(when, "GET /v1/files/1", "t-bystander", "files.example", client_id=BYSTANDER, subject_id=None)


def _called(when: str, operation: str, token_id: str | None = "t-bystander", **more: Any) -> dict[str, Any]:
    """Write a call of AWS by somebody else."""
    who: dict[str, Any] = {"client_id": BYSTANDER, "subject_id": None, **more}
    server = f"{operation.partition(':')[0]}.amazonaws.com"
    return use(when, "", token_id, server, method=None, target=None, operation=operation, **who)


def _trail(scope: str, operation: str, *more: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Write a month of a trail without data events: ann's app and 120 others hold a scope, and 48 of these call IAM every third day."""
    records = (
        consent("01 08:00", [scope]),
        *(token(f"{1 + n % 30:02} {9 + n // 30:02}:10", f"t{n}", [scope]) for n in range(90)),
        *(consent("01 08:00", [scope], f"b{n}", client_id=BYSTANDER, subject_id=f"person-{n}") for n in range(120)),
        *(
            _called(f"{day:02} 12:{n:02}", operation, None, grant_id=f"b{n}")
            for n in range(48)
            for day in range(1, 29, 3)
        ),
        *logs_from_to("01 08:00", "31 23:00"),
        *more,
    )
    return tuple({**record, "source": "aws_cloudtrail"} for record in records)


_WORK = (
    consent("01 08:00", ["mail.write", "files.read"]),
    token("01 08:01", "t1", ["mail.write", "files.read"]),
    *(use(f"{day:02} 09:00", "GET /v1/messages/7") for day in range(1, 31)),
    *(use(f"{day:02} 09:05", "DELETE /v1/messages/7", status=204) for day in range(1, 31)),
    *logs_from_to("01 08:00", "31 23:00"),
    _files_read("31 12:00"),
)
"""A month in which ann's app reads and deletes mail, and never touches files, though others do."""

_TOKENS = tuple(
    token(f"{day:02} {hour:02}:10", f"t{day}-{hour}", ["files.read", "mail.write"], f"{day:02} {hour + 1:02}:10")
    for day in range(1, 31)
    for hour in (9, 14, 18)
)
"""Ninety tokens in that month, with which files could have been read."""

_OTHERS = (
    *(consent("01 08:00", ["files.read"], f"b{n}", client_id=BYSTANDER, subject_id=f"person-{n}") for n in range(120)),
    *(
        use(
            f"{day:02} 1{n // 60}:{n % 60:02}",
            "GET /v1/files/1",
            None,
            "files.example",
            grant_id=f"b{n}",
            client_id=BYSTANDER,
            subject_id=None,
        )
        for n in range(48)
        for day in range(1, 29, 3)
    ),
)
"""A hundred and twenty grants of others, from which can be learned: who needs files at all reads them every third day, and 72 never do."""

FIRES = (
    Example(
        "a month without a need, and a hundred grants from which to learn that it will hardly come",
        (*_WORK, *_TOKENS, *_OTHERS),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "scopes": ["files.read"],
                "grant_id": "g1",
                "detail": {"scope": "files.read", "state": "unused", "uses": 0, "action": "remove"},
            },
            {"verdict": "clear", "detail": {"scope": "mail.write", "state": "used", "uses": 60, "action": "keep"}},
        ),
    ),
    Example(
        "the same in a trail that holds data events",
        tuple(
            {**record, "source": "aws_cloudtrail"}
            for record in (
                *_WORK,
                *_TOKENS,
                *_OTHERS,
                *(_called(when, "s3:GetObject") for when in ("01 08:00", "31 23:00")),
            )
        ),
        (
            {"verdict": "violation", "scopes": ["files.read"], "detail": {"state": "unused", "action": "remove"}},
            {"verdict": "clear", "scopes": ["mail.write"]},
        ),
    ),
    Example(
        "a trail that holds no data events: a call that makes a user would be in it all the same",
        _trail("iam:CreateUser", "iam:CreateUser"),
        (
            {
                "verdict": "violation",
                "scopes": ["iam:CreateUser"],
                "detail": {"state": "unused", "action": "remove", "in_part": False},
            },
        ),
    ),
)

SILENT = (
    Example(
        "every granted scope is used",
        (
            consent("01 08:00", ["mail.read"]),
            use("05 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            *logs_from_to("01 08:00", "31 23:00"),
        ),
        ({"verdict": "clear", "detail": {"scope": "mail.read", "state": "used", "uses": 1}},),
    ),
    Example(
        "use with a token that is over is use, while the grant lives",
        (
            consent("01 08:00", ["mail.read"]),
            token("01 08:01", "t1", ["mail.read"], "01 10:00"),
            use("05 09:00", "GET /v1/messages/7"),
            *logs_from_to("01 08:00", "31 23:00"),
        ),
        ({"verdict": "clear", "detail": {"scope": "mail.read", "state": "used", "uses": 1}},),
    ),
    Example(
        "use by implication is use: the broad scope did it",
        (
            consent("01 08:00", ["mail.write"]),
            use("05 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            *logs_from_to("01 08:00", "31 23:00"),
        ),
        (
            {
                "verdict": "clear",
                "detail": {"scope": "mail.write", "state": "used", "action": "replace", "replacement": "mail.read"},
            },
        ),
    ),
    Example(
        "offline_access is used by a refresh",
        (
            consent("01 08:00", ["offline_access"]),
            token("01 08:01", "rt1", ["offline_access"], token_kind="refresh"),
            refreshed("05 09:00", "t2", "rt1", []),
            *logs_from_to("01 08:00", "31 23:00"),
        ),
        ({"verdict": "clear", "events": 2, "detail": {"scope": "offline_access", "state": "used", "uses": 1}},),
    ),
)

UNDECIDABLE = (
    Example(
        "the log of revocations shows only some of them, and so does not show that the grant still stands",
        (*_WORK, *_TOKENS, *_OTHERS, revoked("02 08:00", "grant", client_id=BYSTANDER, grant_id="other")),
        (
            {"verdict": "clear", "detail": {"scope": "mail.write"}},
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "state": "unused", "action": "ask"}},
        ),
        declared={"carries": ("issuance", "usage")},
    ),
    Example(
        "a late change of the grant does not say which scopes it left: a scope may have been used since, one that was used before it is needed",
        (*_WORK, *_TOKENS, *_OTHERS, consent("25 08:00", None, kind="change")),
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
        (*_WORK, *_TOKENS),
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
            *_OTHERS,
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
            *logs_from_to("01 08:00", "31 23:00"),
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
            *_OTHERS,
            *logs_from_to("01 08:00", "30 10:00"),
        ),
        ({"verdict": "indeterminate", "detail": {"scope": "files.read", "action": "ask"}},),
    ),
    Example(
        "no need, and the grant is gone",
        (*_WORK, *_TOKENS, *_OTHERS, revoked("31 20:00", "grant", grant_id="g1")),
        (
            {"verdict": "clear", "detail": {"scope": "mail.write"}},
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "state": "unused", "action": "ask"}},
        ),
    ),
    Example(
        "the register accepts the silence",
        (*_WORK, *_TOKENS, *_OTHERS),
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
            *logs_from_to("01 08:00", "31 23:00"),
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
        (*_WORK, *(token(f"{day:02} 09:10", f"t{day}", ["mail.write"], f"{day:02} 10:10") for day in range(1, 31))),
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
            *_WORK,
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
            *logs_from_to("01 08:00", "31 23:00"),
            _files_read("29 12:00"),
        ),
        ({"verdict": "indeterminate", "detail": {"state": "insufficient_evidence", "sessions": 0}},),
        since="28 00:00",
    ),
    Example(
        "as many calls of the client do not say for whom: one of them may have needed it",
        (
            *_WORK,
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
            *logs_from_to("01 08:00", "04 08:00"),
            _files_read("03 12:00"),
        ),
        ({"verdict": "indeterminate", "detail": {"state": "insufficient_evidence", "action": "wait"}},),
    ),
    Example(
        "no log could have shown the use",
        (consent("01 08:00", ["payroll.read", "openid"]), *logs_from_to("01 08:00", "31 23:00")),
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
            *logs_from_to("01 08:00", "31 23:00"),
            _files_read("31 12:00"),
        ),
        (
            {"verdict": "clear", "detail": {"scope": "mail.read"}},
            {"verdict": "indeterminate", "detail": {"scope": "files.read", "state": "insufficient_evidence"}},
        ),
    ),
    Example(
        "a trail that holds no data events: whoever only reads objects is not seen in it",
        tuple({**record, "source": "aws_cloudtrail"} for record in (*_WORK, *_TOKENS, *_OTHERS)),
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
            _trail(scope, "iam:GetUser", *(_called("20 12:00", change) for change in changes)),
            ({"verdict": "indeterminate", "scopes": [scope], "detail": {"state": "not_observable", "in_part": True}},),
        )
        for scope, changes, why in (
            ("iam:GetUser", ("iam:CreateUser",), "nor may it hold what reads"),
            ("iam:*User", ("iam:CreateUser",), "the scope permits what reads, too"),
            ("iam:CreateUser", (), "nobody made a change in IAM, so it may leave all changes out"),
        )
    ),
)
