"""The Kaplan-Meier estimate: how long things last when some were still going on at the end of the logs."""

from __future__ import annotations

from collections.abc import Sequence


def kaplan_meier(durations: Sequence[float], observed: Sequence[bool]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the times at which something ended and the share that lasted longer.

    Parameters
    ----------
    durations
        How long each was watched.
    observed
        True where the end was seen; False where only "at least so long" is known.

    Examples
    --------
    >>> kaplan_meier([1, 2, 2, 3], [True, True, False, True])
    ((1.0, 2.0, 3.0), (0.75, 0.5, 0.0))
    """
    import numpy as np

    time = np.asarray(durations, dtype=float)
    ended = np.asarray(observed, dtype=bool)
    moments, deaths = np.unique(time[ended], return_counts=True)
    # At risk at t is what was not gone before t.
    gone = np.searchsorted(np.sort(time), moments, side="left")
    survival = np.cumprod(1.0 - deaths / (time.size - gone)) if moments.size else np.array([])
    return tuple(moments.tolist()), tuple(survival.tolist())
