"""Small logs in which access was to be revoked, and what was decided about it: what REV-10 is run on."""

from collections.abc import Iterator, Mapping
from typing import Any

from grantlens.rule.example import BYSTANDER, Example, consent, decided, logs_from_to, revoked, token, use

_LEAVER = decided("05 12:00", "leaver", subject_id="ann")
_COMPROMISED = decided("05 12:00", "compromise", client_id="app")
_BY_KEY = {"kind": "credential", "token_kind": "api_key", "grant_id": None, "subject_id": None}


def _in(tenant: str | None) -> Iterator[Mapping[str, Any]]:
    """Give what keeps the log of revocations of a tenant going."""
    for when in ("01 08:00", "20 08:00"):
        event = f"{when}{tenant or ''}"
        yield revoked(when, kind="expiry", token_id="t-bystander", client_id=BYSTANDER, event_id=event, tenant=tenant)


_KEPT = (*logs_from_to("01 08:00", "20 08:00"), *_in(None))
_OF_TWO = (
    consent("01 09:00", ["mail.read"], "g1", tenant="one"),
    consent("01 09:00", ["mail.read"], "g3", tenant="two"),
)
_OF_ANN = (
    consent("01 09:00", ["mail.read"]),
    token("01 09:01", "t1", ["mail.read"], "08 09:00"),
    consent("01 09:00", ["files.read"], "g2", client_id="bot"),
)

_ONE_ID = tuple(
    token("01 09:00", "k1", None, tenant=tenant, **_BY_KEY, client_id=client)
    for tenant, client in (("one", "app"), ("two", "bot"))
)
"""Two tenants have a key of one id."""

