"""Random catalogues: requirements in OR of ANDs, a hierarchy, conditions; every answer against brute force."""

import random
from contextlib import contextmanager
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.relations import registry
from grantlens.schema import USAGE_CALLER
from grantlens.schema.catalogue import (
    CAT_META,
    CAT_OPERATION,
    CAT_REQUIREMENT,
    CAT_SCOPE,
    CAT_SCOPE_ALIAS,
    CAT_SCOPE_IMPLIES,
    CAT_SCOPE_RISK,
)

SCOPES = 7
OPERATIONS = 12
DELEGATED = ("delegated", "delegated_personal", "user", "any")
APPLICATION = ("application", "bot", "any")


def catalogue(rng):
    """Return a random catalogue: its hierarchy is transitive and without loops."""
    direct = {(low, high) for low in range(SCOPES) for high in range(low) if rng.random() < 0.4}
    implied = set(direct)
    while True:
        more = {(a, d) for (a, b), (c, d) in product(implied, implied) if b == c} - implied
        if not more:
            break
        implied |= more
    operations = []
    for _ in range(OPERATIONS):
        security = rng.choice(["scopes"] * 8 + ["none_required", "unknown"])
        alternatives = [
            {
                "principal": rng.choice(
                    ["delegated", "delegated", "application", "any", "user", "bot", "delegated_personal"]
                ),
                "scopes": rng.choice(
                    [[None]] + [sorted(rng.sample(range(SCOPES), rng.randrange(1, 4))) for _ in range(9)]
                ),
                "condition": rng.choice([None] * 9 + ["if shared"]),
                "ambiguous_list": rng.random() < 0.1,
            }
            for _ in range(rng.randrange(0, 4) if security == "scopes" else 0)
        ]
        operations.append({"security": security, "complete": rng.random() < 0.9, "alternatives": alternatives})
    return {
        "direct": direct,
        "implied": implied,
        "risk": {scope: rng.randrange(5) for scope in range(SCOPES) if rng.random() < 0.8},
        "operations": operations,
        "sets": [sorted(rng.sample(range(SCOPES), rng.randrange(0, 4))) for _ in range(8)],
        "exact": rng.random() < 0.5,
    }


