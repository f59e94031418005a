"""REV-11 in more cases than its examples: each is there for a condition that no other one holds."""

import pytest

from grantlens import detect
from grantlens.catalogue.model import Catalogue
from grantlens.register.clocks import Clocks
from grantlens.register.server import Servers
from grantlens.rule.example import Example, consent, moment, revoked, token, use
from grantlens.rules import find
from grantlens.rules.stale_privilege.examples import BOTH, DELETE, READ, SEND, taken
from grantlens.schema.register import SERVER
from tests.rules.together import Together


def in_(tenant):
    """Return what a record says of its tenant, if anything."""
    return {"tenant": tenant} if tenant else {}


CASES = (
    Example(
        "reads weigh less, and a broader scope that was taken away is told",
        (
            consent("10 09:00", ["desk.use", "mail.send"]),
            token("10 11:00", "t1", ["desk.use", "mail.send"], "10 13:00"),
            taken("10 12:00", "desk.use"),
            use("10 12:10", READ),
        ),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "scopes": ["desk.use"],
                "operation": READ.replace("7", "{id}"),
            },
        ),
    ),
    Example(
        "a token whose scopes no log names held what its grant did",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", None, "10 13:00"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND),
        ),
        ({"verdict": "violation", "token_id": "t1", "detail": {"held_from": "grant"}},),
    ),
    Example(
        "client and subject have one grant, and the call names no more than them",
        (consent("10 09:00", BOTH), taken("10 12:00", "mail.read"), use("10 12:10", READ, None)),
        ({"verdict": "violation", "grant_id": "g1", "token_id": None, "join_key": "client_subject"},),
    ),
    Example(
        "the scope was taken from the whole client, and from all that a person lets clients do",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send", target_kind="client"),
            taken("10 12:05", "mail.read", target_kind="subject", event_id="r2"),
            use("10 12:10", SEND),
            use("10 12:10", READ),
        ),
        (
            {"verdict": "violation", "detail": {"revocation_event": "r1", "scopes_removed": ["mail.send"]}},
            {"verdict": "violation", "detail": {"revocation_event": "r2", "scopes_removed": ["mail.read"]}},
        ),
    ),
    Example(
        "a key is narrowed, and its grant is not: another key of it may still send",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, kind="credential", token_kind="api_key"),
            token("10 11:00", "t2", BOTH, kind="credential", token_kind="api_key"),
            taken("10 12:00", "mail.send", target_kind="token"),
            use("10 12:10", SEND),
            use("10 12:10", SEND, "t2"),
            use("10 12:10", SEND, None, grant_id="g1"),
        ),
        ({"verdict": "violation", "token_id": "t1", "events": 2},),
    ),
    Example(
        "what a client got by exchange is narrowed by a downgrade that names it, by whichever of its ids; not by one of a person",
        tuple(
            {**record, "source": "microsoft_entra"}
            for number, how in enumerate(({"grant_id": "entra:o0"}, {"target_kind": "subject"}))
            for record in (
                consent("10 09:00", BOTH, f"entra:o{number}", client_id=f"app{number}", subject_id=f"p{number}"),
                token(
                    "10 11:00",
                    f"t{number}",
                    BOTH,
                    "10 13:00",
                    kind="exchange",
                    grant_id=f"entra:o{number}",
                    client_id=f"app{number}",
                    subject_id=f"p{number}",
                ),
                taken(
                    "10 12:00",
                    "mail.send",
                    event_id=f"r{number}",
                    client_id=("o0", "app1")[number],
                    subject_id=f"p{number}",
                    **how,
                ),
                use("10 12:10", SEND, f"t{number}", client_id=f"app{number}", subject_id=f"p{number}"),
            )
        ),
        ({"verdict": "violation", "token_id": "t0", "events": 2},),
    ),
    Example(
        "two downgrades took the two scopes that would do: the later one left none",
        (
            consent("10 09:00", ["mail.send", "mail.write"]),
            token("10 11:00", "t1", ["mail.send", "mail.write"], "10 13:00"),
            taken("10 12:00", "mail.send"),
            taken("10 12:20", "mail.write", event_id="r2"),
            use("10 12:10", SEND),
            use("10 12:30", SEND),
        ),
        (
            {
                "verdict": "violation",
                "events": 2,
                "detail": {
                    "revocation_event": "r2",
                    "scopes_removed": ["mail.send", "mail.write"],
                    "last_success_s": 600.0,
                },
            },
        ),
    ),
    Example(
        "an operation that needs two scopes, of which one was taken away",
        (
            consent("10 09:00", ["files.write", "people.read"]),
            token("10 11:00", "t1", ["files.write", "people.read"], "10 13:00"),
            taken("10 12:00", "people.read"),
            use("10 12:10", "POST /v1/shares", server="files.example", status=201),
        ),
        ({"verdict": "violation", "severity": "critical", "scopes": ["people.read"]},),
    ),
    Example(
        "it was taken away before the window, and worked within it",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "14 13:00"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND),
            use("12 09:00", SEND),
        ),
        ({"verdict": "violation", "events": 2, "first_seen": "2026-07-12T09:00:00Z"},),
        since="12 00:00",
    ),
    Example(
        "seconds before it was taken away the grant did not hold it either, by all that the logs tell: OOS-1 tells of that call",
        (
            consent("10 09:00", ["mail.read"]),
            use("10 11:59:56", SEND, None, grant_id="g1"),
            taken("10 12:00", "mail.send"),
        ),
    ),
    Example(
        "the grant ended, and a fresh consent opened it anew",
        (
            consent("10 09:00", BOTH),
            taken("10 12:00", "mail.send"),
            revoked("10 12:10", "grant", event_id="r2"),
            consent("10 12:20", ["mail.read"]),
            use("10 12:30", SEND, None, grant_id="g1"),
        ),
    ),
    Example(
        "a downgrade that failed, one that takes away what the call does not need, and one that does not say what",
        (
            consent("10 09:00", [*BOTH, "mail.write"]),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send", outcome="error"),
            taken("10 12:01", "mail.write", event_id="r2"),
            revoked("10 12:02", "grant", kind="downgrade", event_id="r3"),
            use("10 12:10", SEND),
        ),
    ),
    Example(
        "proven after expiry: that is INT-2",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 12:05"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND),
        ),
    ),
    Example(
        "a key that was issued again with the scope",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, kind="credential", token_kind="api_key"),
            taken("10 12:00", "mail.send"),
            token("10 12:05", "t1", BOTH, kind="credential", token_kind="api_key"),
            use("10 12:10", SEND),
        ),
    ),
    Example(
        "an admin's grant for everyone still holds what the person's own lost",
        (
            consent("10 08:00", ["mail.send"], "g-all", subject_id=None, consent_kind="admin"),
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND),
        ),
    ),
    Example(
        "an operation that no catalogue knows points to no scope: OOS-1 tells of it",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", "GET /v1/odd/7"),
        ),
    ),
    Example(
        "it was never permitted: that is OOS-1",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", DELETE),
        ),
    ),
    Example(
        "seconds before the scope was given again",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            use("10 12:19:55", SEND),
            consent("10 12:20", ["mail.send"]),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the call and a change of the grant are closer than the clocks can tell"},
            },
        ),
    ),
    Example(
        "a key is narrowed of which no log says whose it is, and by what grant",
        (
            token("10 11:00", "k1", BOTH, kind="credential", grant_id=None, client_id=None, subject_id=None),
            taken("10 12:00", "mail.send", target_kind="credential", token_id="k1", client_id=None, subject_id=None),
            use("10 12:10", SEND, "k1"),
            use("10 12:10", READ, "k1"),
        ),
        ({"verdict": "violation", "token_id": "k1", "grant_id": None, "events": 2},),
    ),
    Example(
        "seconds before the token itself is narrowed",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send", target_kind="token"),
            use("10 11:59:55", SEND),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the call and a change of the grant are closer than the clocks can tell"},
            },
        ),
    ),
    Example(
        "a downgrade of a token, a key or a session of a grant that no issuance tells of, an end that names scopes, and a downgrade that failed",
        (
            *(
                taken("10 12:00", "mail.read", target_kind=kind, grant_id=f"of-{kind}", event_id=f"r-{kind}", **names)
                for kind, names in (
                    ("token", {"token_id": "t8"}),
                    ("credential", {"token_id": "t8"}),
                    ("session", {"session_id": "s8"}),
                )
            ),
            revoked("10 12:00", "grant", grant_id="g8", scopes_removed=BOTH, event_id="r2"),
            taken("10 12:00", "mail.read", grant_id="g7", outcome="error", event_id="r3"),
            *(
                use("10 12:10", READ, None, grant_id=grant, token_scopes=BOTH)
                for grant in ("of-token", "of-credential", "of-session", "g8", "g7")
            ),
        ),
    ),
    Example(
        "an end of a token that names scopes, a downgrade of one that failed, and one of a token whose scopes nobody knows",
        (
            *(token("10 11:00", f"t{n}", BOTH, "10 13:00", grant_id=f"g{n}") for n in (1, 2)),
            token("10 11:00", "t3", None, "10 13:00", grant_id="g3"),
            revoked("10 12:08", scopes_removed=["mail.send"], outcome="success", kind="signal"),
            taken("10 12:00", "mail.send", target_kind="token", token_id="t2", outcome="error", event_id="r2"),
            taken("10 12:00", "mail.send", target_kind="token", token_id="t3", event_id="r3"),
            *(use("10 12:10", SEND, f"t{n}") for n in (1, 2, 3)),
        ),
    ),
    Example(
        "a downgrade of a grant that names a token too: the grant was given the scope again",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send", token_id="t1"),
            consent("10 12:05", ["mail.send"]),
            use("10 12:10", SEND),
        ),
    ),
    Example(
        "a downgrade of a token of which no issuance is known says nothing of its grant",
        (
            consent("10 09:00", BOTH),
            taken("10 12:00", "mail.send", target_kind="token", token_id="t9"),
            use("10 12:10", SEND, "t9", grant_id="g1"),
        ),
    ),
    Example(
        "a grant for everyone that is over, one of another client, and the client's own do not permit it to a person",
        (
            consent("10 08:00", ["mail.send"], "g-all", subject_id=None, consent_kind="admin"),
            revoked("10 12:02", "grant", grant_id="g-all", subject_id=None, event_id="r2"),
            consent("10 08:00", ["mail.send"], "g-other", client_id="zeta", subject_id=None, consent_kind="admin"),
            consent("10 08:00", ["mail.send"], "g-own", subject_id=None, subject_kind="service"),
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND),
        ),
        ({"verdict": "violation", "grant_id": "g1"},),
    ),
    Example(
        "a grant for everyone is none for what the client does for itself",
        (
            consent("10 08:00", ["mail.send"], "g-all", subject_id=None, consent_kind="admin"),
            consent("10 09:00", BOTH, "g-own", subject_id=None, subject_kind="service"),
            token("10 11:00", "t1", BOTH, "10 13:00", grant_id="g-own", subject_id=None, subject_kind="service"),
            taken("10 12:00", "mail.send", grant_id="g-own", subject_id=None),
            use("10 12:10", SEND, subject_id=None),
        ),
        ({"verdict": "violation", "grant_id": "g-own"},),
    ),
    Example(
        "a token is narrowed itself: that a grant for everyone holds the scope does not give it back",
        (
            consent("10 08:00", BOTH, "g-all", subject_id=None, consent_kind="admin"),
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send", target_kind="token"),
            use("10 12:10", SEND),
        ),
        ({"verdict": "violation", "token_id": "t1"},),
    ),
    Example(
        "a grant for everyone is narrowed, within the second of the call",
        (
            consent("10 08:00", BOTH, "g-all", subject_id=None, consent_kind="admin"),
            token("10 11:00", "t1", BOTH, "10 13:00", grant_id="g-all"),
            taken("10 12:00:00.5", "mail.send", grant_id="g-all", subject_id=None),
            use("10 12:00", SEND),
        ),
        ({"verdict": "indeterminate", "grant_id": "g-all"},),
    ),
    Example(
        "what a grant for everyone beside it holds is not known: undecided, and of the grant alone that is told by OOS-1",
        (
            consent("10 08:00", None, "g-all", subject_id=None, consent_kind="admin"),
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND),
            use("10 12:10", SEND, None, grant_id="g1"),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "t1",
                "detail": {"reason": "which scopes were still granted is not known"},
            },
        ),
    ),
    Example(
        "a half that the token never held is no way to have been permitted: that is OOS-1",
        (
            consent("10 08:00", ["people.read"], "g-all", subject_id=None, consent_kind="admin"),
            consent("10 09:00", ["files.write", "people.read"]),
            token("10 11:00", "t1", ["files.write"], "10 13:00"),
            taken("10 12:00", "files.write"),
            use("10 12:10", "POST /v1/shares", server="files.example"),
        ),
    ),
    Example(
        "the same, where only a grant for everyone holds the other half",
        (
            consent("10 08:00", ["people.read"], "g-all", subject_id=None, consent_kind="admin"),
            consent("10 09:00", ["files.write"]),
            token("10 11:00", "t1", ["files.write"], "10 13:00"),
            taken("10 12:00", "files.write"),
            use("10 12:10", "POST /v1/shares", server="files.example"),
        ),
    ),
    Example(
        "another way that remains permits it",
        (
            consent("10 09:00", ["files.write", "people.read", "admin"]),
            token("10 11:00", "t1", ["files.write", "people.read", "admin"], "10 13:00"),
            taken("10 12:00", "admin"),
            use("10 12:10", "POST /v1/shares", server="files.example"),
        ),
    ),
    Example(
        "what remains is for people, or for the client itself, and permits the other nothing",
        (
            *(consent("10 09:00", ["people.read", "people.mine"], f"g{n}") for n in (1, 2)),
            token("10 11:00", "t1", ["people.read", "people.mine"], "10 13:00"),
            token(
                "10 11:00",
                "t2",
                ["people.read", "people.mine"],
                "10 13:00",
                grant_id="g2",
                subject_id="robot",
                subject_kind="service",
            ),
            taken("10 12:00", "people.mine"),
            taken("10 12:00", "people.read", grant_id="g2", event_id="r2"),
            use("10 12:10", "GET /v1/people"),
            use("10 12:10", "GET /v1/people", "t2", subject_id="robot"),
        ),
        (
            {"verdict": "violation", "token_id": "t1", "scopes": ["people.mine"]},
            {"verdict": "violation", "token_id": "t2", "scopes": ["people.read"]},
        ),
    ),
    Example(
        "a token of nearly the moment of the first downgrade, before the second: it may hold the first scope by right",
        (
            consent("10 09:00", ["mail.send", "mail.write"]),
            token("10 11:59:55", "t1", ["mail.send", "mail.write"], "10 13:00"),
            taken("10 12:00", "mail.send"),
            taken("10 12:20", "mail.write", event_id="r2"),
            use("10 12:30", SEND),
        ),
        ({"verdict": "indeterminate", "detail": {"revocation_event": "r2"}},),
    ),
    Example(
        "a call within the second of another change of the grant counts once",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            consent("10 12:10:00.5", ["files.read"]),
            use("10 12:10", SEND),
            use("10 12:20", SEND),
        ),
        ({"verdict": "violation", "events": 3, "detail": {"uses_after": 1}},),
    ),
    Example(
        "a token that the log tells of again is not issued again: only a key is",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 13:00"),
            taken("10 12:00", "mail.send"),
            token("10 12:05", "t1", BOTH, "10 13:00"),
            use("10 12:10", SEND),
        ),
        ({"verdict": "violation", "token_id": "t1"},),
    ),
    Example(
        "no issuance tells of the tokens, and their calls say when they were issued: before the scope was taken away, at nearly that moment, and after it",
        tuple(
            record
            for number, issued_at in enumerate(("10 11:59:48", "10 11:59:49", "10 12:00:11", "10 12:00:12"))
            for record in (
                consent("10 09:00", BOTH, f"g{number}"),
                taken("10 12:00", "mail.send", grant_id=f"g{number}", event_id=f"r{number}"),
                use(
                    "10 12:10",
                    SEND,
                    f"t{number}",
                    grant_id=f"g{number}",
                    token_scopes=BOTH,
                    token_issued_at=moment(issued_at),
                ),
            )
        ),
        (
            {"verdict": "violation", "grant_id": "g0"},
            *(
                {
                    "verdict": "indeterminate",
                    "grant_id": grant,
                    "detail": {
                        "reason": "the issuance of the token and the downgrade are closer than the clocks can tell"
                    },
                }
                for grant in ("g1", "g2")
            ),
        ),
    ),
    *(
        Example(
            f"a grant for everyone, of {everyones or 'no tenant'}, beside one of {own or 'no tenant'}, for a call that names {called or 'none'}",
            (
                consent("10 08:00", BOTH, "g-all", subject_id=None, consent_kind="admin", **in_(everyones)),
                consent("10 09:00", BOTH, **in_(own)),
                token("10 11:00", "t1", BOTH, "10 13:00", **in_(own)),
                taken("10 12:00", "mail.send", **in_(own)),
                use("10 12:10", SEND, **in_(called)),
            ),
            tuple({"verdict": verdict, "grant_id": "g1"} for verdict in told),
        )
        for everyones, own, called, told in (
            ("one", "one", None, ()),
            (None, None, "one", ()),
            ("one", None, "one", ()),
            ("one", None, None, ["indeterminate"]),
            (None, "one", "one", ["indeterminate"]),
            ("two", "one", None, ["violation"]),
            ("two", "one", "one", ["violation"]),
        )
    ),
    Example(
        "another client uses the token: it is told of the one that it was issued to",
        (
            consent("10 09:00", BOTH, tenant="north"),
            token("10 11:00", "t1", BOTH, "10 13:00", tenant="north"),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND, tenant="north"),
            use("10 12:11", SEND, client_id="zeta", subject_id="zoe", tenant="north"),
        ),
        ({"client_id": "app", "subject_id": "ann", "tenant": "north", "events": 3},),
    ),
    Example(
        "calls of several clients and people name one grant: whose they were is not told",
        (
            consent("10 09:00", BOTH),
            taken("10 12:00", "mail.send"),
            use("10 12:10", SEND, None, grant_id="g1"),
            use("10 12:11", SEND, None, grant_id="g1", client_id="zeta", subject_id="zoe"),
        ),
        ({"client_id": None, "subject_id": None, "grant_id": "g1", "events": 3},),
    ),
    Example(
        "the calls say how the server checks, and where they contradict each other nothing does",
        (
            consent("10 09:00", ["jobs.run"]),
            *(token("10 11:00", name, ["jobs.run"], "10 13:00") for name in ("t1", "t2")),
            taken("10 12:00", "jobs.run"),
            *(use(f"10 12:1{n}", "POST /v1/jobs", "t1", "jobs.example", validation="introspection") for n in (1, 2)),
            use("10 12:11", "POST /v1/jobs", "t2", "jobs.example", validation="introspection"),
            use("10 12:12", "POST /v1/jobs", "t2", "jobs.example", validation="offline"),
        ),
        (
            {"verdict": "violation", "token_id": "t1", "detail": {"allowed_s": 0.0}},
            {"verdict": "indeterminate", "token_id": "t2", "detail": {"allowed_s": None}},
        ),
    ),
    Example(
        "an expired token that is taken within the leeway of the server has no life left",
        (
            consent("10 09:00", ["files.read"]),
            token("10 11:00", "t1", ["files.read"], "10 11:59:30"),
            taken("10 12:00", "files.read"),
            use("10 12:00:20", "GET /v1/files/7", server="files.example"),
        ),
        ({"verdict": "violation", "severity": "high", "detail": {"allowed_s": 0.0}},),
    ),
    Example(
        "a grant for everyone comes later, holds something else for a while, and is over: calls beside each moment, and as far off as clocks tell",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 15:00"),
            taken("10 12:00", "mail.send"),
            consent("10 12:20", ["mail.send"], "g-all", subject_id=None, consent_kind="admin"),
            taken("10 12:40", "mail.send", grant_id="g-all", subject_id=None, event_id="r2"),
            consent("10 13:00", ["mail.send"], "g-all", subject_id=None, consent_kind="admin"),
            revoked("10 13:20", "grant", grant_id="g-all", subject_id=None, event_id="r3"),
            *(
                use(f"10 {when}", SEND)
                for when in ("12:19:45", "12:20:12", "12:39:45", "12:40:12", "12:59:45", "13:00:12", "13:20:12")
            ),
        ),
        ({"verdict": "violation", "events": 5, "detail": {"uses_after": 4}},),
    ),
    Example(
        "seconds before a grant for everyone begins, and after it ends",
        (
            consent("10 09:00", BOTH),
            token("10 11:00", "t1", BOTH, "10 15:00"),
            taken("10 12:00", "mail.send"),
            consent("10 12:20", ["mail.send"], "g-all", subject_id=None, consent_kind="admin"),
            revoked("10 13:20", "grant", grant_id="g-all", subject_id=None, event_id="r3"),
            *(use(f"10 {when}", SEND) for when in ("12:19:52", "12:20:01", "13:19:59", "13:20:08")),
        ),
        (
            {
                "verdict": "indeterminate",
                "events": 3,
                "detail": {"reason": "the call and a change of the grant are closer than the clocks can tell"},
            },
        ),
    ),
    Example(
        "of a tenant's token, calls that name the tenant and calls that do not are told together",
        (
            consent("10 09:00", BOTH, tenant="one"),
            token("10 11:00", "t1", BOTH, "10 13:00", tenant="one"),
            taken("10 12:00", "mail.send", tenant="one"),
            use("10 12:05", SEND, tenant="one"),
            use("10 12:10", SEND),
        ),
        ({"verdict": "violation", "tenant": "one", "events": 3},),
    ),
    Example(
        "a downgrade that names none of two tenants with a token of that id is told of each tenant that calls",
        (
            token("10 11:00", "t1", BOTH, "10 13:00", tenant="one"),
            token("10 11:00", "t1", BOTH, "10 13:00", tenant="two", grant_id="g2"),
            taken("10 12:00", "mail.send", target_kind="token"),
            *(use("10 12:05", SEND, tenant=tenant) for tenant in ("one", "two", None)),
        ),
        tuple({"verdict": "indeterminate", "tenant": tenant, "events": 2} for tenant in ("one", "two", None)),
    ),
    Example(
        "where the clocks leave room for it, the server was in time",
        (
            consent("10 09:00", ["files.read"]),
            token("10 11:00", "t1", ["files.read"], "10 13:00"),
            taken("10 12:00", "files.read"),
            use("10 12:05:08", "GET /v1/files/7", server="files.example"),
        ),
        ({"verdict": "violation", "severity": "low", "explained_by": "cache"},),
    ),
)


