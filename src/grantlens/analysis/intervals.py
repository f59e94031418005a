"""Interval-censored times: how the bounds of a revocation lag are read into arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def read(lower: Sequence[float | None], upper: Sequence[float | None]) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper bounds as float arrays, with 0 and infinity where nothing is known.

    The lag lies in (lower, upper]. It is counted from the revocation, so nothing below 0 is kept.

    Examples
    --------
    >>> low, high = read([None, 3.0], [5.0, None])
    >>> low.tolist(), high.tolist()
    ([0.0, 3.0], [5.0, inf])
    """
    import numpy as np

    low = np.array([0.0 if value is None else value for value in lower], dtype=float)
    high = np.array([np.inf if value is None else value for value in upper], dtype=float)
    if low.shape != high.shape:
        raise ValueError(f"lower has {low.size} values and upper has {high.size}; they must pair up.")
    low[np.isnan(low)] = 0.0
    high[np.isnan(high)] = np.inf
    low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
    if (low > high).any():
        first = int(np.argmax(low > high))
        raise ValueError(f"Interval {first} ends at {high[first]} before it starts at {low[first]}.")
    return low, high


def natural_grid(high: np.ndarray) -> float:
    """Return a grid of 1 s, or a finer power of ten where lags are short: widening must not hide them.

    Examples
    --------
    >>> import numpy as np
    >>> natural_grid(np.array([12.5, 400.0, np.inf])), natural_grid(np.array([0.4, 0.9]))
    (1.0, 0.01)
    """
    import numpy as np

    known = high[np.isfinite(high) & (high > 0)]
    if not known.size:
        return 1.0
    return float(min(1.0, max(0.001, 10.0 ** (np.floor(np.log10(np.quantile(known, 0.1))) - 1))))


def snap(low: np.ndarray, high: np.ndarray, grid: float) -> tuple[np.ndarray, np.ndarray]:
    """Widen each interval outward to a grid, so that (low, high] is never empty.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = snap(np.array([1.4, 3.0]), np.array([2.1, 3.0]), 1.0)
    >>> low.tolist(), high.tolist()
    ([1.0, 2.0], [3.0, 3.0])
    """
    import numpy as np

    if grid <= 0:
        raise ValueError(f"The grid must be above 0, not {grid}.")
    # The small slack keeps 0.3 / 0.1 = 2.9999999999999996 on its own grid point.
    low = np.floor(low / grid + 1e-9) * grid
    high = np.ceil(high / grid - 1e-9) * grid
    # An exact time t is (t - grid, t]; an exact 0 is (0, grid], since a lag is never negative.
    exact = high <= low
    low = np.where(exact & (low > 0), low - grid, low)
    return low, np.where(exact & (high <= low), low + grid, high)


def coarse(low: np.ndarray, high: np.ndarray, step: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Widen each interval outward to a grid whose steps grow with time, so that few distinct ones are left.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = coarse(np.array([0.0, 100.0]), np.array([50.0, np.inf]))
    >>> low.round(1).tolist(), high.round(1).tolist()
    ([0.0, 98.9], [50.4, inf])
    """
    import numpy as np

    size = np.log1p(step)
    with np.errstate(divide="ignore"):
        low = np.where(low > 0, np.exp(np.floor(np.log(low) / size + 1e-9) * size), 0.0)
        high = np.where(high > 0, np.exp(np.ceil(np.log(high) / size - 1e-9) * size), 0.0)
    return low, high
