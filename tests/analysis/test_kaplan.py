import numpy as np
import pytest

from grantlens.analysis.kaplan import kaplan_meier


def test_without_censoring_it_is_the_empirical_share():
    times, survival = kaplan_meier([3, 1, 2, 2], [True] * 4)
    assert times == (1, 2, 3)
    assert survival == pytest.approx((0.75, 0.25, 0))


def test_agrees_with_lifelines():
    lifelines = pytest.importorskip("lifelines", reason="lifelines is an oracle for tests only")
    generator = np.random.default_rng(3)
    life, watch = generator.exponential(10, 400).round(1) + 0.1, generator.uniform(1, 25, 400).round(1)
    time, ended = np.minimum(life, watch), life <= watch
    times, survival = kaplan_meier(time, ended)
    oracle = lifelines.KaplanMeierFitter().fit(time, ended)
    assert np.allclose(survival, oracle.survival_function_at_times(times).to_numpy(), atol=1e-9)


def test_nothing_ended():
    assert kaplan_meier([5, 6], [False, False]) == ((), ())
