"""What is said to be concluded is what the rules really do: on planted stories as each provider could log them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from itertools import count, product

import pytest

from grantlens import detect
from grantlens.catalogue.removals import REMOVALS
from grantlens.conclusion.conclusion import LEVELS, conclude, lacking, source_of
from grantlens.ingest.declared import note_declared
from grantlens.loaders import STRENGTHS, loaders
from grantlens.register.decisions import Decisions
from grantlens.register.register import Register
from grantlens.rule.evidence import (
    ALL_GIVEN,
    AS_CALLED,
    AUDIENCE,
    DETAILS,
    EXCHANGED,
    KEY_MAKERS,
    KEYS_BEGIN,
    KEYS_END,
    NAMED,
    NESTED,
    OWN_WORDS,
    REDEEMED,
    REMOVES,
    ROTATED,
    Evidence,
    Way,
    every_word,
)
from grantlens.rule.example import BYSTANDER, Example, consent, decided, logs_from_to, moment, revoked, token, use
from grantlens.rule.rule import Rule
from grantlens.rules import find, registry
from grantlens.rules.clock_skew import pairs
from grantlens.rules.granted_details.examples import TYPES
from grantlens.schema import LOGS, TIMES
from grantlens.schema.register import DECISION, DETAILS_TYPE, REGISTER
from grantlens.schema.vocabulary import ENUMS

READ, DELETE = "GET /v1/messages/7", "DELETE /v1/messages/7"
WINDOW = {"since": "2026-07-01", "until": "2026-08-01", "now": "2026-08-01"}
# Not how much evidence is asked for, but whether there can be any.
PARAMETERS = {"dormant_days": 10, "quiet_days": 10, "bulk_calls": 5, "break_even": 1}
DECIDED = tuple(
    dict.fromkeys(DECISION.names) | decided("05 12:00", "compromise", **about)
    for number in range(9)
    for about in ({"client_id": f"REV-10.{number}"}, {"token_id": f"k1-REV-10.{number}"})
)
REVIEWS = tuple(datetime.fromisoformat(moment(when)) for when in ("02 09:00", "16 09:00"))
REGISTERED = {"owner": "jo", "purpose": "reads mail", "approved_operations": ["GET *"], "approved_tenants": []}
LIMITS = {"OOS-14": {"approved_hours": []}}
"""What is registered beside it of the clients of a rule."""

# Beside the examples of the rules, which mostly name tokens: the same planted in logs that name none.
PLANTED = {
    "OOS-1": [(use("10 09:06", DELETE, token_scopes=["mail.read"]),)],
    "OOS-3": [
        (consent("10 09:00", ["mail.write"]), use("10 09:06", DELETE, None)),
        (use("10 09:06", DELETE, token_scopes=["mail.write"]),),
    ],
    "OOS-10": [
        (
            *logs_from_to("01 08:00", "31 23:00"),
            *(
                use(when, READ, ip=ip, user_agent=agent, session_id="s1")
                for when, ip, agent in (
                    ("02 09:00", "192.0.2.7", "app/1"),
                    ("20 09:00", "192.0.2.7", "app/1"),
                    ("20 09:10", "203.0.113.9", "curl/8"),
                    ("20 09:20", "192.0.2.7", "app/1"),
                )
            ),
        )
    ],
    "OOS-11": [
        (
            use("10 09:05", DELETE, status=403),
            consent("10 09:05:40", ["mail.write"], consent_kind="admin"),
            use("10 09:07", DELETE, status=204),
        )
    ],
    "OOS-12": [
        (use("10 09:06", DELETE, status=403, denial_reason=reason, token_scopes=["mail.read"]),)
        for reason in ("policy", "other")
    ],
    "PRV-1": [
        (
            token("01 08:00", "t1", ["mail.write", "files.read"], kind=kind),
            *(use(f"{day:02} 09:00", READ) for day in range(1, 31)),
        )
        for kind in ("token", "consent")
    ],
    "PRV-3": [(consent("01 08:00", ["mail.read", "offline_access"]), *logs_from_to("01 08:00", "31 23:00"))],
    "PRV-4": [
        (
            token("01 08:00", "t1", ["mail.write"], kind=kind),
            *(use(f"{day:02} 09:00", READ) for day in range(1, 31)),
        )
        for kind in ("token", "credential")
    ],
    "REV-1": [
        (consent("10 11:00", ["mail.read"]), token("10 11:00", "t1", ["mail.read"]), ended, use("10 12:10", READ))
        for ended in (revoked("10 12:00"), revoked("10 12:00", "grant"), revoked("10 12:00", "client"))
    ]
    + [
        (revoked("10 12:00", whose), use("10 12:10", READ, token_issued_at=moment("10 11:00")))
        for whose in ("client", "subject")
    ],
    "REV-2": [
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", "grant"),
            token("10 13:00", "t2", ["mail.read"], kind="credential"),
        )
    ]
    + [
        (
            consent("10 09:00", ["mail.read"]),
            revoked("10 12:00", whose, kind="disable"),
            token("10 13:00", "t2", ["mail.read"]),
        )
        for whose in ("client", "subject")
    ],
    "REV-4": [
        (
            consent("10 11:00", ["mail.read"]),
            token("10 11:00", "t1", ["mail.read"]),
            ended,
            use("20 12:10", READ),
            use("31 22:00", READ),
        )
        for ended in (revoked("10 12:00"), revoked("10 12:00", "grant"), revoked("10 12:00", "client"))
    ]
    + [
        (
            revoked("10 12:00", whose),
            *(use(when, READ, token_issued_at=moment("10 11:00")) for when in ("20 12:10", "31 22:00")),
        )
        for whose in ("client", "subject")
    ],
    "REV-5": [
        (
            consent("10 11:00", ["mail.read"]),
            token("10 11:00", "t1", ["mail.read"]),
            ended,
            use("10 12:02", READ),
            use("10 12:04", READ, status=401),
            use("10 12:06", READ),
        )
        for ended in (revoked("10 12:00"), revoked("10 12:00", "grant"), revoked("10 12:00", "client"))
    ],
    "REV-6": [
        (consent("10 11:00", ["mail.read"]), token("10 11:00", "t1", ["mail.read"]), ended)
        for ended in (revoked("10 12:00"), revoked("10 12:00", "grant"), revoked("10 12:00", "client"))
    ],
    "PRV-6": [
        (consent("10 11:00", ["mail.read"]), revoked("10 12:00", whose), *logs_from_to("01 08:00", "30 23:00"))
        for whose in ("client", "subject")
    ],
    "INT-1": [(use("12 09:06", READ), *logs_from_to("01 08:00", "20 08:00"))],
    "INT-2": [(token("10 09:01", "t1", ["mail.read"]), use("10 09:00", READ))],
    "INT-6": [
        tuple(record | (made if record["log"] == "issuance" else called) for record in pairs(*[-30] * 5))
        for made, called in (
            ({"kind": "refresh", "parent_token_id": "rt"}, {}),
            ({"kind": "exchange", "parent_token_id": "subject"}, {}),
            ({}, {"outcome": "denied", "denial_reason": "token"}),
        )
    ],
}


def stories():
    """Give (rule, name, records): the examples that fire, those above, each with names of its own."""
    for rule in registry().values():
        told = [example.records for example in rule.fires] + PLANTED.get(rule.id, [])
        for number, records in enumerate(told):
            yield rule, f"{rule.id}.{number}", records


def named_apart(record, name, numbers):
    """Return a record whose client, subject, grant, tokens and event belong to one story only."""
    if record.get("client_id") == BYSTANDER:
        return {**record, "event_id": f"{name}-{next(numbers)}"}
    keys = ("subject_id", "grant_id", "token_id", "parent_token_id", "session_id")
    mine = {key: f"{record[key]}-{name}" for key in keys if key in record}
    for key in ("consent_actor", "actor_id"):
        if key in record:
            mine[key] = name if record[key] == "app" else f"{record[key]}-{name}"
    if "client_id" in record:
        mine["client_id"] = name if record["client_id"] == "app" else f"{record['client_id']} of {name}"
    return {**record, **mine, "event_id": f"{name}-{next(numbers)}"}


def joins_by(source, log, strength):
    return any(join.strength == strength for join in source.joins if log in (join.first, join.second))


OTHERWISE = {
    "target_kind": ("credential", "grant", "client", "subject"),
    "kind": ("credential", "consent", "change", "disable"),
}
"""What may stand for a word that a log does not have: a token's end is that of a key, and its issue that of one."""

