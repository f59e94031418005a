"""Small logs in which access is used after its revocation, or is not: what REV-1 is run on."""

from grantlens.rule.example import Example, consent, moment, refreshed, revoked, token, use

READ = "GET /v1/messages/7"

OF_TWO = (
    token("10 11:00", "t1", ["mail.read"], "10 18:00", tenant="one"),
    token("10 10:00", "t1", ["mail.read"], "10 18:00", tenant="two", grant_id="g2", client_id="other"),
)
"""Two tenants issued a token of one id."""

FIRES = (
    Example(
        "a key is deleted, and the log shows only some of what is issued: a deleted key does not come back",
        (revoked("10 12:00", token_id="k1"), use("10 12:10", READ, "k1")),
        ({"verdict": "violation", "token_id": "k1"},),
        declared={"carries": ("usage", "revocation")},
    ),
    Example(
        "a refresh token is rotated and then revoked, and what its first one gave works on",
        (
            token("10 09:00", "rt1", ["mail.read"], token_kind="refresh"),
            refreshed("10 10:00", "t1", "rt1", ["mail.read"], "10 18:00"),
            refreshed("10 10:00", "rt2", "rt1", ["mail.read"], token_kind="refresh"),
            revoked("10 12:00", token_id="rt2"),
            use("10 12:10", READ),
        ),
        ({"verdict": "violation", "token_id": "t1", "events": 2},),
    ),
    Example(
        "an agent that gets its tokens by exchange works on after a person's consent to it was taken back",
        (
            token("10 11:00", "t0", ["openid"], "10 18:00", client_id="portal", grant_id="g0"),
            token("10 11:01", "t1", ["mail.read"], "10 18:00", kind="exchange", parent_token_id="t0"),
            revoked("10 12:00", "grant", grant_id=None),
            use("10 12:10", READ),
        ),
        ({"verdict": "violation", "token_id": "t1", "client_id": "app", "events": 2},),
    ),
    Example(
        "a person's sessions end, and a token works on of which only its calls tell, and that it was issued before",
        (
            revoked("10 12:00", "policy", client_id=None, issued_before=moment("10 12:00")),
            use("10 12:10", READ, "t9", token_issued_at=moment("10 11:30")),
        ),
        ({"verdict": "violation", "token_id": "t9", "client_id": "app", "join_key": "token", "events": 2},),
    ),
    Example(
        "a person is disabled, and his token works on until he is enabled again: before, that was refused, and another was",
        (
            token("10 11:00", "t1", ["mail.read"], "10 18:00"),
            revoked("10 12:00", "subject", kind="disable"),
            revoked("10 12:05", "subject", kind="enable", outcome="denied", event_id="r2"),
            revoked("10 12:06", "subject", kind="enable", subject_id="bob", event_id="r3"),
            use("10 12:10", READ),
            revoked("10 12:20", "subject", kind="enable", event_id="r4"),
            use("10 12:30", READ),
        ),
        ({"verdict": "violation", "token_id": "t1", "events": 2, "detail": {"uses_after": 1}},),
    ),
    Example(
        "a client is disabled and enabled again, and the calls of a grant in between name no token",
        (
            consent("10 11:00", ["mail.read"]),
            revoked("10 12:00", "client", kind="disable"),
            use("10 12:10", READ, None, grant_id="g1"),
            revoked("10 12:20", "client", kind="enable", event_id="r2"),
            use("10 12:30", READ, None, grant_id="g1"),
        ),
        ({"verdict": "violation", "grant_id": "g1", "events": 2, "detail": {"uses_after": 1}},),
    ),
    Example(
        "two tenants issued a token of one id, and the token of the one works on after it was revoked there",
        (
            *OF_TWO,
            revoked("10 12:00", tenant="one"),
            use("10 12:10", READ, tenant="one"),
            use("10 12:20", READ, tenant="two", client_id="other"),
        ),
        ({"verdict": "violation", "tenant": "one", "grant_id": "g1", "events": 2, "detail": {"reason": None}},),
    ),
    Example(
        "a tenant revoked a token of which no issuance is known, and its calls name no tenant",
        (revoked("10 12:00", token_id="t9", tenant="one"), use("10 12:10", READ, "t9")),
        ({"verdict": "violation", "tenant": "one", "token_id": "t9", "grant_id": None},),
    ),
    Example(
        "a client of two tenants is ended in one, where a token of its id is the other tenant's too",
        (
            token("10 11:00", "t1", ["mail.read"], "10 18:00", tenant="one"),
            token("10 10:00", "t1", ["mail.read"], "10 18:00", tenant="two", grant_id="g2"),
            revoked("10 12:00", "client", tenant="two"),
            use("10 12:10", READ, tenant="one"),
            use("10 12:20", READ, tenant="two"),
        ),
        ({"verdict": "violation", "tenant": "two", "grant_id": "g2", "events": 2},),
    ),
    Example(
        "calls that name the revoked session, which no refresh opens again, while another session of the grant lives on",
        (
            token("10 11:00", "t1", ["mail.read"], "10 18:00", session_id="s1"),
            token("10 11:30", "t2", ["mail.read"], "10 18:00", session_id="s2"),
            revoked("10 12:00", "session", session_id="s1", client_id=None, subject_id=None),
            refreshed("10 12:10", "t3", "rt1", ["mail.read"], "10 18:00", session_id="s1"),
            use("10 12:30", READ, None, session_id="s1"),
            use("10 12:40", READ, "t2", session_id="s2"),
        ),
        (
            {
                "verdict": "violation",
                "subject_id": "ann",
                "token_id": None,
                "grant_id": None,
                "join_key": "session",
                "detail": {"uses_after": 1, "last_success_s": 1800.0},
            },
        ),
    ),
    Example(
        "it was revoked before the window, and worked within it",
        (
            token("10 11:00", "t1", ["mail.read"], "12 13:00"),
            revoked("10 12:00"),
            use("10 12:10", READ, status=401),
            use("12 09:00", READ),
        ),
        ({"verdict": "violation", "token_id": "t1", "events": 3, "detail": {"first_denial_s": 600.0}},),
        since="12 00:00",
    ),
    Example(
        "a key that worked while it was switched off",
        (
            token("10 09:00", "t1", None, kind="credential", token_kind="api_key"),
            revoked("10 12:00", kind="disable"),
            use("10 12:30", READ),
            token("10 13:00", "t1", None, kind="credential", token_kind="api_key"),
            use("10 14:00", READ),
        ),
        ({"verdict": "violation", "token_id": "t1", "events": 2, "detail": {"last_success_s": 1800.0}},),
    ),
    Example(
        "a grant was revoked, given again and revoked again: the first calls name it, later ones neither token nor grant",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 10:00", "grant", event_id="r0"),
            use("10 10:10", READ, None, grant_id="g1"),
            consent("10 11:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 12:10", READ, None),
        ),
        (
            {"verdict": "violation", "events": 2, "detail": {"revocation_event": "r0", "uses_after": 1}},
            {"verdict": "indeterminate", "events": 2, "detail": {"revocation_event": "r1", "uses_after": 1}},
        ),
    ),
    Example(
        "the call names the revoked grant, and a token of which no issuance is known",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 12:30", READ, "t9", grant_id="g1"),
        ),
        ({"verdict": "violation", "grant_id": "g1", "token_id": None, "join_key": "grant"},),
    ),
    Example(
        "it went on, and nothing explains it",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:00:30.25", READ),
            use("10 12:01", READ, status=401),
        ),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "title": "Access of app was used after its revocation",
                "explained_by": None,
                "token_id": "t1",
                "resource_server": "mail.example",
                "events": 3,
                "join_key": "token",
                "detail": {
                    "revocation_event": "r1",
                    "last_success_s": 30.25,
                    "first_denial_s": 60.0,
                    "lag_lower_s": 19.25,
                    "lag_upper_s": 70.0,
                    "uses_after": 1,
                    "censored": "no",
                },
            },
        ),
    ),
    Example(
        "inside the server's cache time: a fact, explained",
        (
            token("10 11:00", "t1", ["files.read"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:02", "GET /v1/files/7", server="files.example"),
            use("10 12:06", "GET /v1/files/7", server="files.example", status=401),
        ),
        ({"verdict": "violation", "severity": "low", "explained_by": "cache", "detail": {"allowed_s": 300.0}},),
    ),
    Example(
        "the same with a write",
        (
            token("10 11:00", "t1", ["files.write"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:02", "PUT /v1/files/7", server="files.example"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "explained_by": "cache",
                "detail": {"censored": "right", "lag_upper_s": None},
            },
        ),
    ),
    Example(
        "a client that goes on with what it had revoked itself",
        (
            token("10 11:00", "t1", ["files.read"], "10 13:00"),
            revoked("10 12:00", initiator="client"),
            use("10 12:02", "GET /v1/files/7", server="files.example"),
        ),
        ({"verdict": "violation", "severity": "high"},),
    ),
    Example(
        "an offline server accepts until the token expires",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00"),
            use("10 12:30", READ, server="offline.example"),
        ),
        ({"verdict": "violation", "explained_by": "offline_jwt", "detail": {"allowed_s": 3600.0}},),
    ),
    Example(
        "a grant is revoked and the log names no token: the grant stands in",
        (
            consent("10 11:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 12:10", READ, None, grant_id="g1"),
        ),
        ({"verdict": "violation", "token_id": None, "grant_id": "g1", "join_key": "grant"},),
    ),
)

TWO_SIGN_INS = (
    token("10 09:00", "rt1", ["mail.read"], token_kind="refresh"),
    token("10 10:00", "rt2", ["mail.read"], token_kind="refresh"),
    refreshed("10 11:00", "t1", "rt1", ["mail.read"], "10 18:00"),
    refreshed("10 11:00", "t2", "rt2", ["mail.read"], "10 18:00"),
)
"""Of one client and person, each with its own refresh token."""

SILENT = (
    Example(
        "a person's sessions end, and a token that only its calls tell of was issued after it, or was not used after it",
        (
            revoked("10 12:00", "policy", client_id=None, issued_before=moment("10 12:00")),
            use("10 12:10", READ, "t8", token_issued_at=moment("10 12:05")),
            use("10 11:50", READ, "t9", token_issued_at=moment("10 11:30")),
        ),
    ),
    Example(
        "a refresh token is revoked, and the access of another sign-in of the same client and person goes on",
        (*TWO_SIGN_INS, revoked("10 12:00", token_id="rt1"), use("10 12:10", READ, "t2")),
    ),
    Example(
        "two tenants issued a token of one id, and one of them revoked its own",
        (*OF_TWO, revoked("10 12:00", tenant="two"), use("10 12:10", READ, tenant="one")),
    ),
    Example(
        "one tenant revoked a token of an id that the log knows in another tenant only, where it works on",
        (OF_TWO[0], revoked("10 12:00", tenant="two"), use("10 12:10", READ, tenant="one")),
    ),
    Example(
        "a refresh token is revoked in one tenant, and the token that came of one with its id in another works on",
        (
            token("10 09:00", "rt1", ["mail.read"], token_kind="refresh", tenant="one"),
            token("10 09:00", "rt1", ["mail.read"], token_kind="refresh", tenant="two", grant_id="g2"),
            refreshed("10 11:00", "rt2", "rt1", ["mail.read"], token_kind="refresh", tenant="two", grant_id="g2"),
            token("10 11:00", "t2", ["mail.read"], "10 18:00", tenant="two", grant_id="g2"),
            revoked("10 12:00", token_id="rt1", tenant="one"),
            use("10 12:10", READ, "t2", tenant="two"),
        ),
    ),
    Example(
        "it was revoked, and worked, before the window",
        (
            token("10 11:00", "t1", ["mail.read"], "12 13:00"),
            revoked("10 12:00"),
            use("11 09:00", READ),
            use("12 09:00", READ, status=401),
        ),
        since="12 00:00",
    ),
    Example(
        "calls that name neither token nor grant, before the window, after the end of the only grant of their client and subject",
        (
            consent("10 11:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            use("10 12:10", READ, None),
            use("12 09:00", READ, None, status=401),
        ),
        since="12 00:00",
    ),
    Example(
        "a key that was switched on again is good again",
        (
            token("10 09:00", "t1", None, kind="credential", token_kind="api_key"),
            revoked("10 12:00", kind="disable"),
            token("10 13:00", "t1", None, kind="credential", token_kind="api_key"),
            use("10 14:00", READ),
        ),
    ),
    Example(
        "calls that name neither token nor grant, while another grant of client and subject lives",
        (
            consent("10 11:00", ["mail.read"]),
            consent("10 11:00", ["files.read"], "g2"),
            revoked("10 12:00", "grant"),
            use("10 12:10", READ, None),
        ),
    ),
    Example(
        "a client for itself: calls that name neither token nor grant, while another grant of it lives",
        (
            consent("10 11:00", ["mail.read"], subject_id=None),
            consent("10 11:00", ["files.read"], "g2", subject_id=None),
            revoked("10 12:00", "grant", subject_id=None),
            use("10 12:10", READ, None, subject_id=None),
        ),
    ),
    Example(
        "refused at once",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            use("10 11:59", READ),
            revoked("10 12:00"),
            use("10 12:00:12", READ, status=401),
        ),
    ),
    Example(
        "a call that began before and ended after",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            use("10 11:59:50", READ, ended_at="2026-07-10T12:05:00Z"),
            revoked("10 12:00"),
        ),
    ),
    Example(
        "a failed revocation ends nothing",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00", outcome="error"),
            use("10 12:10", READ),
        ),
    ),
    Example(
        "a downgrade is no revocation",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            revoked("10 12:00", "grant", kind="downgrade", scopes_removed=["mail.send"]),
            use("10 12:10", READ),
        ),
    ),
    Example(
        "what another client got in exchange for the token is not covered",
        (
            token("10 11:00", "t1", ["mail.read"], "10 13:00"),
            token(
                "10 11:30",
                "t2",
                ["mail.read"],
                "10 13:00",
                kind="exchange",
                parent_token_id="t1",
                client_id="tool",
                grant_id="g2",
            ),
            revoked("10 12:00", "grant"),
            use("10 12:10", READ, "t2", client_id="tool"),
        ),
    ),
    Example(
        "a token issued after the revocation of its grant is not covered",
        (
            consent("10 11:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("10 12:30", ["mail.read"]),
            token("10 12:31", "t2", ["mail.read"], "10 13:00"),
            use("10 12:40", READ, "t2"),
            use("10 12:41", READ, None, grant_id="g1"),
        ),
    ),
)
