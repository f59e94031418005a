"""The exact matcher: a trie of templates, searched with backtracking.

At each segment a literal beats a suffix (`{x}:verb`), a suffix a pattern, a pattern a parameter, a
parameter the rest (`**`); the leftmost decision counts first. A branch that ends without the method
is given up and the next one tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from grantlens.catalogue.path import GAP, VERSIONS, Token, joined

MOST_SEGMENTS = 64
"""Longer paths are nobody's template."""


class Trie:
    """Templates of one server, one style.

    Parameters
    ----------
    odata
        Read `$count`, `$value` and type casts as OData does: they need what the path before them needs.

    Examples
    --------
    >>> trie = Trie()
    >>> trie.insert([Token("literal", "users"), Token("parameter")], "GET", 7)
    >>> trie.find(["users", "me"], "GET")
    7
    """

    def __init__(self, *, odata: bool = False) -> None:
        self.odata = odata
        self.root = _Node()
        self.has_rest = False

    def insert(self, template: Iterable[Token], method: str | None, operation: int) -> None:
        """Add one template; of two equal ones the first stays. Without a method it answers calls that name none."""
        node = self.root
        for token in template:
            node = node.child(token)
            self.has_rest = self.has_rest or token.kind.startswith("rest")
        node.operations.setdefault(method, operation)

    def find(self, segments: Sequence[str], method: str | None) -> int | None:
        """Return the operation of a path, or None."""
        segments = [segment for segment in segments if segment]
        if len(segments) > MOST_SEGMENTS:
            return None
        if self.odata and segments and segments[0] in VERSIONS:
            del segments[0]
        found = self._find(self.root, segments, 0, method, set())
        if found is None and method == "HEAD":
            return self._find(self.root, segments, 0, "GET", set())
        return found

    def _find(self, node: _Node, segments: Sequence[str], position: int, method: str | None, failed: set) -> int | None:
        if position == len(segments):
            return node.operation(method)
        if self.has_rest:  # only `**` can reach one node at one position twice
            if (id(node), position) in failed:
                return None
            failed.add((id(node), position))
        for child, following in self._ways(node, segments, position):
            found = self._find(child, segments, following, method, failed)
            if found is not None:
                return found
        return None

    def _ways(self, node: _Node, segments: Sequence[str], position: int) -> Iterable[tuple[_Node, int]]:
        segment = segments[position]
        after = position + 1
        if segment in node.literals:
            yield node.literals[segment], after
        if node.suffixes and ":" in segment:
            base, _, verb = segment.rpartition(":")
            if base and verb in node.suffixes:
                yield node.suffixes[verb], after
        for _, pattern, child in node.patterns:
            if pattern.fullmatch(segment):
                yield child, after
        special = self.odata and segment.startswith(SPECIAL)
        if special:
            _, _, name = segment.rpartition(".")
            if name != segment and name in node.literals:  # a function with its namespace: microsoft.graph.delta
                yield node.literals[name], after
            if segment in SAME_OBJECT or name in CASTS:
                yield node, after
        elif node.parameter is not None:
            yield node.parameter, after
        if self.odata and segment.endswith(")"):  # an alternate key: users(userprincipalname)
            named = node.literals.get(segment.partition("(")[0])
            if named is not None and named.parameter is not None:
                yield named.parameter, after
        if node.rest is not None:
            for end in range(len(segments), position, -1):
                yield node.rest, end
        for verb, child in node.rest_suffixes.items():
            for end in range(len(segments), position, -1):
                if segments[end - 1].endswith(":" + verb) and segments[end - 1] != ":" + verb:
                    yield child, end


SPECIAL = ("$", "microsoft.graph.")
"""OData segments that begin so are no value of a parameter."""
SAME_OBJECT = frozenset({"$count", "$value"})
CASTS = frozenset(
    {
        "administrativeunit",
        "application",
        "calendar",
        "contact",
        "device",
        "directoryrole",
        "event",
        "fileattachment",
        "group",
        "itemattachment",
        "message",
        "orgcontact",
        "referenceattachment",
        "serviceprincipal",
        "user",
    }
)
"""Types to which OData paths are cast: the path needs what it needs without them."""


class _Node:
    __slots__ = ("literals", "operations", "parameter", "patterns", "rest", "rest_suffixes", "suffixes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.suffixes: dict[str, _Node] = {}
        self.patterns: list[tuple[str, re.Pattern, _Node]] = []
        self.parameter: _Node | None = None
        self.rest: _Node | None = None
        self.rest_suffixes: dict[str, _Node] = {}
        self.operations: dict[str | None, int] = {}

    def child(self, token: Token) -> _Node:
        if token.kind == "literal":
            return self.literals.setdefault(token.text, _Node())
        if token.kind == "suffix":
            return self.suffixes.setdefault(token.text, _Node())
        if token.kind == "rest_suffix":
            return self.rest_suffixes.setdefault(token.text, _Node())
        if token.kind == "parameter":
            self.parameter = self.parameter or _Node()
            return self.parameter
        if token.kind == "rest":
            self.rest = self.rest or _Node()
            return self.rest
        for text, _, node in self.patterns:
            if text == token.text:
                return node
        node = _Node()
        self.patterns.append((token.text, joined(token.text.split(GAP), "."), node))
        self.patterns.sort(key=lambda entry: (-len(entry[0]), entry[0]))
        return node

    def operation(self, method: str | None) -> int | None:
        if method is None and None not in self.operations:  # only a path with one operation is certain
            return next(iter(self.operations.values())) if len(self.operations) == 1 else None
        return self.operations.get(method)
