"""Small logs in which a person signs in again after all access was revoked, or a client gets a token without that: what REV-12 is run on."""

from typing import Any

from grantlens.rule.example import Example, consent, logs_from_to, moment, refreshed, revoked, token

ENDED = revoked("10 12:00", "subject")


def issued(when: str, token_id: str | None, signed_in: str | None = None, **more: Any) -> dict[str, Any]:
    """Write a token of ann's, for which she signed in then."""
    return token(when, token_id, ["mail.read"], auth_time=signed_in and moment(signed_in), **more)


CUT_OFF = revoked("10 12:00", "policy", client_id=None, issued_before=moment("10 12:00"))
BEFORE = issued("10 09:01", "t1", "10 09:00", session_id="s1")
AGAIN = issued("10 13:00", "t2", "10 09:00")
EXCHANGED = {"kind": "exchange", "client_id": "tool", "grant_id": "g2"}
_REFRESHED = {"kind": "refresh", "auth_time": moment("10 09:00")}

FIRES = (
    Example(
        "all access of ann was revoked, and a client gets a token on her sign-in from before",
        (BEFORE, ENDED, AGAIN | {"session_id": "s1"}),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "app got a token on a sign-in from before the revocation",
                "client_id": "app",
                "subject_id": "ann",
                "token_id": "t2",
                "events": 2,
                "detail": {
                    "revocation_event": "r1",
                    "issued_after_s": 3600.0,
                    "signed_in_at": "2026-07-10T09:00:00.000000Z",
                    "tokens": 1,
                    "reasons": None,
                },
            },
        ),
    ),
    Example(
        "what ann had got until then was cut off, as most providers tell it",
        (BEFORE, CUT_OFF, AGAIN | {"session_id": "s1"}),
        ({"verdict": "violation", "token_id": "t2"},),
    ),
    Example(
        "a fresh consent is no sign-in",
        (ENDED, consent("10 12:59", ["mail.read"]), AGAIN),
        ({"verdict": "violation", "token_id": "t2"},),
    ),
    Example(
        "what is refreshed from that token is the same finding, and so is its refresh token",
        (
            ENDED,
            AGAIN,
            issued("10 13:00", "rt2", "10 09:00", token_kind="refresh"),
            refreshed("10 14:00", "t3", "rt2", ["mail.read"], auth_time=moment("10 09:00")),
        ),
        ({"verdict": "violation", "token_id": None, "events": 4, "detail": {"tokens": 3}},),
    ),
    Example(
        "a refresh that does not name the token that it was made from",
        (BEFORE, ENDED, refreshed("10 13:00", "t2", None, ["mail.read"], auth_time=moment("10 09:00"))),
        ({"verdict": "violation", "token_id": "t2"},),
    ),
    Example(
        "a refresh token that is older than the log",
        (ENDED, refreshed("10 13:00", "t2", "rt0", ["mail.read"], auth_time=moment("10 09:00"))),
        ({"verdict": "violation", "token_id": "t2"},),
    ),
    Example(
        "two clients on one sign-in are two findings",
        (ENDED, AGAIN, issued("10 13:05", "t3", "10 09:00", client_id="other", grant_id="g2")),
        ({"client_id": "app", "verdict": "violation"}, {"client_id": "other", "verdict": "violation"}),
    ),
    Example(
        "the last of two revocations is told, where the sign-in was before both",
        (ENDED, revoked("10 12:30", "subject", event_id="r2"), AGAIN),
        ({"verdict": "violation", "detail": {"revocation_event": "r2"}},),
    ),
    Example(
        "she signed in between two revocations, and a client got a token after both",
        (ENDED, revoked("10 12:30", "subject", event_id="r2"), issued("10 13:00", "t2", "10 12:20")),
        ({"verdict": "violation", "detail": {"revocation_event": "r2"}},),
    ),
    Example(
        "what was issued between two revocations is told of the first",
        (issued("10 12:20", "t1", "10 09:00"), ENDED, revoked("10 12:30", "subject", event_id="r2")),
        ({"verdict": "violation", "detail": {"revocation_event": "r1"}},),
    ),
    Example(
        "a token without an id, to a client that the log does not name",
        (ENDED, issued("10 13:00", None, "10 09:00", client_id=None, event_id="i1")),
        ({"verdict": "violation", "client_id": None, "token_id": None, "detail": {"tokens": 1}},),
    ),
    Example(
        "what is exchanged for a token that does not tell of the sign-in",
        (
            ENDED,
            issued("10 13:00", "t2"),
            issued("10 13:01", "x1", "10 09:00", parent_token_id="t2", **EXCHANGED),
        ),
        ({"verdict": "violation", "client_id": "tool", "token_id": "x1"},),
    ),
    Example(
        "a code from before is redeemed after: REV-2 tells only what is made from a token",
        (
            issued("10 11:59", "c1", "10 09:00", token_kind="code"),
            ENDED,
            issued("10 12:01", "t2", "10 09:00", parent_token_id="c1"),
        ),
        ({"verdict": "violation", "token_id": "t2"},),
    ),
    Example(
        "what is exchanged for a token that was fetched with a refresh token of before: REV-2 tells that one alone",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            ENDED,
            refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
            issued("10 13:01", "x1", "10 09:00", parent_token_id="t2", **EXCHANGED),
        ),
        ({"verdict": "violation", "client_id": "tool", "token_id": "x1"},),
    ),
    Example(
        "what is exchanged for somebody else's token, or for one of another tenant",
        (
            ENDED,
            issued("10 13:00", "b1", "10 12:59", subject_id="bob"),
            issued("10 13:01", "x1", "10 09:00", parent_token_id="b1", **EXCHANGED),
            issued("10 13:00", "t2", "10 12:59", tenant="south"),
            issued("10 13:01", "x2", "10 09:00", parent_token_id="t2", tenant="north", **EXCHANGED),
        ),
        ({"verdict": "violation", "token_id": "x1"}, {"verdict": "violation", "token_id": "x2", "tenant": "north"}),
    ),
    Example(
        "a cut-off leaves keys, what was exchanged, and what was issued at that very time: what is made from these, REV-2 does not tell",
        (
            token("10 09:01", "k1", None, kind="credential", token_kind="api_key"),
            issued("10 09:02", "x0", "10 09:00", kind="exchange"),
            token("10 12:00", "rt1", ["mail.read"], token_kind="refresh"),
            CUT_OFF,
            *(
                issued(
                    "10 13:00", f"of {parent}", "10 09:00", parent_token_id=parent, kind=kind, client_id=f"by {parent}"
                )
                for parent, kind in (("k1", "exchange"), ("x0", "exchange"), ("rt1", "refresh"))
            ),
        ),
        tuple({"verdict": "violation", "token_id": f"of {parent}"} for parent in ("k1", "x0", "rt1")),
    ),
    Example(
        "the refresh token is of before a revocation in another tenant only, or another tenant's is of before it",
        (
            revoked("10 08:00", "subject", tenant="north"),
            token("10 09:00", "rt1", ["mail.read"], token_kind="refresh", tenant="north"),
            revoked("10 10:00", "subject", event_id="r2", tenant="south"),
            issued("10 13:00", "t2", "10 07:00", parent_token_id="rt1", kind="refresh", tenant="north"),
            token("10 09:00", "rt3", ["mail.read"], token_kind="refresh", subject_id="bob"),
            revoked("10 12:00", "subject", event_id="r3", subject_id="bob"),
            refreshed("10 12:30", "rt4", "rt3", ["mail.read"], token_kind="refresh", subject_id="bob", tenant="north"),
            issued(
                "10 13:00", "t5", "10 07:00", parent_token_id="rt4", kind="refresh", subject_id="bob", tenant="south"
            ),
        ),
        (
            {"verdict": "violation", "token_id": "t2", "detail": {"revocation_event": "r1"}},
            {"verdict": "violation", "token_id": "t5", "subject_id": "bob"},
        ),
    ),
)

