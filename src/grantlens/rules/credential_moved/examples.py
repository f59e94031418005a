"""Small logs in which a token, key or session moves or stays: what OOS-10 is run on."""

from typing import Any

from grantlens.register.networks import ranges
from grantlens.rule.example import IN_PART, Example, logs_from_to, refreshed, token, use

READ = "GET /v1/messages/7"
LOGGED = logs_from_to("01 08:00", "31 23:00")
HOME: dict[str, Any] = {"ip": "192.0.2.7", "user_agent": "acme-app/3.1 (linux)"}
AWAY: dict[str, Any] = {"ip": "203.0.113.9", "user_agent": "curl/8.9.1"}
KEY, OTHER_KEY = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def lists(*networks: str, client_id: str = "app") -> tuple[dict[str, Any], ...]:
    """Write a register that lists networks for a client."""
    return ({"client_id": client_id, "networks": ranges(networks)},)


def call(when: str, token_id: str = "t1", where: dict[str, Any] = HOME, **more: Any) -> dict[str, Any]:
    """Write a call that reads a message, from its usual place if nothing else is said."""
    return use(when, READ, token_id, **{**where, **more})


USUAL = (call("02 09:00", "t0"), call("12 09:00", "t0"))
STOLEN = (call("20 09:00"), call("20 09:20", where=AWAY), call("20 09:30"), call("20 09:40", where=AWAY))
AWAY_CALLS = {
    "programs": ["curl"],
    "first_seen": "2026-07-20T09:20:00.000000Z",
    "last_seen": "2026-07-20T09:40:00.000000Z",
    "calls": 2,
}
BOUND = token("10 09:00", "t1", ["mail.read"], "10 18:00", cnf_jkt=KEY)

FIRES = (
    Example(
        "a token is used from an unknown network by an unknown program, while the client goes on with it",
        (*LOGGED, *USUAL, *STOLEN),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "A token of app was used in turn from 192.0.2.0/24 by acme-app and from 203.0.113.0/24 by curl, where it had never been",
                "client_id": "app",
                "subject_id": "ann",
                "token_id": "t1",
                "resource_server": None,
                "events": 4,
                "detail": {
                    "fault": "another place",
                    "holder": "app",
                    "program": "curl",
                    "credentials": ["t1"],
                    "count": 1,
                    "people": 1,
                    "known_place": {
                        "networks": ["192.0.2.0/24"],
                        "programs": ["acme-app"],
                        "first_seen": "2026-07-20T09:00:00.000000Z",
                        "last_seen": "2026-07-20T09:30:00.000000Z",
                        "calls": 2,
                    },
                    "new_place": {"networks": ["203.0.113.0/24"], **AWAY_CALLS},
                    "changes_of_place": 3,
                    "reason": None,
                },
            },
        ),
    ),
    Example(
        "two tokens, from two networks of the thief: one finding",
        (
            *LOGGED,
            *USUAL,
            *STOLEN,
            call("21 09:00", "t2", subject_id="ben"),
            call("21 09:10", "t2", {**AWAY, "ip": "2001:db8:7:7::1"}, subject_id="ben"),
            call("21 09:20", "t2", subject_id="ben"),
        ),
        (
            {
                "verdict": "violation",
                "token_id": None,
                "subject_id": None,
                "events": 7,
                "detail": {"count": 2, "people": 2, "credentials": ["t1", "t2"], "changes_of_place": 5},
            },
        ),
    ),
    Example(
        "a session whose tokens are used in turn",
        (
            *LOGGED,
            call("02 09:00", "s0", session_id="s-0"),
            call("12 09:00", "s0", session_id="s-0"),
            call("20 09:00", "s1", session_id="s-1"),
            call("20 09:10", "s2", AWAY, session_id="s-1"),
            call("20 09:20", "s3", session_id="s-1"),
        ),
        ({"verdict": "violation", "token_id": None, "detail": {"credentials": ["s-1"], "changes_of_place": 2}},),
    ),
    Example(
        "the thief is refused each time",
        (*LOGGED, *USUAL, call("20 09:00"), call("20 09:20", where=AWAY, status=403), call("20 09:30")),
        ({"verdict": "violation", "severity": "medium", "events": 3, "detail": {"changes_of_place": 2}},),
    ),
    Example(
        "a token that is bound to a key works with another one",
        (BOUND, call("10 09:10", dpop_jkt=KEY), call("10 09:20", dpop_jkt=OTHER_KEY)),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "A token of app that is bound to a key worked with another one",
                "token_id": "t1",
                "resource_server": "mail.example",
                "events": 2,
                "detail": {"fault": "another key", "credentials": ["t1"], "reason": None},
            },
        ),
    ),
    Example(
        "a token that is bound to a key works without it at a server that tells keys",
        (BOUND, call("10 09:10", dpop_jkt=KEY), call("10 09:20", where=AWAY)),
        (
            {
                "verdict": "violation",
                "title": "A token of app that is bound to a key worked without it",
                "events": 2,
                "detail": {"fault": "no key"},
            },
        ),
    ),
    Example(
        "the register lists a neighbour of the second place, and not that place",
        (*LOGGED, *USUAL, *STOLEN),
        ({"verdict": "violation", "detail": {"new_place": {**AWAY_CALLS, "networks": ["203.0.113.0/24"]}}},),
        register=lists("203.0.113.8", "203.0.113.128/25", "192.0.2.0/24"),
    ),
    Example(
        "the second place is another client's",
        (*LOGGED, *USUAL, *STOLEN),
        ({"verdict": "violation"},),
        register=lists("203.0.113.0/24", client_id="another"),
    ),
    Example(
        "a client that uses one token from many networks, all of them listed, and somebody from outside",
        (
            *LOGGED,
            *(call(f"{day:02} 09:00", "t1", ip=f"198.51.{day}.1") for day in range(2, 19)),
            call("20 09:00", ip="198.51.100.1"),
            *STOLEN[1:],
        ),
        (
            {
                "verdict": "violation",
                "title": "A token of app was used in turn from 192.0.2.0/24 by acme-app and from 203.0.113.0/24 by curl, where it had never been",
                "detail": {"changes_of_place": 3},
            },
        ),
        register=lists("198.51.0.0/16"),
    ),
    Example(
        "a token that is bound to a key works without it, in a listed network",
        (BOUND, call("10 09:10", dpop_jkt=KEY), call("10 09:20", where=AWAY)),
        ({"verdict": "violation", "detail": {"fault": "no key"}},),
        register=lists("203.0.113.0/24"),
    ),
)

