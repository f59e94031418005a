"""A catalogue being built: converters fill it, `finish` checks, merges and freezes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grantlens.catalogue.hierarchy import close, documented
from grantlens.catalogue.path import Style, tokens
from grantlens.catalogue.protocol import is_protocol
from grantlens.catalogue.risk import by_name
from grantlens.errors import CatalogueError

if TYPE_CHECKING:
    from grantlens.catalogue.model import Catalogue

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

    def finish(self) -> Catalogue:
        """Merge what is the same operation, number everything, and freeze it."""
        from grantlens.catalogue.model import Catalogue

        merged = self.merged()
        if not merged and not self.scopes:
            raise CatalogueError(
                f"No operation and no scope was found for the catalogue {self.name}.",
                "Check that the file is what the source's name says.",
            )
        for _, alternatives in merged:
            for alternative in alternatives:
                for scope in sorted(alternative.scopes):
                    self.scope(scope)
        hosts = {facts.get("host") for facts, _ in merged}
        for broader, narrower in documented(self.name, hosts):
            self.implies(broader, narrower, "documented")
        number = {known["scope"]: index for index, known in enumerate(self.scopes.values())}
        ids = number if self.case_sensitive else {name.lower(): index for name, index in number.items()}

        def scope_id(scope: str) -> int:
            return ids[scope if self.case_sensitive else scope.lower()]

        named = {
            scope_id(scope)
            for _, alternatives in merged
            for alternative in alternatives
            for scope in alternative.scopes
        }
        rows: dict[str, list[dict[str, Any]]] = {"cat_operation": [], "cat_requirement": []}
        for op_id, (facts, alternatives) in enumerate(merged):
            rows["cat_operation"].append(_operation_row(op_id, self.name, facts))
            for alt, alternative in enumerate(alternatives):
                for scope in sorted(alternative.scopes) or [None]:
                    rows["cat_requirement"].append(
                        {
                            "op_id": op_id,
                            "principal": alternative.principal,
                            "alt": alt,
                            "scope_id": None if scope is None else scope_id(scope),
                            "is_least": alternative.is_least,
                            "condition": alternative.condition,
                            "certainty": alternative.certainty,
                            "ambiguous_list": alternative.ambiguous_list,
                        }
                    )
        rows["cat_scope"] = [
            _scope_row(index, self.name, known, index in named) for index, known in enumerate(self.scopes.values())
        ]
        rows["cat_scope_alias"] = [
            {"catalogue": self.name, "alias": alias, "scope_id": scope_id(scope), "kind": kind}
            for (alias, kind), scope in sorted(self.aliases.items())
        ]
        direct = {
            (scope_id(broader), scope_id(narrower)): evidence for (broader, narrower), evidence in self.implied.items()
        }
        rows["cat_scope_implies"] = [
            {"broader": broader, "narrower": narrower, "evidence": evidence, "direct": (broader, narrower) in direct}
            for (broader, narrower), evidence in sorted(close(direct).items())
        ]
        rows["cat_scope_risk"] = self._risk_rows(scope_id)
        rows["cat_meta"] = [
            {
                "catalogue": self.name,
                "source": self.source,
                "version": self.version,
                "retrieved": self.retrieved,
                "licence": self.licence,
                "sha256": self.sha256,
                "list_rule": self.list_rule,
                "case_sensitive": self.case_sensitive,
                "operations": len(rows["cat_operation"]),
                "scopes": len(rows["cat_scope"]),
                "notes": self.notes,
            }
        ]
        return Catalogue.of_rows(rows)

    def _risk_rows(self, scope_id) -> list[dict[str, Any]]:
        judged = {scope for scope, _, _ in self.risks}
        for known in self.scopes.values():
            if known["scope"] not in judged:
                self.risks[(known["scope"], "any", "name")] = by_name(known["scope"])
        return [
            {"scope_id": scope_id(scope), "principal": principal, "source": source, "class": label, "rank": rank}
            for (scope, principal, source), (label, rank) in sorted(self.risks.items(), key=lambda item: item[0])
        ]

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


def _operation_row(op_id: int, catalogue: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "op_id": op_id,
        "catalogue": catalogue,
        "api": facts.get("api"),
        "api_version": facts.get("api_version"),
        "op_name": facts["op_name"],
        "kind": facts["kind"],
        "method": facts["method"],
        "host": facts.get("host"),
        "base_path": facts.get("base_path") or "",
        "template": facts["template"],
        "label": facts["label"],
        "deprecated": bool(facts.get("deprecated")),
        "complete": facts.get("complete", True),
        "security": facts["security"],
        "source_ref": facts.get("source_ref"),
    }


def _scope_row(scope_id: int, catalogue: str, known: dict[str, Any], mappable: bool) -> dict[str, Any]:
    return {
        "scope_id": scope_id,
        "catalogue": catalogue,
        "scope": known["scope"],
        "display": known.get("display"),
        "description": known.get("description"),
        "admin_consent": known.get("admin_consent"),
        "deprecated": bool(known.get("deprecated")),
        "is_protocol": bool(known.get("protocol")) or is_protocol(known["scope"]),
        "resource_limited": bool(known.get("resource_limited")),
        "mappable": mappable,
    }
