"""Examples of GOV-4."""

from typing import Any

from grantlens.register.networks import ranges
from grantlens.rule.example import Example, consent, logs_from_to, moment, revoked, token, use

_BEFORE = logs_from_to("01 08:00", "31 23:00")
_ITSELF = {"subject_id": None, "subject_kind": "service"}


def _made(when: str, key: str | None = "k2", by: str | None = "eve", **more: Any) -> dict[str, Any]:
    """Write a credential of the app, and who made it."""
    row = {
        "log": "issuance",
        "issued_at": moment(when),
        "kind": "credential",
        "outcome": "success",
        "token_id": key,
        "token_kind": "api_key",
        "client_id": "app",
        "subject_kind": "service",
        "consent_actor": by,
        **more,
    }
    return {name: value for name, value in row.items() if value is not None}


def _call(when: str, key: str, ip: str, agent: str = "sync/1.2", **more: Any) -> dict[str, Any]:
    return use(when, "GET /v1/status", key, "jobs.example", subject_id=None, ip=ip, user_agent=agent, **more)


_OWN = _made("05 09:00", "k1", "ann")
_ADDED = _made("20 23:00")
_AT_HOME = _call("10 09:00", "k1", "192.0.2.10")
_OTHERS = tuple(_made(f"0{day} 10:00", f"k-{name}", "eve", client_id=name) for day, name in enumerate("xyz", start=6))

FIRES = (
    Example(
        "somebody new makes a key for a client, whose keys another had made",
        (*_BEFORE, _OWN, _ADDED),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "title": "app got a credential from eve, who had never dealt with it",
                "client_id": "app",
                "token_id": "k2",
                "events": 1,
                "detail": {
                    "actor": "eve",
                    "known_hands": ["ann"],
                    "uses": 0,
                    "new_networks": [],
                    "history_share": 1.0,
                    "reason": None,
                },
            },
        ),
    ),
    Example(
        "the key is used from a network where the client never was, by another program",
        (*_BEFORE, _OWN, _AT_HOME, _ADDED, _call("21 01:00", "k2", "203.0.113.8", "curl/8.5")),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "app got a credential from eve, who had never dealt with it; it was used from where the client had not been",
                "detail": {"uses": 1, "new_networks": ["203.0.113.0/24"], "new_programs": ["curl"]},
            },
        ),
    ),
    Example(
        "a token that was got with the key is used where the client never was",
        (
            *_BEFORE,
            _OWN,
            _AT_HOME,
            _ADDED,
            token("21 00:59", "t9", ["jobs.run"], parent_token_id="k2", **_ITSELF),
            _call("21 01:00", "t9", "203.0.113.8"),
        ),
        ({"verdict": "violation", "severity": "high", "detail": {"uses": 1, "new_programs": []}},),
    ),
    Example(
        "the key is used from where the client always was",
        (*_BEFORE, _OWN, _AT_HOME, _ADDED, _call("21 01:00", "k2", "192.0.2.77")),
        ({"verdict": "violation", "severity": "medium", "detail": {"uses": 1, "new_networks": []}},),
    ),
    Example(
        "the key is used from a network that the register lists for the client",
        (*_BEFORE, _OWN, _AT_HOME, _ADDED, _call("21 01:00", "k2", "203.0.113.8")),
        ({"verdict": "violation", "severity": "medium", "detail": {"uses": 1, "new_networks": []}},),
        register=({"client_id": "app", "networks": ranges(["203.0.113.0/24"])},),
    ),
    Example(
        "the client had always renewed its key itself",
        (*_BEFORE, _made("05 09:00", "k1", "app"), _ADDED),
        ({"verdict": "violation", "detail": {"known_hands": ["app"]}},),
    ),
    Example(
        "others had only removed keys of it",
        (*_BEFORE, revoked("05 09:00", "credential", token_id="k0", subject_id=None, actor_id="ann"), _ADDED),
        ({"verdict": "violation", "detail": {"known_hands": ["ann"]}},),
    ),
    Example(
        "on the same evening somebody gives the client more, and makes two keys",
        (
            *_BEFORE,
            _OWN,
            consent("20 22:50", ["admin"], consent_kind="admin", consent_actor="eve", **_ITSELF),
            _ADDED,
            _made("20 23:05", "k3"),
        ),
        ({"verdict": "violation", "events": 2, "token_id": None, "detail": {"credentials": ["k2", "k3"]}},),
    ),
    Example(
        "whoever made the key had let the client in, but only for herself",
        (*_BEFORE, _OWN, consent("06 09:00", ["mail.read"], subject_id="eve", consent_actor="eve"), _ADDED),
        ({"verdict": "violation"},),
    ),
    Example(
        "the register names another owner, by an id of this log",
        (*_BEFORE, _OWN, _ADDED, token("06 09:00", "t-jo", ["mail.read"], subject_id="jo")),
        ({"verdict": "violation", "detail": {"owner": "jo"}},),
        register=({"client_id": "app", "owner": "jo", "purpose": "mail"},),
    ),
    Example(
        "nothing says who the owner is, but the key is used where the client never was",
        (*_BEFORE, _OWN, _AT_HOME, _ADDED, _call("21 01:00", "k2", "203.0.113.8")),
        ({"verdict": "violation", "severity": "high", "detail": {"owner": "jo@example.com"}},),
        register=({"client_id": "app", "owner": "jo@example.com", "purpose": "mail"},),
    ),
    Example(
        "others had made a key, and the record lists it, and one of which no record tells",
        (*_BEFORE, _OWN, {**_ADDED, "earlier_keys": ["k1", "k0"]}),
        ({"verdict": "violation", "detail": {"known_hands": ["ann"], "older_keys": ["k0", "k1"]}},),
    ),
    Example(
        "whoever made the key had made some for two other clients: too few to be an admin whose work it is",
        (*_BEFORE, _OWN, *_OTHERS[:2], _ADDED),
        ({"verdict": "violation", "client_id": "app"},),
    ),
)