SILENT = (
    Example(
        "she signed in again",
        (BEFORE, ENDED, issued("10 13:00", "t2", "10 12:59")),
    ),
    Example(
        "she signed in after the time of a cut-off that was made known later, or her session is of then",
        (
            revoked("10 12:00", "policy", client_id=None, issued_before=moment("10 11:00")),
            issued("10 11:30", "t1", session_id="s1"),
            issued("10 13:00", "t2", "10 11:30"),
            issued("10 13:00", "t3", session_id="s1"),
        ),
    ),
    Example(
        "what one client had got of ann's was cut off, or a grant of hers, or a policy names no time",
        (
            revoked("10 12:00", "policy", issued_before=moment("10 12:00")),
            CUT_OFF | {"grant_id": "g1", "event_id": "r2"},
            {name: value for name, value in CUT_OFF.items() if name != "issued_before"} | {"event_id": "r3"},
            AGAIN,
        ),
    ),
    Example(
        "she signed in again, in the session from before",
        (
            BEFORE,
            ENDED,
            issued("10 13:00", "t2", "10 12:59", session_id="s1"),
            issued("10 14:00", "t3", session_id="s1"),
        ),
    ),
    Example(
        "the token was issued before the revocation: REV-1 asks whether it still works",
        (BEFORE, ENDED),
    ),
    Example(
        "what a refresh token of before still fetches, and what is refreshed from that: REV-2 tells it",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            ENDED,
            token("10 13:00", "rt2", ["mail.read"], token_kind="refresh", parent_token_id="rt1", **_REFRESHED),
            token("10 14:00", "t3", ["mail.read"], parent_token_id="rt2", **_REFRESHED),
        ),
    ),
    Example(
        "the refresh token was issued in the moment of the revocation: REV-2 tells what is made from it",
        (
            token("10 12:00", "rt1", ["mail.read"], token_kind="refresh"),
            ENDED,
            token("10 13:00", "t2", ["mail.read"], parent_token_id="rt1", **_REFRESHED),
        ),
    ),
    Example(
        "what is exchanged for a token of before: REV-2 tells it",
        (BEFORE, ENDED, issued("10 13:00", "x1", "10 09:00", parent_token_id="t1", **EXCHANGED)),
    ),
    Example(
        "what another client gets in exchange for such a token has its sign-in from it",
        (
            ENDED,
            issued("10 13:00", "t2", "10 12:59"),
            issued("10 13:01", "x1", "10 09:00", parent_token_id="t2", **EXCHANGED),
        ),
    ),
    Example(
        "a client that acts for itself has no sign-in",
        (ENDED, issued("10 13:00", "t2", "10 09:00", grant_type="client_credentials", subject_kind=None)),
    ),
    Example(
        "a service that shows a signed assertion has none either",
        (
            issued("10 09:00", "t1", subject_kind="service", session_id="s1"),
            ENDED,
            issued("10 13:00", "t2", subject_kind="service", session_id="s1"),
        ),
    ),
    Example(
        "the revocation failed",
        (BEFORE, revoked("10 12:00", "subject", outcome="error"), AGAIN),
    ),
    Example(
        "ann was disabled, and may have been enabled again",
        (BEFORE, revoked("10 12:00", "subject", kind="disable"), AGAIN),
    ),
    Example(
        "only one grant of hers was revoked, or a client of hers",
        (BEFORE, revoked("10 12:00", "grant"), revoked("10 12:00", "client", event_id="r2"), AGAIN),
    ),
    Example(
        "the access of somebody else was revoked, or hers in another tenant",
        (
            revoked("10 12:00", "subject", subject_id="bob"),
            revoked("10 12:00", "subject", event_id="r2", tenant="south"),
            AGAIN | {"tenant": "north"},
        ),
    ),
    Example(
        "no sign-in and no session is named",
        (BEFORE, ENDED, issued("10 13:00", "t2")),
    ),
    Example(
        "the session began after the revocation, or is another's",
        (
            BEFORE,
            issued("10 09:05", "b1", session_id="s2", subject_id="bob"),
            ENDED,
            issued("10 13:00", "t2", session_id="s2"),
        ),
    ),
    Example(
        "a code is no token yet, and a consent none at all",
        (
            ENDED,
            issued("10 13:00", "c1", "10 09:00", token_kind="code"),
            consent("10 13:01", ["mail.read"], auth_time=moment("10 09:00")),
        ),
    ),
    Example(
        "the issue was before the window",
        (ENDED, AGAIN, *logs_from_to("10 08:00", "10 18:00")),
        since="10 14:00",
    ),
)

