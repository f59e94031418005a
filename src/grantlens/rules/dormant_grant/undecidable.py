"""Small logs of which PRV-3 cannot tell whether a live grant went unused, and why."""

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
from grantlens.rules.dormant_grant.examples import FILES, SIGN_IN, STANDS

UNDECIDABLE = (
    Example(
        "there is no log of revocations, so that nothing shows that the grant still stands",
        (STANDS, *without_ends(three_logs_from_to("01 08:00", "20 08:00"))),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reason": "no revocation log shows all the time since: that the grant ended may be missing"},
            },
        ),
        parameters={"dormant_days": 10},
    ),
    Example(
        "the log of revocations shows only some of them, and so does not show that the grant still stands",
        (
            STANDS,
            *three_logs_from_to("01 08:00", "20 08:00"),
            revoked("02 08:00", "grant", client_id=BYSTANDER, grant_id="other"),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reason": "no revocation log shows all the time since: that the grant ended may be missing"},
            },
        ),
        parameters={"dormant_days": 10},
        declared={"carries": ("issuance", "usage")},
    ),
    Example(
        "a change of the grant does not say which scopes it left: it may be without offline_access",
        (STANDS, consent("03 08:00", None, kind="change"), *three_logs_from_to("01 08:00", "20 08:00")),
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
        (*FILES, *three_logs_from_to("01 08:00", "20 08:00")),
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
            SIGN_IN,
            token("02 08:00", "t1", ["openid", "profile"], "02 09:00"),
            *three_logs_from_to("01 08:00", "20 08:00"),
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
            *three_logs_from_to("01 08:00", "20 08:00"),
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
            *three_logs_from_to("01 08:00", "20 08:00"),
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
            *three_logs_from_to("01 08:00", "20 08:00"),
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
            *three_logs_from_to("01 08:00", "20 08:00"),
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
            *three_logs_from_to("01 08:00", "20 08:00"),
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
            *three_logs_from_to("01 08:00", "20 08:00"),
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
            *three_logs_from_to("01 08:00", "20 08:00"),
        ),
        ({"verdict": "indeterminate", "grant_id": "g1"},),
        parameters={"dormant_days": 10},
    ),
    *(
        Example(
            f"{where}: whoever does nothing else is not seen in it",
            tuple({**record, "source": source} for record in (STANDS, *three_logs_from_to("01 08:00", "20 08:00"))),
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
