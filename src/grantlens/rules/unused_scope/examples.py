"""What PRV-1 tells, and what it does not."""

from collections.abc import Mapping
from typing import Any

from grantlens.rule.example import BYSTANDER, Example, consent, refreshed, three_logs_from_to, token, use


def files_read(when: str) -> dict[str, Any]:
    """Write a call of somebody else: it shows that calls of this API are in the log."""
    return use(when, "GET /v1/files/1", "t-bystander", "files.example", client_id=BYSTANDER, subject_id=None)


def called(when: str, operation: str, token_id: str | None = "t-bystander", **more: Any) -> dict[str, Any]:
    """Write a call of AWS by somebody else."""
    who: dict[str, Any] = {"client_id": BYSTANDER, "subject_id": None, **more}
    server = f"{operation.partition(':')[0]}.amazonaws.com"
    return use(when, "", token_id, server, method=None, target=None, operation=operation, **who)


def trail(scope: str, operation: str, *more: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Write a month of a trail without data events: ann's app and 120 others hold a scope, and 48 of these call IAM every third day."""
    records = (
        consent("01 08:00", [scope]),
        *(token(f"{1 + n % 30:02} {9 + n // 30:02}:10", f"t{n}", [scope]) for n in range(90)),
        *(consent("01 08:00", [scope], f"b{n}", client_id=BYSTANDER, subject_id=f"person-{n}") for n in range(120)),
        *(
            called(f"{day:02} 12:{n:02}", operation, None, grant_id=f"b{n}")
            for n in range(48)
            for day in range(1, 29, 3)
        ),
        *three_logs_from_to("01 08:00", "31 23:00"),
        *more,
    )
    return tuple({**record, "source": "aws_cloudtrail"} for record in records)


WORK = (
    consent("01 08:00", ["mail.write", "files.read"]),
    token("01 08:01", "t1", ["mail.write", "files.read"]),
    *(use(f"{day:02} 09:00", "GET /v1/messages/7") for day in range(1, 31)),
    *(use(f"{day:02} 09:05", "DELETE /v1/messages/7", status=204) for day in range(1, 31)),
    *three_logs_from_to("01 08:00", "31 23:00"),
    files_read("31 12:00"),
)
"""A month in which ann's app reads and deletes mail, and never touches files, though others do."""

TOKENS = tuple(
    token(f"{day:02} {hour:02}:10", f"t{day}-{hour}", ["files.read", "mail.write"], f"{day:02} {hour + 1:02}:10")
    for day in range(1, 31)
    for hour in (9, 14, 18)
)
"""Ninety tokens in that month, with which files could have been read."""

OTHERS = (
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
        (*WORK, *TOKENS, *OTHERS),
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
                *WORK,
                *TOKENS,
                *OTHERS,
                *(called(when, "s3:GetObject") for when in ("01 08:00", "31 23:00")),
            )
        ),
        (
            {"verdict": "violation", "scopes": ["files.read"], "detail": {"state": "unused", "action": "remove"}},
            {"verdict": "clear", "scopes": ["mail.write"]},
        ),
    ),
    Example(
        "a trail that holds no data events: a call that makes a user would be in it all the same",
        trail("iam:CreateUser", "iam:CreateUser"),
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
            *three_logs_from_to("01 08:00", "31 23:00"),
        ),
        ({"verdict": "clear", "detail": {"scope": "mail.read", "state": "used", "uses": 1}},),
    ),
    Example(
        "use with a token that is over is use, while the grant lives",
        (
            consent("01 08:00", ["mail.read"]),
            token("01 08:01", "t1", ["mail.read"], "01 10:00"),
            use("05 09:00", "GET /v1/messages/7"),
            *three_logs_from_to("01 08:00", "31 23:00"),
        ),
        ({"verdict": "clear", "detail": {"scope": "mail.read", "state": "used", "uses": 1}},),
    ),
    Example(
        "use by implication is use: the broad scope did it",
        (
            consent("01 08:00", ["mail.write"]),
            use("05 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            *three_logs_from_to("01 08:00", "31 23:00"),
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
            *three_logs_from_to("01 08:00", "31 23:00"),
        ),
        ({"verdict": "clear", "events": 2, "detail": {"scope": "offline_access", "state": "used", "uses": 1}},),
    ),
)
