"""The share of calls with revoked access that was still accepted, minute by minute."""

from __future__ import annotations

from collections.abc import Sequence

MINUTES = 60
"""How many minutes are looked at."""


def acceptance_by_minute(
    seconds: Sequence[float],
    accepted: Sequence[bool],
    cluster: Sequence[object] | None = None,
    minutes: int = MINUTES,
) -> list[dict]:
    """Count, for each minute after a revocation, the calls and the share that still succeeded.

    With enforcement on many nodes the share need not fall evenly, and no single lag tells that story.

    Parameters
    ----------
    seconds
        Seconds from the revocation to each call.
    accepted
        True for a success, False for a refusal because of the token.
    cluster
        The revocation behind each call: what one busy token met counts as less than as many tokens' calls in the
        interval. Each call stands for itself if left out.
    minutes
        How many minutes to tabulate; later calls are left out.

    Returns
    -------
    list of dict
        minute, calls, accepted, share, and its Wilson 95 % interval low, high; minutes without calls are absent.

    Examples
    --------
    >>> acceptance_by_minute([5, 30, 70], [True, False, False])[0]["share"]
    0.5
    """
    import numpy as np

    time = np.asarray(seconds, dtype=float)
    inside = (time >= 0) & (time < minutes * 60)
    minute = (time[inside] // 60).astype(int)
    calls = np.bincount(minute, minlength=minutes)
    successes = np.bincount(minute, np.asarray(accepted, dtype=bool)[inside], minlength=minutes)
    number: dict[object, int] = {}
    codes = np.array(
        [number.setdefault(key, len(number)) for key in (range(len(time)) if cluster is None else cluster)], int
    )
    place, together = np.unique(minute * max(1, len(number)) + codes[inside], return_counts=True)
    squares = np.bincount(place // max(1, len(number)), together.astype(float) ** 2, minlength=minutes)
    rows = []
    for spot in np.flatnonzero(calls):
        share = float(successes[spot] / calls[spot])
        low, high = _wilson(share, float(calls[spot]) ** 2 / float(squares[spot]))  # Kish's effective number
        rows.append(
            {
                "minute": int(spot),
                "calls": int(calls[spot]),
                "accepted": int(successes[spot]),
                "share": share,
                "low": low,
                "high": high,
            }
        )
    return rows


def _wilson(share: float, trials: float, z: float = 1.959964) -> tuple[float, float]:
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * ((share * (1 - share) + z * z / (4 * trials)) / trials) ** 0.5 / (1 + z * z / trials)
    return 0.0 if share == 0 else max(0.0, centre - half), 1.0 if share == 1 else min(1.0, centre + half)
