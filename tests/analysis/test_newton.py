import numpy as np
import pytest

from grantlens.analysis.gamma_poisson import _likelihood, fit
from grantlens.analysis.newton import climb

LOW, HIGH = np.array([-12.0, -6.0, -12.0]), np.array([12.0, 6.0, 14.0])


def drawn(seed):
    generator = np.random.default_rng(seed)
    n, pi0, alpha = (
        int(generator.choice([80, 160, 400])),
        generator.choice([0.0, 0.4, 0.9]),
        generator.choice([0.1, 0.8, 5.0]),
    )
    days = generator.uniform(1, 200, n)
    rate = np.where(generator.random(n) < pi0, 0.0, generator.gamma(alpha, 0.1, n))
    count = generator.poisson(rate * days)
    count[0] = max(count[0], 1)
    return days, count


def test_derivatives_of_the_need_model_are_those_of_its_likelihood():
    days, count = drawn(3)
    surface = _likelihood(days, count.astype(float))
    place, small = np.array([0.3, -0.2, 1.1]), 1e-5
    _, gradient, curve = surface(place)
    for number, step in enumerate(np.eye(3) * small):
        above, below = surface(place + step), surface(place - step)
        assert gradient[number] == pytest.approx((above[0] - below[0]) / (2 * small), rel=1e-5, abs=1e-4)
        assert curve[number] == pytest.approx((above[1] - below[1]) / (2 * small), rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_climbs_as_high_as_a_general_optimiser(seed):
    """Yardstick: L-BFGS-B of SciPy, from the same three places."""
    from scipy.optimize import minimize

    days, count = drawn(seed)
    surface = _likelihood(days, count.astype(float))
    best = max(
        -minimize(lambda x: -surface(x)[0], start, method="L-BFGS-B", bounds=list(zip(LOW, HIGH, strict=True))).fun
        for start in ([-1.0, 0.0, 2.0], [1.5, 0.0, 2.0], [-3.0, -1.2, 1.0])
    )
    assert fit(days, count).log_likelihood >= best - 1e-5


def test_stays_inside_its_bounds_and_holds_what_leans_on_them():
    def plane(x):
        return x.sum() - x[0] ** 2, np.array([1 - 2 * x[0], 1.0]), np.diag([-2.0, 0.0])

    place, height = climb(plane, np.array([9.0, -9.0]), np.array([-1.0, -1.0]), np.array([3.0, 4.0]))
    assert place == pytest.approx([0.5, 4.0])
    assert height == pytest.approx(4.25)
