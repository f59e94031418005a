"""Climbs to the top of a likelihood with few parameters, by Newton steps inside bounds.

For the few parameters of the models here this takes a dozen evaluations, where a general optimiser takes hundreds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

STEPS = 200


def climb(
    surface: Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]],
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Return the place of a local maximum and its height.

    Parameters
    ----------
    surface
        Gives height, gradient and matrix of second derivatives at a place.
    start
        Where to begin; it is moved inside the bounds.
    low, high
        Bounds of each parameter.

    Examples
    --------
    >>> import numpy as np
    >>> def hill(x):
    ...     gradient, curve = [-4 * x[0] ** 3, 6 - 2 * x[1]], [-12 * x[0] ** 2, -2.0]
    ...     return -(x[0] ** 4) - (x[1] - 3) ** 2, np.array(gradient), np.diag(curve)
    >>> place, height = climb(hill, np.array([1.0, 0.0]), np.array([-1.0, -1.0]), np.array([1.0, 2.0]))
    >>> [round(float(x), 2) + 0.0 for x in place], round(height, 2)
    ([0.0, 2.0], -1.0)
    """
    import numpy as np

    place = np.clip(start, low, high)
    height, gradient, curve = surface(place)
    damping = 1e-3
    for _ in range(STEPS):
        # A parameter that leans against its bound stays there.
        free = ~(((place <= low) & (gradient < 0)) | ((place >= high) & (gradient > 0)))
        if not free.any() or damping > 1e12:
            break
        # Where the surface is not curved like a hilltop, the damping makes the step one uphill.
        towards = -curve[np.ix_(free, free)]
        values, vectors = np.linalg.eigh(towards)
        step = np.zeros_like(place)
        step[free] = vectors @ ((vectors.T @ gradient[free]) / (np.abs(values) + damping * (1 + np.abs(values))))
        tried = np.clip(place + np.clip(step, -2.0, 2.0), low, high)
        reached, new_gradient, new_curve = surface(tried)
        if not reached > height:
            if abs(float(gradient @ (tried - place))) <= 1e-12 * (1 + abs(height)):
                break
            damping *= 10
            continue
        gained = reached - height
        place, height, gradient, curve = tried, reached, new_gradient, new_curve
        damping = max(damping / 10, 1e-9)
        if gained <= 1e-10 * (1 + abs(height)):
            break
    return place, float(height)
