"""Examples of INT-1: calls whose issuance no log shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grantlens.loaders import Join
from grantlens.rule.example import Example, consent, logs_from_to, token, use

_FORGED = (
    token("10 09:00", "t1", ["mail.read"], "10 10:00"),
    use("12 09:06", "GET /v1/messages/7", "t-forged"),
    *logs_from_to("01 08:00", "20 08:00"),
    token("20 08:00", "t3", ["mail.read"], "20 09:00"),
)
"""A call with a token that was not issued, in the midst of three weeks of issuance."""


def _undecided(
    title: str, *records: Mapping[str, Any], reason: str, of: str | None = "t-forged", **declared: Any
) -> Example:
    """Return the example with more records, or as another provider logs it: a finding that decides nothing."""
    expected = {"verdict": "indeterminate", "severity": "medium", "token_id": of, "detail": {"reason": reason}}
    return Example(title, (*_FORGED, *records), (expected,), declared=declared)


FIRES = (
    Example(
        "the issuance log is complete, and never saw this token",
        _FORGED,
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "token_id": "t-forged",
                "detail": {"issuance_log": "complete"},
            },
        ),
    ),
    Example(
        "a token of that id was issued in another tenant only",
        (
            *({**record, "tenant": "two"} for record in (*logs_from_to("01 08:00", "20 08:00"), _FORGED[-1])),
            token("12 09:00", "t1", ["mail.read"], "12 10:00", tenant="one"),
            use("12 09:06", "GET /v1/messages/7", tenant="two"),
        ),
        ({"verdict": "violation", "tenant": "two", "token_id": "t1", "detail": {"issuance_log": "complete"}},),
    ),
)

SILENT = (
    Example(
        "the token is known",
        (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 09:06", "GET /v1/messages/7")),
    ),
    Example(
        "the call names a grant, but the issuance log of this source names none",
        (
            token("10 09:00", "t1", ["mail.read"], "10 10:00", grant_id=None),
            use("10 09:06", "GET /v1/messages/7", None, grant_id="g-of-the-gateway"),
        ),
    ),
    Example(
        "the token is known, be it that the call names no tenant",
        (
            token("10 09:00", "t1", ["mail.read"], "10 10:00", tenant="one"),
            token("10 09:00", "t1", ["mail.read"], "10 10:00", tenant="two"),
            use("10 09:06", "GET /v1/messages/7"),
        ),
    ),
    Example(
        "no token, but a grant of this client and subject",
        (token("10 09:00", "t1", ["mail.read"], "10 10:00"), use("10 09:06", "GET /v1/messages/7", None)),
    ),
    Example(
        "a refused call was no use",
        (
            token("10 09:00", "t1", ["mail.read"], "10 10:00"),
            use("10 09:06", "GET /v1/messages/7", "t-forged", status=401),
        ),
    ),
    Example(
        "no token, but an admin gave the client access for everyone",
        (
            consent("09 09:00", ["mail.read"], subject_id=None, subject_kind="user", consent_kind="admin"),
            use("10 09:06", "GET /v1/messages/7", None),
        ),
    ),
)

UNDECIDABLE = (
    Example(
        "there is no issuance log",
        (use("10 09:06", "GET /v1/messages/7", "t-any"),),
        (
            {
                "verdict": "indeterminate",
                "detail": {"issuance_log": "absent", "reason": "no issuance log of this source is held"},
            },
        ),
    ),
    Example(
        "the token may be older than the issuance log",
        (
            token("10 09:00", "t1", ["mail.read"], "10 19:00"),
            use("10 09:06", "GET /v1/messages/7", "t-old"),
        ),
        (
            {
                "verdict": "indeterminate",
                "severity": "medium",
                "token_id": "t-old",
                "detail": {"issuance_log": "partial"},
            },
        ),
    ),
    Example(
        "the call names a grant of which the log has no issuance, and the same client and subject have another",
        (
            token("10 09:00", "t1", ["mail.read"], "10 10:00"),
            use("10 09:06", "GET /v1/messages/7", None, grant_id="g-older"),
            use("10 09:07", "GET /v1/messages/7", None, grant_id="g1"),
        ),
        (
            {
                "verdict": "indeterminate",
                "client_id": "app",
                "subject_id": "ann",
                "grant_id": "g-older",
                "events": 1,
            },
        ),
    ),
    _undecided(
        "the provider logs only some of what it issues",
        carries=("usage", "revocation"),
        reason="the issuance log shows only some of what was issued",
    ),
    Example(
        "issuance and usage have no id of a token in common: told once of all tokens of a client and a subject",
        (
            *_FORGED,
            use("12 09:07", "GET /v1/messages/8", "t-forged"),
            use("12 10:06", "GET /v1/messages/7", "t-other"),
            use("12 10:07", "GET /v1/messages/7", "t-bobs", subject_id="bob"),
            use("12 10:08", "GET /v1/messages/7", None, subject_id="bob"),
        ),
        tuple(
            {
                "verdict": "indeterminate",
                "token_id": None,
                "events": events,
                "subject_id": who,
                "detail": {"tokens": tokens, "reason": reason},
            }
            for who, events, tokens, reason in (
                ("ann", 3, 2, "nothing in the issuance log of this source names the token of a call"),
                ("bob", 1, 1, "nothing in the issuance log of this source names the token of a call"),
                ("bob", 1, 0, "a consent or key that is older than the log looks as if it had never been issued"),
            )
        ),
        declared={"joins": (Join("issuance", "usage", "client and subject"),)},
    ),
    _undecided(
        "issuance and usage have nothing in common",
        joins=(Join("issuance", "usage", "none"),),
        reason="nothing joins issuance and usage of this source",
        of=None,
    ),
    _undecided(
        "the provider has keys that never end",
        keys_end=False,
        reason="keys of this source need not end: one that is older than the log looks as if it had never been issued",
    ),
    _undecided(
        "a key without an end was issued, so there may be older ones",
        token("15 09:00", "k1", ["mail.read"], kind="credential", token_kind="api_key"),
        reason="keys of this source need not end: one that is older than the log looks as if it had never been issued",
    ),
    Example(
        "the session of the call was issued",
        (
            *_FORGED[2:],
            token("12 09:00", "t1", ["mail.read"], "12 10:00", session_id="s1"),
            use("12 09:06", "GET /v1/messages/7", "t-other", session_id="s1"),
        ),
        ({"verdict": "indeterminate", "token_id": "t-other"},),
    ),
    Example(
        "a consent of this client and subject may be older than any log",
        (*_FORGED[2:], use("12 09:06", "GET /v1/messages/7", None, subject_id="bob")),
        (
            {
                "verdict": "indeterminate",
                "subject_id": "bob",
                "join_key": "client_subject",
                "detail": {
                    "reason": "a consent or key that is older than the log looks as if it had never been issued"
                },
            },
        ),
    ),
    Example(
        "it was used before the window too, when the issuance log had just begun",
        (*_FORGED, use("01 09:00", "GET /v1/messages/7", "t-forged")),
        ({"verdict": "indeterminate", "events": 1, "detail": {"issuance_log": "partial"}},),
        since="12 00:00",
    ),
    Example(
        "there is an issuance log of another tenant only",
        (
            token("10 09:00", "t1", ["mail.read"], "10 12:00", tenant="a"),
            use("10 09:06", "GET /v1/messages/7", "t-any", tenant="b"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"issuance_log": "absent", "reason": "no issuance log of this tenant is held"},
            },
        ),
    ),
    Example(
        "no token, and an admin gave another client access for everyone, or this one its own",
        (
            consent("09 09:00", ["mail.read"], subject_id=None, subject_kind="user", client_id="other"),
            consent("09 09:00", ["mail.read"], "g2", subject_id=None, subject_kind="service"),
            use("10 09:06", "GET /v1/messages/7", None),
        ),
        ({"verdict": "indeterminate", "client_id": "app", "subject_id": "ann", "join_key": "client_subject"},),
    ),
)
