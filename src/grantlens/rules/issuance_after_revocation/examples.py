"""Small logs in which a token is issued after a revocation, or is not: what REV-2 is run on."""

from grantlens.rule.example import Example, consent, refreshed, revoked, token

_KEY = {"kind": "credential", "token_kind": "api_key"}

OF_TWO_TENANTS = (
    token("10 09:00", "rt1", ["mail.read"], token_kind="refresh", tenant="north"),
    token("10 09:01", "rt1", ["mail.read"], token_kind="refresh", tenant="south", grant_id="g2", client_id="other"),
)

FIRES = (
    Example(
        "a new token of a refresh token that was revoked: no consent gives it, so it matters not that the issuance log shows only some of what was given",
        (
            token("10 09:00", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
        ),
        ({"verdict": "violation", "token_id": "t2"},),
        declared={"carries": ("usage", "revocation")},
    ),
    Example(
        "a line of refresh tokens of which one names no tenant: it goes on in the tenant of the revocation, and in no other",
        (
            token("10 09:00", "rt1", ["mail.read"], token_kind="refresh", tenant="north"),
            revoked("10 12:00", token_id="rt1", tenant="north"),
            refreshed("10 13:00", "rt2", "rt1", ["mail.read"], token_kind="refresh"),
            refreshed("10 14:00", "t3", "rt2", ["mail.read"], tenant="south", grant_id="g2"),
        ),
        ({"verdict": "violation", "token_id": "rt2"},),
    ),
    Example(
        "the same where the revocation names none, and the first that came after it does",
        (
            token("10 09:00", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 13:00", "rt2", "rt1", ["mail.read"], token_kind="refresh", tenant="north"),
            refreshed("10 14:00", "rt3", "rt2", ["mail.read"], token_kind="refresh"),
            refreshed("10 15:00", "t4", "rt3", ["mail.read"], tenant="south", grant_id="g2"),
        ),
        ({"verdict": "violation", "token_id": "rt2"}, {"verdict": "violation", "token_id": "rt3"}),
    ),
    Example(
        "a refresh after the grant's end",
        (
            consent("10 09:00", ["mail.read"]),
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", "grant"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
        ),
        (
            {
                "join_key": "token",
                "verdict": "violation",
                "severity": "critical",
                "title": "app got a new token after the revocation",
                "token_id": "t2",
                "resource_server": None,
                "detail": {"revocation_event": "r1", "issued_after_s": 3600.0},
            },
        ),
    ),
    Example(
        "the log names the revoked grant by its client and subject only",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant", grant_id=None),
            token("10 13:00", "t2", ["mail.read"]),
        ),
        ({"verdict": "violation", "token_id": "t2", "join_key": "client_subject"},),
    ),
    Example(
        "a child of a revoked refresh token",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
        ),
        ({"verdict": "violation", "token_id": "t2"},),
    ),
    Example(
        "a grandchild over a rotated refresh token",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "rt2", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 13:00", "t2", "rt2", ["mail.read"]),
        ),
        ({"verdict": "violation", "token_id": "t2"},),
    ),
    Example(
        "the whole line of a revoked refresh token, however long",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            refreshed("10 13:00", "rt2", "rt1", ["mail.read"], token_kind="refresh"),
            refreshed("10 14:00", "rt3", "rt2", ["mail.read"], token_kind="refresh"),
            refreshed("10 15:00", "t4", "rt3", ["mail.read"]),
        ),
        tuple({"verdict": "violation", "token_id": name} for name in ("rt2", "rt3", "t4")),
    ),
    Example(
        "all sessions of a person were revoked, and a refresh token of them still works",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", "subject"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
        ),
        ({"verdict": "violation", "token_id": "t2", "join_key": "token"},),
    ),
    Example(
        "a fresh consent brings no revoked refresh token back to life",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt1"),
            consent("10 12:30", ["mail.read"]),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"]),
        ),
        ({"verdict": "violation", "token_id": "t2"},),
    ),
    Example(
        "a revoked access token was exchanged for a new one",
        (
            token("10 09:01", "t1", ["mail.read"], "10 18:00"),
            revoked("10 12:00"),
            token("10 13:00", "x1", ["mail.read"], kind="exchange", parent_token_id="t1", grant_id="g2", client_id="b"),
        ),
        ({"verdict": "violation", "token_id": "x1", "client_id": "b", "grant_id": "g2", "join_key": "token"},),
    ),
    Example(
        "consent to another grant of the same client and person revives none",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("10 12:30", ["mail.read"], "g2"),
            token("10 13:00", "t2", ["mail.read"]),
        ),
        ({"verdict": "violation", "token_id": "t2", "join_key": "grant"},),
    ),
    Example(
        "two tenants have a refresh token of one id: what came of the one that was revoked",
        (
            *OF_TWO_TENANTS,
            revoked("10 12:00", token_id="rt1", tenant="north"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"], tenant="north"),
        ),
        ({"verdict": "violation", "tenant": "north", "token_id": "t2", "detail": {"reason": None}},),
    ),
    Example(
        "two tenants give out a token of one id after the grant of the second had ended",
        (
            revoked("10 12:00", "grant", grant_id="g2", tenant="south"),
            token("10 13:00", "t2", ["mail.read"], tenant="north"),
            token("10 13:30", "t2", ["mail.read"], tenant="south", grant_id="g2"),
        ),
        ({"verdict": "violation", "tenant": "south", "grant_id": "g2", "token_id": "t2", "join_key": "grant"},),
    ),
    Example(
        "two tenants have a refresh token of one id, which came of a revoked one in the first, and what came of it names no tenant",
        (
            token("10 09:00", "rt1", ["mail.read"], token_kind="refresh", tenant="north"),
            token("10 09:01", "rt2", ["mail.read"], token_kind="refresh", tenant="south", grant_id="g2"),
            revoked("10 12:00", token_id="rt1", tenant="north"),
            refreshed("10 13:00", "rt2", "rt1", ["mail.read"], token_kind="refresh", tenant="north"),
            refreshed("10 14:00", "t3", "rt2", ["mail.read"]),
        ),
        (
            {"verdict": "violation", "tenant": "north", "token_id": "rt2"},
            {
                "verdict": "indeterminate",
                "token_id": "t3",
                "detail": {"reason": "the new token names no tenant, and several have a token of the parent's id"},
            },
        ),
    ),
)

