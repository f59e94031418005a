"""How long access went on working after it was withdrawn: all estimators of revocation lag, in order of trust.

A lag T is never seen itself: the last success says T > lower, the first denial says T <= upper. `quantile_bounds`
assumes nothing; `turnbull` is the likeliest distribution; `bootstrap` says how much another sample might differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.analysis.bounds import TAUS, QuantileBound, quantile_bounds
from grantlens.analysis.intervals import natural_grid, read
from grantlens.analysis.resample import Band, bootstrap
from grantlens.analysis.turnbull import Turnbull, turnbull
from grantlens.wording import agree, duration, plural

if TYPE_CHECKING:
    import numpy as np

MIN_EVENTS = 20
"""With fewer revocations that were put to the test only the assumption-free bounds are shown."""

__all__ = [
    "MIN_EVENTS",
    "Band",
    "LagEstimate",
    "QuantileBound",
    "Turnbull",
    "bootstrap",
    "curve",
    "estimate",
    "quantile_bounds",
    "turnbull",
]


@dataclass(frozen=True)
class LagEstimate:
    """Every estimate of one set of lags.

    Parameters
    ----------
    n, events
        Number of intervals, and of revocations behind them.
    right_share, left_share, untried_share
        Share without a denial after the last success, share denied without a success after the revocation, and share
        after whose revocation no call followed, which is part of the first.
    bounds
        The assumption-free bounds, one a quantile.
    npmle
        (tau, a, b) for the Turnbull estimate, read as (a, b]; None where fewer than `MIN_EVENTS` revocations
        were put to the test. It assumes that when somebody tries does not depend on when access ends.
    bands
        The bootstrap bands; None where `npmle` is.
    """

    n: int
    events: int
    right_share: float
    left_share: float
    untried_share: float
    bounds: tuple[QuantileBound, ...]
    npmle: tuple[tuple[float, float, float | None], ...] | None
    bands: tuple[Band, ...] | None

    def sentence(self, tau: float = 0.95) -> str:
        """Say what is known of one of the quantiles that were asked for, in the words of the report.

        Examples
        --------
        >>> print(estimate([0, 5, 60], [5, 60, None]).sentence(0.5))
        50 % had ended after at least 5 s and at most 60 s.
        Of 3 cases (3 revocations) 1 has no refusal of the token after the last success,
        1 was refused with no success after the revocation. Times are counted from the acknowledgement.
        """
        if not self.n:
            return "No revocation in this window can be timed."
        spot = [bound.tau for bound in self.bounds].index(tau)
        bound = self.bounds[spot]
        said = f"{tau * 100:g} % had ended after at least {duration(bound.lower)}"
        said += ", if at all" if bound.upper is None else f" and at most {duration(bound.upper)}"
        if bound.upper is None and not bound.lower:
            said = f"Nothing tells when {tau * 100:g} % had ended, if at all"
        if self.npmle is not None and self.bands is not None:
            said += f"; most likely {_range(*self.npmle[spot][1:])}"
            band = self.bands[spot]
            said += f" (with sampling error {_range(band.lower, band.upper)})"
        # Counts, not shares: 249 of 250 is not all.
        right, left, untried = (
            round(share * self.n) for share in (self.right_share, self.left_share, self.untried_share)
        )
        return (
            f"{said}. Of {plural(self.n, 'case')} ({plural(self.events, 'revocation')}) "
            f"{right:,} {agree(right, 'has', 'have')} no refusal of the token after the last success"
            f"{f' ({untried:,} of these with no call afterwards in the logs held)' * bool(untried)}, "
            f"{left:,} {agree(left, 'was', 'were')} refused with no success after the revocation. "
            "Times are counted from the acknowledgement."
        )


def estimate(
    lower: Sequence[float | None],
    upper: Sequence[float | None],
    taus: Sequence[float] = TAUS,
    cluster: Sequence[object] | None = None,
    seed: int = 0,
    resamples: int = 200,
    grid: float | None = None,
    censored: Sequence[str] | None = None,
) -> LagEstimate:
    """Estimate the lag in every way the number of revocations allows.

    Parameters
    ----------
    lower, upper
        Seconds since the revocation: last success and first denial, None where there is none.
    taus
        Quantiles wanted.
    cluster
        The revocation each interval belongs to; each its own if absent.
    seed, resamples
        Of the bootstrap.
    grid
        Seconds to which the Turnbull estimate widens times; 1, or less where lags are short, if absent.
    censored
        What is known of each interval: no, left, right or untried. The bounds alone do not tell a success that is too
        close to the revocation from none; if absent, what starts at 0 counts as none.

    Examples
    --------
    >>> answer = estimate(range(30), [second + 5 for second in range(30)], taus=(0.5,))
    >>> answer.bounds[0].lower, answer.bounds[0].upper
    (14.0, 19.0)
    >>> answer.npmle[0][1] >= 14.0
    True
    """
    low, high = read(lower, upper)
    grid = natural_grid(high) if grid is None else grid
    events = low.size if cluster is None else len(set(cluster))
    enough = _tried(low, high, cluster) >= MIN_EVENTS
    if censored is None:
        ends = zip(low, high, strict=True)
        censored = ["right" if end == float("inf") else "left" if start == 0 else "no" for start, end in ends]
    n = int(low.size)
    fitted = turnbull(low, high, grid) if enough else None
    return LagEstimate(
        n=n,
        events=int(events),
        right_share=float((high == float("inf")).mean()) if n else 0.0,
        left_share=list(censored).count("left") / n if n else 0.0,
        untried_share=list(censored).count("untried") / n if n else 0.0,
        bounds=quantile_bounds(low, high, taus, cluster=cluster),
        npmle=tuple((tau, *fitted.quantile(tau)) for tau in taus) if fitted else None,
        bands=bootstrap(low, high, taus, cluster, resamples, seed, grid=grid) if enough else None,
    )


def curve(
    lower: Sequence[float | None],
    upper: Sequence[float | None],
    points: int = 400,
    grid: float | None = None,
    cluster: Sequence[object] | None = None,
) -> dict[str, list]:
    """Tabulate the share of revoked access that still worked after t seconds, for plotting as steps.

    Returns
    -------
    dict of lists
        `t`; `survival_low` and `survival_high`, between which the truth lies whatever happened;
        `npmle`, the Turnbull estimate (its upper edge), None where fewer than `MIN_EVENTS` revocations were put to the test.

    Examples
    --------
    >>> table = curve([0, 10], [10, None])
    >>> table["t"], table["survival_low"], table["survival_high"]
    ([0.0, 10.0], [0.5, 0.0], [1.0, 0.5])
    """
    import numpy as np

    low, high = read(lower, upper)
    if low.size == 0:
        return {"t": [], "survival_low": [], "survival_high": [], "npmle": []}
    ends = np.unique(np.concatenate(([0.0], low, high[np.isfinite(high)])))
    # Keep steps evenly by rank, so that the crowded stretch of the curve keeps its shape.
    kept = np.unique(np.linspace(0, ends.size - 1, min(points, ends.size)).round().astype(int))
    last = ends[
        np.append(kept[1:], ends.size) - 1
    ]  # what falls between two kept steps is not certain from the first on
    ends = ends[kept]
    sorted_low, sorted_high = np.sort(low), np.sort(high)
    surely = 1.0 - np.searchsorted(sorted_low, last, side="right") / low.size
    possibly = 1.0 - np.searchsorted(sorted_high, ends, side="right") / low.size
    npmle: list[float | None] = [None] * ends.size
    if _tried(low, high, cluster) >= MIN_EVENTS:
        fitted = turnbull(low, high, natural_grid(high) if grid is None else grid)
        rights = np.array([np.inf if value is None else value for value in fitted.right])
        ended = np.concatenate(([0.0], np.cumsum(fitted.mass)))
        alive = 1.0 - ended[np.searchsorted(rights, ends, side="right")]
        # The grid widened the intervals; the estimate cannot leave what is certain.
        npmle = np.clip(alive, surely, possibly).tolist()
    return {"t": ends.tolist(), "survival_low": surely.tolist(), "survival_high": possibly.tolist(), "npmle": npmle}


def _tried(low: np.ndarray, high: np.ndarray, cluster: Sequence[object] | None) -> int:
    """Count the revocations after which anything is known: (0, not bounded] says nothing, however often it comes."""
    import numpy as np

    tells = (low > 0) | np.isfinite(high)
    if cluster is None:
        return int(tells.sum())
    return len({key for key, told in zip(cluster, tells, strict=True) if told})


def _range(lower: float | None, upper: float | None) -> str:
    if lower is None:
        return "not bounded"
    return f"more than {duration(lower)}" if upper is None else f"between {duration(lower)} and {duration(upper)}"
