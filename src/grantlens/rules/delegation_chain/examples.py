"""Small logs in which actors follow from those before, or do not: what OOS-6 is run on."""

from grantlens.rule.example import Example, refreshed, token, use

READ = "GET /v1/messages/7"


def asked(token_id: str, *actors: str, **more: object) -> dict:
    """Write a token of client app that ann's agents act with, the actor now first."""
    return token("10 09:00", token_id, ["mail.read"], "10 18:00", **{"actor_chain": list(actors), **more})


def exchanged(token_id: str, parent: str, *actors: str, **more: object) -> dict:
    """Write a token that client desk got for another one; without actors, the log does not say who acts."""
    defaults = {"kind": "exchange", "parent_token_id": parent, "client_id": "desk", "grant_id": "g2"}
    return token("10 09:05", token_id, ["mail.read"], "10 18:00", actor_chain=[*actors] or None, **{**defaults, **more})


OF_TWO_TENANTS = (asked("t1", "planner", tenant="north"), asked("t1", "scribe", tenant="south"))

FIRES = (
    Example(
        "a token whose actor is the planner is used by another one",
        (
            asked("t1", "planner"),
            use("10 09:10", READ, actor_chain=["planner"]),
            use("10 09:20", READ, actor_chain=["stranger", "planner"]),
            use("10 09:30", READ, actor_chain=["stranger", "planner"]),
        ),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "stranger acted with a token of app that names planner",
                "client_id": "app",
                "token_id": "t1",
                "events": 3,
                "detail": {"fault": "other actor", "actors": "stranger", "expected": ["planner"], "calls": 2},
            },
        ),
    ),
    Example(
        "an exchange forgets the planner, who asked the tool",
        (asked("t1", "planner"), exchanged("t2", "t1", "tool")),
        (
            {
                "verdict": "violation",
                "title": "desk got a token whose actors do not follow from the token before",
                "client_id": "desk",
                "token_id": "t2",
                "events": 1,
                "detail": {"fault": "not continued", "actors": "tool", "expected": ["planner"], "reasons": None},
            },
        ),
    ),
    Example(
        "the token lets the planner act, and another actor gets a new one for it",
        (asked("t1", may_act=["planner"]), exchanged("t2", "t1", "stranger")),
        ({"verdict": "violation", "detail": {"fault": "not allowed", "expected": ["planner"]}},),
    ),
    Example(
        "the planner asks the tool, and the tool asks the planner",
        (
            asked("t1", "planner"),
            exchanged("t2", "t1", "tool", "planner"),
            exchanged("t3", "t2", "planner", "tool", "planner", client_id="app"),
        ),
        (
            {
                "verdict": "violation",
                "title": "app got a token whose actors come round in a circle",
                "token_id": "t3",
                "detail": {"fault": "circle", "actors": "planner, tool, planner", "expected": []},
            },
        ),
    ),
    Example(
        "a chain of three where two are allowed",
        (asked("t1", "third", "second", "first"),),
        ({"verdict": "violation", "detail": {"fault": "too long", "actors": "third, second, first"}},),
        parameters={"most_actors": 2},
    ),
    Example(
        "two tenants have a token of one id, and that of the other names the actors before",
        (*OF_TWO_TENANTS, exchanged("t2", "t1", "tool", "scribe", tenant="north")),
        (
            {
                "verdict": "violation",
                "tenant": "north",
                "detail": {"fault": "not continued", "expected": ["planner"], "reasons": None},
            },
        ),
    ),
    Example(
        "two tenants have a token of one id, and the actor of the other's acts with it",
        (*OF_TWO_TENANTS, use("10 09:10", READ, actor_chain=["planner"], tenant="south")),
        ({"verdict": "violation", "tenant": "south", "detail": {"fault": "other actor", "expected": ["scribe"]}},),
    ),
)

