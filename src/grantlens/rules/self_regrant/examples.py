"""Small logs in which what an admin ended is given again, or is not: what REV-9 is run on."""

from grantlens.rule.example import Example, consent, revoked, token

KEY = {"kind": "credential", "token_kind": "api_key"}


_OF_TWO_TENANTS = (
    token("10 08:00", "k1", None, **KEY, consent_actor="ann", tenant="two"),
    token("10 09:00", "k1", None, **KEY, consent_actor="ben", subject_id="ben", tenant="one"),
)
_OLDER = revoked("10 12:00", "credential", token_id="k-older", subject_id=None)
_OWN_AGAIN = token("10 13:00", "k2", None, **KEY, subject_id=None, subject_kind="service", consent_kind="user")
_ANEW = token("10 13:00", "k2", None, **KEY, consent_actor="ben", subject_id="ben", tenant="one")

FIRES = (
    Example(
        "a key that is older than the log, of a client whose people consent and hold no keys: it was its own",
        (consent("10 09:00", ["mail.read"]), _OLDER, _OWN_AGAIN),
        ({"verdict": "violation", "token_id": "k2", "subject_id": None},),
    ),
    Example(
        "the log names no more than the key that was ended, and two tenants have one of its id: its own tenant's issuance says whose it was",
        (*_OF_TWO_TENANTS, revoked("10 12:00", token_id="k1", tenant="one", client_id=None, subject_id=None), _ANEW),
        ({"verdict": "violation", "tenant": "one", "token_id": "k2", "subject_id": "ben"},),
    ),
    Example(
        "an admin gives it again in another tenant, and then the person consents in the one in which it was ended",
        (
            consent("10 09:00", ["mail.read"], tenant="one"),
            revoked("10 12:00", "grant", tenant="one"),
            consent("10 13:00", ["mail.read"], "g3", consent_kind="admin", consent_actor="eve", tenant="two"),
            consent("10 14:00", ["mail.read"], "g4", tenant="one"),
        ),
        ({"verdict": "violation", "tenant": "one", "grant_id": "g4"},),
    ),
    Example(
        "a person consents again, an hour after an admin took the grant away",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant", actor_id="eve"),
            consent("10 13:00", ["mail.read"], "g2", event_id="again"),
        ),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "title": "app was consented to again by the one from whom an admin had taken it",
                "grant_id": "g2",
                "join_key": "client_subject",
                "detail": {
                    "revocation_event": "r1",
                    "issuance_event": "again",
                    "given": "consent",
                    "given_after_s": 3600.0,
                },
            },
        ),
    ),
    Example(
        "one consent in two records of almost the same moment is one finding",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("10 13:00", ["mail.read"], "g2"),
            consent("10 13:00:00.1", ["mail.send"], "g2"),
        ),
        (
            {
                "verdict": "violation",
                "last_seen": "2026-07-10T13:00:00.100000Z",
                "scopes": ["mail.read", "mail.send"],
                "events": 3,
                "detail": {"given_after_s": 3600.0},
            },
        ),
    ),
    Example(
        "a key is deleted by an admin, and its owner makes another within seconds",
        (
            token("10 09:00", "t1", None, **KEY),
            revoked("10 12:00", "credential", token_id="t1", client_id=None, subject_id=None),
            token("10 12:00:20", "k2", None, **KEY, grant_id=None, consent_actor="ann"),
        ),
        (
            {
                "verdict": "violation",
                "title": "app has a new key that its own holder made after an admin had ended the access",
                "token_id": "k2",
                "detail": {"ended": "credential", "given": "credential"},
            },
        ),
    ),
    Example(
        "another client is consented to by a person whose access an admin ended",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "subject"),
            consent("10 14:00", ["mail.read"], "g2", client_id="other"),
        ),
        ({"verdict": "violation", "client_id": "other", "subject_id": "ann", "detail": {"ended": "subject"}},),
    ),
    Example(
        "a client that an admin ended is consented to by somebody else",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "client"),
            consent("10 14:00", ["mail.read"], "g2", subject_id="ben"),
        ),
        ({"verdict": "violation", "subject_id": "ben", "detail": {"ended": "client"}},),
    ),
    Example(
        "the log names no more than the grant that was ended: its issuance says whose it was, and in which tenant",
        (
            consent("10 09:00", ["mail.read"], tenant="one"),
            revoked("10 12:00", "grant", client_id=None, subject_id=None),
            consent("10 13:00", ["mail.read"], "g2", tenant="one"),
        ),
        ({"verdict": "violation", "tenant": "one", "grant_id": "g2"},),
    ),
    Example(
        "what may have been ended in another tenant takes nothing back",
        (
            consent("10 09:00", ["mail.read"], tenant="one"),
            consent("10 09:00", ["mail.read"], "g3", tenant="two"),
            revoked("10 12:00", "grant", tenant="one"),
            revoked("10 12:30", "client", event_id="r2"),
            consent("10 13:00", ["mail.read"], "g2", tenant="one"),
        ),
        ({"verdict": "violation", "tenant": "one", "detail": {"revocation_event": "r1"}},),
    ),
)

