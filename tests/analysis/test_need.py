import numpy as np
import pytest

from grantlens.analysis import need


def simulate(n, pi0, alpha, beta, exposure, seed, horizon=90.0):
    """Draw the uses in the exposure, and whether the scope was needed in the horizon after it."""
    generator = np.random.default_rng(seed)
    rate = np.where(generator.random(n) < pi0, 0.0, generator.gamma(alpha, 1 / beta, n))
    return generator.poisson(rate * exposure), generator.poisson(rate * horizon) > 0


@pytest.mark.parametrize("days", [3, 14, 30, 90, 180])
def test_probability_is_calibrated(days):
    """Rules 4.2: predicted and actual need within the next quarter, for scopes unused so far."""
    uses, _needed = simulate(6000, 0.4, 0.6, 30.0, 120.0, seed=days)
    model = need.fit([120.0] * 6000, uses)
    later_uses, later_needed = simulate(60_000, 0.4, 0.6, 30.0, float(days), seed=days + 1)
    unused = later_uses == 0
    assert need.probability_needed(model, days) == pytest.approx(later_needed[unused].mean(), abs=0.035)


def test_fit_finds_what_was_simulated():
    exposure = np.random.default_rng(77).uniform(30, 300, 8000)
    uses, _ = simulate(8000, 0.35, 1.2, 20.0, exposure, seed=1)
    model = need.fit(exposure, uses)
    assert model.pi0 == pytest.approx(0.35, abs=0.04)
    assert model.alpha / model.beta == pytest.approx(1.2 / 20, rel=0.1)
    assert model.grants == 8000
    assert model.basis == "class"


def test_formula_agrees_with_counting():
    model = need.NeedModel(pi0=0.5, alpha=0.8, beta=40.0, grants=1, log_likelihood=0.0)
    uses, needed = simulate(400_000, 0.5, 0.8, 40.0, 60.0, seed=2, horizon=30.0)
    assert need.probability_needed(model, 60, horizon=30) == pytest.approx(needed[uses == 0].mean(), abs=0.005)


def test_longer_silence_means_less_need():
    model = need.NeedModel(pi0=0.2, alpha=0.5, beta=10.0, grants=1, log_likelihood=0.0)
    chances = need.probability_needed(model, [0, 1, 10, 100, 1000])
    assert (np.diff(chances) < 0).all()


def test_thin_classes_borrow_and_hopeless_ones_are_absent():
    uses, _ = simulate(161, 0.3, 1.0, 20.0, 100.0, seed=3)
    models = need.fit_by_class(["a"] * 160 + ["b"], [100.0] * 161, uses)
    assert models["a"].basis == "class"
    assert models["b"].basis == "pooled"
    assert need.fit_by_class(["a", "b"], [100.0] * 2, [1, 0]) == {}
    assert need.fit([0.0] * 150, [1] * 150) is None


def test_uneven_input_is_refused():
    with pytest.raises(ValueError, match="pair up"):
        need.fit([1.0], [1, 2])


def test_rule_of_three():
    assert [need.rule_of_three(n) for n in (0, 1, 3, 30, 60)] == [1.0, 1.0, 1.0, 0.1, 0.05]


def test_time_to_first_use_counts_the_censored():
    generator = np.random.default_rng(7)
    wait = generator.exponential(10, 4000)
    wait[generator.random(4000) < 0.5] = np.inf
    watch = generator.uniform(5, 120, 4000)
    first = [value if value <= end else None for value, end in zip(wait, watch, strict=True)]
    answer = need.time_to_first_use_p95(first, watch)
    assert answer == pytest.approx(10 * np.log(20), rel=0.15)
    seen = [value for value in first if value is not None]
    assert answer > np.quantile(seen, 0.95)


def test_a_first_use_at_either_end_of_the_watch_is_a_use():
    assert need.time_to_first_use_p95([10, 3], [10, 10]) == 10
    assert need.time_to_first_use_p95([0.0, 0.0], [9, 9]) == pytest.approx(0, abs=1e-6)


