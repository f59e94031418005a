"""What a log has not shown yet: scopes that would still turn up, and how long one must watch to see them."""

from __future__ import annotations

from collections.abc import Sequence

from grantlens.analysis.kaplan import kaplan_meier

MIN_WAITS = 20
"""With fewer grants of a class than this, how long it waits for its first use is not reckoned."""


def good_turing(counts: Sequence[int]) -> float | None:
    """Return the chance that the next use is of a scope not used before: those used once over all uses.

    Examples
    --------
    >>> good_turing([1, 1, 8])
    0.2
    """
    total = sum(counts)
    return sum(1 for count in counts if count == 1) / total if total else None


def chao1(counts: Sequence[int]) -> float:
    """Estimate from below how many scopes would be used in the end.

    Examples
    --------
    >>> chao1([1, 1, 2, 5])
    4.5
    """
    once = sum(1 for count in counts if count == 1)
    twice = sum(1 for count in counts if count == 2)
    return sum(1 for count in counts if count > 0) + once * (once - 1) / (2 * (twice + 1))


def time_to_first_use_p95(
    first_use_days: Sequence[float | None],
    exposure_days: Sequence[float],
    entry_days: Sequence[float] | None = None,
    share: float = 0.95,
) -> float | None:
    """Return the days within which 95 % of the scopes that got used at all were used first (Kaplan-Meier).

    It is the shortest sensible watch before silence means something. Scopes never used are censored, not dropped.

    Parameters
    ----------
    first_use_days
        Days from the start of the grant to the first use; None where there was none yet.
    exposure_days
        Days from the start of the grant to the end of what the logs show.
    entry_days
        How old the grant already was when the logs began; 0 if absent.
    share
        0.95 for the p95.

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
    times, survival = kaplan_meier(days, used, entry_days)
    if not times:
        return None
    reached = 1.0 - survival[-1]
    for day, alive in zip(times, survival, strict=True):
        if 1.0 - alive >= share * reached - 1e-9:
            return day
    return times[-1]