FIRES = (
    Example(
        "the key that was revoked in time is another tenant's of the same id",
        (
            *_ONE_ID,
            revoked("05 14:00", "credential", token_id="k1", tenant="two", subject_id=None, client_id="bot"),
            *_KEPT,
            *_in("one"),
        ),
        ({"verdict": "violation", "tenant": "one", "token_id": "k1", "detail": {"standing": 1, "in_time": 0}},),
        decisions=(decided("05 12:00", within_hours=24.0, token_id="k1", tenant="one"),),
    ),
    Example(
        "the first record of a key names no tenant, and another one does: it is the key that was to be revoked there",
        (
            token("01 09:00", "k2", None, **_BY_KEY),
            token("01 09:05", "k2", None, tenant="one", **_BY_KEY),
            *_KEPT,
            *_in("one"),
        ),
        ({"verdict": "violation", "tenant": "one", "token_id": "k2", "detail": {"standing": 1}},),
        decisions=(decided("05 12:00", within_hours=24.0, token_id="k2", tenant="one"),),
    ),
    Example(
        "what a revocation without a tenant may have ended was given again",
        (
            *_OF_TWO,
            revoked("04 12:30", "client"),
            consent("04 13:00", ["mail.read"], "g1", tenant="one"),
            *_KEPT,
            *_in("one"),
            *_in("two"),
        ),
        ({"verdict": "violation", "detail": {"standing": 1, "undecided": 0}},),
        decisions=(_COMPROMISED | {"tenant": "one"},),
    ),
    Example(
        "the leaver's mail client was revoked a day late, the other one in time",
        (
            *_OF_ANN,
            revoked("05 18:00", "grant", grant_id="g2", client_id="bot", event_id="r2"),
            use("06 14:00", "GET /v1/messages/7"),
            revoked("07 12:00", "grant"),
            *_KEPT,
        ),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "subject_id": "ann",
                "title": "What acts for ann was to lose access by 2026-07-06 12:00 UTC, and 1 of 2 grants ended later",
                "detail": {
                    "cause": "leaver",
                    "in_time": 1,
                    "late": 1,
                    "standing": 0,
                    "longest_s": 172800.0,
                    "calls_after_decision": 1,
                    "calls_after_due": 1,
                },
            },
        ),
        decisions=(_LEAVER,),
    ),
    Example(
        "nobody revoked it",
        (*_OF_ANN, *_KEPT),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "client_id": "app",
                "title": "app was to lose access by 2026-07-05 13:00 UTC, and 1 of 1 grant has not ended in the logs",
                "detail": {"standing": 1, "late": 0, "longest_s": None, "calls_after_due": 0},
            },
        ),
        decisions=(_COMPROMISED,),
    ),
    Example(
        "a compromised client worked on after the hour that it had",
        (
            *_OF_ANN,
            use("05 12:30", "GET /v1/messages/7"),
            use("05 13:01", "GET /v1/messages/7"),
            revoked("05 14:00", "client"),
            *_KEPT,
        ),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "events": 3,
                "detail": {"late": 1, "longest_s": 7200.0, "calls_after_decision": 2, "calls_after_due": 1},
            },
        ),
        decisions=(_COMPROMISED,),
    ),
    Example(
        "no log of revocations, but a call that shows that the access worked on",
        (*_OF_ANN, use("06 09:00", "GET /v1/messages/7"), *logs_from_to("01 08:00", "20 08:00")),
        ({"verdict": "violation", "severity": "critical", "detail": {"standing": 1, "calls_after_due": 1}},),
        decisions=(_COMPROMISED,),
    ),
    Example(
        "kept after all in one of the tenants, and not revoked in the other",
        (*_OF_TWO, *_KEPT, *_in("one"), *_in("two")),
        (
            {
                "verdict": "violation",
                "title": "app was to lose access by 2026-07-05 13:00 UTC, and 1 of 1 grant has not ended in the logs",
                "detail": {"standing": 1, "undecided": 0},
            },
        ),
        decisions=(_COMPROMISED, decided("05 12:30", decision="keep", client_id="app", tenant="one")),
    ),
    Example(
        "a key that was deleted a day late, and another in time",
        (
            token("01 09:00", "k1", None, **_BY_KEY),
            token("01 09:00", "k2", None, **_BY_KEY, client_id="bot"),
            revoked("06 14:00", "credential", token_id="k1", subject_id=None),
            revoked("05 14:00", "credential", token_id="k2", subject_id=None, client_id="bot", event_id="r2"),
            *_KEPT,
        ),
        (
            {"verdict": "violation", "client_id": "app", "token_id": None, "detail": {"late": 1}},
            {"verdict": "violation", "client_id": "app", "token_id": "k1", "detail": {"late": 1}},
            {"verdict": "clear", "client_id": "bot", "detail": {"in_time": 1}},
        ),
        decisions=(
            decided("05 12:00", within_hours=24.0, client_id="app"),
            decided("05 12:00", within_hours=24.0, token_id="k1"),
            decided("05 12:00", within_hours=24.0, client_id="bot"),
        ),
    ),
)

SILENT = (
    Example(
        "revoked in time",
        (*_OF_ANN, use("05 12:30", "GET /v1/messages/7"), revoked("05 12:59", "client"), *_KEPT),
        (
            {
                "verdict": "clear",
                "title": "app was to lose access by 2026-07-05 13:00 UTC, and did",
                "detail": {"in_time": 1, "longest_s": 3540.0, "calls_after_decision": 1, "calls_after_due": 0},
            },
        ),
        decisions=(_COMPROMISED,),
    ),
    Example(
        "tokens without an id, the last of which expired in time",
        (
            token("01 09:00", None, None, "01 10:00", grant_id=None, subject_id=None),
            token("05 11:50", None, None, "05 12:50", grant_id=None, subject_id=None),
            *_KEPT,
        ),
        ({"verdict": "clear", "detail": {"in_time": 1, "longest_s": 3000.0}},),
        decisions=(_COMPROMISED,),
    ),
    Example(
        "access that had ended before, and access that was given afterwards",
        (*_OF_ANN, revoked("04 12:00", "client"), consent("06 09:00", ["mail.read"], "g4"), *_KEPT),
        decisions=(_COMPROMISED,),
    ),
    Example("not due yet", (*_OF_ANN, *_KEPT), decisions=(decided("19 12:00", client_id="app"),)),
    Example(
        "kept after all, before it was due",
        (*_OF_ANN, *_KEPT),
        decisions=(_LEAVER, decided("06 11:00", decision="keep", subject_id="ann")),
    ),
    Example(
        "kept after all, in whatever tenant",
        (consent("01 09:00", ["mail.read"], tenant="one"), *_KEPT, *_in("one")),
        decisions=(_COMPROMISED | {"tenant": "one"}, decided("05 12:30", decision="keep", client_id="app")),
    ),
)

