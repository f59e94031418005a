"""Small logs with the dates of reviews between which access came and went, or not: what PRV-6 is run on."""

from typing import Any

from grantlens.rule.example import Example, consent, logs_from_to, refreshed, revoked, token, use

_KEPT = logs_from_to("01 08:00", "30 23:00")
_REVIEWS = ("02 09:00", "16 09:00")
_DELETE = "DELETE /v1/messages/7"
_GIVEN = consent("10 09:00", ["mail.write"])
_ENDED = revoked("10 10:00", "grant")
_CLOCKS = "a review and the begin or end of the access are closer than the clocks can tell"
_DAY = "a review is stated by its day alone, and the access began or ended on that day"
_EARLY = "access ended before the first review that is stated, and of an earlier one nothing is known"
_UNWATCHED = "no full log of issuance reaches over a review: a token may have lived then"


def _of(subject: str, *records: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return these records as another person's."""
    named = (
        {name: f"{record[name]}-{subject}" for name in ("grant_id", "token_id", "event_id") if name in record}
        for record in records
    )
    return tuple({**record, **names, "subject_id": subject} for record, names in zip(records, named, strict=True))


def _undecided(reason: str, **detail: Any) -> tuple[dict[str, Any], ...]:
    """Return the finding that says why nothing is decided of app."""
    return ({"verdict": "indeterminate", "detail": {"unseen": 0, "unseen_unsure": 1, "reason": reason, **detail}},)


FIRES = (
    Example(
        "a consent of one hour between two reviews, in which a message was deleted",
        (
            _GIVEN,
            token("10 09:01", "t1", ["mail.write"], "10 10:01"),
            use("10 09:05", "GET /v1/messages/7"),
            use("10 09:06", _DELETE),
            use("10 09:07", _DELETE, status=403),
            _ENDED,
            *_KEPT,
        ),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "app had access that no review saw",
                "client_id": "app",
                "subject_id": "ann",
                "grant_id": "g1",
                "scopes": ["mail.write"],
                "first_seen": "2026-07-10T09:00:00Z",
                "last_seen": "2026-07-10T10:00:00Z",
                "events": 3,
                "join_key": "grant",
                "detail": {
                    "entitlements": 1,
                    "unseen": 1,
                    "unseen_unsure": 0,
                    "stretches": 1,
                    "of_tokens": 0,
                    "open_s": 3600.0,
                    "longest_open_s": 3600.0,
                    "calls": 2,
                    "grave_calls": 1,
                    "last_review_at": "2026-07-02T09:00:00.000000Z",
                    "next_review_at": "2026-07-16T09:00:00.000000Z",
                    "reason": None,
                },
            },
        ),
        reviews=_REVIEWS,
    ),
    Example(
        "an agent without a consent: its tokens live five minutes, and two that overlap are one stretch",
        (
            token("10 09:00", "t1", ["mail.read"], "10 09:05"),
            token("10 09:03", "t2", ["mail.read"], "10 09:08"),
            token("20 09:00", "t3", ["mail.read"], "20 09:05"),
            use("10 09:04", "GET /v1/messages/7", "t2"),
            *_KEPT,
        ),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "detail": {"stretches": 2, "of_tokens": 2, "open_s": 780.0, "longest_open_s": 480.0, "calls": 1},
            },
        ),
        reviews=_REVIEWS,
    ),
    Example(
        "a token that was to live past the next review was revoked before it",
        (
            token("10 09:00", "t1", ["mail.read"], "16 10:00"),
            use("10 09:30", "GET /v1/messages/7"),
            revoked("10 10:00"),
            *_KEPT,
        ),
        (
            {
                "verdict": "violation",
                "grant_id": "g1",
                "first_seen": "2026-07-10T09:00:00Z",
                "last_seen": "2026-07-10T10:00:00Z",
                "events": 2,
                "detail": {"stretches": 1, "of_tokens": 1, "open_s": 3600, "calls": 1},
            },
        ),
        reviews=("08 09:00", "16 09:00"),
    ),
    Example(
        "of three people the access of one was seen, and that of one stands: the third is told, and once for the client",
        (
            consent("01 09:00", ["mail.read"]),
            revoked("20 09:00", "grant"),
            *_of("bob", consent("17 09:00", ["mail.read"])),
            *_of("cid", _GIVEN, _ENDED),
            *_KEPT,
        ),
        (
            {
                "verdict": "violation",
                "title": "app had access that no review saw: 1 of its 3 entitlements",
                "subject_id": "cid",
                "detail": {"entitlements": 3, "unseen": 1, "unseen_unsure": 0},
            },
        ),
        reviews=_REVIEWS,
    ),
    Example(
        "given and taken back twice, after the last review that is stated: both are unseen for good",
        (
            consent("17 09:00", ["mail.read"]),
            revoked("17 10:00", "grant"),
            consent("18 09:00", ["mail.read"]),
            revoked("18 11:00", "grant", event_id="r2"),
            *_KEPT,
        ),
        (
            {
                "verdict": "violation",
                "events": 4,
                "detail": {"stretches": 2, "open_s": 10800.0, "longest_open_s": 7200.0},
            },
        ),
        reviews=_REVIEWS,
    ),
    Example(
        "what is certain of one person stands beside what is not of another",
        (_GIVEN, _ENDED, *_of("bob", consent("01 09:00", ["mail.read"]), revoked("01 10:00", "grant")), *_KEPT),
        (
            {
                "verdict": "violation",
                "title": "app had access that no review saw: 1 of its 2 entitlements",
                "detail": {"unseen": 1, "unseen_unsure": 1, "reason": None},
            },
        ),
        reviews=_REVIEWS,
    ),
    Example(
        "one id in two tenants is two clients: a review saw that of one",
        (
            *({**record, "tenant": "one"} for record in (consent("01 09:00", ["mail.read"]), *_KEPT)),
            *(
                {**record, "tenant": "two"}
                for record in (
                    consent("10 09:00", ["mail.read"], "g2"),
                    revoked("10 10:00", "grant", grant_id="g2"),
                    *_KEPT,
                )
            ),
        ),
        ({"verdict": "violation", "tenant": "two", "detail": {"entitlements": 1}},),
        reviews=_REVIEWS,
    ),
    Example(
        "a window after the review: what it saw before the window is no matter of another person's",
        (_GIVEN, _ENDED, *_of("bob", consent("18 09:00", ["mail.read"]), revoked("18 10:00", "grant")), *_KEPT),
        ({"verdict": "violation", "subject_id": "bob", "detail": {"entitlements": 1, "unseen": 1}},),
        reviews=_REVIEWS,
        since="17 00:00",
    ),
)

