"""Small logs of grants that stand unused, or not: what PRV-3 is run on."""

from typing import Any

from grantlens.catalogue.optional import lacks
from grantlens.rule.example import BYSTANDER, IN_PART, Example, consent, logs_from_to, refreshed, revoked, token, use

_FILES = (
    consent("01 08:00", ["mail.read", "offline_access"], audience=["https://files.example/"]),
    token("01 08:01", "rt1", ["mail.read", "offline_access"], token_kind="refresh"),
)
"""A grant for a server of its own."""

_STANDS = consent("01 08:00", ["mail.read", "offline_access"])

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
                _STANDS,
                *logs_from_to("01 08:00", "20 08:00"),
                *(use(when, "", "t-bystander", "s3.amazonaws.com", **_READ) for when in ("01 08:00", "20 08:00")),
            )
        ),
        ({"verdict": "violation", "detail": {"silent_days": 19, "reason": None}},),
        parameters={"dormant_days": 10},
    ),
    Example(
        "others call what it was given for, and it is silent",
        (
            *_FILES,
            consent("01 09:00", ["mail.read"], "g9", client_id="other", subject_id="bob"),
            use("02 09:00", "GET /v1/messages/7", None, "files.example", **_OTHER),
            *logs_from_to("01 08:00", "20 08:00"),
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
            *logs_from_to("01 08:00", "20 08:00"),
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
            *logs_from_to("01 08:00", "20 08:00"),
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
            *logs_from_to("01 08:00", "20 08:00"),
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
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        ({"verdict": "violation", "severity": "critical", "detail": {"retired": True, "last_used_at": None}},),
        register=({"client_id": "app", "status": "retired"},),
        parameters={"dormant_days": 10},
    ),
)

_SIGN_IN = consent("01 08:00", ["openid", "profile", "offline_access"])

SILENT = (
    Example(
        "a change of the grant tells all that it holds from then on, and offline_access is not among it",
        (_STANDS, consent("03 08:00", ["mail.read"], kind="change"), *logs_from_to("01 08:00", "20 08:00")),
        (),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a grant that is for signing in only, with which somebody signed in yesterday",
        (
            _SIGN_IN,
            token("19 08:00", "t1", ["openid", "profile"], "19 09:00"),
            *logs_from_to("01 08:00", "20 08:00"),
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
            *logs_from_to("01 08:00", "20 08:00"),
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
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "revoked",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("02 08:00", "grant"),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "used yesterday",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            use("19 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "used five days before a window that is shorter than the silence asked for",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            use("15 09:00", "GET /v1/messages/7", None, grant_id="g1"),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
        since="19 00:00",
    ),
    Example(
        "its only refresh token has expired",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], "05 08:00", token_kind="refresh"),
            *logs_from_to("01 08:00", "20 08:00"),
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
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "younger than the silence asked for",
        (
            consent("15 08:00", ["mail.read", "offline_access"]),
            token("15 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        parameters={"dormant_days": 10},
    ),
)

UNDECIDABLE = (
    Example(
        "the log of revocations shows only some of them, and so does not show that the grant still stands",
        (
            _STANDS,
            *logs_from_to("01 08:00", "20 08:00"),
            revoked("02 08:00", "grant", client_id=BYSTANDER, grant_id="other"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {
                    "reason": "the revocation log does not show all the time since: that the grant ended may be missing"
                },
            },
        ),
        parameters={"dormant_days": 10},
        declared={"carries": ("issuance", "usage")},
    ),
    Example(
        "a change of the grant does not say which scopes it left: it may be without offline_access",
        (_STANDS, consent("03 08:00", None, kind="change"), *logs_from_to("01 08:00", "20 08:00")),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "reason": "a later change of the grant does not say which scopes are left: it may be without offline_access since"
                },
            },
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "what it was given for is called by nobody in this log",
        (*_FILES, *logs_from_to("01 08:00", "20 08:00")),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {
                    "reason": "no call at what it was given for is logged, by anybody: the usage log may not be that of this server"
                },
            },
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a grant that is for signing in only, with which nobody was seen to sign in lately",
        (
            _SIGN_IN,
            token("02 08:00", "t1", ["openid", "profile"], "02 09:00"),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reason": "it authorises no operation, so no call can show its use", "silent_days": 18},
            },
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "the client was ended in one tenant, and no record says in which its grant was",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            revoked("03 09:00", "client", tenant="one"),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {
                    "reason": "a revocation in one tenant may have ended it, and in which it was the logs do not tell"
                },
            },
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a grant of the client was ended, and no record says whose",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            revoked("03 09:00", "grant", grant_id=None, subject_id=None),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {
                    "reason": "a revocation that does not say whose grant of its client it was may have ended it"
                },
            },
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a log that shows only some calls is silent",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read", "offline_access"], token_kind="refresh"),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reason": "the usage log shows only some of the calls, so its silence proves nothing"},
            },
        ),
        parameters={"dormant_days": 10},
        declared=IN_PART,
    ),
    Example(
        "the tokens that are used may be of this grant or of another of the same client and person",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            consent("01 08:00", ["mail.send"], "g2"),
            token("19 09:00", "t1", ["mail.read"], "19 10:00", grant_id=None),
            use("19 09:05", "GET /v1/messages/7"),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {
                    "reason": "calls that may be of this grant name neither it nor a token of which the log tells the grant"
                },
            },
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a call names a token of which no issuance is known: it may be of this grant",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            use("19 09:00", "GET /v1/messages/7", "t-unseen"),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "last_refresh_at": None,
                    "reason": "calls that may be of this grant name neither it nor a token of which the log tells the grant",
                },
            },
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a call of the client does not say for whom it was made",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            use("19 09:00", "GET /v1/messages/7", None, subject_id=None),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        ({"verdict": "indeterminate", "grant_id": "g1"},),
        parameters={"dormant_days": 10},
    ),
    Example(
        "a call of the same client and subject belongs to one of two grants",
        (
            consent("01 08:00", ["mail.read", "offline_access"]),
            token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
            consent("01 08:00", ["mail.read"], "g2"),
            use("19 09:00", "GET /v1/messages/7", None),
            *logs_from_to("01 08:00", "20 08:00"),
        ),
        ({"verdict": "indeterminate", "grant_id": "g1"},),
        parameters={"dormant_days": 10},
    ),
    *(
        Example(
            f"{where}: whoever does nothing else is not seen in it",
            tuple({**record, "source": source} for record in (_STANDS, *logs_from_to("01 08:00", "20 08:00"))),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "silent_days": 19,
                        "reason": f"the usage log shows only some of the calls, so its silence proves nothing; {lacks()[source]}",
                    },
                },
            ),
            parameters={"dormant_days": 10},
        )
        for source, where in (
            ("aws_cloudtrail", "a trail that holds no data events"),
            ("kubernetes", "a cluster's log without any read"),
        )
    ),
)
