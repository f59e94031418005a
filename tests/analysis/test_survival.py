import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.analysis.survival import (
    MIN_EVENTS,
    bootstrap,
    curve,
    estimate,
    quantile_bounds,
    turnbull,
)

NEVER = float("inf")


def simulate(n, gap, drop_out, seed):
    """Make lognormal lags, Poisson attempts every `gap` seconds, clients that give up: truth and what logs show."""
    generator = np.random.default_rng(seed)
    lag = generator.lognormal(4, 1.2, n)
    stop = generator.exponential(drop_out, n)
    # Seen backwards from any moment, the last Poisson attempt lies an exponential time back.
    lower = np.maximum(0.0, np.minimum(lag, stop) - generator.exponential(gap, n))
    upper = lag + generator.exponential(gap, n)
    upper[upper > stop] = np.inf
    return lag, lower, upper


def brute_quantile(values, tau):
    """Find the smallest value that at least a share tau does not exceed, by counting."""
    for value in sorted(values):
        if sum(1 for other in values if other <= value) >= tau * len(values) - 1e-9:
            return value
    return max(values)


times = st.integers(0, 50)
intervals = st.lists(st.tuples(times, st.one_of(st.none(), st.integers(0, 30))), min_size=1, max_size=40)


def split(pairs):
    return [float(low) for low, _ in pairs], [None if width is None else float(low + width) for low, width in pairs]


def ended_by(fitted, edge):
    return sum(
        mass for right, mass in zip(fitted.right, fitted.mass, strict=True) if right is not None and right <= edge
    )


@given(intervals, st.sampled_from([0.05, 0.25, 0.5, 0.9, 0.95, 1.0]))
def test_bounds_are_the_quantiles_of_the_ends(pairs, tau):
    lower, upper = split(pairs)
    (bound,) = quantile_bounds(lower, upper, (tau,))
    highs = [NEVER if value is None else value for value in upper]
    assert bound.lower == brute_quantile(lower, tau)
    expected = brute_quantile(highs, tau)
    assert bound.upper == (None if expected == NEVER else expected)
    assert bound.band_lower <= bound.lower
    assert bound.band_upper is None or (bound.upper is not None and bound.band_upper >= bound.upper)


def test_bounds_hold_the_truth_whatever_it_was():
    generator = np.random.default_rng(4)
    _, lower, upper = simulate(200, 100, 600, 4)
    for _ in range(50):
        end = np.where(np.isinf(upper), lower + generator.exponential(1000, 200), upper)
        truth = lower + (end - lower) * generator.random(200)
        for bound in quantile_bounds(lower, upper, (0.1, 0.5, 0.9)):
            value = brute_quantile(truth.tolist(), bound.tau)
            assert bound.lower <= value <= (bound.upper or NEVER)


def test_band_shifts_by_dkw():
    n = 1000
    lower = list(range(n))
    (bound,) = quantile_bounds(lower, [value + 1 for value in lower], (0.5,), confidence=0.95)
    shift = math.sqrt(math.log(40) / (2 * n))
    assert bound.band_lower == lower[math.ceil((0.5 - shift) * n) - 1]
    assert bound.band_upper == lower[math.ceil((0.5 + shift) * n) - 1] + 1


def test_unbounded_when_too_many_were_never_denied():
    bounds = quantile_bounds([1.0] * 10, [2.0] * 8 + [None] * 2, (0.8, 0.81))
    assert [bound.upper for bound in bounds] == [2.0, None]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="before it starts"):
        quantile_bounds([5], [4])
    with pytest.raises(ValueError, match="pair up"):
        quantile_bounds([5], [])
    with pytest.raises(ValueError, match="quantile"):
        quantile_bounds([1], [2], (95,))
    with pytest.raises(ValueError, match="grid"):
        turnbull([1], [2], grid=0)


def test_no_intervals_no_bounds():
    assert quantile_bounds([], []) == ()
    assert bootstrap([], []) == ()
    assert estimate([], []).sentence() == "No revocation in this window can be timed."


