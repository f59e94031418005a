"""The smallest scope set: the cheapest scopes that would have permitted every observed operation.

Each operation names its alternatives, and each alternative is a set of scopes that are needed together.
The problem is set cover; after presolve almost nothing is left of it, and the rest is solved exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
    gap
        How much cheaper a set could be at most, as a share of `cost`; 0 if exact, None if not known.
    witness
        For each scope one operation that would not be permitted without it.
    needed_by
        For each scope all such operations.
    impossible
        Operations that no scope permits.
    alternatives
        Other sets of equal cost, if they were asked for.
    """

    scopes: tuple[str, ...]
    cost: float
    status: str
    gap: float | None
    witness: Mapping[str, str] = field(default_factory=dict)
    needed_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    impossible: tuple[str, ...] = ()
    alternatives: tuple[tuple[str, ...], ...] = ()


def scope_cost(level: int, reach: int) -> float:
    """Return the cost of a scope: its risk level first, then how many operations it opens.

    Examples
    --------
    >>> scope_cost(1, 20), scope_cost(3, 5)
    (1020.0, 16005.0)
    """
    return 4.0 ** (level - 1) * 1000 + reach


def smallest(
    operations: Mapping[str, Iterable[frozenset[str]]],
    cost: Mapping[str, float] | None = None,
    *,
    method: str = "auto",
    time_limit: float = 10.0,
    alternatives: int = 0,
) -> Cover:
    """Find the cheapest scopes that permit every operation.

    Parameters
    ----------
    operations
        Operation to its alternatives; an empty alternative means that no scope is needed.
    cost
        Cost of each scope, above 0; 1 where absent.
    method
        "exact"; "greedy" (needs no solver; 4 % dearer on average); or "auto", exact with greedy as the way out
        when SciPy is not installed.
    time_limit
        Seconds the exact solver may take.
    alternatives
        How many other sets of equal cost to look for.

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
    if method not in ("auto", "exact", "greedy"):
        raise ValueError(f"The method is auto, exact or greedy, not {method!r}.")
    wanted = {name: frozenset(frozenset(each) for each in operations[name]) for name in sorted(operations)}
    impossible = tuple(name for name, sets in wanted.items() if not sets)
    possible = {name: sets for name, sets in wanted.items() if sets}
    scopes = {scope for sets in possible.values() for each in sets for scope in each}
    price = {scope: float((cost or {}).get(scope, 1.0)) for scope in sorted(scopes)}
    if any(value <= 0 for value in price.values()):
        bad = next(scope for scope, value in price.items() if value <= 0)
        raise ValueError(f"The cost of a scope must be above 0; {bad} costs {price[bad]}.")

    forced, components = presolve(possible.values(), price, dominated_scopes=not alternatives)
    chosen, gap, exact = set(forced), 0.0, True
    others: list[tuple[frozenset[str], ...]] = []
    bound = sum(price[scope] for scope in forced)
    for component in components:
        answer = None
        if method != "greedy":
            answer = solve(component, price, time_limit=time_limit, alternatives=alternatives)
            if answer is None and method == "exact":
                raise ValueError("The exact method needs SciPy; method='greedy' does without.")
        if answer is None:
            exact, gap = False, None
            picked = greedy(component, price)
        elif answer.proven:
            picked = answer.scopes
            others.append(answer.alternatives)
        else:
            exact = False
            found = [each for each in (answer.scopes, greedy(component, price)) if each is not None]
            picked = min(found, key=lambda each: _order(each, price))
        bound += answer.bound if answer else 0.0
        chosen |= picked
    total = sum(price[scope] for scope in chosen)
    if not exact and gap is not None:
        gap = max(0.0, (total - bound) / total) if total else 0.0
    needed = _needed(possible, chosen)
    return Cover(
        scopes=tuple(sorted(chosen)),
        cost=total,
        status="exact" if exact else "greedy",
        gap=gap,
        witness={scope: names[0] for scope, names in needed.items() if names},
        needed_by=needed,
        impossible=impossible,
        alternatives=_swap(chosen, others, alternatives) if exact else (),
    )


def _order(scopes: frozenset[str], price: Mapping[str, float]) -> tuple:
    return sum(price[scope] for scope in scopes), len(scopes), sorted(scopes)


def _needed(operations: Mapping[str, Alternatives], chosen: set[str]) -> dict[str, tuple[str, ...]]:
    """Name, for each chosen scope, the operations that are lost without it: those it is in every alternative of."""
    needed: dict[str, list[str]] = {scope: [] for scope in sorted(chosen)}
    for name, sets in operations.items():
        held = [each for each in sets if each <= chosen]
        for scope in frozenset.intersection(*held) if held else ():
            needed[scope].append(name)
    return {scope: tuple(names) for scope, names in needed.items()}


def _swap(chosen: set[str], others: list[tuple[frozenset[str], ...]], limit: int) -> tuple[tuple[str, ...], ...]:
    """Exchange one component at a time for one of its equals."""
    found = []
    for component in others:
        if len(component) > 1:
            best = component[0]
            found += [tuple(sorted((chosen - best) | other)) for other in component[1:]]
    return tuple(sorted(set(found)))[:limit]
