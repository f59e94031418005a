"""Small logs in which scopes are taken away, and calls need them or do not: what REV-11 is run on."""

from typing import Any

from grantlens.rule.example import Example, consent, revoked, token, use

BOTH, READ, SEND, DELETE = (
    ["mail.read", "mail.send"],
    "GET /v1/messages/7",
    "POST /v1/messages",
    "DELETE /v1/messages/7",
)


def taken(when: str, *scopes: str, target_kind: str = "grant", **more: Any) -> dict[str, Any]:
    """Write a downgrade r1 of grant g1 that takes these scopes away."""
    return revoked(when, target_kind, kind="downgrade", scopes_removed=list(scopes), **more)


FIRES = (
    Example(
        "an agent that gets its tokens by exchange goes on sending after that was taken from its grant",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00", kind="exchange", parent_token_id="t0"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND),
            use("10 12:30", READ),
        ),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "token_id": "t1",
                "grant_id": "g1",
                "scopes": ["mail.send"],
                "events": 2,
            },
        ),
    ),
    Example(
        "the token that an agent got by exchange is narrowed itself",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00", kind="exchange", parent_token_id="t0"),
            taken("10 12:00", "mail.send", target_kind="token"),
            use("10 12:10", SEND),
        ),
        ({"verdict": "violation", "token_id": "t1", "scopes": ["mail.send"], "detail": {"uses_after": 1}},),
    ),
    Example(
        "a key of that id was issued again, in another tenant",
        (
            consent("10 09:00", BOTH, tenant="one"),
            token("10 11:00", "k1", BOTH, tenant="one", kind="credential"),
            taken("10 12:00", "mail.send", tenant="one"),
            token("10 12:30", "k1", BOTH, tenant="two", kind="credential", grant_id="g2"),
            use("10 12:40", SEND, "k1", tenant="one"),
        ),
        ({"verdict": "violation", "tenant": "one", "token_id": "k1", "grant_id": "g1"},),
    ),
    Example(
        "a token from before the downgrade still sends, beyond all that explains it",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            use("10 11:30", SEND),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND),
            use("10 12:20", SEND),
            use("10 12:30", READ),
        ),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "explained_by": None,
                "title": "app used mail.send after it had been taken away",
                "client_id": "app",
                "subject_id": "ann",
                "grant_id": "g1",
                "token_id": "t1",
                "resource_server": "mail.example",
                "operation": "POST /v1/messages",
                "scopes": ["mail.send"],
                "first_seen": "2026-07-10T12:10:00Z",
                "last_seen": "2026-07-10T12:20:00Z",
                "events": 3,
                "join_key": "token",
                "detail": {
                    "revocation_event": "r1",
                    "scopes_removed": ["mail.send"],
                    "operations": ["POST /v1/messages"],
                    "held_from": "token",
                    "last_success_s": 1200.0,
                    "lag_lower_s": 1189.0,
                    "uses_after": 2,
                    "writes_after": 2,
                    "allowed_s": 0.0,
                    "reason": None,
                },
            },
        ),
    ),
    Example(
        "inside the server's cache time: a fact, explained; writes weigh more",
        (
            consent("10 09:00", ["files.read", "files.write"]),
            token("10 11:00", "t1", ["files.write"], "10 13:00"),
            token("10 11:00", "t2", ["files.read"], "10 13:00"),
            taken("10 12:00", "files.read", "files.write"),
            use("10 12:02", "PUT /v1/files/7", server="files.example"),
            use("10 12:02", "GET /v1/files/7", "t2", server="files.example"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "explained_by": "cache",
                "token_id": "t1",
                "detail": {"allowed_s": 300.0},
            },
            {"verdict": "violation", "severity": "low", "explained_by": "cache", "token_id": "t2"},
        ),
    ),
    Example(
        "a read that surely came after, and a write that may have come before: only the read is told as proven",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", *BOTH),
            use("10 12:00:05", SEND),
            use("10 12:10", READ),
        ),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "app used mail.read after it had been taken away",
                "scopes": ["mail.read"],
                "operation": "GET /v1/messages/{id}",
                "events": 3,
                "detail": {"uses_after": 1, "writes_after": 0, "scopes_removed": ["mail.read"]},
            },
        ),
    ),
    Example(
        "a grant for everyone permits a call while it stands, and not one after its end",
        (
            consent("10 08:00", ["mail.send"], "g-all", subject_id=None, consent_kind="admin"),
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            use("10 12:05", SEND),
            revoked("10 12:10", "grant", grant_id="g-all", subject_id=None, event_id="r2"),
            use("10 12:30", SEND),
        ),
        ({"verdict": "violation", "first_seen": "2026-07-10T12:30:00Z", "events": 2, "detail": {"uses_after": 1}},),
    ),
    Example(
        "the call names the grant alone: what it had held is taken away, and OOS-1 leaves it to this rule",
        (
            consent("10 09:00", BOTH),
            taken("10 12:00", "mail.read"),
            use("10 12:10", READ, None, grant_id="g1"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "grant_id": "g1",
                "token_id": None,
                "join_key": "grant",
                "detail": {"held_from": "grant"},
            },
        ),
    ),
    Example(
        "the call repeats the scope that was taken away, with a token of which no issuance is known",
        (
            consent("10 09:00", BOTH),
            taken("10 12:00", "mail.read"),
            use("10 12:10", READ, "t9", grant_id="g1", token_scopes=BOTH),
        ),
        (
            {
                "verdict": "violation",
                "grant_id": "g1",
                "token_id": None,
                "join_key": "grant",
                "detail": {"held_from": "usage"},
            },
        ),
    ),
)