# The simulated table of the rules: truth p50 / p90, NPMLE close to it, free bounds around it, midpoints far off.
@pytest.mark.parametrize(("gap", "near"), [(60, (5, 20)), (600, (6, 40))])
def test_simulated_truth_is_found(gap, near):
    lag, lower, upper = simulate(20_000, gap, 1500, seed=7)
    truth = np.quantile(lag, [0.5, 0.9])
    fitted = turnbull(lower, upper)
    for tau, value, tolerance in zip((0.5, 0.9), truth, near, strict=True):
        a, b = fitted.quantile(tau)
        (bound,) = quantile_bounds(lower, upper, (tau,))
        assert abs((a + b) / 2 - value) <= tolerance
        assert bound.lower <= value <= (bound.upper or NEVER)
        assert math.floor(bound.lower) <= a
        assert bound.upper is None or b <= math.ceil(bound.upper)
    if gap == 600:
        known = np.isfinite(upper)
        midpoint = np.median((lower[known] + upper[known]) / 2)
        assert midpoint > 3 * truth[0]


def test_turnbull_agrees_with_surpyval():
    surpyval = pytest.importorskip("surpyval", reason="surpyval is an oracle for tests only")
    _, lower, upper = simulate(300, 60, 700, seed=11)
    lower, upper = np.floor(lower), np.ceil(upper)
    fitted = turnbull(lower, upper, tolerance=1e-11)
    oracle = surpyval.Turnbull.fit(xl=lower, xr=upper)
    for tau in (0.1, 0.25, 0.5, 0.75):
        a, b = fitted.quantile(tau)
        assert a <= float(oracle.qf(tau)) <= b
    for edge in [value for value in fitted.right if value is not None][::5]:
        assert ended_by(fitted, edge) == pytest.approx(float(oracle.ff(edge)), abs=2e-3)


def test_turnbull_agrees_with_lifelines():
    lifelines = pytest.importorskip("lifelines", reason="lifelines is an oracle for tests only")
    # lifelines closes its intervals, so ends must not touch: odd lower ends, even upper ends.
    generator = np.random.default_rng(2)
    lower = 2.0 * generator.integers(0, 40, 60) + 1
    upper = lower + 1 + 2.0 * generator.integers(0, 15, 60)
    fitted = turnbull(lower, upper, tolerance=1e-12)
    oracle = lifelines.KaplanMeierFitter().fit_interval_censoring(lower, upper, tol=1e-9)
    edges = [value for value in fitted.right if value is not None]
    for edge in edges:
        survival = oracle.survival_function_.loc[oracle.survival_function_.index <= edge].to_numpy()[-1]
        assert 1 - ended_by(fitted, edge) == pytest.approx(float(survival.min()), abs=5e-3)


@given(intervals)
@settings(max_examples=60, deadline=None)
def test_turnbull_beats_any_other_distribution(pairs):
    lower, upper = split(pairs)
    fitted = turnbull(lower, upper, tolerance=1e-10)
    assert sum(fitted.mass) == pytest.approx(1)
    rights = [NEVER if right is None else right for right in fitted.right]
    assert all(left < right for left, right in zip(fitted.left, rights, strict=True))

    def likelihood(mass):
        total = 0.0
        for low, high in zip(lower, upper, strict=True):
            high = NEVER if high is None else high
            if high == low:
                low, high = (low - 1, high) if low > 0 else (low, high + 1)
            seen = sum(
                each
                for each, left, right in zip(mass, fitted.left, fitted.right, strict=True)
                if low <= left and (NEVER if right is None else right) <= high
            )
            total += math.log(max(seen, 1e-300))
        return total

    reached = likelihood(fitted.mass)
    assert reached == pytest.approx(fitted.log_likelihood, abs=1e-6)
    generator = np.random.default_rng(0)
    for _ in range(10):
        other = 0.9 * np.array(fitted.mass) + 0.1 * generator.dirichlet(np.ones(len(fitted.mass)))
        assert likelihood(other) <= reached + 1e-3