def lay(bench, known, grants):
    """Put a catalogue into the store, and a question of every set to every operation."""
    bench.clear()
    one = {
        "catalogue": "c",
        "source": "toml",
        "sha256": "0",
        "case_sensitive": known["exact"],
        "operations": 0,
        "scopes": 0,
    }
    bench.insert(CAT_META, [one])
    bench.insert(
        CAT_SCOPE,
        [
            {
                "scope_id": n,
                "catalogue": "c",
                "scope": f"S{n}",
                "deprecated": False,
                "is_protocol": False,
                "resource_limited": False,
                "mappable": True,
            }
            for n in range(SCOPES)
        ],
    )
    bench.insert(CAT_SCOPE_ALIAS, [{"catalogue": "c", "alias": "https://c/S1", "scope_id": 1, "kind": "url_form"}])
    bench.insert(
        CAT_SCOPE_IMPLIES,
        [
            {"broader": a, "narrower": b, "evidence": "declared", "direct": (a, b) in known["direct"]}
            for a, b in sorted(known["implied"])
        ],
    )
    bench.insert(
        CAT_SCOPE_RISK,
        [
            {"scope_id": n, "principal": principal, "source": "user", "rank": rank if principal == "any" else 0}
            for n, rank in known["risk"].items()
            for principal in ("any", "delegated")
        ],
    )
    bench.insert(
        CAT_OPERATION,
        [
            {
                "op_id": n,
                "catalogue": "c",
                "kind": "http",
                "method": "GET",
                "label": f"GET /{n}",
                "deprecated": False,
                "complete": operation["complete"],
                "security": operation["security"],
            }
            for n, operation in enumerate(known["operations"])
        ],
    )
    bench.insert(
        CAT_REQUIREMENT,
        [
            {
                "op_id": n,
                "principal": alternative["principal"],
                "alt": number,
                "scope_id": scope,
                "is_least": False,
                "condition": alternative["condition"],
                "certainty": "declared",
                "ambiguous_list": alternative["ambiguous_list"],
            }
            for n, operation in enumerate(known["operations"])
            for number, alternative in enumerate(operation["alternatives"])
            for scope in alternative["scopes"]
        ],
    )
    names = [[spelled(known, scope, number) for scope in scopes] for number, scopes in enumerate(known["sets"])]
    bench.engine.execute("CREATE OR REPLACE TEMP TABLE scope_set (set_id BIGINT, scopes VARCHAR[])")
    for number, scopes in enumerate(names):
        bench.engine.execute(
            "INSERT INTO scope_set VALUES ($number, $scopes)", {"number": number, "scopes": [*scopes, "alien"]}
        )
    bench.insert(
        USAGE_CALLER, [{"caller_id": n, "source": "s", "token_scopes": scopes} for n, scopes in enumerate(names)]
    )
    bench.engine.execute(
        "CREATE OR REPLACE TEMP TABLE question AS "
        "SELECT row_number() OVER () AS question_id, o::INTEGER AS operation_id, s::BIGINT AS set_id, a AS application "
        f"FROM range({OPERATIONS}) t(o), range({len(names)}) u(s), (VALUES (true), (false), (NULL)) v(a)"
    )
    # Each grant holds one set, and made these calls.
    bench.engine.execute("CREATE OR REPLACE TEMP TABLE named_caller (caller_id INT, source VARCHAR)")
    bench.engine.execute(
        "CREATE OR REPLACE TEMP TABLE used_pair (caller_id INT, grant_id VARCHAR, operation_id INT, set_id BIGINT, "
        "application BOOLEAN, outcome VARCHAR, grant_ended BOOLEAN)"
    )
    bench.engine.execute(
        "CREATE OR REPLACE TEMP TABLE everyones_use AS SELECT 's' AS source, * FROM used_pair"
    )  # no grant here is for everyone
    for number, (set_id, calls) in enumerate(grants):
        bench.engine.execute("INSERT INTO named_caller VALUES ($n, 's')", {"n": number})
        told = [{"o": o, "a": a, "outcome": outcome, "ended": ended} for o, a, outcome, ended in calls]
        bench.engine.execute(
            "INSERT INTO used_pair SELECT $n, $g, c.o, $s, c.a, c.outcome, c.ended FROM (SELECT unnest($calls) AS c)",
            {"n": number, "g": f"g{number}", "s": set_id, "calls": told},
        )


def spelled(known, scope, number):
    """Write a scope as a token might: an alias, or in other case where that means nothing."""
    if scope == 1 and number % 2:
        return "https://c/S1"
    return f"s{scope}" if not known["exact"] and number % 3 == 0 else f"S{scope}"


@contextmanager
def worked_out(bench, *names):
    made = []
    for name in names:
        bench.engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {registry()[name].sql}")
        made.append(name)
    try:
        yield
    finally:
        for name in (*made, "scope_set", "question", "named_caller", "used_pair", "everyones_use"):
            bench.engine.execute(f"DROP TABLE temp.{name}")


def closure(known, held):
    return set(held) | {b for a, b in known["implied"] if a in held}


def open_to(operation, application):
    kinds = (*APPLICATION, *DELEGATED) if application is None else APPLICATION if application else DELEGATED
    return [alternative for alternative in operation["alternatives"] if alternative["principal"] in kinds]


def met(alternative, scopes):
    return all(scope is None or scope in scopes for scope in alternative["scopes"])


def verdict(known, operation, held, application):
    if operation["security"] == "none_required":
        return "in_scope"
    if operation["security"] == "unknown":
        return "unknown"
    alternatives = open_to(operation, application)
    if any(met(alternative, held) for alternative in alternatives):
        return "in_scope"
    if any(met(alternative, closure(known, held)) for alternative in alternatives):
        return "in_scope_by_implication"
    if not operation["complete"] or any(alternative["condition"] for alternative in alternatives):
        return "unknown"
    return "out_of_scope"


def permitted(known, operation, held, application):
    return any(met(alternative, closure(known, held)) for alternative in open_to(operation, application))


