"""How long one must watch before the silence of a scope means something."""

from __future__ import annotations

from collections.abc import Sequence

from grantlens.analysis.kaplan import kaplan_meier

MIN_WAITS = 20
"""With fewer grants of a class than this, how long it waits for its first use is not reckoned."""


def time_to_first_use_p95(first_use_days: Sequence[float | None], exposure_days: Sequence[float]) -> float | None:
    """Return the days within which 95 % of the scopes that got used at all were used first (Kaplan-Meier).

    It is the shortest sensible watch before silence means something. Scopes never used are censored, not dropped.

    Parameters
    ----------
    first_use_days
        Days from the start of the grant to the first use; None where there was none yet.
    exposure_days
        Days from the start of the grant to the end of what the logs show.

    Returns
    -------
    float or None
        None where no use was seen.

    Examples
    --------
    >>> time_to_first_use_p95([1, 2, 3, 40, None], [90, 90, 90, 90, 90])
    40.0
    >>> time_to_first_use_p95([None], [90]) is None
    True
    """
    pairs = list(zip(first_use_days, exposure_days, strict=True))
    # NaN is no time either, and it is not below anything.
    used = [first is not None and first <= end for first, end in pairs]
    # A first use on the very moment of the grant still counts as a wait above 0.
    days = [max(float(first), 1e-9) if seen else float(end) for (first, end), seen in zip(pairs, used, strict=True)]
    times, survival = kaplan_meier(days, used)
    if not times:
        return None
    reached = 1.0 - survival[-1]
    for day, alive in zip(times, survival, strict=True):
        if 1.0 - alive >= 0.95 * reached - 1e-9:
            return day
    return times[-1]
