"""The small grammar of `AlsoRequires` in Microsoft Graph's permissions: `A,B` and `(A|B)&C`.

A comma and `|` mean any-of, `&` means all-of and binds tighter.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*([(),|&]|[^\s(),|&]+)")


def also_requires(text: str) -> list[frozenset[str]]:
    """Return the alternatives, each a set of permissions that are all needed.

    Examples
    --------
    >>> [sorted(group) for group in also_requires("(A|B)&C")]
    [['A', 'C'], ['B', 'C']]
    >>> [sorted(group) for group in also_requires("A,B")]
    [['A'], ['B']]
    """
    parts = _TOKEN.findall(text)
    groups, after = _any_of(parts, 0, 0)
    if after != len(parts):
        raise ValueError(f"unexpected {parts[after]!r} in {text!r}")
    return groups


def _any_of(parts: list[str], position: int, depth: int) -> tuple[list[frozenset[str]], int]:
    groups, position = _all_of(parts, position, depth)
    while position < len(parts) and parts[position] in ",|":
        more, position = _all_of(parts, position + 1, depth)
        groups = list(dict.fromkeys(groups + more))
    return groups, position


def _all_of(parts: list[str], position: int, depth: int) -> tuple[list[frozenset[str]], int]:
    groups, position = _one(parts, position, depth)
    while position < len(parts) and parts[position] == "&":
        more, position = _one(parts, position + 1, depth)
        groups = list(dict.fromkeys(left | right for left in groups for right in more))
    return groups, position


def _one(parts: list[str], position: int, depth: int) -> tuple[list[frozenset[str]], int]:
    if position >= len(parts):
        raise ValueError("a permission is missing at the end")
    if parts[position] == "(":
        if depth > 50:
            raise ValueError("too many parentheses")
        groups, position = _any_of(parts, position + 1, depth + 1)
        if position >= len(parts) or parts[position] != ")":
            raise ValueError("a closing parenthesis is missing")
        return groups, position + 1
    if parts[position] in "),|&":
        raise ValueError(f"unexpected {parts[position]!r}")
    return [frozenset([parts[position]])], position + 1