SILENT = (
    Example(
        "from office to home: one move, and no return",
        (
            *LOGGED,
            *USUAL,
            call("20 09:00"),
            call("20 09:10"),
            call("20 09:20", where=AWAY),
            call("20 09:30", where=AWAY),
        ),
    ),
    Example(
        "the register lists the second place for the client",
        (*LOGGED, *USUAL, *STOLEN),
        register=lists("203.0.113.0/24", "2001:db8::/32"),
    ),
    Example(
        "one listed address, written as IPv6 has it and with a port",
        (*LOGGED, *USUAL, *STOLEN[::2], call("20 09:20", where={**AWAY, "ip": "::ffff:203.0.113.9:443"})),
        register=lists("203.0.113.9"),
    ),
    Example(
        "another program from the same network",
        (
            *LOGGED,
            *USUAL,
            call("20 09:00"),
            call("20 09:20", user_agent="curl/8.9.1", ip="192.0.2.99"),
            call("20 09:30"),
        ),
    ),
    Example(
        "the same program, in another version, from another network",
        (
            *LOGGED,
            *USUAL,
            call("20 09:00"),
            call("20 09:20", ip="203.0.113.9", user_agent="acme-app/4.0"),
            call("20 09:30"),
        ),
    ),
    Example(
        "addresses of one IPv6 network, which change by themselves",
        (
            *LOGGED,
            *USUAL,
            call("19 09:00", "t0", ip="2001:db8:1:2::aaaa"),
            call("20 09:00", ip="2001:db8:1:2:1111::1"),
            call("20 09:20", ip="2001:db8:1:2:2222::1", user_agent="curl/8.9.1"),
            call("20 09:30", ip="2001:db8:1:2:3333::1"),
        ),
    ),
    Example(
        "two workers share each token from the beginning on",
        (
            *LOGGED,
            *(
                call(f"{day:02} 09:{minute:02}", f"t{day}", where)
                for day in (2, 20)
                for minute, where in ((0, HOME), (5, AWAY), (9, HOME))
            ),
        ),
    ),
    Example(
        "a client that uses one token from many networks anyway",
        (
            *LOGGED,
            *(call(f"{day:02} 09:00", "t1", ip=f"198.51.{day}.1") for day in range(2, 22)),
            *STOLEN,
            call("21 09:00"),
        ),
    ),
    Example(
        "the second place was known: its first use was told then",
        (*LOGGED, *USUAL, call("15 09:00", "t0", AWAY), *STOLEN),
        since="18 00:00",
    ),
    Example(
        "a tool that comes with tokens of its own",
        (*LOGGED, *USUAL, call("20 09:00"), call("20 09:20", "t2", AWAY), call("20 09:30")),
    ),
    Example(
        "another token that was refreshed elsewhere is not the one that was used at home",
        (
            *LOGGED,
            *USUAL,
            call("20 09:00"),
            refreshed("20 09:10", "t2", "r1", ["mail.read"], **AWAY),
            call("20 09:20", "t2", AWAY),
            call("20 09:30"),
        ),
    ),
    Example("a bound token at a server whose log tells no keys", (BOUND, call("10 09:10"), call("10 09:20"))),
    Example(
        "a server whose log tells keys only from then on", (BOUND, call("10 09:10"), call("10 09:20", dpop_jkt=KEY))
    ),
    Example("a bound token is refused with another key", (BOUND, call("10 09:10", dpop_jkt=OTHER_KEY, status=401))),
    Example(
        "a token that is bound to no key", (token("10 09:00", "t1", ["mail.read"]), call("10 09:10", dpop_jkt=KEY))
    ),
)

