"""The Turnbull estimate: the likeliest distribution of a lag that is only known to lie in intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.analysis.bounds import finite
from grantlens.analysis.intervals import read, snap

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Turnbull:
    """A distribution that puts `mass[j]` somewhere in (`left[j]`, `right[j]`]; where inside, no data can say.

    Parameters
    ----------
    left, right
        Ends of the innermost intervals; `right` None means after the last observation.
    mass
        Probability of each; they add up to 1.
    n
        Number of intervals observed.
    log_likelihood
        That of the mass.
    """

    left: tuple[float, ...]
    right: tuple[float | None, ...]
    mass: tuple[float, ...]
    n: int
    log_likelihood: float

    def quantile(self, tau: float) -> tuple[float, float | None]:
        """Return (a, b), read as (a, b]; b None reads "> a": the share that ended by then is below `tau`.

        Examples
        --------
        >>> turnbull([0, 10, 20], [10, 15, None]).quantile(0.99)
        (20.0, None)
        """
        total = 0.0
        for left, right, mass in zip(self.left, self.right, self.mass, strict=True):
            total += mass
            if total >= tau - 1e-9:
                return left, right
        return self.left[-1], self.right[-1]


def turnbull(
    lower: Sequence[float | None],
    upper: Sequence[float | None],
    grid: float = 1.0,
    weights: Sequence[float] | None = None,
    tolerance: float = 1e-7,
) -> Turnbull:
    """Estimate the distribution of T from intervals (lower, upper] by maximum likelihood.

    Plain EM: it never accelerates, since line acceleration was seen to collapse silently to wrong medians.

    Parameters
    ----------
    lower, upper
        Seconds since the revocation; None as in `quantile_bounds`.
    grid
        Times are widened outward to multiples of this.
    weights
        How often each interval counts.
    tolerance
        Stop when the mean log-likelihood gains less than this.

    Returns
    -------
    Turnbull

    Examples
    --------
    >>> fit = turnbull([0, 0, 10, 12], [10, 8, 20, 20])
    >>> fit.quantile(0.5)
    (0.0, 8.0)
    >>> round(sum(fit.mass), 9)
    1.0
    """
    import numpy as np

    low, high = read(lower, upper)
    if low.size == 0:
        raise ValueError("No interval: there is nothing to estimate.")
    low, high = snap(low, high, grid)
    weight = np.ones(low.size) if weights is None else np.asarray(weights, dtype=float)
    kept = weight > 0
    n = round(weight[kept].sum())
    low, high, weight = _together(low[kept], high[kept], weight[kept])
    left, right = _innermost(low, high)
    first = np.searchsorted(left, low, side="left")
    last = np.searchsorted(right, high, side="right")
    mass, likelihood = _em(first, last, weight, left.size, tolerance)
    _check_inside(low, high, weight, left, right, mass)
    keep = mass > 0
    return Turnbull(
        left=tuple(left[keep].tolist()),
        right=tuple(finite(value) for value in right[keep].tolist()),
        mass=tuple(mass[keep].tolist()),
        n=n,
        log_likelihood=likelihood,
    )


def _together(low: np.ndarray, high: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count equal intervals once, with their summed weight."""
    import numpy as np

    order = np.lexsort((high, low))
    low, high, weight = low[order], high[order], weight[order]
    start = np.ones(low.size, dtype=bool)
    start[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return low[start], high[start], np.add.reduceat(weight, np.flatnonzero(start))


def _innermost(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the intervals (l, r] with a lower end l, an upper end r, and no end in between: all mass sits there."""
    import numpy as np

    lefts, rights = np.unique(low), np.unique(high)
    nearest = lefts[np.searchsorted(lefts, rights, side="left") - 1]
    previous = np.concatenate(([-np.inf], rights[:-1]))
    inner = previous <= nearest
    return nearest[inner], rights[inner]


def _em(
    first: np.ndarray, last: np.ndarray, weight: np.ndarray, size: int, tolerance: float
) -> tuple[np.ndarray, float]:
    """Run EM; observation i covers the innermost intervals first[i] .. last[i] - 1, so sums are differences.

    It ends: every round but the last gains more than the tolerance, and the likelihood has a top.
    """
    import numpy as np

    # A row that covers them all says nothing: many of them would slow each step and end the search too early.
    tells = (first > 0) | (last < size)
    if not tells.any():
        return np.full(size, 1.0 / size), 0.0
    first, last, weight = first[tells], last[tells], weight[tells]
    total = float(weight.sum())
    mass = np.full(size, 1.0 / size)
    before = -np.inf
    while True:
        cumulative = np.concatenate(([0.0], np.cumsum(mass)))
        seen = np.maximum(cumulative[last] - cumulative[first], 1e-300)
        likelihood = float(weight @ np.log(seen)) / total
        assert likelihood >= before - 1e-9 * max(1.0, abs(before)), "the log-likelihood of an EM step fell"
        if likelihood - before <= tolerance:
            return mass, likelihood * total
        before = likelihood
        share = weight / seen
        step = np.bincount(first, share, minlength=size + 1) - np.bincount(last, share, minlength=size + 1)
        mass = mass * np.maximum(np.cumsum(step[:size]), 0.0)
        mass /= mass.sum()


def _check_inside(
    low: np.ndarray, high: np.ndarray, weight: np.ndarray, left: np.ndarray, right: np.ndarray, mass: np.ndarray
) -> None:
    """Assert that the quantiles lie inside the assumption-free bounds; else the estimate is wrong."""
    import numpy as np

    cumulative = np.cumsum(mass)
    total = weight.sum()
    orders = [(np.sort(ends), np.cumsum(weight[np.argsort(ends, kind="stable")]) / total) for ends in (low, high)]
    for tau in (0.25, 0.5, 0.75, 0.9, 0.95):
        spot = min(int(np.searchsorted(cumulative, tau - 1e-6)), left.size - 1)
        (lows, low_share), (highs, high_share) = orders
        free_low = lows[min(int(np.searchsorted(low_share, tau - 2e-6)), lows.size - 1)]
        free_high = highs[min(int(np.searchsorted(high_share, tau + 2e-6)), highs.size - 1)]
        inside = free_low <= left[spot] and right[spot] <= free_high
        assert inside, f"the quantile {tau} left its free bounds"
