"""Small logs of grants that stand unused, or not: what PRV-3 is run on."""

from typing import Any

from grantlens.rule.example import BYSTANDER, Example, consent, refreshed, revoked, three_logs_from_to, token, use

FILES = (
    consent("01 08:00", ["mail.read", "offline_access"], audience=["https://files.example/"]),
    token("01 08:01", "rt1", ["mail.read", "offline_access"], token_kind="refresh"),
)
"""A grant for a server of its own."""

STANDS = consent("01 08:00", ["mail.read", "offline_access"])

_READ: dict[str, Any] = {
    "method": None,
    "target": None,
    "operation": "s3:GetObject",
    "client_id": BYSTANDER,
    "subject_id": None,
}
"""What makes a call one that reads an object, by somebody else."""

_OTHER: dict[str, Any] = {"client_id": "other", "subject_id": "bob", "grant_id": "g9"}

FIRES = (
    Example(
        "a trail that holds data events, and others read objects",
        tuple(
            {**record, "source": "aws_cloudtrail"}
            for record in (
                STANDS,
                *three_logs_from_to("01 08:00", "20 08:00"),
                *(use(when, "", "t-bystander", "s3.amazonaws.com", **_READ) for when in ("01 08:00", "20 08:00")),
            )
        ),
        ({"verdict": "violation", "detail": {"silent_days": 19, "reason": None}},),
        parameters={"dormant_days": 10},
    ),
    Example(
        "others call what it was given for, and it is silent",
        (
            *FILES,
            consent("01 09:00", ["mail.read"], "g9", client_id="other", subject_id="bob"),
            use("02 09:00", "GET /v1/messages/7", None, "files.example", **_OTHER),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        ({"verdict": "violation", "grant_id": "g1"},),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a live refresh token, and ten days of silence",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read", "offline_access"], token_kind="refresh"),
            use("02 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            refreshed("18 09:00", "t2", "rt1", ["mail.read"], "18 10:00"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "grant_id": "g1",
                "detail": {"retired": False, "last_refresh_at": "2026-07-18T09:00:00.000000Z"},
            },
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a refused call is no use",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            use("19 09:00", "GET /v1/messages/7", None, grant_id="g1", status=403),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        ({"verdict": "violation", "detail": {"last_used_at": None}},),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a window of one day: the silence counts from the last call, which was before it",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read", "offline_access"], token_kind="refresh"),
            use("02 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        (
            {
                "verdict": "violation",
                "events": 2,
                "last_seen": "2026-07-02T09:00:00Z",
                "detail": {"silent_days": 17, "last_used_at": "2026-07-02T09:00:00.000000Z"},
            },
        ),
        parameters={"dormant_days": 10},
        since="19 00:00",
    ),
    Example(
        "the integration was retired, its grant was not",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        ({"verdict": "violation", "severity": "critical", "detail": {"retired": True, "last_used_at": None}},),
        register=({"client_id": "app", "status": "retired"},),
        parameters={"dormant_days": 10},
    ),
)

SIGN_IN = consent("01 08:00", ["openid", "profile", "offline_access"])

SILENT = (
    Example(
        "a change of the grant tells all that it holds from then on, and offline_access is not among it",
        (STANDS, consent("03 08:00", ["mail.read"], kind="change"), *three_logs_from_to("01 08:00", "20 08:00")),
        (),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a grant that is for signing in only, with which somebody signed in yesterday",
        (
            SIGN_IN,
            token("19 08:00", "t1", ["openid", "profile"], "19 09:00"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a grant for everyone, used yesterday by a person whose own grant does not permit the call",
        (
            consent("01 08:00", ["mail.read", "offline_access"], "g-all", subject_id=None, consent_kind="admin"),
            consent("01 08:30", ["mail.send"]),
            token("01 09:00", "t1", None),
            use("19 09:30", "GET /v1/messages/7"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "given again five days ago, after it had been revoked",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            use("02 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            revoked("14 08:00", "grant"),
            consent("15 08:00", ["mail.read", "offline_access"]),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "revoked",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("02 08:00", "grant"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "used yesterday",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            use("19 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "used five days before a window that is shorter than the silence asked for",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            use("15 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
        since="19 00:00",
    ),
    Example(
        "its only refresh token has expired",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], "05 08:00", token_kind="refresh"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "its refresh token was revoked, and so was the one that took its place",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            refreshed("01 09:00", "rt2", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("02 08:00", token_id="rt1"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "younger than the silence asked for",
        (
            consent("15 08:00", ["mail.read", "offline_access"]),
            token("15 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
)