SILENT = (
    Example(
        "each exchange puts one actor before the others, and calls name all or the first",
        (
            asked("t0", may_act=["planner"]),
            exchanged("t1", "t0", "planner", client_id="app", may_act=["tool", "planner"]),
            exchanged("t2", "t1", "tool", "planner"),
            use("10 09:10", READ, "t1", actor_chain=["planner"]),
            use("10 09:20", READ, "t2", actor_chain=["tool"]),
            use("10 09:30", READ, "t2", actor_chain=["tool", "planner"]),
        ),
    ),
    Example(
        "a refresh keeps the actors, and so does an actor who asks for a token of another server",
        (
            asked("r1", "planner", token_kind="refresh", may_act=["tool"]),
            refreshed("10 09:30", "t2", "r1", ["mail.read"], actor_chain=["planner"]),
            exchanged("t3", "t2", "planner", client_id="app", audience=["files.example"]),
            exchanged("t4", "t3", "planner", "planner", client_id="app"),
        ),
    ),
    Example(
        "a chain that one of the logs does not tell is not broken",
        (
            asked("t1"),
            exchanged("t2", "t1", "tool", "planner"),
            exchanged("t3", "gone", "tool", "planner"),
            use("10 09:10", READ, "t1", actor_chain=["planner"]),
            use("10 09:20", READ, "t2"),
            use("10 09:30", READ, "lost", actor_chain=["planner"]),
        ),
    ),
    Example(
        "another actor is refused",
        (asked("t1", "planner"), use("10 09:10", READ, status=401, actor_chain=["stranger"])),
    ),
    Example(
        "what an actor is in an ID-JAG is left open",
        (
            asked("t1", "planner"),
            exchanged("j1", "t1", "tool", token_kind="id_jag"),
            exchanged("t2", "j1", "other", client_id="tool-there"),
        ),
    ),
    Example(
        "the callers of a transaction token are no actors of it",
        (
            asked("x1", "planner", token_kind="txn"),
            use("10 09:10", READ, "x1", client_id="tool", actor_chain=["tool"]),
        ),
    ),
    Example(
        "a log whose actors are something else takes no part",
        (asked("t1", "planner"), exchanged("t2", "t1", "tool"), use("10 09:10", READ, actor_chain=["stranger"])),
        declared={"actors": ""},
    ),
    Example(
        "two tenants have a token of one id, another actor in each, and each is continued and used as its own names",
        (
            *OF_TWO_TENANTS,
            exchanged("t2", "t1", "tool", "planner", tenant="north"),
            exchanged("t2", "t1", "tool", "scribe", tenant="south"),
            use("10 09:10", READ, actor_chain=["planner"], tenant="north"),
            use("10 09:10", READ, actor_chain=["scribe"], tenant="south"),
        ),
    ),
)

UNDECIDABLE = (
    Example(
        "an exchange drops the actor: an impersonation, if the log names all actors",
        (asked("t1", "planner"), exchanged("t2", "t1")),
        (
            {
                "verdict": "indeterminate",
                "title": "desk got a token without the actors of the token before",
                "detail": {
                    "fault": "left out",
                    "actors": None,
                    "expected": ["planner"],
                    "reasons": ["a token without actors is an impersonation, or the log does not name them"],
                },
            },
        ),
    ),
    Example(
        "another client gets a token in which the planner still acts",
        (asked("t1", "planner"), exchanged("t2", "t1", "planner")),
        (
            {
                "verdict": "indeterminate",
                "title": "desk got a token with the actors of the token before, and is none of them",
                "detail": {
                    "fault": "client not named",
                    "reasons": ["nothing tells whether the client is one of these actors: the identities file can"],
                },
            },
        ),
    ),
    Example(
        "one of two records of a token does not name its actors",
        (
            asked("t1", "planner"),
            asked("t1"),
            exchanged("t2", "t1", "tool"),
            use("10 09:10", READ, actor_chain=["stranger"]),
        ),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "fault": "not continued",
                    "reasons": ["the token before was issued several times, and not each time are its actors named"],
                },
            },
            {
                "verdict": "indeterminate",
                "detail": {
                    "fault": "other actor",
                    "reasons": ["the token was issued several times, and not each time are its actors named"],
                },
            },
        ),
    ),
    Example(
        "two tenants have a token of one id, another actor in each, and neither an exchange nor a call names a tenant",
        (
            *OF_TWO_TENANTS,
            exchanged("t2", "t1", "tool", "planner"),
            use("10 09:10", READ, actor_chain=["scribe"]),
        ),
        (
            {
                "verdict": "indeterminate",
                "client_id": "desk",
                "events": 1,
                "detail": {
                    "fault": "not continued",
                    "expected": ["scribe"],
                    "reasons": ["the new token names no tenant, and several issued one of the id that it came of"],
                },
            },
            {
                "verdict": "indeterminate",
                "client_id": "app",
                "tenant": None,
                "detail": {
                    "fault": "other actor",
                    "expected": ["planner"],
                    "calls": 1,
                    "reasons": ["the calls name no tenant, and several issued a token of this id"],
                },
            },
        ),
    ),
)