SILENT = (
    Example(
        "a token of that id is older than the downgrade, and another tenant's",
        (
            consent("10 09:00", BOTH, tenant="one"),
            token("10 09:30", "t1", BOTH, tenant="two", grant_id="g2"),
            taken("10 12:00", "mail.send", tenant="one"),
            token("10 12:30", "t1", BOTH, tenant="one"),
            use("10 12:40", SEND, tenant="one"),
        ),
    ),
    Example(
        "a scope that remains permits it: of the token, by implication, or of the grant",
        (
            consent("10 09:00", ["mail.read", "mail.write"]),
            token("10 11:00", "t1", ["mail.read", "mail.write"], "10 13:00"),
            token("10 11:00", "t2", ["mail.read"], "10 13:00"),
            taken("10 12:00", "mail.read"),
            use("10 12:10", READ),
            use("10 12:10", READ, "t2"),
            use("10 12:10", READ, None, grant_id="g1"),
        ),
    ),
    Example(
        "the scope was given again, and is used with the old token",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            consent("10 12:10", ["mail.send"]),
            use("10 12:20", SEND),
            use("10 12:20", SEND, None, grant_id="g1"),
        ),
    ),
    Example(
        "refused, and before: nothing was used after it had been taken away",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            use("10 11:59:00", SEND),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND, status=403),
        ),
    ),
    Example(
        "a token that was issued after the downgrade: that it holds the scope is another fault",
        (
            consent("10 09:00", BOTH),
            taken("10 12:00", "mail.send"),
            token("10 12:10", "t1", BOTH, "10 13:00"),
            use("10 12:20", SEND),
        ),
    ),
    Example(
        "what another client got in exchange for the token is not covered",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            token("10 11:30", "t2", BOTH, "10 13:00", kind="exchange", parent_token_id="t1", client_id="calendar"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND, "t2", client_id="calendar"),
        ),
    ),
    Example(
        "what an agent got by exchange does not end with what is taken from the person",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00", kind="exchange", parent_token_id="t0"),
            taken("10 12:00", "mail.send", target_kind="subject"),
            use("10 12:10", SEND),
        ),
    ),
)

UNDECIDABLE = (
    Example(
        "a call seconds before the downgrade: it may have come after",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            use("10 11:59:58", SEND),
            taken("10 12:00", "mail.send"),
        ),
        (
            {
                "verdict": "indeterminate",
                "events": 2,
                "detail": {"reason": "the call and a change of the grant are closer than the clocks can tell"},
            },
        ),
    ),
    Example(
        "scopes are taken from a token of an id that two tenants issued, and of two calls one names neither, the other the other tenant",
        (
            token("10 11:00", "t1", BOTH, "10 13:00", tenant="one"),
            token("10 11:00", "t1", BOTH, "10 13:00", tenant="two", grant_id="g2"),
            taken("10 12:00", "mail.send", target_kind="token", token_id="t1", tenant="two"),
            use("10 12:10", SEND),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the calls name no tenant, and several have a token of this id"},
            },
        ),
    ),
    Example(
        "in the same second, and closer than two clocks can tell",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00:00.5", "mail.send"),
            use("10 12:00:00", SEND),
            use("10 12:00:09.5", SEND),
        ),
        (
            {
                "verdict": "indeterminate",
                "severity": "critical",
                "title": "app may have used mail.send after it had been taken away",
                "events": 3,
                "detail": {
                    "uses_after": 0,
                    "reason": "the call and a change of the grant are closer than the clocks can tell",
                },
            },
        ),
    ),
    Example(
        "the token and the downgrade are of nearly one moment: it may be the younger",
        (
            consent("10 09:00", BOTH),
            token("10 11:59:55", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            token("10 12:00:05", "t2", None, "10 13:00"),
            use("10 12:10", SEND),
            use("10 12:10", SEND, "t2"),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t1",
                "detail": {"reason": "the issuance of the token and the downgrade are closer than the clocks can tell"},
            },
            {"verdict": "indeterminate", "token_id": "t2"},
        ),
    ),
    Example(
        "a consent in between does not say to what, and a grant that only the downgrade names",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            consent("10 12:05", None),
            use("10 12:10", SEND),
            taken("10 12:00", "mail.read", grant_id="g9", event_id="r9"),
            use("10 12:10", READ, None, grant_id="g9", token_scopes=BOTH),
        ),
        (
            {
                "verdict": "indeterminate",
                "grant_id": "g1",
                "detail": {"reason": "which scopes were still granted is not known"},
            },
            {
                "verdict": "indeterminate",
                "grant_id": "g9",
                "detail": {"reason": "which scopes were still granted is not known"},
            },
        ),
    ),
    Example(
        "a server of which nothing is known",
        (
            consent("10 09:00", ["jobs.run"]),
            token("10 11:00", "t1", ["jobs.run"], "10 13:00"),
            taken("10 12:00", "jobs.run"),
            use("10 12:10", "POST /v1/jobs", server="jobs.example"),
        ),
        (
            {
                "verdict": "indeterminate",
                "severity": "high",
                "detail": {
                    "uses_after": 1,
                    "allowed_s": None,
                    "reason": "nothing says how long this server may go on accepting what was taken away",
                },
            },
        ),
    ),
)