def decide(**facts):
    return need.decide(**{"uses": 0, "p_needed": 0.01, "exposure_days": 100.0} | facts)


@pytest.mark.parametrize(
    ("facts", "state", "action"),
    [
        ({"uses": 3}, "used", "keep"),
        ({"uses": 3, "unobservable": "No log."}, "used", "keep"),
        ({}, "unused", "remove"),
        ({"sensitive": True}, "unused", "remove"),
        ({"p_needed": 0.05}, "unused", "ask"),
        ({"p_needed": 0.0499}, "unused", "remove"),
        ({"unobservable": "No log."}, "not_observable", "ask"),
        ({"accepted": "once a year"}, "insufficient_evidence", "ask"),
        ({"accepted": "once a year", "coverage_share": 0.1}, "insufficient_evidence", "ask"),
        ({"accepted": "once a year", "uses": 1}, "used", "keep"),
        ({"coverage_share": 0.9499}, "insufficient_evidence", "wait"),
        ({"coverage_share": 0.95}, "unused", "remove"),
        ({"map_share": 0.8999}, "insufficient_evidence", "wait"),
        ({"map_share": 0.9}, "unused", "remove"),
        ({"exposure_days": 29.9}, "insufficient_evidence", "wait"),
        ({"exposure_days": 30.0}, "unused", "remove"),
        ({"exposure_days": 3.0, "sessions": 59}, "insufficient_evidence", "wait"),
        ({"exposure_days": 3.0, "sessions": 60}, "unused", "remove"),
        ({"exposure_days": 40.0, "first_use_p95": 41.0}, "insufficient_evidence", "wait"),
        ({"exposure_days": 40.0, "first_use_p95": 12.0}, "unused", "remove"),
        ({"p_needed": None, "sessions": 60}, "unused", "ask"),
        ({"p_needed": None, "sessions": 6000}, "unused", "ask"),
        ({"p_needed": None}, "unused", "ask"),
        ({"held_until": "2026-07-31"}, "unused", "ask"),
        ({"p_needed": 0.2, "break_even": 0.3}, "unused", "remove"),
    ],
)
def test_decision(facts, state, action):
    answer = decide(**facts)
    assert (answer.state, answer.action) == (state, action)
    assert answer.reason.endswith(".")


def test_reasons_never_round_a_share_onto_its_limit():
    assert "94.9 %" in decide(coverage_share=0.94999).reason
    assert decide(exposure_days=89.853).reason.startswith("No use in 89.9 days;"), "watched for less than 90"
    assert decide(exposure_days=100.0).reason.startswith("No use in 100 days;")
    assert "4.9 %, below 5.0 %" in decide(p_needed=0.04999).reason
    assert "is < 0.1 %, below 5.0 %" in decide(p_needed=0.0004).reason, "which is not none"


def test_no_chance_is_said_where_nothing_could_be_learned():
    """The rule of three bounds the need of one session; the sessions of the next months are many."""
    reason = decide(p_needed=None, sessions=91, exposure_days=40.0).reason
    assert "91 sessions: at most 3.2 % of sessions" in reason
    assert "chance" not in reason


def test_so_many_grants_seldom_say_little_of_a_need_that_is_great():
    """Of silent grants, 12 in 100 will be needed: fits on so many grants as are asked for put that below 5 % in few runs."""
    few, came = 0, []
    for seed in range(100):
        uses, needed = simulate(need.MIN_GRANTS, 0.3, 0.4, 30.0, 90.0, seed=seed, horizon=90.0)
        model = need.fit([90.0] * need.MIN_GRANTS, uses)
        came.append(needed[uses == 0].mean())
        few += need.probability_needed(model, 90, horizon=90) < 0.05
    assert np.mean(came) > 0.1
    assert few <= 10


def test_reasons_name_the_horizon_and_why_a_silence_is_accepted():
    assert "needed in the next 7 days" in decide(horizon_days=7).reason
    assert "silent: once a year." in decide(accepted="once a year").reason
