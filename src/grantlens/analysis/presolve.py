"""What can be decided about a scope set before any search: mostly everything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

Constraint = frozenset[frozenset[str]]
"""The alternatives of one operation; one of them must be held whole."""


def presolve(
    constraints: Iterable[Constraint], price: Mapping[str, float]
) -> tuple[frozenset[str], list[list[Constraint]]]:
    """Return the scopes that are certain, and the independent rests of the problem.

    Parameters
    ----------
    constraints
        One set of alternatives an operation.
    price
        Cost of each scope.

    Examples
    --------
    >>> one, two, both = frozenset("a"), frozenset("b"), frozenset("ab")
    >>> forced, rest = presolve([frozenset([one]), frozenset([two, both])], {"a": 1, "b": 1})
    >>> sorted(forced), rest
    (['a', 'b'], [])
    """
    forced: set[str] = set()
    left = {_minimal(each) for each in constraints}
    while True:
        before = (len(forced), left)
        for each in left:
            forced |= frozenset.intersection(*each)
        left = {_minimal(frozenset(alternative - forced for alternative in each)) for each in left}
        left = {each for each in left if frozenset() not in each}
        left = _without_dominated(_without_implied(left), price)
        if (len(forced), left) == before:
            return frozenset(forced), _components(left)


def _minimal(alternatives: Constraint) -> Constraint:
    """Drop the alternatives that contain another one: they ask for more and give no more."""
    kept: list[frozenset[str]] = []
    for each in sorted(alternatives, key=lambda each: (len(each), sorted(each))):
        if not any(smaller <= each for smaller in kept):
            kept.append(each)
    return frozenset(kept)


def _without_implied(constraints: Collection[Constraint]) -> set[Constraint]:
    """Drop the operations that are permitted whenever another one is."""
    ordered = sorted(constraints, key=order)
    kept = []
    for easy in ordered:
        for hard in ordered:
            if hard is not easy and all(any(less <= more for less in easy) for more in hard):
                # Two different minimal sets never imply each other both ways.
                break
        else:
            kept.append(easy)
    return set(kept)


def _without_dominated(constraints: Collection[Constraint], price: Mapping[str, float]) -> set[Constraint]:
    """Drop a scope where a cheaper one (of two equals, the earlier name) stands in for it in every alternative.

    One scope after the other: a scope already dropped cannot stand in, so each step leaves a cheapest answer whole.
    """
    scopes = sorted({scope for each in constraints for alternative in each for scope in alternative})
    holding: dict[str, list[tuple[Constraint, frozenset[str]]]] = {scope: [] for scope in scopes}
    for each in constraints:
        for alternative in each:
            for scope in alternative:
                holding[scope].append((each, alternative))
    gone: set[str] = set()
    for scope in sorted(scopes, key=lambda scope: (-price[scope], scope)):
        first_each, _first = min(holding[scope], key=lambda held: len(held[0]))
        rivals = {rival for alternative in first_each for rival in alternative} - gone - {scope}
        for rival in sorted(rivals):
            if (price[rival], rival) < (price[scope], scope) and all(
                any(other <= (alternative - {scope}) | {rival} for other in each if scope not in other)
                for each, alternative in holding[scope]
            ):
                gone.add(scope)
                break
    if not gone:
        return set(constraints)
    return {_minimal(frozenset(each for each in sets if not each & gone)) for sets in constraints}


def _components(constraints: Collection[Constraint]) -> list[list[Constraint]]:
    """Split into parts that share no scope."""
    parent: dict[str, str] = {}

    def root(scope: str) -> str:
        while parent.setdefault(scope, scope) != scope:
            parent[scope] = parent[parent[scope]]
            scope = parent[scope]
        return scope

    for each in constraints:
        names = sorted({scope for alternative in each for scope in alternative})
        for name in names[1:]:
            parent[root(name)] = root(names[0])
    parts: dict[str, list[Constraint]] = {}
    for each in sorted(constraints, key=order):
        parts.setdefault(root(min(scope for alternative in each for scope in alternative)), []).append(each)
    return [parts[key] for key in sorted(parts, key=lambda key: order(parts[key][0]))]


def order(constraint: Constraint) -> list[list[str]]:
    """Return a key that sorts constraints the same way in every run."""
    return sorted(sorted(alternative) for alternative in constraint)