KEYS = ("client_id", "subject_id", "token_id")
WORDS = {log: {column.name for column in table.columns if column.type in ENUMS} for log, table in LOGS.items()}


def as_logged(record, source):
    """Return a record as this provider could log it, None if not at all: what it never tells is gone."""
    log = record["log"]
    if log not in source.logs:
        return None
    if REMOVES not in source.says and record.get("resource_server") in {each.server for each in REMOVALS}:
        return None
    if (
        record.get("token_kind") in ("refresh", "txn")
        and f"issuance.token_kind={record['token_kind']}" not in source.says
    ):
        return None
    record = dict(record)
    for column in LOGS[log].columns:
        if column.required and column.type in ENUMS and column.name in record:
            words = (record[column.name], *OTHERWISE.get(column.name, ()))
            said = next((word for word in words if f"{log}.{column.name}={word}" in source.says), None)
            if said is None:
                return None
            record[column.name] = said
    if record.get("client_id") == BYSTANDER:
        return record
    if log == "usage" and "usage.grant_id" in source.says and not joins_by(source, log, "token"):
        record.setdefault("grant_id", f"g1-{record['client_id']}")
    kept = {}
    for name, value in record.items():
        told = f"{log}.{name}" in source.says and (name not in WORDS[log] or f"{log}.{name}={value}" in source.says)
        if name == "token_id" and not joins_by(source, log, "token") and record.get("kind") != "credential":
            value = f"{value} as {log} calls it"  # an id of its own, which is found nowhere else
            told = told and (log != "issuance" or NAMED in source.says)
        if name == "parent_token_id" and record.get("token_kind") == record["kind"] == "refresh":
            told = told and ROTATED in source.says
        if name == "parent_token_id" and record.get("grant_type") == "authorization_code":
            told = told and REDEEMED in source.says
        if name == "scopes" and "parent_token_id" in record and record["kind"] != "refresh":
            told = told and EXCHANGED in source.says
        if name == "consent_actor" and record["kind"] == "credential":
            told = told and KEY_MAKERS in source.says
        if name == "audience" and AS_CALLED not in source.says:
            told = told and AUDIENCE in source.says
            value = [f"id of {each}" for each in value]
        if name == "authorization_details":
            told = told and DETAILS in source.says
        if name == "grant_id" and not all(f"{each}.grant_id" in source.says for each in source.logs):
            told = told and joins_by(source, log, "grant")
        if told or name in ("log", "event_id", "method", "target", "resource_server", "status", TIMES[log]):
            kept[name] = value
    return kept


