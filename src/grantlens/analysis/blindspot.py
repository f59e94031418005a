"""How much access a periodic review never sees, because it came and went between two snapshots."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Blindspot:
    """Shares, from 0 to 1, of what existed at no snapshot; None where that was not given or is nothing.

    Parameters
    ----------
    grants
        Of the stretches of access.
    access
        Of the time that access was open.
    actions, grave
        Of the actions performed, and of the grave ones.
    entitlements
        Of the entitlements: one that recurs counts as seen if any of its stretches was.
    seen
        For each stretch, whether a snapshot fell into it.
    """

    grants: float | None
    access: float | None
    actions: float | None
    grave: float | None
    entitlements: float | None
    seen: tuple[bool, ...]


def unseen(
    start: Sequence[float],
    end: Sequence[float],
    snapshots: Sequence[float],
    actions: Sequence[float] | None = None,
    grave: Sequence[float] | None = None,
    entitlement: Sequence[Hashable] | None = None,
) -> Blindspot:
    """Compare stretches of access [start, end) with the dates on which somebody looked.

    Parameters
    ----------
    start, end, snapshots
        When access came and went, and when the reviews took their lists, on one scale.
    actions, grave
        Number of actions, and of grave ones, in each stretch.
    entitlement
        What each stretch gave to whom, to see what no review ever saw even though it recurs.

    Examples
    --------
    >>> spot = unseen([0, 10, 95], [100, 11, 96], snapshots=[90], actions=[5, 80, 15])
    >>> round(spot.grants, 2), spot.actions
    (0.67, 0.95)
    """
    import numpy as np

    begin, finish, looks = (np.asarray(each, dtype=float) for each in (start, end, sorted(snapshots)))
    seen = np.searchsorted(looks, begin, side="left") < np.searchsorted(looks, finish, side="left")
    lost: set[Hashable] = set()
    if entitlement is not None:
        lost = set(entitlement) - {key for key, was_seen in zip(entitlement, seen, strict=True) if was_seen}
    return Blindspot(
        grants=_share(~seen, np.ones(begin.size)),
        access=_share(~seen, np.maximum(finish - begin, 0.0)),
        actions=None if actions is None else _share(~seen, np.asarray(actions, dtype=float)),
        grave=None if grave is None else _share(~seen, np.asarray(grave, dtype=float)),
        entitlements=len(lost) / len(set(entitlement)) if entitlement else None,
        seen=tuple(seen.tolist()),
    )


def expected_unseen(durations: Sequence[float], period: float, weights: Sequence[float] | None = None) -> float:
    """Return the share unseen by a review every `period`, averaged over all days it might have started on.

    One lucky date must not flatter: a stretch of length d is seen with probability min(1, d / period).

    Examples
    --------
    >>> hour, quarter = 1 / 24, 90
    >>> round(expected_unseen([hour], quarter), 4), round(expected_unseen([hour], 1), 3)
    (0.9995, 0.958)
    """
    import numpy as np

    long = np.asarray(durations, dtype=float)
    weight = np.ones(long.size) if weights is None else np.asarray(weights, dtype=float)
    return float(weight @ (1.0 - np.minimum(1.0, long / period)) / weight.sum())


def review_interval(
    durations: Sequence[float], share: float = 0.95, weights: Sequence[float] | None = None
) -> float | None:
    """Return the longest time between two reviews that still sees `share` of what happened.

    Parameters
    ----------
    durations
        Length of each stretch; the answer has its unit.
    share
        What is to be seen, on average over all phases of the review.
    weights
        Actions in each stretch, to see a share of the actions rather than of the grants.

    Returns
    -------
    float or None
        None where no interval is enough, because too much of it has no duration at all.

    Examples
    --------
    >>> round(review_interval([10.0] * 100), 3)
    10.526
    """
    import numpy as np

    long = np.asarray(durations, dtype=float)
    weight = np.ones(long.size) if weights is None else np.asarray(weights, dtype=float)
    order = np.argsort(long, kind="stable")
    long, weight = long[order], weight[order] / weight.sum()
    # Seen(P) = sum of w d / P over d < P, plus the weight of d >= P; it falls with P and is simple between durations.
    area, above = np.cumsum(weight * long), 1.0 - np.cumsum(weight)
    seen_at = (area + above * long) / np.where(long > 0, long, np.inf)
    enough = np.flatnonzero(seen_at >= share - 1e-12)
    last = int(enough[-1]) if enough.size else -1
    if last < 0 or share <= above[last] + 1e-12:
        return None
    answer = float(area[last] / (share - above[last]))
    return answer if answer > 0 else None


def _share(chosen: np.ndarray, weight: np.ndarray) -> float | None:
    total = float(weight.sum())
    return float(weight[chosen].sum()) / total if total > 0 else None
