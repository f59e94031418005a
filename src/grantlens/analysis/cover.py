"""The smallest scope set: the cheapest scopes that would have permitted every observed operation.

Each operation names its alternatives, and each alternative is a set of scopes that are needed together.
The problem is set cover; after presolve almost nothing is left of it, and the rest is solved exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grantlens.analysis.exact import solve
from grantlens.analysis.greedy import greedy
from grantlens.analysis.presolve import presolve

Alternatives = frozenset[frozenset[str]]


@dataclass(frozen=True)
class Cover:
    """One scope set that permits every operation that can be permitted.

    Parameters
    ----------
    scopes
        The chosen scopes, sorted.
    cost
        What they cost together.
    status
        "exact" if no cheaper set exists, "greedy" if that was not proven.
    witness
        For each scope one operation that would not be permitted without it.
    """

    scopes: tuple[str, ...]
    cost: float
    status: str
    witness: Mapping[str, str]


def scope_cost(level: int, reach: int) -> float:
    """Return the cost of a scope: its risk level first, then how many operations it opens.

    Examples
    --------
    >>> scope_cost(1, 20), scope_cost(3, 5)
    (1020.0, 16005.0)
    """
    return 4.0 ** (level - 1) * 1000 + reach


def smallest(operations: Mapping[str, Iterable[frozenset[str]]], cost: Mapping[str, float] | None = None) -> Cover:
    """Find the cheapest scopes that permit every operation that any scopes permit.

    Parameters
    ----------
    operations
        Operation to its alternatives; an empty alternative means that no scope is needed.
    cost
        Cost of each scope, above 0; 1 where absent.

    Returns
    -------
    Cover
        Equal inputs give equal answers; among equal costs fewer scopes win, then earlier names.

    Examples
    --------
    >>> read, write, pair = frozenset({"mail.read"}), frozenset({"mail.write"}), frozenset({"a", "b"})
    >>> cover = smallest({"GET /mail": [read, write], "POST /mail": [write], "GET /both": [pair]})
    >>> cover.scopes, cover.status
    (('a', 'b', 'mail.write'), 'exact')
    >>> cover.witness["mail.write"]
    'GET /mail'
    """
    wanted = {name: frozenset(frozenset(each) for each in operations[name]) for name in sorted(operations)}
    possible = {name: sets for name, sets in wanted.items() if sets}
    scopes = {scope for sets in possible.values() for each in sets for scope in each}
    price = {scope: float((cost or {}).get(scope, 1.0)) for scope in sorted(scopes)}
    if any(value <= 0 for value in price.values()):
        bad = next(scope for scope, value in price.items() if value <= 0)
        raise ValueError(f"The cost of a scope must be above 0; {bad} costs {price[bad]}.")

    forced, components = presolve(possible.values(), price)
    chosen, exact = set(forced), True
    for component in components:
        answer = solve(component, price)
        exact = exact and answer.proven
        found = [answer.scopes] if answer.scopes is not None else []
        if not answer.proven:
            found.append(greedy(component, price))
        chosen |= min(found, key=lambda each: (sum(price[scope] for scope in each), len(each), sorted(each)))
    return Cover(
        scopes=tuple(sorted(chosen)),
        cost=sum(price[scope] for scope in chosen),
        status="exact" if exact else "greedy",
        witness=_witnesses(possible, chosen),
    )


def _witnesses(operations: Mapping[str, Alternatives], chosen: set[str]) -> dict[str, str]:
    """Name, for each chosen scope, the first operation that is lost without it: it is in every alternative that is held."""
    found: dict[str, str] = {}
    for name, sets in operations.items():
        held = [each for each in sets if each <= chosen]
        for scope in frozenset.intersection(*held) if held else ():
            found.setdefault(scope, name)
    return found