def lasts(record):
    """Tell a key that has no end."""
    return record.get("kind") == "credential" and "expires_at" not in record


@pytest.fixture(scope="module")
def said_of(prepared, tmp_path_factory):
    """Return a function: what each rule says of its own stories, as a provider could log them.

    All providers stand in one store, since to ask every rule costs the same of one as of all: what is told of a source is what is told of it alone.
    """
    known = answers([source_of(name) for name in loaders()], prepared, tmp_path_factory.mktemp("providers"))
    return known.__getitem__


PARTS = ("shape", "lasting", "behind")


def told_by(source):
    """Return by the name of a source what this provider could log of all stories."""
    numbers = count()
    lasting, others, behind = [], [], []
    for rule, name, told in stories():
        records = [named_apart(record, name, numbers) for record in told]
        logged = [kept for record in records if (kept := as_logged(record, source))]
        if rule.id == "INT-6":  # a clock that is behind is that of a whole source
            behind.extend(logged)
            continue
        # Beside keys without an end no issuance log is ever complete: they are a source of their own.
        (lasting if any(map(lasts, logged)) else others).extend(logged)
        (others if any(map(lasts, logged)) else lasting).extend(r for r in logged if r.get("client_id") == BYSTANDER)
    return dict(zip(PARTS, (others, lasting, behind), strict=True))


def answers(providers, prepared, folder):
    named = ((rule, f"{rule}.{number}") for rule in ("OOS-3", "OOS-9", *LIMITS) for number in range(9))
    rows = [
        dict.fromkeys(REGISTER.names) | REGISTERED | LIMITS.get(rule, {}) | {"client_id": client_id}
        for rule, client_id in named
    ]
    with prepared() as store:
        types = [dict.fromkeys(DETAILS_TYPE.names) | dict(kind) for kind in TYPES]
        store.add(Register(tuple(rows), REVIEWS, tuple(types)), Decisions(DECIDED))
        # Of what loaders declare a load asks only which logs a file carries.
        for carries in sorted({source.carries for source in providers}):
            log, native = folder / f"{'-'.join(carries)}.ndjson", replace(loaders()["native"], dialect=None)
            alike = [source for source in providers if source.carries == carries]
            logs = {f"{each.name}, {part}": logged for each in alike for part, logged in told_by(each).items()}
            own = [{**record, "source": name} for name, logged in logs.items() for record in logged]
            log.write_text("".join(json.dumps(record) + "\n" for record in own))
            report = store.load(log, loader=replace(native, name="declared", carries=carries))
            assert report.failed == []
            assert report.total("rejected") == 0
            for source, part in product(alike, PARTS):
                declared = {"joins": source.joins, "keys_end": KEYS_END in source.says}
                declared["actors"] = "nested" if NESTED in source.says else ""
                declared["keys_begin"] = KEYS_BEGIN in source.says
                declared["giving_shown"] = ALL_GIVEN in source.says
                note_declared(store.engine, replace(native, name=f"{source.name}, {part}", **declared))
        found = {each.rule.id: each.to_dicts() for each in detect.run(store, parameters=PARAMETERS, **WINDOW)}
    return {
        source.name: {
            rule: [
                finding
                for finding in findings
                if finding["source"] in (None, *(f"{source.name}, {part}" for part in PARTS))
                and (any(f"{rule}." in (finding[key] or "") for key in KEYS) or not any(finding[key] for key in KEYS))
            ]
            for rule, findings in found.items()
        }
        for source in providers
    }


