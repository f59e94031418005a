"""The printed SQL of a rule is the rule: it runs anywhere and gives the same rows."""

from datetime import UTC, datetime

import pytest

from grantlens import detect, relations
from grantlens.register.decisions import Decisions
from grantlens.register.register import Register
from grantlens.rule.example import consent, decided, revoked, token, use
from grantlens.rule.written import defaults, translated, written_out
from grantlens.rules import registry, text
from grantlens.rules.delegation_chain.examples import asked, exchanged
from grantlens.rules.granted_details.examples import BARE
from grantlens.schema.register import DECISION, DETAILS_TYPE, REGISTER
from tests.rules.conftest import logs_kept_going, random_log

SINCE, UNTIL = datetime(2026, 7, 3, tzinfo=UTC), datetime(2026, 7, 18, 12, tzinfo=UTC)
CHOSEN = {"dormant_days": 3, "quiet_days": 3, "least_days": 1, "people": 1}

ISSUED = {"log": "issuance", "issued_at": "2026-07-04T09:00:00Z", "kind": "credential", "outcome": "success"}
OF_PROVIDERS = (
    {**ISSUED, "source": "github", "event_id": "pat-1", "grant_id": "pat:7:ci", "token_id": "hash-1", "client_id": "pat"},
    {**ISSUED, "source": "github", "event_id": "pat-2", "grant_id": "pat:7:ci", "token_id": "hash-2", "client_id": "pat"},
    {"log": "revocation", "source": "github", "event_id": "pat-3", "grant_id": "pat:7:ci", "target_kind": "grant",
     "revoked_at": "2026-07-05T09:00:00Z", "kind": "revoke", "outcome": "success", "initiator": "admin"},
    {**ISSUED, "source": "github", "event_id": "pat-4", "grant_id": "pat:7:new", "token_id": "hash-4", "client_id": "pat",
     "issued_at": "2026-07-05T10:00:00Z", "consent_kind": "user"},
    {"log": "usage", "source": "github", "event_id": "pat-5", "token_id": "hash-1", "client_id": "other", "outcome": "success",
     "used_at": "2026-07-04T10:00:00Z"},
    *({**ISSUED, "source": "okta", "event_id": name, "kind": "refresh", "token_kind": "refresh", "token_id": name, "parent_token_id": shown,
       "client_id": "desk", "issued_at": f"2026-07-06T{hour}:00:00Z"} for name, shown, hour in (("r2", "r1", "09"), ("r3", "r2", "10"), ("r4", "r1", "11"))),
    *({**ISSUED, "source": "okta", "event_id": name, "kind": "token", "token_id": "twice", "client_id": name} for name in ("desk", "shelf")),
    {**ISSUED, "source": "microsoft_entra", "event_id": "sp-1", "grant_id": "entra:object:graph", "client_id": "app-id"},
    *({**ISSUED, "source": "microsoft_entra", "event_id": f"sign-in-{hour}", "kind": "token", "client_id": "app-id", "grant_type": grant_type,
       "issued_at": f"2026-07-05T{hour}:00:00Z"} for hour, grant_type in ((10, "oAuth2"), (11, "deviceCode"))),
    {**ISSUED, "source": "microsoft_entra", "event_id": "ann", "kind": "consent", "client_id": "new", "subject_id": "ann", "subject_kind": "user",
     "subject_name": "ann@example.com", "issued_at": "2026-07-05T12:00:00Z", "consent_kind": "user"},
    {**ISSUED, "source": "microsoft_entra", "event_id": "lent-out", "kind": "token", "token_id": "lent-out", "client_id": "app-id"},
    use("05 10:00", "GET /v1/messages/7", "lent-out", client_id="app-id", event_id="borrowed", source="microsoft_365"),
    *(use(when, "DELETE /v1/messages/7", None, status=status, client_id="climber", event_id=f"climb-{status}")
      for when, status in (("05 09:00", 403), ("05 09:02", 204))),
    consent("05 09:00", ["mail.read"], "elsewhere", client_id="elsewhere", audience=["https://elsewhere.example"], event_id="elsewhere"),
    consent("05 09:01", ["mail.write"], "climb", client_id="climber", consent_kind="policy", event_id="climb"),
    use("05 10:00", "GET /v1/messages/7", "called", client_id="called", event_id="called", token_issued_at="2026-07-05T09:30:00Z"),
    *(revoked(f"05 10:0{minute}", "subject", kind=kind, source="okta", subject_id="ben", event_id=kind) for minute, kind in enumerate(("disable", "enable"))),
    use("05 10:00", "GET /v1/messages/7", None, client_id="eraser", event_id="erase-1"),
    use("05 10:10", "DELETE /api/v2/log-streams/lst_1", None, "auth0", 204, client_id="eraser", event_id="erase-2"),
)  # fmt: skip
"""What only some providers write: a token's name that is used again, an object that stands for an application, a person's sign-in name, a token by device
code, a policy that gives a scope as soon as it is missed, a server that nobody calls, a token that only calls know, one of another log, a person who is
enabled again, a log's end."""