def test_exact_times_give_the_empirical_distribution():
    fitted = turnbull([3, 5, 5, 9], [3, 5, 5, 9])
    assert [fitted.quantile(tau) for tau in (0.25, 0.5, 0.75, 1.0)] == [(2, 3), (4, 5), (4, 5), (8, 9)]


def test_plateau_answers_with_more_than():
    fitted = turnbull([0.0] * 9 + [100.0], [10.0] * 9 + [None])
    assert fitted.quantile(0.9) == (0.0, 10.0)
    assert fitted.quantile(0.95) == (100.0, None)


def test_weights_count_like_repeated_rows():
    lower, upper, weight = [0, 5, 12], [10, 15, None], [3, 2, 4]
    plain = turnbull(np.repeat(lower, weight), np.repeat(np.array(upper, dtype=float), weight))
    weighted = turnbull(lower, upper, weights=weight)
    assert weighted.n == plain.n == 9
    assert weighted.mass == pytest.approx(plain.mass)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    hits = 0
    for seed in range(20):
        _lag, lower, upper = simulate(300, 20, 3000, seed=100 + seed)
        (band,) = bootstrap(lower, upper, (0.5,), resamples=60, seed=seed)
        hits += band.lower <= math.exp(4) <= (band.upper or NEVER)
    assert hits >= 16


def test_bootstrap_is_seeded_and_draws_whole_revocations():
    _lag, lower, upper = simulate(60, 20, 3000, seed=5)
    alone = bootstrap(lower, upper, (0.5,), resamples=40, seed=3)
    assert alone == bootstrap(lower, upper, (0.5,), resamples=40, seed=3)
    # Ten equal copies of each revocation add nothing to what is known: the band must not shrink by sqrt(10).
    copies = [np.repeat(values, 10) for values in (lower, upper)]
    (naive,) = bootstrap(*copies, (0.5,), resamples=40, seed=3)
    (clustered,) = bootstrap(*copies, (0.5,), cluster=np.repeat(np.arange(60), 10).tolist(), resamples=40, seed=3)
    assert clustered.upper - clustered.lower > 1.5 * (naive.upper - naive.lower)
    with pytest.raises(ValueError, match="clusters"):
        bootstrap([1], [2], cluster=[1, 2])


def test_below_twenty_revocations_only_bounds():
    few = estimate(range(MIN_EVENTS - 1), [value + 2 for value in range(MIN_EVENTS - 1)])
    assert few.npmle is None
    assert few.bands is None
    assert few.bounds
    many = estimate(range(MIN_EVENTS), [value + 2 for value in range(MIN_EVENTS)], resamples=20)
    assert many.npmle is not None
    assert many.bands is not None
    rows = estimate(range(40), [value + 2 for value in range(40)], cluster=[row % 5 for row in range(40)])
    assert (rows.n, rows.events, rows.npmle) == (40, 5, None)


def test_sentence_says_everything_once():
    _, lower, upper = simulate(400, 60, 700, seed=1)
    text = estimate(lower, upper, resamples=20).sentence(0.95)
    for part in (
        "95 % had ended after at least ",
        "; most likely between ",
        " (with sampling error between ",
        "Of 400 cases (400 rev",
    ):
        assert text.count(part) == 1


def test_sentence_rounds_nothing_to_all():
    told = estimate([0] * 250, [None] * 249 + [5]).sentence()
    assert (
        "249 have no refusal of the token after the last success, 1 was refused with no success after the revocation"
        in told
    )
    told = estimate([0] * 3, [None] * 3, censored=["untried", "right", "untried"]).sentence()
    assert (
        "3 have no refusal of the token after the last success (2 of these with no call afterwards in the logs held), 0 were refused"
        in told
    )


