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