SILENT = (
    Example("nobody stated when a review was: there is nothing to compare with", (_GIVEN, _ENDED, *_KEPT)),
    Example(
        "open when the list was read",
        (consent("10 09:00", ["mail.read"]), revoked("16 10:00", "grant"), *_KEPT),
        reviews=_REVIEWS,
    ),
    Example(
        "open all day, and the day is all that is stated",
        (consent("10 09:00", ["mail.read"]), revoked("17 10:00", "grant"), *_KEPT),
        reviews=("02 00:00", "16 00:00"),
    ),
    Example(
        "seen once, and given again between reviews: the entitlement was on a list",
        (
            consent("01 09:00", ["mail.read"]),
            revoked("03 10:00", "grant"),
            consent("10 09:00", ["mail.read"]),
            revoked("10 10:00", "grant", event_id="r2"),
            *_KEPT,
        ),
        reviews=_REVIEWS,
    ),
    Example(
        "seen by a review before the window",
        (
            consent("01 09:00", ["mail.read"]),
            revoked("03 10:00", "grant"),
            consent("18 09:00", ["mail.read"]),
            revoked("18 10:00", "grant", event_id="r2"),
            *_KEPT,
        ),
        reviews=_REVIEWS,
        since="17 00:00",
    ),
    Example(
        "given after the last review, and open when the logs end: it may stand at the next one",
        (consent("17 09:00", ["mail.read"]), *_KEPT),
        reviews=_REVIEWS,
    ),
    Example(
        "a token that expires after the logs end",
        (token("30 22:00", "t1", ["mail.read"], "31 09:00"), *_KEPT),
        reviews=_REVIEWS,
    ),
    Example(
        "a key without an end",
        (token("10 09:00", "t1", ["mail.read"], kind="credential", token_kind="api_key"), *_KEPT),
        reviews=_REVIEWS,
    ),
    Example(
        "a refresh token stands between its access tokens",
        (
            token("10 08:59", "rt1", ["mail.read"], "20 09:00", token_kind="refresh"),
            refreshed("10 09:00", "t1", "rt1", ["mail.read"], "10 10:00"),
            refreshed("18 09:00", "t2", "rt1", ["mail.read"], "18 10:00"),
            *_KEPT,
        ),
        reviews=_REVIEWS,
    ),
)