_UNSURE_ORDER = "the issuance and the revocation are closer than the clocks can tell"
_UNSURE_SIGN_IN = "the sign-in and the revocation are closer than the clocks can tell"
_SESSION = "its session is from before the revocation, and nothing tells whether the person signed in again within it"

UNDECIDABLE = (
    Example(
        "issued so soon after the revocation that it may have come first",
        (BEFORE, ENDED, issued("10 12:00:09", "t2", "10 09:00")),
        (
            {
                "verdict": "indeterminate",
                "severity": "high",
                "title": "app got a token on a sign-in that may be from before the revocation",
                "detail": {"reasons": [_UNSURE_ORDER]},
            },
        ),
    ),
    Example(
        "signed in so close to the revocation that it may have been after it: auth_time has whole seconds",
        (ENDED, issued("10 13:00", "t2", "10 11:59:49"), issued("10 13:00", "t3", "10 12:00:10", client_id="other")),
        (
            {"client_id": "app", "verdict": "indeterminate", "detail": {"reasons": [_UNSURE_SIGN_IN]}},
            {"client_id": "other", "verdict": "indeterminate", "detail": {"reasons": [_UNSURE_SIGN_IN]}},
        ),
    ),
    Example(
        "the session from before lives on, and the log does not tell when she signed in",
        (BEFORE, ENDED, issued("10 13:00", "t2", session_id="s1"), issued("10 14:00", "t3", session_id="s1")),
        (
            {
                "verdict": "indeterminate",
                "title": "app got a token in a session from before the revocation",
                "token_id": None,
                "events": 4,
                "detail": {"signed_in_at": None, "tokens": 2, "reasons": [_SESSION]},
            },
        ),
    ),
    Example(
        "the session from before lives on, and she may have signed in again within it",
        (
            BEFORE,
            ENDED,
            issued("10 13:00", "t2", "10 12:00:11", session_id="s1"),
            issued("10 14:00", "t3", session_id="s1"),
        ),
        ({"verdict": "indeterminate", "detail": {"tokens": 2, "reasons": [_SESSION, _UNSURE_SIGN_IN]}},),
    ),
    Example(
        "an auth_time of 0 says nothing",
        (BEFORE, ENDED, issued("10 13:00", "t2", session_id="s1") | {"auth_time": "1970-01-01T00:00:00Z"}),
        ({"verdict": "indeterminate", "detail": {"reasons": [_SESSION]}},),
    ),
    Example(
        "the sign-in is told to be after the issue that rests on it",
        (ENDED, issued("10 13:00", "t2", "10 15:00")),
        ({"verdict": "indeterminate", "detail": {"reasons": ["its auth_time lies after its own issue"]}},),
    ),
    Example(
        "the revocation is of one tenant, and the issuance names none",
        (revoked("10 12:00", "subject", tenant="north"), AGAIN),
        (
            {
                "verdict": "indeterminate",
                "tenant": "north",
                "detail": {"reasons": ["the revocation is of one tenant, and the issuance names none"]},
            },
        ),
    ),
)