DESK = {"client_id": "desk", "grant_id": "desk"}
NARROWED = (
    token("10 09:00", "desk", ["mail.send"], event_id="desk-1", **DESK),
    revoked("10 10:00", "grant", kind="downgrade", scopes_removed=["mail.send"], **{**DESK, "event_id": "desk-2"}),
    use("10 11:00", "POST /v1/messages", "desk", client_id="desk", event_id="desk-3"),
)
"""A scope that is taken away and used, which the random logs leave to chance."""

LOST = (asked("lost", "planner", event_id="lost-1"), exchanged("kept", "lost", "tool", event_id="lost-2"))
"""An exchange that forgets who asked, as no random log names actors."""


LENT = (
    token(
        "05 09:00",
        "lent",
        ["mail.read"],
        "05 10:00",
        kind="exchange",
        token_kind="txn",
        client_id="lent",
        event_id="lent",
    ),
)
"""A transaction token that lives for an hour, as random logs have none."""

UNPLACED = (
    *(
        consent("05 09:00", ["mail.read"], name, client_id="unplaced", event_id=name)
        for name in ("one of two", "the other")
    ),
    token("05 09:01", "unplaced", ["mail.read"], client_id="unplaced", grant_id=None, event_id="unplaced"),
)
"""A token beside two grants of its client and person, of which nobody says which gave it."""

CHARGED = (
    token(
        "05 09:00",
        "charged",
        ["pay"],
        client_id="charged",
        authorization_details=[{"type": "payment"}],
        event_id="charged",
    ),
    use("05 09:01", "POST /v1/payments", "charged", "pay.example", client_id="charged", event_id="charge"),
)
"""A payment with an object of its type, as random logs have no details."""

SIGNED_IN = (
    revoked("05 09:00", "subject", subject_id="signed-in", event_id="sign-in-1"),
    token("05 10:00", "signed-in", ["mail.read"], auth_time="2026-07-04T09:00:00Z", subject_id="signed-in", event_id="sign-in-2"),
)  # fmt: skip
"""A token on a sign-in from before all access of the person was revoked, as random logs name no sign-in."""

WHOLE = (consent("05 09:00", ["https://mail.google.com/"], "whole", client_id="whole", event_id="whole"),)
"""A scope that alone opens everything."""

ELSEWHERE = (
    use(
        "05 09:00",
        "GET /v1/messages/7",
        tenant="acme",
        resource_tenant="globex",
        client_id="elsewhere",
        event_id="elsewhere",
    ),
)
"""A call that reached another tenant's, as no random log names tenants."""

MOVED = tuple(
    use(when, "GET /v1/messages/7", "moved", client_id="moved", ip=ip, user_agent=agent, event_id=f"moved-{when}")
    for when, ip, agent in (
        ("04 09:00", "192.0.2.7", "app/1"),
        ("06 09:00", "192.0.2.7", "app/1"),
        ("06 09:10", "2001:db8::7", "curl/8"),
        ("06 09:20", "192.0.2.9", "app/2"),
    )
)
"""A token that is used in turn from two places, as no random log tells addresses."""

ADDED = tuple(
    {**ISSUED, "event_id": f"added-{by}", "issued_at": f"2026-07-{day:02}T09:00:00Z", "client_id": "added", "token_id": f"key of {by}", "consent_actor": by}
    for day, by in ((4, "ann"), (15, "eve"))
)  # fmt: skip
"""Two keys of a client, each made by another, as random logs make none."""

DECIDED = (
    *(decided("05 12:00", "compromise", client_id=f"n{seed}") for seed in (1, 5, 8)),
    decided("10 12:00", "compromise", grant_id="desk"),
    decided("11 12:00", decision="keep", grant_id="desk"),
)


@pytest.fixture(scope="module")
def store(prepared, tmp_path_factory):
    """Return a store with a busy log; read it only."""
    import json

    folder = tmp_path_factory.mktemp("written")
    log = folder / "log.ndjson"
    records = [record for seed in (1, 5, 8) for record in random_log(seed, f"n{seed}")]
    log.write_text(
        "".join(
            json.dumps(record) + "\n"
            for record in (
                *records,
                *random_log(0),
                *logs_kept_going(),
                *OF_PROVIDERS,
                *NARROWED,
                *LOST,
                *LENT,
                *UNPLACED,
                *CHARGED,
                *SIGNED_IN,
                *WHOLE,
                *ELSEWHERE,
                *MOVED,
                *ADDED,
            )
        )
    )
    with prepared() as opened:
        opened.load(log)
        opened.add(Decisions(tuple(dict.fromkeys(DECISION.names) | row for row in DECIDED)))
        limited = dict.fromkeys(REGISTER.names) | {"client_id": "elsewhere", "approved_hours": []}
        types = (dict.fromkeys(DETAILS_TYPE.names) | BARE[0],)
        opened.add(Register((limited,), (datetime(2026, 7, 1, 9, tzinfo=UTC),), types))
        yield opened