ASKED = [rule for rule in registry().values() if rule.id != "INT-5"]  # which asks for events, of whatever shape


@pytest.mark.parametrize("name", loaders())
def test_a_planted_case_gets_what_is_said_of_the_provider(name, said_of):
    source, said = source_of(name), said_of(name)
    wrong = {}
    for rule in ASKED:
        conclusion, found = conclude(rule, source), said[rule.id]
        violations = [finding for finding in found if finding["verdict"] == "violation"]
        holds = {
            "verdict": bool(found if rule.id == "OOS-12" else violations),  # a refusal is no violation
            "bounds": bool(found) and not any(finding["token_id"] for finding in violations),
            "no": not violations,
        }
        if not holds[conclusion.level]:
            wrong[rule.id] = (conclusion.sentence, found)
    assert wrong == {}


@pytest.mark.parametrize("name", ["okta", "auth0", "keycloak", "slack"])
def test_silence_in_a_log_that_is_shown_in_part_is_no_verdict(name, said_of):
    source, said = source_of(name), said_of(name)
    assert "usage" not in source.carries
    silent = [find(rule) for rule in ("PRV-1", "PRV-2", "PRV-3", "PRV-4", "REV-6")]
    assert all(conclude(rule, source).level != "verdict" for rule in silent)
    assert [finding for rule in silent for finding in said[rule.id] if finding["verdict"] == "violation"] == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("slack", "nothing joins issuance and usage of this source"),
        (
            "auth0",
            "keys of this source need not end: one that is older than the log looks as if it had never been issued",
        ),
        ("aws_cloudtrail", "the issuance log shows only some of what was issued"),
        (
            "github",
            "keys of this source need not end: one that is older than the log looks as if it had never been issued",
        ),
    ],
)
def test_where_no_issuance_could_be_found_no_call_is_an_orphan(name, reason, said_of):
    found = said_of(name)["INT-1"]
    assert {finding["verdict"] for finding in found} == {"indeterminate"}
    assert {finding["detail"]["reason"] for finding in found} == {reason}


# What rules declare.


@pytest.mark.parametrize("rule", registry().values(), ids=lambda rule: rule.id)
def test_every_rule_declares_what_it_rests_on_in_known_words(rule):
    columns = {f"{log}.{column.name}": column for log, table in LOGS.items() for column in table.columns}
    for word in every_word([rule.rests_on]) - OWN_WORDS:
        name, _, value = word.partition("=")
        assert name in columns
        assert not value or value in (*ENUMS[columns[name].type], "unknown")
    ways = (*rule.rests_on.verdict, *rule.rests_on.bounds)
    assert rule.rests_on.verdict
    assert all(set(way.silence) <= set(way.logs) and set(way.joins.values()) <= set(STRENGTHS) for way in ways)
    assert all(way.leaves_open for way in rule.rests_on.bounds), "bounds leave something open"


def test_a_rule_that_declares_nothing_concludes_nothing():
    silent = Rule("GOV-9", 1, "x", ("client_id",), "x?", "low", "x", "x", "SELECT 1")
    assert conclude(silent, source_of("native")).level == "no"


def rule_that_rests_on(evidence):
    return Rule(
        "GOV-9", 1, "x", ("client_id",), "x?", "low", "x", "x", "SELECT 1", rests_on=evidence, fires=(Example("x", ()),)
    )


def test_what_is_lacking_is_said_once_and_in_words():
    slack = source_of("slack")
    way = Way(("issuance", "usage"), {("issuance", "usage"): "token"}, ("usage.token_id",), silence=("usage",))
    assert lacking(way, slack) == [
        "usage is logged in part, so its absence shows nothing",
        "nothing joins issuance and usage",
    ]
    assert "no call names a token" in lacking(way, slack, repeat=True)
    weaker = Way(("issuance",), leaves_open="the rest")
    found = conclude(rule_that_rests_on(Evidence((way,), (weaker,))), slack)
    assert (found.level, found.leaves_open) == ("bounds", "the rest")
    assert found.sentence == (
        "Gives bounds only: usage is logged in part, so its absence shows nothing, nothing joins issuance and usage; "
        "the rest."
    )
    assert LEVELS.index(found.level) == 1


def test_one_word_of_several_is_enough():
    native = source_of("native")
    way = Way(("usage",), says=("usage.denial_reason=nonsense or usage.denial_reason=scope",))
    assert lacking(way, native) == []
    assert lacking(way, replace(native, says=frozenset({"usage.denial_reason"}))) != []
