"""The bootstrap over revocations: how far the Turnbull quantiles would move with other revocations of the same kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grantlens.analysis.bounds import TAUS, finite
from grantlens.analysis.intervals import coarse, read, snap
from grantlens.analysis.turnbull import turnbull

MANY = 4000
"""Above so many intervals, times are first widened by up to 2 %: 200 draws must not take minutes."""


@dataclass(frozen=True)
class Band:
    """A bootstrap band of one quantile; None means not bounded.

    It is approximate: with pure interval data the Turnbull estimate converges slower than the bootstrap assumes.
    """

    tau: float
    lower: float | None
    upper: float | None


def bootstrap(
    lower: Sequence[float | None],
    upper: Sequence[float | None],
    taus: Sequence[float] = TAUS,
    cluster: Sequence[object] | None = None,
    resamples: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
    grid: float = 1.0,
) -> tuple[Band, ...]:
    """Draw whole revocations again and again, and band the quantiles of the Turnbull estimate.

    Parameters
    ----------
    lower, upper
        The intervals, as in `turnbull`.
    taus
        Quantiles wanted.
    cluster
        The revocation each interval belongs to: intervals of one revocation are drawn together, since they are not
        independent. Each its own if absent.
    resamples, seed
        Number of draws and where they start; equal seeds give equal bands.
    confidence
        Level of the band.
    grid
        As in `turnbull`.

    Examples
    --------
    >>> lows = [float(second) for second in range(40)]
    >>> band = bootstrap(lows, [low + 2 for low in lows], taus=(0.5,), resamples=50)[0]
    >>> band.lower < 20 < band.upper
    True
    """
    import numpy as np

    low, high = read(lower, upper)
    if low.size > MANY:
        low, high = coarse(low, high)
    low, high = snap(low, high, grid)
    if low.size == 0:
        return ()
    if cluster is None:
        # Equal intervals are exchangeable: draw how often each distinct one comes, not each row.
        pairs, counts = np.unique(np.stack((low, high), axis=1), axis=0, return_counts=True)
        low, high = pairs[:, 0], pairs[:, 1]
        group, chance, draws = np.arange(low.size), counts / counts.sum(), int(counts.sum())
    else:
        if len(cluster) != low.size:
            raise ValueError(f"There are {low.size} intervals and {len(cluster)} clusters; they must pair up.")
        numbers: dict[object, int] = {}
        group = np.array([numbers.setdefault(key, len(numbers)) for key in cluster])
        draws = len(numbers)
        chance = np.full(draws, 1.0 / draws)
    generator = np.random.default_rng(seed)
    found = np.empty((resamples, len(taus), 2))
    for row in range(resamples):
        weight = generator.multinomial(draws, chance)[group]
        # A looser stop than for the estimate itself: the difference drowns in the spread between draws.
        fitted = turnbull(low, high, grid, weights=weight, tolerance=1e-6)
        for column, tau in enumerate(taus):
            a, b = fitted.quantile(tau)
            found[row, column] = a, np.inf if b is None else b
    tail = (1 - confidence) / 2
    # "lower" and "higher" pick drawn values: no interpolation towards infinity.
    lows = np.quantile(found[:, :, 0], tail, axis=0, method="lower")
    highs = np.quantile(found[:, :, 1], 1 - tail, axis=0, method="higher")
    return tuple(Band(tau, finite(float(a)), finite(float(b))) for tau, a, b in zip(taus, lows, highs, strict=True))
