"""A good scope set without a solver: always take what permits most for its price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grantlens.analysis.presolve import Constraint


def greedy(constraints: Sequence[Constraint], price: Mapping[str, float]) -> frozenset[str]:
    """Return scopes that satisfy every constraint, chosen by cost over newly satisfied constraints.

    Examples
    --------
    >>> a, b, c = frozenset("a"), frozenset("b"), frozenset("c")
    >>> sorted(greedy([frozenset([a, c]), frozenset([b, c])], {"a": 2, "b": 2, "c": 3}))
    ['c']
    """
    chosen: frozenset[str] = frozenset()
    left = list(constraints)
    while left:
        candidates = {alternative for each in left for alternative in each}
        best = min(candidates, key=lambda candidate: _rate(candidate, chosen, left, price))
        chosen |= best
        left = [each for each in left if not _permits(chosen, each)]
    # What was taken early may have become superfluous; the dearest goes first.
    for scope in sorted(chosen, key=lambda scope: (-price[scope], scope)):
        if all(_permits(chosen - {scope}, each) for each in constraints):
            chosen -= {scope}
    return chosen


def _permits(scopes: frozenset[str], constraint: Constraint) -> bool:
    return any(alternative <= scopes for alternative in constraint)


def _rate(
    candidate: frozenset[str], chosen: frozenset[str], left: Sequence[Constraint], price: Mapping[str, float]
) -> tuple:
    held = chosen | candidate
    won = sum(1 for each in left if _permits(held, each))
    return sum(price[scope] for scope in candidate - chosen) / won, len(candidate), sorted(candidate)
