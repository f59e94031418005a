"""Which scope implies which, and how we know.

Nothing is concluded from names alone, with one exception that is marked as such: Microsoft Graph's
`X.ReadWrite` implies `X.Read` (evidence name_pattern), since the gaps between their operation lists
are gaps of the list. All else is declared by the source, documented by the provider, or read off
the operations that both scopes open (evidence containment).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from importlib.resources import files

STRENGTH = ("declared", "documented", "containment", "name_pattern")
"""Evidence, strongest first."""

LEAST_OPERATIONS = 5
"""Two tiny scopes open the same operations by chance: below this many, containment proves nothing."""


def documented(catalogue: str, hosts: Iterable[str | None]) -> list[tuple[str, str]]:
    """Return the documented pairs (broader, narrower) of a known provider.

    Examples
    --------
    >>> ("repo", "public_repo") in documented("github", [])
    True
    >>> documented("acme", ["api.acme.example"])
    []
    """
    if catalogue != "github" and "api.github.com" not in set(hosts):
        return []
    text = files("grantlens.catalogue").joinpath("github_scope_hierarchy.csv").read_text("utf-8")
    return [(row["broader"], row["narrower"]) for row in csv.DictReader(text.splitlines())]


def close(direct: Mapping[tuple[int, int], str]) -> dict[tuple[int, int], str]:
    """Return the transitive closure without loops; a derived step is as strong as its weakest part.

    Examples
    --------
    >>> close({(1, 2): "declared", (2, 3): "name_pattern"})[(1, 3)]
    'name_pattern'
    """
    steps: dict[int, dict[int, int]] = {}
    for (broader, narrower), evidence in direct.items():
        steps.setdefault(broader, {})[narrower] = STRENGTH.index(evidence)
    closed: dict[tuple[int, int], str] = {}
    for start in steps:
        best = {start: 0}
        waiting = [start]
        while waiting:
            here = waiting.pop()
            for there, weakness in steps.get(here, {}).items():
                total = max(best[here], weakness)
                if there not in best or total < best[there]:
                    best[there] = total
                    waiting.append(there)
        closed.update({(start, there): STRENGTH[weakness] for there, weakness in best.items() if there != start})
    return closed


def graph_pairs(opened: Mapping[str, Mapping[str, frozenset]]) -> list[tuple[str, str, str]]:
    """Return (broader, narrower, evidence) of Microsoft Graph: ReadWrite implies Read.

    Parameters
    ----------
    opened
        For each permission and principal the operations that it opens.

    Examples
    --------
    >>> graph_pairs({"Mail.Read": {"delegated": frozenset("ab")}, "Mail.ReadWrite": {"delegated": frozenset("abc")}})
    [('Mail.ReadWrite', 'Mail.Read', 'containment')]
    """
    by_name = {name.lower(): name for name in opened}
    pairs = []
    for broader in opened:
        narrower = by_name.get(broader.lower().replace("readwrite", "read"))
        if narrower and narrower != broader:
            contained = all(
                opened[narrower][principal] <= opened[broader].get(principal, frozenset())
                for principal in opened[narrower]
            )
            pairs.append(
                (broader, narrower, "containment" if contained and any(opened[narrower].values()) else "name_pattern")
            )
    return pairs


def google_pairs(opened: Mapping[str, frozenset]) -> list[tuple[str, str, str]]:
    """Return (broader, narrower, evidence) of Google: X and X.readonly, X and X.part, where the operations show it.

    Examples
    --------
    >>> x = "https://www.googleapis.com/auth/x"
    >>> google_pairs({x: frozenset("ab"), x + ".readonly": frozenset("a")}) == [(x, x + ".readonly", "containment")]
    True
    >>> google_pairs({x: frozenset("b"), x + ".readonly": frozenset("a")})
    []
    """
    pairs = []
    for narrower, operations in opened.items():
        if not operations:
            continue
        for broader in _google_parents(narrower):
            whole = opened.get(broader, frozenset())
            readonly = narrower == broader + ".readonly" and operations <= whole
            if readonly or (operations < whole and len(operations) >= LEAST_OPERATIONS):
                pairs.append((broader, narrower, "containment"))
    return pairs


def _google_parents(scope: str) -> list[str]:
    start, slash, name = scope.rpartition("/")
    parts = name.split(".")
    parents = [start + slash + ".".join(parts[:count]) for count in range(1, len(parts))]
    if parts[-1] == "readonly" and len(parts) > 2:
        parents.append(start + slash + ".".join([*parts[:1], "readonly"]))
    if parts[0] == "gmail":
        parents.append("https://mail.google.com/")
    return [parent for parent in dict.fromkeys(parents) if parent != scope]
