"""A catalogue being built: converters fill it, `frozen.freeze` checks, merges and numbers it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grantlens.catalogue.path import Style, tokens
from grantlens.errors import CatalogueError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Alternative:
    """Scopes that together permit an operation; none at all means that no scope is needed."""

    scopes: frozenset[str]
    principal: str = "any"
    is_least: bool = False
    condition: str | None = None
    certainty: str = "declared"
    ambiguous_list: bool = False


@dataclass
class Draft:
    """A catalogue being built."""

    name: str
    source: str
    sha256: str
    version: str | None = None
    retrieved: str | None = None
    licence: str | None = None
    list_rule: str | None = None
    case_sensitive: bool = True
    notes: list[str] = field(default_factory=list)
    operations: list[tuple[dict[str, Any], list[Alternative]]] = field(default_factory=list)
    scopes: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    implied: dict[tuple[str, str], str] = field(default_factory=dict)
    risks: dict[tuple[str, str, str], tuple[str | None, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a name that is no key."""
        if not _NAME.fullmatch(self.name):
            raise CatalogueError(
                f"{self.name!r} cannot be the name of a catalogue.", "Use letters, digits, '.', '-' and '_'."
            )

    def scope(self, name: str, **facts: Any) -> str:
        """Note a scope and what is known of it; return its exact string."""
        key = name if self.case_sensitive else name.lower()
        known = self.scopes.setdefault(key, {"scope": name})
        known.update({fact: value for fact, value in facts.items() if value is not None})
        return known["scope"]

    def alias(self, alias: str, scope: str, kind: str) -> None:
        """Note another string for a scope; the first one stays."""
        if alias != scope:
            self.aliases.setdefault((alias, kind), self.scope(scope))

    def implies(self, broader: str, narrower: str, evidence: str) -> None:
        """Note that one scope implies another."""
        self.implied.setdefault((self.scope(broader), self.scope(narrower)), evidence)

    def risk(self, scope: str, principal: str, source: str, label: str | None, rank: int) -> None:
        """Note one opinion about the risk of a scope."""
        self.risks[(self.scope(scope), principal, source)] = (label, rank)

    def operation(
        self,
        alternatives: Iterable[Alternative] = (),
        *,
        kind: str = "http",
        method: str | None = None,
        template: str | None = None,
        op_name: str | None = None,
        security: str | None = None,
        **facts: Any,
    ) -> None:
        """Note an operation and the alternatives that permit it."""
        known = list(alternatives)
        label = f"{method} {template}" if kind == "http" else op_name
        self.operations.append(
            (
                {
                    "kind": kind,
                    "method": method,
                    "template": template,
                    "op_name": op_name,
                    "label": label,
                    "security": security or ("scopes" if known else "unknown"),
                    **facts,
                },
                known,
            )
        )

    def merged(self) -> list[tuple[dict[str, Any], list[Alternative]]]:
        """Merge operations that no log could tell apart; their alternatives add up."""
        places: dict[tuple, int] = {}
        merged: list[tuple[dict[str, Any], list[Alternative]]] = []
        for (facts, alternatives), path in zip(self.operations, self._paths(), strict=True):
            key = (
                facts["kind"],
                facts["method"],
                facts.get("host"),
                path,
                facts["op_name"],
                None if path is None else "?" in facts["template"],
            )
            if key in places:
                known, so_far = merged[places[key]]
                so_far += alternatives
                known["deprecated"] = bool(known.get("deprecated")) and bool(facts.get("deprecated"))
                known["complete"] = known.get("complete", True) and facts.get("complete", True)
                if "scopes" in (known["security"], facts["security"]):
                    known["security"] = "scopes"
            else:
                places[key] = len(merged)
                merged.append((dict(facts), list(alternatives)))
        return [(facts, _distinct(alternatives)) for facts, alternatives in merged]

    def _paths(self) -> Sequence[tuple | None]:
        style = Style(odata=self.source == "msgraph", fold_case=not self.case_sensitive)
        having = [index for index, (facts, _) in enumerate(self.operations) if facts["template"]]
        cuts = tokens(
            [(self.operations[i][0].get("base_path") or "") + self.operations[i][0]["template"] for i in having], style
        )
        paths: list[tuple | None] = [None] * len(self.operations)
        for index, path in zip(having, cuts, strict=True):
            paths[index] = path
        return paths


def _distinct(alternatives: list[Alternative]) -> list[Alternative]:
    """Keep each alternative once; it is least if any of its copies says so."""
    found: dict[tuple, Alternative] = {}
    for one in alternatives:
        key = (one.principal, one.scopes, one.condition)
        if key not in found or (one.is_least and not found[key].is_least):
            found[key] = one
    return list(found.values())