SILENT = (
    Example(
        "a key of the same id was ended in another tenant",
        (
            *_OF_TWO_TENANTS,
            revoked("10 12:00", token_id="k1", tenant="two", client_id=None, subject_id=None),
            _ANEW,
        ),
    ),
    Example(
        "an admin gives it again, which names no tenant, but there is one alone",
        (
            consent("10 09:00", ["mail.read"], tenant="one"),
            revoked("10 12:00", "grant"),
            consent("10 13:00", ["mail.read"], "g2", consent_kind="admin", consent_actor="eve"),
            consent("10 14:00", ["mail.send"], "g3", tenant="one"),
        ),
    ),
    Example(
        "the person ended it itself: a change of mind, or a key that is renewed",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant", initiator="user"),
            consent("10 13:00", ["mail.read"], "g2"),
        ),
    ),
    Example(
        "an admin ended its own, as an admin",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant", subject_id=None, client_id=None, actor_id="ann"),
            consent("10 13:00", ["mail.read"], "g2"),
        ),
    ),
    Example(
        "an admin gives it again",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("10 13:00", ["mail.read"], "g2", consent_kind="admin", consent_actor="eve"),
        ),
    ),
    Example(
        "an admin gives it again, and then the person consents to more",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("10 13:00", ["mail.read"], "g2", consent_kind="admin", consent_actor="eve"),
            consent("10 14:00", ["mail.send"], "g2"),
        ),
    ),
    Example(
        "an admin gives it to everyone, and then the person consents",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "client"),
            consent("10 13:00", ["mail.read"], "g2", subject_id=None, consent_kind="admin", consent_actor="eve"),
            consent("10 14:00", ["mail.read"], "g3"),
        ),
    ),
    Example(
        "in another tenant, where the client and the person have the same names",
        (
            consent("10 09:00", ["mail.read"], tenant="one"),
            consent("10 09:00", ["mail.read"], "g2", tenant="two"),
            revoked("10 12:00", "grant"),
            consent("10 13:00", ["mail.read"], "g3", tenant="two"),
        ),
    ),
    Example(
        "two days later",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("12 12:01", ["mail.read"], "g2"),
        ),
    ),
    Example(
        "one token was ended, which takes no consent away",
        (
            consent("10 09:00", ["mail.read"]),
            token("10 09:01", "t1", ["mail.read"]),
            revoked("10 12:00"),
            consent("10 13:00", ["mail.read"], "g2"),
        ),
    ),
    Example(
        "another client of the same person",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("10 13:00", ["mail.read"], "g2", client_id="other"),
        ),
    ),
    Example(
        "a session is ended, and the person signs in and consents anew",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "session", session_id="s1"),
            consent("10 13:00", ["mail.read"], "g2"),
        ),
    ),
    Example(
        "a token is got without a consent: that is REV-2",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            token("10 13:00", "t2", ["mail.read"]),
        ),
    ),
    Example(
        "all sessions of a person are ended, and the person signs in and consents anew",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "policy", issued_before="2026-07-10T12:00:00Z"),
            consent("10 13:00", ["mail.read"], "g2"),
        ),
    ),
)

UNDECIDABLE = (
    Example(
        "a key that is older than the log, of a client whose people hold keys too: the end names none of them, and the client makes one for itself",
        (token("10 09:00", "k1", None, **KEY, consent_actor="ann"), _OLDER, _OWN_AGAIN),
        (
            {
                "verdict": "indeterminate",
                "title": "app was given access after a revocation that may have been somebody else's",
                "token_id": "k2",
                "detail": {
                    "reason": "no issuance of the token that was ended is known, nor whose it was: the client acts for itself and for people"
                },
            },
        ),
    ),
    Example(
        "a key was ended of an id that those of two tenants have, and the log does not say in which",
        (
            *({**record, "subject_id": "ben"} for record in _OF_TWO_TENANTS),
            revoked("10 12:00", token_id="k1", client_id=None, subject_id=None),
            _ANEW,
        ),
        (
            {
                "verdict": "indeterminate",
                "tenant": "one",
                "detail": {
                    "reason": "the log does not say in which tenant it was ended, or given again, and several have this client"
                },
            },
        ),
    ),
    Example(
        "an admin gives it again, does not say in which tenant, and then the person consents in one",
        (
            consent("10 09:00", ["mail.read"], tenant="one"),
            consent("10 09:00", ["mail.read"], "g2", tenant="two"),
            revoked("10 12:00", "grant", tenant="one"),
            consent("10 13:00", ["mail.read"], "g3", consent_kind="admin", consent_actor="eve"),
            consent("10 14:00", ["mail.read"], "g4", tenant="one"),
        ),
        (
            {
                "verdict": "indeterminate",
                "tenant": "one",
                "title": "app has access again after its revocation, and somebody else may have given it before its holder did",
                "detail": {
                    "reason": "what somebody else gave in between may be of the same tenant: one of the two names none"
                },
            },
        ),
    ),
    Example(
        "the log does not say who made the new key",
        (
            token("10 09:00", "t1", None, **KEY),
            revoked("10 12:00"),
            token("10 13:00", "k2", None, **KEY),
        ),
        (
            {
                "verdict": "indeterminate",
                "token_id": "k2",
                "title": "app has access again after its revocation, and the log does not say who gave it",
                "detail": {"reason": "the log does not say who gave it"},
            },
        ),
    ),
    Example(
        "the revocation names no tenant, and several have the client",
        (
            consent("10 09:00", ["mail.read"], "g1", tenant="one"),
            consent("10 09:00", ["mail.read"], "g3", tenant="two"),
            revoked("10 12:00", "client"),
            consent("10 13:00", ["mail.read"], "g2", tenant="one"),
        ),
        (
            {
                "verdict": "indeterminate",
                "title": "app was given access after a revocation that may have been another tenant's",
                "detail": {
                    "reason": "the log does not say in which tenant it was ended, or given again, and several have this client"
                },
            },
        ),
    ),
    Example(
        "in the same second: the consent may have come first",
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            consent("10 12:00:01", ["mail.read"], "g2"),
        ),
        (
            {
                "verdict": "indeterminate",
                "title": "app was given access so near its revocation that either may have come first",
                "detail": {"reason": "the issuance and the revocation are closer than the clocks can tell"},
            },
        ),
    ),
)