SILENT = (
    Example("whoever made the first key makes the next", (*_BEFORE, _OWN, _made("20 23:00", by="ann"))),
    Example("the client renews its key itself", (*_BEFORE, _OWN, _made("20 23:00", by="app"))),
    Example(
        "whoever had removed a key of the client makes one",
        (*_BEFORE, _OWN, revoked("06 09:00", "credential", token_id="k1", subject_id=None, actor_id="eve"), _ADDED),
    ),
    Example(
        "the admin who had let the client in for everyone",
        (
            *_BEFORE,
            consent("03 09:00", ["jobs.run"], consent_kind="admin", consent_actor="eve", **_ITSELF),
            _OWN,
            _ADDED,
        ),
    ),
    Example("an admin who makes keys for many clients", (*_BEFORE, _OWN, *_OTHERS, _ADDED)),
    Example(
        "the owner whom the register names",
        (*_BEFORE, _OWN, _ADDED),
        register=({"client_id": "app", "owner": "Eve", "purpose": "mail"},),
    ),
    Example(
        "the first key of a new client, which another had let in",
        (*_BEFORE, consent("20 20:00", ["jobs.run"], consent_kind="admin", consent_actor="ann", **_ITSELF), _ADDED),
    ),
    Example(
        "the log is short, but of the client nothing is known before, so that it may as well be new",
        (*logs_from_to("19 08:00", "31 23:00"), _ADDED),
    ),
    Example("two people set a new client up on one day", (*_BEFORE, _made("20 12:00", "k1", "ann"), _ADDED)),
    Example(
        "two people set a new client up on one day, and the record of the second key lists the first",
        (*_BEFORE, _made("20 12:00", "k1", "ann", earlier_keys=[]), {**_ADDED, "earlier_keys": ["k1"]}),
    ),
    Example(
        "of a client of which nothing is known before, the record lists no key",
        (*_BEFORE, {**_ADDED, "earlier_keys": []}),
    ),
    Example(
        "an admin who makes keys for many clients, and the record lists one of which no record tells",
        (*_BEFORE, *_OTHERS, {**_ADDED, "earlier_keys": ["k0"]}),
    ),
    Example(
        "the client had only worked for people, which needs no key",
        (*_BEFORE, token("05 09:00", "t1", ["mail.read"]), use("05 09:01", "GET /v1/messages/7"), _ADDED),
    ),
    Example("a person's own token", (*_BEFORE, _OWN, {**_ADDED, "subject_id": "eve", "subject_kind": "user"})),
    Example("a token that is its own client", (*_BEFORE, {**_ADDED, "client_id": "k2"})),
    Example(
        "a key is switched on again",
        (
            *_BEFORE,
            _OWN,
            revoked("06 09:00", "credential", token_id="k1", kind="disable", subject_id=None, actor_id="ann"),
            _made("20 23:00", "k1"),
        ),
    ),
    Example("the making is refused", (*_BEFORE, _OWN, {**_ADDED, "outcome": "denied", "token_id": "k2"})),
    Example(
        "whoever makes another key was told of when she made the first",
        (*_BEFORE, _OWN, _ADDED, _made("24 09:00", "k3")),
        since="22 00:00",
    ),
)

