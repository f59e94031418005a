"""What OOS-14 tells, what it does not, and what it cannot decide."""

from typing import Any

from grantlens.rule.example import Example, use

READ = "GET /v1/messages/7"


def _registered(**limits: Any) -> tuple[dict[str, Any], ...]:
    return ({"client_id": "app", "owner": "jo@example.org", "purpose": "reads mail", **limits},)


def _hours(*spans: tuple[int, int, int], zone: str = "UTC", written: str = "as said") -> list[dict[str, Any]]:
    """Write hours as the register keeps them: weekday, first hour and last."""
    return [
        {"written": written, "weekday": day, "from_minute": first * 60, "until_minute": last * 60, "zone": zone}
        for day, first, last in spans
    ]


WEEK = _registered(approved_hours=_hours(*((day, 7, 19) for day in range(1, 6)), written="Mon-Fri 07:00-19:00"))
"""10 July 2026 is a Friday."""
ZURICH = _registered(approved_hours=_hours((5, 7, 19), zone="Europe/Zurich", written="Fri 07:00-19:00 Europe/Zurich"))

FIRES = (
    Example(
        "a call at night",
        (use("10 12:00", READ), use("10 23:10", READ), use("11 12:00", READ)),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "client_id": "app",
                "events": 2,
                "title": "app worked outside of the hours that it is registered for",
                "detail": {"limit": "hours", "approved": ["Mon-Fri 07:00-19:00"], "purpose": "reads mail"},
            },
        ),
        register=WEEK,
    ),
    Example(
        "hours are those of the place where it works: 18:30 in UTC is 20:30 in Zurich in July",
        (use("10 05:30", READ), use("10 18:30", READ)),
        ({"verdict": "violation", "events": 1, "detail": {"limit": "hours"}},),
        register=ZURICH,
    ),
    Example(
        "to destroy something at night is high",
        (use("11 12:00", "DELETE /v1/messages/7", status=204),),
        ({"verdict": "violation", "severity": "high", "detail": {"limit": "hours", "destroys": True}},),
        register=WEEK,
    ),
    Example(
        "another object, by the path where none is named apart",
        (
            use("10 12:00", READ),
            use("10 12:01", "GET /v1/messages/8"),
            use("10 12:02", "POST /v1/messages", resource_id="box-9"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "events": 2,
                "title": "app worked on objects beyond those that it is registered for",
                "detail": {"limit": "resources", "objects": ["/v1/messages/8", "box-9"]},
            },
        ),
        register=_registered(approved_resources=["/v1/messages/7", "box-1*"]),
    ),
    Example(
        "more calls in a day than it is registered for, whoever made them",
        (
            *(use(f"10 12:00:{second:02}", READ, subject_id=f"u{second}") for second in range(4)),
            *(use(f"11 12:00:{second:02}", READ) for second in range(3)),
        ),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "subject_id": None,
                "events": 4,
                "title": "app called 4 times in a day, and is registered for 3",
                "detail": {"limit": "calls per day", "days_beyond": 1, "most_calls": 4},
            },
        ),
        register=_registered(calls_per_day=3),
    ),
    Example(
        "an empty list of hours means that it should not work at all",
        (use("10 12:00", READ),),
        ({"verdict": "violation", "detail": {"limit": "hours", "approved": []}},),
        register=_registered(approved_hours=[]),
    ),
)

SILENT = (
    Example("within all that it is registered for", (use("10 12:00", READ),), register=WEEK),
    Example(
        "within its hours where it works",
        (use("10 05:30", READ), use("10 16:30", READ)),
        register=ZURICH,
    ),
    Example("what was refused did nothing", (use("10 23:10", READ, status=403),), register=WEEK),
    Example("without limits there is none", (use("10 23:10", READ),), register=_registered()),
    Example(
        "another client's limits are not its own",
        (use("10 23:10", READ),),
        register=({"client_id": "another", "approved_hours": []},),
    ),
    Example(
        "only * is a glob: an underscore means itself, and the pattern all of the object",
        (use("10 12:00", READ, resource_id="box_1/a"),),
        register=_registered(approved_resources=["box_1/*"]),
    ),
    Example(
        "as many calls as it is registered for, over two days",
        tuple(use(f"{day} 12:00:{second:02}", READ) for day in (10, 11) for second in range(3)),
        register=_registered(calls_per_day=3),
    ),
)

UNDECIDABLE = (
    Example(
        "a call three seconds after the last hour",
        (use("10 12:00", READ), use("10 19:00:03", READ)),
        (
            {
                "verdict": "indeterminate",
                "events": 1,
                "detail": {
                    "limit": "hours",
                    "reason": "the calls are so close to the begin or end of these hours that the clocks cannot tell",
                },
            },
        ),
        register=WEEK,
    ),
    Example(
        "a call of which the log names no object",
        (use("10 12:00", READ, method=None, target=None, operation="messages.get"),),
        ({"verdict": "indeterminate", "detail": {"reason": "the log does not name the objects of these calls"}},),
        register=_registered(approved_resources=["box-1"]),
    ),
    Example(
        "one call too many, if that at midnight is of this day",
        (use("10 00:00:02", READ), use("10 12:00", READ), use("10 12:01", READ)),
        (
            {
                "verdict": "indeterminate",
                "severity": "high",
                "detail": {"reason": "calls at midnight may be of either day"},
            },
        ),
        register=_registered(calls_per_day=2),
    ),
)
