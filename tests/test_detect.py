"""Rules asked of a store: what may be asked, with which values, and what an empty answer says."""

import inspect
import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import grantlens as gl
from grantlens import detect, relations
from grantlens.access_review import review
from grantlens.conclusion.nothing_found import NOTHING
from grantlens.engine.duckdb import Engine
from grantlens.errors import RuleError, StoreError, WindowError
from grantlens.loaders import loaders
from grantlens.rule.example import consent, logs_from_to, revoked, token, use
from grantlens.rule.parameters import MOST
from grantlens.rule.written import defaults
from grantlens.rules import registry
from grantlens.store import Store

ONE_CALL = (token("10 09:00", "t1", ["mail.read"], "10 12:00"), use("10 09:06", "GET /v1/messages/7"))
ENDED = (consent("10 09:00", ["mail.read"]), revoked("10 10:00"))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Return what gives a store with these records; each call a new one."""
    folder = tmp_path_factory.mktemp("detect")
    with Store(folder / "empty.duckdb"):
        pass
    made = []

    def of(*records):
        number = len(made)
        made.append(Store(shutil.copy(folder / "empty.duckdb", folder / f"{number}.duckdb")))
        if records:
            log = folder / f"{number}.ndjson"
            log.write_text("".join(json.dumps(record) + "\n" for record in records))
            assert made[-1].load(log).total("rejected") == 0
        return made[-1]

    yield of
    for store in made:
        store.close()


@pytest.fixture(scope="module")
def empty(loaded):
    """Return an empty store."""
    return loaded()


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("REV-14", "REV-4"),
        ("OOS1", "OOS-1"),
        ("rev_4", "REV-4"),
        ("PRV-33", "PRV-3"),
        ("never_efective", "never_effective"),
    ],
)
def test_an_unknown_rule_names_the_nearest(empty, wrong, near):
    with pytest.raises(RuleError, match=f"no rule '{wrong}'") as raised:
        detect.run(empty, [wrong])
    assert f"Did you mean {near!r}?" in raised.value.remedy


def test_a_rule_unlike_any_lists_them_all(empty):
    with pytest.raises(RuleError) as raised:
        detect.run(empty, ["quantum"])
    assert ", ".join(registry()) in raised.value.remedy


def test_an_unknown_parameter_names_the_nearest(empty):
    with pytest.raises(RuleError, match="PRV-3 has no parameter 'dormant_day'") as raised:
        detect.run(empty, ["PRV-3"], parameters={"dormant_day": 9})
    assert "dormant_days" in raised.value.remedy


def test_a_parameter_of_another_rule_is_unknown_here(empty):
    with pytest.raises(RuleError, match="OOS-1 has no parameter 'dormant_days'"):
        detect.out_of_scope(empty, dormant_days=9)


@pytest.mark.parametrize("value", ["9", None, True, [9], math.nan, math.inf])
def test_a_parameter_takes_a_number(empty, value):
    with pytest.raises(RuleError, match="takes a number") as raised:
        detect.run(empty, ["PRV-3"], parameters={"dormant_days": value})
    assert "90" in raised.value.remedy


@pytest.mark.parametrize(
    "number",
    [
        lambda parameter: 0,
        lambda parameter: int(parameter.default),
        lambda parameter: parameter.default / 3,
        lambda parameter: MOST.get(parameter.unit, 10**6),
    ],
    ids=["none", "whole", "fraction", "largest"],
)
def test_every_parameter_takes_whole_numbers_fractions_and_the_largest(loaded, number):
    store = loaded(*ENDED)
    for rule in registry().values():
        given = {parameter.name: number(parameter) for parameter in rule.parameters}
        if given:
            (found,) = detect.run(store, rule.id, parameters=given)
            assert found.parameters == given
            assert all(
                isinstance(found.parameters[parameter.name], float)
                for parameter in rule.parameters
                if isinstance(parameter.default, float)
            )


def test_evidence_is_few_or_all(empty):
    with pytest.raises(RuleError, match="There is no evidence 'All'"):
        detect.run(empty, evidence="All")


@pytest.mark.parametrize("given", [{"since": "2020-01-01"}, {"until": "2020-02-01"}, {"now": "2020-02-01"}])
def test_a_view_has_its_window_already(empty, given):
    with pytest.raises(WindowError, match="2026-07-01 to 2026-10-01, which has one"):
        detect.run(empty.between("2026-07-01", "2026-10-01"), ["OOS-1"], **given)
    with pytest.raises(WindowError, match="which has one"):
        review(empty.between("2026-07-01", "2026-10-01"), **given)


@pytest.mark.parametrize(
    "ask", [detect.run, detect.out_of_scope, detect.unused_privileges, detect.revocation_lag, review]
)
def test_a_path_is_no_store(ask):
    with pytest.raises(StoreError, match=r"'x\.duckdb' is no open store\. Open it first: gl\.open\(PATH\)\."):
        ask("x.duckdb")


def test_one_rule_needs_no_list(empty):
    assert [found.rule.id for found in detect.run(empty, "never_effective")] == ["REV-4"]


def test_rules_come_in_the_order_of_reports(empty):
    assert [found.rule.id for found in detect.run(empty)] == list(registry())
    asked = [found.rule.id for found in detect.run(empty, ["gov-1", "rev-4", "out_of_scope", "REV-4"])]
    assert asked == ["OOS-1", "REV-4", "GOV-1"]


@pytest.mark.parametrize(
    ("records", "rule", "why"),
    [
        ((), "OOS-1", "The store holds no log."),
        ((), "INT-1", "The store holds no log."),
        (ONE_CALL, "REV-1", "No revocation log is in the store."),
        (ONE_CALL[1:], "PRV-1", "No issuance log is in the store."),
        (ONE_CALL[1:], "REV-2", "No revocation log is in the store."),
        (
            ONE_CALL,
            "PRV-4",
            "No catalogue is in the store: make one with `grantlens catalogue build`, then `grantlens catalogue add`.",
        ),
        (ONE_CALL[:1], "REV-3", "No usage log and no revocation log is in the store."),
        (ENDED, "REV-2", "Nothing of the kind is found in the logs held for this window."),
        (ENDED, "REV-1", "No usage log is in the store."),
        (
            ONE_CALL,
            "OOS-12",
            "Nothing of the kind is found in the logs held for this window. With a catalogue more could be: make one with "
            "`grantlens catalogue build`, then `grantlens catalogue add`.",
        ),
        (
            ONE_CALL,
            "OOS-3",
            "No catalogue is in the store: make one with `grantlens catalogue build`, then `grantlens catalogue add`. "
            "No register is in the store: add one with `grantlens register add`.",
        ),
        (ONE_CALL, "INT-1", "Nothing of the kind is found in the logs held for this window."),
        (ONE_CALL, "INT-5", "Nothing of the kind is found in the logs held for this window."),
    ],
)
def test_an_empty_answer_says_why(loaded, records, rule, why):
    store = loaded(*records)
    (found,) = detect.run(store, [rule])
    assert len(found) == 0
    assert found.why_empty == why


def test_what_no_log_of_a_provider_shows_is_not_told_as_nothing_found(loaded, tmp_path):
    """Tokens of one loader have audiences, and here none: it could have been told. Those of the other never have."""
    assert detect.run(loaded(*ONE_CALL), "OOS-2")[0].why_empty == NOTHING
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in ONE_CALL))
    with gl.open(":memory:") as store:
        store.load(tmp_path / "log.ndjson", loader=replace(loaders()["native"], name="gate", dialect=None))
        why = detect.run(store, "OOS-2")[0].why_empty
    assert why.startswith("Logs of these providers cannot show it: ")
    assert "audience" in why


def test_logs_of_two_sources_make_no_pair_and_each_is_told_what_it_lacks(loaded, tmp_path):
    """What one source ended and what another was called with joins by nothing: of neither can be said that nothing is found."""
    call = {"start_time": "2026-07-10T09:06:00Z", "method": "POST", "response_code": 200, "mcp.method.name": "tools/call",
            "upstream_cluster": "mcp", "upstream_host": "10.0.0.1:443", "x-envoy-origin-path": "/mcp", "duration": 3}  # fmt: skip
    (tmp_path / "gateway.ndjson").write_text(json.dumps(call))
    store = loaded(*ENDED)
    assert store.load(tmp_path / "gateway.ndjson").total("usage") == 1
    found = {each.rule.id: each.why_empty for each in detect.run(store, ["REV-1", "REV-2", "OOS-11", "PRV-2"])}
    gateway, untold = "envoy_ai_gateway: no issuance is logged", "the store holds no usage of it"
    assert found["REV-2"] == NOTHING
    assert (
        found["REV-1"]
        == f"No log in the store can show it. envoy_ai_gateway: no revocation is logged; native: {untold}."
    )
    # A catalogue would not help.
    assert found["OOS-11"].endswith(f"native: {untold}; {gateway}, no call is logged as refused for want of scope.")
    assert found["PRV-2"] == f"No log in the store can show it. {gateway}; native: {untold}."


def test_an_empty_answer_says_that_no_log_covers_the_window(loaded):
    (found,) = detect.run(loaded(*ENDED), ["REV-2"], since="2027-01-01", until="2027-02-01")
    assert found.why_empty == "No issuance log and no revocation log covers any of 2027-01-01 to 2027-02-01."


def test_what_a_store_holds_is_asked_once_for_all_rules(empty, monkeypatch):
    asked = []
    rows = Engine.rows
    monkeypatch.setattr(Engine, "rows", lambda engine, sql, *given: asked.append(sql) or rows(engine, sql, *given))
    assert all(found.why_empty for found in detect.run(empty))
    assert sum("FROM coverage WHERE NOT is_gap GROUP BY log" in sql for sql in asked) == 1


def test_a_full_answer_does_not(loaded):
    (found,) = detect.run(loaded(*ONE_CALL), ["GOV-1"])
    assert len(found) == 1
    assert found.why_empty is None


def test_without_a_window_it_is_all_that_the_logs_cover(loaded):
    store = loaded(*logs_from_to("01 08:00", "20 08:00"), *ONE_CALL)
    (found,) = detect.run(store, ["GOV-1"])
    assert str(found.window) == "2026-07-01T08:00:00Z to 2026-07-20T08:00:00.000001Z"
    assert found.now == found.window.until
    assert {row["client_id"]: row["events"] for row in found} == {"app": 2, "bystander": 4}
    (found,) = detect.run(store, ["GOV-1"], now="2026-07-10T09:05:00Z")
    assert {row["client_id"]: row["events"] for row in found} == {"app": 1, "bystander": 3}


def test_the_window_is_half_open(loaded):
    store = loaded(*ONE_CALL)

    def clients(since, until):
        return [row["events"] for row in detect.run(store, ["GOV-1"], since=since, until=until)[0]]

    assert clients("2026-07-10T09:06:00Z", "2026-07-10T09:07:00Z") == [1]
    assert clients("2026-07-10T09:05:00Z", "2026-07-10T09:06:00Z") == []
    assert clients("2026-07-10T09:00:00Z", "2026-07-10T09:06:00.000001Z") == [2]


def test_parameters_take_effect_and_are_told(loaded):
    store = loaded(
        consent("01 08:00", ["mail.read", "offline_access"]),
        token("01 08:01", "rt1", ["mail.read"], token_kind="refresh"),
        *logs_from_to("01 08:00", "20 08:00"),
    )
    (usual,) = detect.run(store, ["PRV-3"])
    assert (len(usual), usual.parameters) == (0, defaults(registry()["PRV-3"]))
    (strict,) = detect.run(store, ["PRV-3"], parameters={"dormant_days": 10})
    assert (len(strict), strict.parameters["dormant_days"]) == (1, 10)
    assert "to_days(10::INTEGER)" in strict.sql


def test_short_names_ask_the_same(loaded):
    store = loaded(*ONE_CALL, revoked("10 10:00"), use("10 10:05", "GET /v1/messages/7"))
    view = store.between("2026-07-10", "2026-07-11")
    assert detect.out_of_scope(view).to_dicts() == detect.run(view, ["OOS-1"])[0].to_dicts() != []
    assert detect.unused_privileges(view).to_dicts() == detect.run(view, ["PRV-1"])[0].to_dicts()
    lag = detect.revocation_lag(view)
    assert [each.to_dicts() for each in lag.rules] == [
        each.to_dicts() for each in detect.run(view, [rule for rule in registry() if rule.startswith("REV")])
    ]
    assert len(lag) == 1


def temporary(store):
    relations.let_go(store.engine)
    return {name for (name,) in store.engine.rows("SELECT table_name FROM duckdb_tables() WHERE temporary")}


def test_nothing_is_left_behind(loaded):
    store = loaded(*ONE_CALL)
    before = temporary(store)  # a load leaves its own
    detect.run(store)
    with pytest.raises(RuleError):
        detect.run(store, ["PRV-3"], parameters={"floor": 1})
    assert temporary(store) == before


def test_what_a_block_keeps(loaded):
    store = loaded(*ONE_CALL)
    before = temporary(store)
    with detect.asked(store.between(), ["OOS-1"], also=["granted_scope"]) as found:
        assert [each.rule.id for each in found] == ["OOS-1"]
        assert store.engine.value("SELECT count(*) FROM temp.granted_scope") == 1
    assert temporary(store) == before


def test_the_facade(empty):
    assert gl.detect is detect
    asked = [getattr(detect, name) for name in detect.__all__]
    assert {next(iter(inspect.signature(ask).parameters)) for ask in (*asked, gl.review, gl.grants, gl.Case)} == {
        "store"
    }


def test_completion_shows_the_questions():
    assert dir(detect) == ["backtest", "out_of_scope", "revocation_lag", "run", "smallest_scopes", "unused_privileges"]


def test_threads_that_share_a_store_are_answered_in_turn(loaded):
    """A case lays its rows over the store while it is made: what another thread asks meanwhile is of the whole store all the same."""
    apps = ("one", "three", "two")
    store = loaded(
        *(consent("01 08:00", ["mail.read"], client_id=app, grant_id=app) for app in apps),
        *(use("10 11:30", "GET /v1/messages/7", client_id=app, grant_id=app) for app in apps),
        *logs_from_to("01 08:00", "31 08:00"),
    )

    def clients(rows):
        return sorted({row["client_id"] for row in rows})

    questions = {
        "case": lambda: clients(gl.Case(store, client="two").facts["consents"]),
        "grants": lambda: clients(gl.grants(store)),
        "rule": lambda: clients(detect.run(store, "GOV-1")[0]),
        "rows": lambda: clients(store.sql("SELECT client_id FROM usage").to_pylist()),
    }
    alone = {name: ask() for name, ask in questions.items()}
    with ThreadPoolExecutor(4) as pool:
        asked = [(name, pool.submit(ask)) for _ in range(3) for name, ask in questions.items()]
    assert {(name, *answer.result()) for name, answer in asked} == {(name, *answer) for name, answer in alone.items()}
    assert (alone["case"], alone["rows"]) == (["two"], ["bystander", *apps])


def test_what_is_mistyped_is_told(loaded):
    store = loaded(*ONE_CALL)
    lag = detect.revocation_lag(
        loaded(*ENDED, *ONE_CALL, use("10 10:30", "GET /v1/messages/7", resource_server="api.example"))
    )
    assert len(lag.servers()) == 1
    assert lag.at(lag.servers()[0]).table.num_rows == 1
    for wrong in ("api.exmple", 5):
        with pytest.raises(RuleError, match=r"no call|followed by a call at a server") as raised:
            lag.at(wrong)
        assert lag.servers()[0] in str(raised.value)
    found = detect.out_of_scope(store)
    assert len(found) == 1
    for place in (1, -2, "0", 0.5):
        with pytest.raises(RuleError, match="OOS-1 has no finding"):
            found.evidence(place)
    with pytest.raises(
        RuleError, match=r"has no finding 0. No log|has no finding 0. None|has no finding 0. The store holds no log"
    ):
        detect.out_of_scope(loaded()).evidence(0)
    for wrong in (5, [5]):
        with pytest.raises(RuleError, match="There is no rule '5'"):
            detect.run(store, wrong)
    with pytest.raises(RuleError, match=r"store\.between\(since, until, now\)"):
        detect.out_of_scope(store, since="2026-07-01")
    with pytest.raises(RuleError, match="Leave horizon_days out"):
        detect.backtest(store, "2026-07-10", horizon_days=3)
    with pytest.raises(gl.GrantlensError, match="Write it as '5'"):
        gl.Case(store, client=5)


def test_numbers_of_numpy_are_numbers(loaded):
    import numpy as np

    store = loaded(*ONE_CALL)
    found = detect.unused_privileges(store, horizon_days=np.int64(30), min_coverage=np.float32(0.5))
    assert (found.parameters["horizon_days"], found.parameters["min_coverage"]) == (30, 0.5)
    assert {type(found.parameters[name]) for name in ("horizon_days", "min_coverage")} == {int, float}
    for wrong in (np.float64("nan"), np.bool_(True), -1):
        with pytest.raises(RuleError, match="takes a number"):
            detect.unused_privileges(store, horizon_days=wrong)


def test_a_time_of_pandas_that_is_none_is_no_window(loaded):
    import pandas as pd

    with pytest.raises(WindowError, match="NaT is no date or time"):
        loaded(*ONE_CALL).between(pd.NaT, "2026-08-01")