UNDECIDABLE = (
    Example(
        "the log does not say who made it",
        (*_BEFORE, _OWN, _made("20 23:00", by=None)),
        (
            {
                "verdict": "indeterminate",
                "title": "app got a credential from somebody whom the log does not name",
                "detail": {"actor": None, "reason": "the log does not say who made it"},
            },
        ),
    ),
    Example(
        "the log begins two days before",
        (*logs_from_to("19 08:00", "31 23:00"), _made("19 09:00", "k1", "ann"), _made("21 09:00")),
        (
            {
                "verdict": "indeterminate",
                "title": "app got a credential from eve, who may never have dealt with it",
                "detail": {"reason": "the issuance log does not cover enough of the time before it"},
            },
        ),
    ),
    Example(
        "the log shows only some of what was done",
        (*_BEFORE, _OWN, _ADDED),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the issuance log shows only some of what was done before it"},
            },
        ),
        declared={"carries": ("usage", "revocation")},
    ),
    Example(
        "the client worked before with what is older than the log",
        (*_BEFORE, _call("05 09:00", "k0", "192.0.2.10"), _ADDED),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the client is older, but who dealt with its credentials is in no log"},
            },
        ),
    ),
    Example(
        "the record lists a key of the client that is older than the log, and nothing else is known of it",
        (*_BEFORE, {**_ADDED, "earlier_keys": ["k0"]}),
        (
            {
                "verdict": "indeterminate",
                "title": "app got a credential from eve, who may never have dealt with it",
                "detail": {
                    "known_hands": [],
                    "older_keys": ["k0"],
                    "reason": "the client is older, but who dealt with its credentials is in no log",
                },
            },
        ),
    ),
    Example(
        "the record lists a key that is removed a day later, and whose making is in no log",
        (
            *_BEFORE,
            {**_ADDED, "earlier_keys": ["k0"]},
            revoked("22 09:00", "credential", token_id="k0", subject_id=None, actor_id="ann"),
        ),
        ({"verdict": "indeterminate", "detail": {"known_hands": [], "older_keys": ["k0"]}},),
    ),
    Example(
        "the record lists two keys, of which one was made on that evening",
        (*_BEFORE, _made("20 22:00", "k1"), {**_ADDED, "earlier_keys": ["k0", "k1"]}),
        ({"verdict": "indeterminate", "events": 1, "detail": {"older_keys": ["k0"]}},),
    ),
    Example(
        "the log is short, and the record lists a key that is older",
        (*logs_from_to("19 08:00", "31 23:00"), {**_ADDED, "earlier_keys": ["k0"]}),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the issuance log does not cover enough of the time before it"},
            },
        ),
    ),
    Example(
        "the client signed in before, as a service with an id of its own",
        (*_BEFORE, token("05 09:00", "t1", ["jobs.run"], subject_id="service-7", subject_kind="service"), _ADDED),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the client is older, but who dealt with its credentials is in no log"},
            },
        ),
    ),
    Example(
        "the client signs in later with a key that is older than the log",
        (*_BEFORE, _ADDED, token("25 09:00", "t9", ["jobs.run"], parent_token_id="k0", **_ITSELF)),
        ({"verdict": "indeterminate", "detail": {"known_hands": []}},),
    ),
    Example(
        "the register names the owner by another kind of id",
        (*_BEFORE, _OWN, _ADDED),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "owner": "jo@example.com",
                    "reason": "the register names an owner, and nothing says by which id this log knows him",
                },
            },
        ),
        register=({"client_id": "app", "owner": "jo@example.com", "purpose": "mail"},),
    ),
    Example(
        "whoever made the key had removed one, in which of several tenants the log does not say",
        (
            *_BEFORE,
            {**_OWN, "tenant": "one"},
            _made("05 10:00", "k9", "ann", tenant="two"),
            revoked("06 09:00", "credential", token_id="k8", subject_id=None, actor_id="eve"),
            {**_ADDED, "tenant": "one"},
        ),
        (
            {
                "verdict": "indeterminate",
                "tenant": "one",
                "detail": {
                    "reason": "what was done before may have been about another tenant: one of the two names none"
                },
            },
        ),
    ),
)