def told(desk, records, *known, **window):
    """Return what is said of these records, with what else the store is to know."""
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate(records)]
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(*known)
        return detect.run(store, ["REV-11"], **window)[0].to_dicts()


def fits(finding, expected):
    whole = finding | {f"detail.{name}": value for name, value in finding["detail"].items()}
    wanted = expected | {f"detail.{name}": value for name, value in expected.get("detail", {}).items()}
    return all(whole[name] == value for name, value in wanted.items() if name != "detail")


@pytest.fixture(scope="module")
def together(world_of_examples, tmp_path_factory):
    """Return what asks the cases that need the same world and window at once."""
    return Together(find("REV-11"), CASES, world_of_examples, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_what_was_used_after_it_had_been_taken_away(together, case):
    found = together.found(case)
    assert len(found) == len(case.expect)
    for expected in case.expect:
        assert any(fits(finding, expected) for finding in found), f"{expected} is not among {found}"


OTHER = """
[catalogue]
name = "other"

[[operation]]
method = "POST"
path = "/v1/pairs"
server = "mail.example"
requires = [["pair.one", "pair.two"]]

[[operation]]
method = "GET"
path = "/v1/pay"
server = "mail.example"
requires = [["pay.read"]]

[[operation]]
method = "GET"
path = "/v1/boards"
server = "mail.example"
requires = [["pay.read"]]
complete = false

[[scope]]
name = "pair.all"
implies = ["pair.one"]

[[scope]]
name = "pay.read"
risk = 3
"""


@pytest.fixture
def other(tmp_path):
    """Return a catalogue with an operation of two scopes, one that is sensitive, and one that is not complete."""
    (tmp_path / "other.toml").write_text(OTHER)
    return Catalogue.build("toml", tmp_path / "other.toml")


def test_only_scopes_are_told_that_were_lacking(desk, other):
    held = ["pair.one", "pair.two", "pair.all"]
    records = (
        consent("10 09:00", held),
        token("10 11:00", "t1", held, "10 13:00"),
        taken("10 12:00", "pair.two"),
        taken("10 12:20", "pair.all", event_id="r2"),
        use("10 12:30", "POST /v1/pairs"),
    )
    (found,) = told(desk, records, other)
    assert (found["scopes"], found["detail"]["revocation_event"]) == (["pair.two"], "r1")


def test_what_is_sensitive_weighs_more_and_what_is_not_complete_stays_undecided(desk, other):
    records = (
        consent("10 09:00", ["pay.read"]),
        *(token("10 11:00", name, ["pay.read"], "10 13:00") for name in ("t1", "t2")),
        taken("10 12:00", "pay.read"),
        use("10 12:10", "GET /v1/pay"),
        use("10 12:10", "GET /v1/boards", "t2"),
    )
    read, board = sorted(told(desk, records, other), key=lambda row: row["token_id"])
    assert (read["verdict"], read["severity"], read["detail"]["writes_after"]) == ("violation", "critical", 0)
    assert (board["verdict"], board["detail"]["reason"]) == (
        "indeterminate",
        "what it needs depends on what the log does not show",
    )


def test_what_comes_after_the_window_is_left_out(desk):
    records = (
        consent("10 09:00", BOTH),
        token("10 11:00", "t1", BOTH, "10 13:00"),
        taken("10 12:00", "mail.send"),
        *(use(f"10 12:{minute}", SEND) for minute in (10, 20, 30)),
    )
    (found,) = told(desk, records, until=moment("10 12:25"))
    assert (found["events"], found["last_seen"]) == (3, "2026-07-10T12:20:00Z")


def test_how_late_a_change_may_be_stamped_its_own_log_tells(desk, tmp_path):
    (tmp_path / "clocks.toml").write_text('[[clock]]\nsource = "native"\nlog = "usage"\nerror_seconds = 60\n')
    records = (
        consent("10 09:00", BOTH),
        token("10 11:00", "t1", BOTH, "10 13:00"),
        taken("10 12:00", "mail.send"),
        use("10 12:10", SEND),
        consent("10 12:12", ["files.read"]),
    )
    (found,) = told(desk, records, Clocks.read(tmp_path / "clocks.toml"))
    assert (found["verdict"], found["detail"]["lag_lower_s"]) == ("violation", 534.0)


def test_how_far_before_a_change_a_call_is_sure_to_have_come_the_worst_of_the_clocks_tells(desk, tmp_path):
    """Five seconds of the usage log and one of its whole seconds, and thirty of the revocations."""
    (tmp_path / "clocks.toml").write_text('[[clock]]\nsource = "native"\nlog = "revocation"\nerror_seconds = 30\n')
    records = (
        consent("10 09:00", BOTH),
        *(token("10 11:00", name, BOTH, "10 13:00") for name in ("t1", "t2")),
        taken("10 12:00", "mail.send"),
        use("10 12:11:23", SEND),
        use("10 12:11:24", SEND, "t2"),
        consent("10 12:12", ["mail.send"]),
    )
    found = told(desk, records, Clocks.read(tmp_path / "clocks.toml"))
    assert {row["token_id"]: row["verdict"] for row in found} == {"t1": "violation", "t2": "indeterminate"}


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_token_is_older_than_a_downgrade_by_clocks_that_are_set_right(desk, tmp_path, ahead):
    (tmp_path / "clocks.toml").write_text(
        f'[[clock]]\nsource = "native"\nlog = "issuance"\nerror_seconds = 5\noffset_seconds = {ahead * 60}\n'
    )
    records = (
        consent(f"10 09:{ahead:02}", BOTH),
        *(token(f"10 11:{29 + ahead}:{second}", f"t{second}", BOTH, "10 13:00") for second in (48, 49)),
        taken("10 11:30", "mail.send"),
        *(use("10 12:10", SEND, f"t{second}") for second in (48, 49)),
    )
    found = told(desk, records, Clocks.read(tmp_path / "clocks.toml"))
    assert {row["token_id"]: (row["verdict"], row["detail"]["reason"]) for row in found} == {
        "t48": ("violation", None),
        "t49": ("indeterminate", "the issuance of the token and the downgrade are closer than the clocks can tell"),
    }


def test_what_was_never_permitted_before_stays_with_oos_1(desk):
    records = (
        consent("10 09:00", ["mail.read"], event_id="e1"),
        use("10 09:30", SEND, None, grant_id="g1", event_id="e2"),
        consent("10 10:00", ["mail.send"], event_id="e3"),
        taken("10 12:00", "mail.send"),
        use("10 12:10", SEND, None, grant_id="g1", event_id="e4"),
    )
    with desk.store(desk.write("log.ndjson", records)) as store:
        beyond, stale = (found.to_dicts() for found in detect.run(store, ["OOS-1", "REV-11"]))
    assert [[each["event_id"] for row in rows for each in row["evidence"]] for rows in (beyond, stale)] == [
        ["e2"],
        ["r1", "e4"],
    ]


def test_a_server_that_asks_nobody_goes_on_for_the_rest_of_the_life_of_the_tenants_own_token(desk):
    tenants = {"one": ("g1", "10 13:00"), "two": ("g2", "10 18:00")}
    records = [
        record
        for tenant, (grant, until) in tenants.items()
        for record in (
            token("10 11:00", "t1", ["jobs.run"], until, tenant=tenant, grant_id=grant),
            taken("10 12:00", "jobs.run", tenant=tenant, grant_id=grant, event_id=f"r-{tenant}"),
            use("10 12:10", "POST /v1/jobs", server="jobs.example", tenant=tenant),
        )
    ]
    rows = ({"resource_server": "jobs.example", "validation": "offline"},)
    found = told(desk, records, Servers(tuple(dict.fromkeys(SERVER.names) | row for row in rows)))
    assert {row["tenant"]: (row["explained_by"], row["detail"]["allowed_s"]) for row in found} == {
        "one": ("offline_jwt", 3600.0),
        "two": ("offline_jwt", 21600.0),
    }
