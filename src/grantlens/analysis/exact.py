"""The cheapest scope set, proven: an integer programme for HiGHS, the solver inside SciPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grantlens.analysis.presolve import Constraint

TIME_LIMIT_S = 10.0
"""So long the solver may take for one component."""


@dataclass(frozen=True)
class Answer:
    """What the solver found in time (None: nothing), and whether it is proven that no answer is cheaper."""

    scopes: frozenset[str] | None
    proven: bool


def solve(constraints: Sequence[Constraint], price: Mapping[str, float]) -> Answer:
    """Solve one component.

    One binary variable a scope; a second one for each alternative of several scopes, which may be 1 only if all its
    scopes are. The second round keeps the cost and asks for fewer scopes and earlier names.

    Examples
    --------
    >>> a, b, c = frozenset("a"), frozenset("b"), frozenset("c")
    >>> sorted(solve([frozenset([a, c]), frozenset([b, c])], {"a": 1, "b": 1, "c": 3}).scopes)
    ['a', 'b']
    """
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    scopes = sorted({scope for each in constraints for alternative in each for scope in alternative})
    column = {scope: place for place, scope in enumerate(scopes)}
    joint = sorted({alternative for each in constraints for alternative in each if len(alternative) > 1}, key=sorted)
    column_of = {alternative: len(scopes) + place for place, alternative in enumerate(joint)}
    size = len(scopes) + len(joint)
    rows: list[tuple[dict[int, float], float]] = []
    for each in constraints:
        spots = [column_of[one] if len(one) > 1 else column[next(iter(one))] for one in each]
        rows.append((dict.fromkeys(spots, 1.0), 1.0))
    for alternative in joint:
        for scope in sorted(alternative):
            rows.append(({column[scope]: 1.0, column_of[alternative]: -1.0}, 0.0))
    cost = np.array([price[scope] for scope in scopes] + [0.0] * len(joint))

    def run(objective: np.ndarray, extra: Sequence[tuple[dict[int, float], float]] = ()) -> Any:
        system = [*rows, *extra]
        place = [(row, spot, value) for row, (terms, _) in enumerate(system) for spot, value in sorted(terms.items())]
        row, spot, value = (np.array(part) for part in zip(*place, strict=True))
        matrix = csr_array((value, (row, spot)), shape=(len(system), size))
        return milp(
            objective,
            constraints=LinearConstraint(matrix, lb=np.array([least for _, least in system])),
            integrality=np.ones(size),
            bounds=Bounds(0, 1),
            options={"time_limit": TIME_LIMIT_S, "mip_rel_gap": 0.0},
        )

    def read(result: Any) -> frozenset[str] | None:
        if result.x is None:
            return None
        return frozenset(scope for place, scope in enumerate(scopes) if result.x[place] > 0.5)

    first = run(cost)
    found = read(first)
    if first.status != 0 or found is None:
        return Answer(found, False)
    best = sum(price[scope] for scope in found)
    slack = 1e-7 * max(1.0, best)
    cap = ({column[scope]: -price[scope] for scope in scopes}, -best - slack)
    # A scope more always weighs more than all names together.
    names = np.array([1.0 + place / (len(scopes) ** 2 + 1.0) for place in range(len(scopes))] + [0.0] * len(joint))
    second = read(run(names, [cap]))
    if second is not None and sum(price[scope] for scope in second) <= best + slack:
        found = second
    return Answer(found, True)