def credited(known, operation, held, application):
    """Return each held scope that is part of a met alternative, and whether nothing would be met without it."""
    whole = closure(known, held)
    parts = {
        part
        for alternative in open_to(operation, application)
        if met(alternative, whole)
        for part in alternative["scopes"]
        if part is not None
    }
    helpers = {scope for scope in held if parts & closure(known, [scope])}
    return {scope: not permitted(known, operation, set(held) - {scope}, application) for scope in helpers}


def narrowest(known, held, calls):
    """Return {scope: replacement} for the scopes that these calls needed."""
    reach = {
        scope: sum(
            any(set(alternative["scopes"]) & closure(known, [scope]) for alternative in operation["alternatives"])
            for operation in known["operations"]
        )
        for scope in range(SCOPES)
    }
    found = {}
    for scope in held:
        counted = [
            (known["operations"][operation], application)
            for operation, application in calls
            if scope in credited(known, known["operations"][operation], held, application)
        ]
        if not any(credited(known, operation, held, application)[scope] for operation, application in counted):
            continue
        enough = [
            narrower
            for broader, narrower in known["implied"]
            if broader == scope and all(does_for(known, held, scope, narrower, *call) for call in counted)
        ]
        if enough:
            found[scope] = min(enough, key=lambda each: (known["risk"].get(each, 0), reach[each], f"S{each}"))
    return found


def does_for(known, held, scope, narrower, operation, application):
    """Tell whether a call goes on with `narrower` for `scope`, whatever becomes of the other scopes held."""
    own, less = closure(known, [scope]), closure(known, [narrower])
    its = [
        alternative
        for alternative in open_to(operation, application)
        if met(alternative, closure(known, held)) and own & set(alternative["scopes"])
    ]
    return any(met(alternative, less) for alternative in its) or all(
        own & set(alternative["scopes"]) <= less for alternative in its
    )


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_every_answer_is_that_of_brute_force(bench, seed):
    rng = random.Random(seed)
    known = catalogue(rng)
    grants = [
        (
            rng.randrange(len(known["sets"])),
            [
                (
                    rng.randrange(OPERATIONS),
                    rng.random() < 0.2,
                    rng.choice(["success", "success", "success", "denied"]),
                    rng.random() < 0.1,
                )
                for _ in range(rng.randrange(0, 9))
            ],
        )
        for _ in range(30)
    ]
    lay(bench, known, grants)
    with worked_out(
        bench, "known_scope", "question_alternative", "judged_question", "credited_scope", "narrower_scope"
    ):
        questions = {row["question_id"]: row for row in bench.rows("SELECT * FROM question")}
        judged = {row["question_id"]: row for row in bench.rows("SELECT * FROM judged_question")}
        credits = bench.rows("SELECT * FROM credited_scope")
        proposals = bench.rows("SELECT * FROM narrower_scope")
    assert set(judged) == set(questions)
    for number, question in questions.items():
        operation, held = known["operations"][question["operation_id"]], known["sets"][question["set_id"]]
        answer = verdict(known, operation, held, question["application"])
        assert judged[number]["verdict"] == answer, (operation, held, question["application"], known["implied"])
        assert answer != "unknown" or judged[number]["why_unknown"]
        mine = {row["scope_id"]: row["needed"] for row in credits if row["question_id"] == number}
        assert mine == credited(known, operation, held, question["application"]), (operation, held, known["implied"])
    assert all(row["needed"] != row["ambiguous"] for row in credits)
    told = {(row["grant_id"], row["scope_id"]): row["replacement"] for row in proposals}
    expected = {}
    for number, (set_id, calls) in enumerate(grants):
        asked = {
            (operation, application)
            for operation, application, outcome, ended in calls
            if outcome == "success" and not ended
        }
        instead = narrowest(known, known["sets"][set_id], asked)
        expected |= {(f"g{number}", scope): f"S{replacement}" for scope, replacement in instead.items()}
        narrowed = {instead.get(scope, scope) for scope in known["sets"][set_id]}
        for operation, application in asked:  # all of them replaced at once
            operation = known["operations"][operation]
            if permitted(known, operation, known["sets"][set_id], application):
                assert permitted(known, operation, narrowed, application)
    assert told == expected