def test_curve_bounds_hold_npmle_and_fall():
    _, lower, upper = simulate(500, 60, 1500, seed=9)
    table = curve(lower, upper, points=100)
    assert len(table["t"]) <= 100
    until = [*table["t"][1:], np.inf]
    for spot, t in enumerate(table["t"]):
        # A step holds up to the next one that is kept.
        gone = [low for low in lower if low <= t or low < until[spot]]
        assert table["survival_low"][spot] == pytest.approx(1 - len(gone) / 500)
        assert table["survival_high"][spot] == pytest.approx(sum(high > t for high in upper) / 500)
        assert table["survival_low"][spot] - 0.02 <= table["npmle"][spot] <= table["survival_high"][spot] + 0.02
    assert all(later <= earlier + 1e-9 for earlier, later in zip(table["npmle"], table["npmle"][1:], strict=False))


def test_curve_of_few_has_no_npmle_and_of_none_no_rows():
    assert curve([0, 1], [2, 3])["npmle"] == [None] * 4
    assert curve([], []) == {"t": [], "survival_low": [], "survival_high": [], "npmle": []}


def test_many_intervals_are_coarsened_outward_only():
    _, lower, upper = simulate(6000, 20, 3000, seed=12)
    (fine,) = bootstrap(lower[:4000], upper[:4000], (0.5,), resamples=30, seed=1)
    (many,) = bootstrap(lower, upper, (0.5,), resamples=30, seed=1)
    a, b = turnbull(lower, upper).quantile(0.5)
    assert many.lower <= a
    assert b <= many.upper
    assert many.upper - many.lower < 1.5 * (fine.upper - fine.lower)


@pytest.mark.parametrize("untried", [1, 1000, 100_000])
def test_revocations_that_nobody_tried_do_not_move_the_estimate(untried):
    """(0, not bounded] is true of every lag: its likelihood is 1 whatever the distribution."""
    low, high = [0.0] * 28 + [600.0] * 2, [3.0] * 28 + [660.0] * 2
    fitted = turnbull(low + [0.0] * untried, high + [None] * untried)
    assert fitted.mass == pytest.approx((28 / 30, 2 / 30), abs=1e-6)
    assert fitted.quantile(0.9) == (0.0, 3.0)


def test_one_refusal_and_many_untried_make_no_estimate():
    low, high = [0.0] * 60, [3.0] + [None] * 59
    answer = estimate(low, high)
    assert (answer.events, answer.npmle, answer.bands) == (60, None, None)
    assert set(curve(low, high)["npmle"]) == {None}
    enough = estimate(low, [3.0] * MIN_EVENTS + [None] * (60 - MIN_EVENTS))
    assert enough.npmle is not None


def test_intervals_of_one_revocation_count_about_as_one():
    """The band of 10 revocations of 100 tokens each must hold the truth: with 1000 taken as independent it did in 3 of 10 runs."""
    generator = np.random.default_rng(11)
    held = {"alone": 0, "together": 0}
    for _ in range(200):
        lag = np.repeat(generator.lognormal(4, 1.2, 10), 100)
        cluster = np.repeat(np.arange(10), 100).tolist()
        for name, groups in (("alone", None), ("together", cluster)):
            (bound,) = quantile_bounds(lag, lag, (0.5,), cluster=groups)
            held[name] += bound.band_lower <= math.exp(4) <= (bound.band_upper or NEVER)
    assert held["together"] >= 190
    assert held["alone"] < 120


@pytest.mark.parametrize(
    ("lower", "upper", "said"),
    [
        ([0], [None], "Nothing tells when 95 % had ended, if at all. Of 1 case"),
        ([0, 7], [None, None], "95 % had ended after at least 7 s, if at all. Of 2 cases"),
        ([0, 7], [1, 9], "95 % had ended after at least 7 s and at most 9 s. Of 2 cases"),
    ],
)
def test_an_end_that_no_log_bounds_is_not_told_as_one(lower, upper, said):
    assert estimate(lower, upper).sentence().startswith(said)