@pytest.fixture(scope="module")
def bound(store):
    """Return the rows of each rule as grantlens runs it: relations worked out, values bound."""
    rows, shared = {}, {"since": SINCE, "until": UNTIL, "every_call": False}
    with relations.worked_out(store.engine, [name for rule in registry().values() for name in rule.needs], shared):
        for rule in registry().values():
            values = {**shared, **defaults(rule), **CHOSEN}
            rows[rule.id] = sorted(map(repr, store.engine.arrow(rule.sql, values).to_pylist()))
    return rows


@pytest.mark.parametrize("rule", registry().values(), ids=lambda rule: rule.id)
def test_the_printed_text_gives_the_same_rows(store, bound, rule):
    filled_in = written_out(rule, {"since": SINCE, "until": UNTIL, **CHOSEN})
    assert sorted(map(repr, store.engine.arrow(filled_in).to_pylist())) == bound[rule.id]


def test_the_log_of_this_test_speaks(bound):
    assert {rule for rule, rows in bound.items() if not rows} == {"INT-5"}


@pytest.mark.parametrize("rule", ["REV-1", "OOS-1"])
def test_left_open_it_takes_values_by_name(store, bound, rule):
    rows = store.sql(text(rule), since=SINCE, until=UNTIL).to_pylist()
    assert sorted(map(repr, rows)) == bound[rule]


@pytest.mark.parametrize("rule", registry().values(), ids=lambda rule: rule.id)
def test_it_says_what_it_asks_and_leaves_only_the_window_open(rule):
    printed = text(rule.id)
    assert printed.startswith(f"-- {rule.id} (version {rule.version}): {rule.question}\n-- Basis: {rule.basis}\n")
    code = "\n".join(line.split("--")[0] for line in printed.splitlines())
    import re

    assert set(re.findall(r"\$(\w+)", code)) <= {"since", "until"}
    for relation in relations.ordered(rule.needs):
        assert f"\n{relation.name} AS (" in printed


def test_a_value_cannot_become_sql():
    hostile = "0') OR true; DROP TABLE usage_row; --"
    printed = written_out(registry()["PRV-3"], {"dormant_days": hostile})
    assert "'0'') OR true; DROP TABLE usage_row; --'" in printed
    assert hostile not in printed


def test_what_detect_shows_is_what_it_ran(store):
    for found in detect.run(store, ["OOS-1", "REV-1", "GOV-1"], since=SINCE, until=UNTIL):
        assert len(store.engine.rows(found.sql)) == len(found) > 0


@pytest.mark.parametrize("name", relations.registry())
def test_relations_stand_in_the_store(store, name):
    relation = relations.registry()[name]
    views = {view for (view,) in store.engine.rows("SELECT view_name FROM duckdb_views() WHERE NOT internal")}
    assert (name in views) is not relation.windowed
    if not relation.windowed:
        seen = store.engine.rows(f"FROM {name}")
        with relations.worked_out(store.engine, [name], {}):
            told = store.engine.rows(f"FROM {name}")
        assert sorted(map(repr, seen)) == sorted(map(repr, told))
        assert seen or name in ("effective_revocation", "everyones_state")
    assert relation.doc
    for needed in relation.needs:
        assert needed in relations.registry()


def test_a_relation_needs_what_it_reads():
    import re

    names = set(relations.registry())
    for relation in relations.registry().values():
        code = "\n".join(line.split("--")[0] for line in relation.sql.splitlines())
        read = {name for name in re.findall(r"(?:FROM|JOIN)\s+(\w+)", code) if name in names}
        inside = set(re.findall(r"(\w+) AS \(", code))
        assert read - inside <= {each.name for each in relations.ordered([relation.name])} - {relation.name}
    for rule in registry().values():
        code = "\n".join(line.split("--")[0] for line in rule.sql.splitlines())
        read = {name for name in re.findall(r"(?:FROM|JOIN)\s+(\w+)", code) if name in names}
        inside = set(re.findall(r"(\w+) AS \(", code))
        assert read - inside <= {each.name for each in relations.ordered(rule.needs)}, rule.id


def test_other_dialects():
    assert translated("SELECT 1", "duckdb") == "SELECT 1"