SILENT = (
    Example(
        "a fresh consent starts a new grant, though the id is reused",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("10 12:30", ["mail.read"]),
            token("10 13:00", "t2", ["mail.read"]),
        ),
    ),
    Example(
        "a token that was exchanged before the end of its parent is none",
        (
            token("10 09:01", "t1", ["mail.read"], "10 18:00"),
            token("10 11:00", "x1", ["mail.read"], kind="exchange", parent_token_id="t1", grant_id="g2", client_id="b"),
            revoked("10 12:00"),
        ),
    ),
    Example(
        "a key was switched off, and on again before it got a session",
        (
            token("10 09:01", "k1", ["mail.read"], **_KEY),
            revoked("10 10:00", token_id="k1", kind="disable"),
            token("10 11:00", "k1", ["mail.read"], **_KEY),
            token("10 12:00", "t1", ["mail.read"], parent_token_id="k1", grant_id="g2"),
        ),
    ),
    Example(
        "refused issuance is none",
        (
            token("10 09:01", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", "grant"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"], outcome="denied"),
        ),
    ),
    Example(
        "a client that was disabled was let in again by a consent",
        (
            token("10 09:01", "t1", ["mail.read"]),
            revoked("10 12:00", "client", kind="disable"),
            consent("10 12:30", ["mail.read"], "g2"),
            token("10 13:00", "t2", ["mail.read"], grant_id="g2"),
        ),
    ),
    Example(
        "a client that was disabled was enabled again, as the log tells, and so was a person",
        (
            token("10 09:01", "t1", ["mail.read"]),
            revoked("10 12:00", "client", kind="disable"),
            revoked("10 12:01", "subject", kind="disable", event_id="r3"),
            revoked("10 12:30", "client", kind="enable", event_id="r2"),
            revoked("10 12:31", "subject", kind="enable", event_id="r4"),
            token("10 13:00", "t2", ["mail.read"]),
        ),
    ),
    Example(
        "the end of one access token ends no grant",
        (
            token("10 09:01", "t1", ["mail.read"]),
            revoked("10 12:00"),
            token("10 13:00", "t2", ["mail.read"]),
        ),
    ),
    Example(
        "two tenants have a refresh token of one id: what came of the one that was not revoked",
        (
            *OF_TWO_TENANTS,
            revoked("10 12:00", token_id="rt1", tenant="north"),
            refreshed("10 13:00", "t2", "rt1", ["mail.read"], tenant="south", grant_id="g2", client_id="other"),
        ),
    ),
    Example(
        "the end of one access token, of which the log names the grant too, ends no grant",
        (
            token("10 11:00", "t1", ["mail.read"]),
            revoked("10 12:00", token_id="t1", grant_id="g1"),
            token("10 13:00", "t2", ["mail.read"]),
        ),
    ),
)