UNDECIDABLE = (
    Example(
        "two tenants have a key of one id, and the revocation of one of them names neither",
        (
            *_ONE_ID,
            revoked("05 14:00", "credential", token_id="k1", subject_id=None, client_id=None),
            *_KEPT,
            *_in("one"),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "k1",
                "detail": {"reason": "a revocation does not say in which tenant, and several have a token of this id"},
            },
        ),
        decisions=(decided("05 12:00", within_hours=24.0, token_id="k1", tenant="one"),),
    ),
    *(
        Example(
            f"beside a key that was deleted in time a token without an id {lived}",
            (
                token("01 09:00", "k1", None, **_BY_KEY),
                token("01 10:00", None, None, expiry, grant_id=None, subject_id=None),
                revoked("05 12:30", "credential", token_id="k1", subject_id=None),
                *_KEPT,
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {"undecided": 1, "reason": "when a token ended that the log does not name is not known"},
                },
            ),
            decisions=(_COMPROMISED,),
        )
        for lived, expiry in (("could live on", "08 09:00"), ("has no expiry", None))
    ),
    Example(
        "a revocation in one tenant, and no record says in which the access was",
        (*_OF_ANN, revoked("05 12:30", "client", tenant="one"), *_KEPT),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "undecided": 1,
                    "reason": "a revocation is of one tenant, and in which this access was the logs do not tell",
                },
            },
        ),
        decisions=(_COMPROMISED,),
    ),
    Example(
        "a token of the client was revoked in time, and the log does not say which",
        (
            token("01 09:00", "t1", ["mail.read"], None),
            revoked("05 12:30", "token", token_id=None, grant_id=None),
            *_KEPT,
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "a token of this client was revoked, and the log does not tell which"},
            },
        ),
        decisions=(_COMPROMISED,),
    ),
    Example(
        "a token that expired late, and no log of revocations that could show an earlier end",
        (token("01 09:00", "t1", ["mail.read"], "08 09:00"), *logs_from_to("01 08:00", "20 08:00")),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the revocation log does not cover the time in which it was to be revoked"},
            },
        ),
        decisions=(_COMPROMISED,),
    ),
    Example(
        "no log of revocations is there to show one",
        (*_OF_ANN, *logs_from_to("01 08:00", "20 08:00")),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the revocation log does not cover the time in which it was to be revoked"},
            },
        ),
        decisions=(_COMPROMISED,),
    ),
    Example(
        "nobody knows of such access: is the id right?",
        (*_OF_ANN, *_KEPT),
        (
            {
                "verdict": "indeterminate",
                "client_id": "ap",
                "title": "ap was to lose access by 2026-07-05 13:00 UTC, and whether it did is not known",
                "detail": {"reason": "no issuance of such access is in the logs from before the decision"},
            },
        ),
        decisions=(_COMPROMISED | {"client_id": "ap"},),
    ),
    *(
        Example(
            f"a revocation that names no tenant, where two have the client, {by}",
            (
                *access,
                revoked("05 12:30", "client"),
                *_KEPT,
                *_in("one"),
                *_in("two"),
            ),
            (
                {
                    "verdict": "indeterminate",
                    "detail": {
                        "undecided": 2,
                        "reason": "a revocation does not say in which tenant, and several have this client",
                    },
                },
            ),
            decisions=(_COMPROMISED,),
        )
        for by, access in (
            ("by consent", _OF_TWO),
            (
                "by a key each",
                [token("01 09:00", f"k-{name}", None, tenant=name, **_BY_KEY) for name in ("one", "two")],
            ),
        )
    ),
    Example(
        "in its last second",
        (*_OF_ANN, revoked("05 13:00", "client"), *_KEPT),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the revocation and its last moment are closer than the clock can tell"},
            },
        ),
        decisions=(_COMPROMISED,),
    ),
)