UNDECIDABLE = (
    Example(
        "the log begins on the day before",
        (*logs_from_to("18 08:00", "31 23:00"), call("19 08:30", "t0"), *STOLEN),
        (
            {
                "verdict": "indeterminate",
                "severity": "medium",
                "title": "A token of app was used in turn from 192.0.2.0/24 by acme-app and from 203.0.113.0/24 by curl, which may be its own",
                "detail": {"reason": "the usage log does not cover enough of the time before it"},
            },
        ),
    ),
    Example(
        "the client is two hours old",
        (*LOGGED, call("20 07:20"), *STOLEN),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "the client had been seen too shortly to know what is usual for it"},
            },
        ),
    ),
    Example(
        "the log shows only some of the calls",
        (*LOGGED, *USUAL, *STOLEN),
        ({"verdict": "indeterminate", "detail": {"reason": "the usage log shows only some of what was called"}},),
        declared=IN_PART,
    ),
    Example(
        "earlier calls do not tell their program",
        (*LOGGED, *(use(f"{day:02} 09:00", READ, "t0", ip="192.0.2.7") for day in range(2, 12)), *STOLEN),
        ({"verdict": "indeterminate", "detail": {"reason": "many earlier calls do not tell their place"}},),
    ),
    Example(
        "the new program is used from the known network a day later",
        (*LOGGED, *USUAL, *STOLEN, call("21 09:00", "t2", user_agent="curl/8.9.1")),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "reason": "the new program was later used from a known network too: the client may have been changed"
                },
            },
        ),
    ),
    Example(
        "the known program is used from the new network a day later",
        (*LOGGED, *USUAL, *STOLEN, call("21 09:00", "t2", ip="203.0.113.77")),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "reason": "a known program was later used from the new network too: the client may have moved there"
                },
            },
        ),
    ),
    Example(
        "one of the two addresses is private",
        (
            *LOGGED,
            *(
                call(when, token_id, ip="10.1.2.3")
                for when, token_id in (("02 09:00", "t0"), ("12 09:00", "t0"), ("20 09:00", "t1"))
            ),
            call("20 09:20", where=AWAY),
            call("20 09:30", ip="10.1.2.3"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "one of the two addresses is private: where that is, the log does not tell"},
            },
        ),
    ),
    Example(
        "the new program is used from a listed network too, a day later",
        (*LOGGED, *USUAL, *STOLEN, call("21 09:00", "t2", {**AWAY, "ip": "198.51.100.9"})),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "reason": "the new program was later used from a known network too: the client may have been changed"
                },
            },
        ),
        register=lists("198.51.100.0/24"),
    ),
    Example(
        "one of the two addresses is private, and listed",
        (
            *LOGGED,
            *(
                call(when, token_id, ip="10.1.2.3")
                for when, token_id in (("02 09:00", "t0"), ("12 09:00", "t0"), ("20 09:00", "t1"))
            ),
            call("20 09:20", where=AWAY),
            call("20 09:30", ip="10.1.2.3"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reason": "one of the two addresses is private: where that is, the log does not tell"},
            },
        ),
        register=lists("10.0.0.0/8"),
    ),
    Example(
        "each place called another server",
        (
            *LOGGED,
            *USUAL,
            call("20 09:00"),
            use("20 09:20", "GET /v1/files/7", server="files.example", **AWAY),
            call("20 09:30"),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "reason": "the two places called different servers, which may see one client by different ways"
                },
            },
        ),
    ),
)