UNDECIDABLE = (
    Example(
        "revoked in the second of the review, and closer than the clocks can tell",
        (_GIVEN, _ENDED, *_KEPT),
        (*_undecided(_CLOCKS, entitlements=1, stretches=1),),
        reviews=("02 09:00", "10 10:00:04"),
    ),
    Example(
        "given a moment after the review, as the clocks have it",
        (_GIVEN, _ENDED, *_KEPT),
        _undecided(_CLOCKS),
        reviews=("02 09:00", "10 08:59:58"),
    ),
    Example(
        "given and taken back on the day of a review of which no time is stated",
        (_GIVEN, use("10 09:06", _DELETE, None, grant_id="g1"), _ENDED, *_KEPT),
        (
            {
                "verdict": "indeterminate",
                "severity": "high",
                "title": "app may have had access that no review saw",
                "detail": {"unseen": 0, "grave_calls": 1, "reason": _DAY},
            },
        ),
        reviews=("02 00:00", "10 00:00"),
    ),
    Example(
        "ended before the first review that is stated",
        (_GIVEN, _ENDED, *_KEPT),
        _undecided(_EARLY, last_review_at=None, next_review_at="2026-07-16T09:00:00.000000Z"),
        reviews=("16 09:00",),
    ),
    Example(
        "before the first review that is stated it came and went, and again after it",
        (
            consent("05 09:00", ["mail.read"]),
            revoked("05 10:00", "grant"),
            consent("18 09:00", ["mail.read"]),
            revoked("18 10:00", "grant", event_id="r2"),
            *_KEPT,
        ),
        _undecided(_EARLY, stretches=2),
        reviews=("16 09:00",),
    ),
    Example(
        "tokens alone, and the log of issuance begins after the review before: one may have lived then",
        (token("10 09:00", "t1", ["mail.read"], "10 09:05"), *logs_from_to("05 08:00", "30 23:00")),
        _undecided(_UNWATCHED),
        reviews=_REVIEWS,
    ),
    Example(
        "tokens alone that live for two days, and the log begins a day before the review",
        (token("10 09:00", "t1", ["mail.read"], "12 09:00"), *_KEPT),
        _undecided(_UNWATCHED),
        reviews=_REVIEWS,
    ),
    Example(
        "a key without an expiry was deleted after an hour: another like it may be older than the log",
        (token("10 09:00", "t1", ["mail.read"], kind="credential", token_kind="api_key"), revoked("10 10:00"), *_KEPT),
        _undecided(_UNWATCHED, of_tokens=1, open_s=3600),
        reviews=_REVIEWS,
    ),
    Example(
        "tokens alone, and the log shows only some of their issues",
        (token("10 09:00", "t1", ["mail.read"], "10 09:05"), *_KEPT),
        _undecided(_UNWATCHED),
        reviews=_REVIEWS,
        declared={"carries": ("usage", "revocation")},
    ),
    Example(
        "a consent of one hour, and the log shows only some of what was given: it may have been given anew, and seen",
        (_GIVEN, _ENDED, *_KEPT),
        _undecided(
            "no full log of issuance reaches from review to review: the access may have been given before or anew"
        ),
        reviews=_REVIEWS,
        declared={"carries": ("usage", "revocation")},
    ),
    Example(
        "older than its first consent in the log: a token tells of it before",
        (
            token("09 09:00", "t1", ["mail.read"], "09 10:00"),
            _GIVEN,
            _ENDED,
            *_KEPT,
        ),
        _undecided("a grant is older than its first consent in the log: when it began is not known"),
        reviews=_REVIEWS,
    ),
    Example(
        "refreshed with a token of which no issuance is known: a grant stood behind it",
        (
            refreshed("10 09:00", "t1", "rt-unseen", ["mail.read"], "10 10:00"),
            refreshed("18 09:00", "t2", "rt-unseen", ["mail.read"], "18 10:00"),
            *_KEPT,
        ),
        _undecided("tokens were refreshed with one of which no issuance is known: how long that lived is not known"),
        reviews=_REVIEWS,
    ),
    Example(
        "refreshed with a token of which another tenant alone issued one of the id",
        (
            token("10 08:00", "rt", ["mail.read"], "30 09:00", token_kind="refresh", grant_id="g2", tenant="two"),
            refreshed("10 09:00", "t1", "rt", ["mail.read"], "10 10:00", tenant="one"),
            *({**record, "tenant": "one"} for record in _KEPT),
        ),
        _undecided("tokens were refreshed with one of which no issuance is known: how long that lived is not known"),
        reviews=_REVIEWS,
    ),
    Example(
        "of one of its tokens the log does not give the id",
        (
            token("10 09:00", "t1", ["mail.read"], "10 09:05"),
            token("15 09:00", None, ["mail.read"], "17 09:05"),
            *_KEPT,
        ),
        _undecided("of a token that the log does not name it is not known how long it lived"),
        reviews=_REVIEWS,
    ),
    Example(
        "it may be refreshed, and the log does not name the refresh token",
        (token("10 09:00", "t1", ["mail.read", "offline_access"], "10 09:05"), *_KEPT),
        _undecided("of a token that the log does not name it is not known how long it lived"),
        reviews=_REVIEWS,
    ),
)
