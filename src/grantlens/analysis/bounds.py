"""Quantile bounds of a lag that need no assumption at all: what is certain whatever happened between two attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.analysis.intervals import read

if TYPE_CHECKING:
    import numpy as np

TAUS = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class QuantileBound:
    """Where the quantile `tau` of the lag must lie.

    Parameters
    ----------
    tau
        The quantile, 0.95 for "95 % of revocations".
    lower, upper
        The quantile of these very revocations lies in between; `upper` None means not bounded.
    band_lower, band_upper
        The same with sampling error added (DKW inequality), at the confidence asked for: approximate where several
        intervals belong to one revocation.
    n
        Number of intervals.
    """

    tau: float
    lower: float
    upper: float | None
    band_lower: float
    band_upper: float | None
    n: int


def quantile_bounds(
    lower: Sequence[float | None],
    upper: Sequence[float | None],
    taus: Sequence[float] = TAUS,
    confidence: float = 0.95,
    cluster: Sequence[object] | None = None,
) -> tuple[QuantileBound, ...]:
    """Bound the quantiles of a lag T known only as T in (lower, upper].

    The quantile of T lies between the quantile of the lower ends and that of the upper ends.

    Parameters
    ----------
    lower, upper
        Seconds since the revocation: last success (None: none) and first denial (None: none seen).
    taus
        Quantiles wanted, each in (0, 1].
    confidence
        Level of the band that adds sampling error.
    cluster
        The revocation each interval belongs to; each its own if absent. The intervals of one revocation tell about as much
        as one, so the band reckons with Kish's effective number of intervals (Survey Sampling, 1965).

    Returns
    -------
    tuple of QuantileBound
        In the order of `taus`; empty when there are no intervals.

    Examples
    --------
    >>> half, most = quantile_bounds([0, 10, 20, 40], [10, 15, 60, None], taus=(0.5, 0.9))
    >>> half.lower, half.upper
    (10.0, 15.0)
    >>> most.lower, most.upper
    (40.0, None)
    """
    import math

    import numpy as np

    for tau in taus:
        if not 0 < tau <= 1:
            raise ValueError(f"A quantile must be above 0 and at most 1, not {tau}.")
    if not 0 < confidence < 1:
        raise ValueError(f"The confidence must lie between 0 and 1, not {confidence}.")
    low, high = read(lower, upper)
    n = low.size
    if n == 0:
        return ()
    low, high = np.sort(low), np.sort(high)
    sizes = np.array([1] * n if cluster is None else list(Counter(cluster).values()))
    independent = n**2 / float((sizes**2).sum())
    shift = math.sqrt(math.log(2 / (1 - confidence)) / (2 * independent))
    return tuple(
        QuantileBound(
            tau=tau,
            lower=at_rank(low, tau),
            upper=finite(at_rank(high, tau)),
            band_lower=at_rank(low, tau - shift) if tau > shift else 0.0,
            band_upper=finite(at_rank(high, tau + shift)) if tau + shift <= 1 else None,
            n=n,
        )
        for tau in taus
    )


def at_rank(ordered: np.ndarray, tau: float) -> float:
    """Return the smallest value that a share `tau` of sorted values does not exceed (SQL `quantile_disc`)."""
    import math

    rank = math.ceil(tau * len(ordered) - 1e-9)
    return float(ordered[min(max(rank, 1), len(ordered)) - 1])


def finite(value: float) -> float | None:
    """Return None for infinity: results say "not bounded" with None."""
    return None if value == float("inf") else float(value)
