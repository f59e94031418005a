"""Turn a draft into numbered rows: the last step of every converter."""

from __future__ import annotations

from typing import Any

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.hierarchy import close, documented
from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.protocol import is_protocol
from grantlens.catalogue.risk import by_name
from grantlens.errors import CatalogueError

Row = dict[str, Any]
Merged = list[tuple[dict[str, Any], list[Alternative]]]


def freeze(draft: Draft) -> Catalogue:
    """Merge what is the same operation, give numbers to operations and scopes, close the hierarchy, rank what nobody ranked."""
    merged = draft.merged()
    if not merged and not draft.scopes:
        raise CatalogueError(
            f"No operation and no scope was found for the catalogue {draft.name}.",
            "Check that the file is what the source's name says.",
        )
    for _, alternatives in merged:
        for alternative in alternatives:
            for scope in sorted(alternative.scopes):
                draft.scope(scope)
    for broader, narrower in documented(draft.name, {facts.get("host") for facts, _ in merged}):
        draft.implies(broader, narrower, "documented")
    numbers = _Numbers(draft)
    requirements = _requirements(merged, numbers)
    named = {row["scope_id"] for row in requirements}
    rows = {
        "cat_operation": [_operation(op_id, draft.name, facts) for op_id, (facts, _) in enumerate(merged)],
        "cat_requirement": requirements,
        "cat_scope": [
            _scope(scope_id, draft.name, known, scope_id in named)
            for scope_id, known in enumerate(draft.scopes.values())
        ],
        "cat_scope_alias": [
            {"catalogue": draft.name, "alias": alias, "scope_id": numbers[scope], "kind": kind}
            for (alias, kind), scope in sorted(draft.aliases.items())
        ],
        "cat_scope_implies": _implied(draft, numbers),
        "cat_scope_risk": _risks(draft, numbers),
    }
    return Catalogue.of_rows(rows | {"cat_meta": [_meta(draft, rows)]})


class _Numbers:
    """Number of each scope."""

    def __init__(self, draft: Draft) -> None:
        self._fold = not draft.case_sensitive
        self._numbers = {key: index for index, key in enumerate(draft.scopes)}

    def __getitem__(self, scope: str) -> int:
        return self._numbers[scope.lower() if self._fold else scope]


def _requirements(merged: Merged, numbers: _Numbers) -> list[Row]:
    rows = []
    for op_id, (_, alternatives) in enumerate(merged):
        for alt, alternative in enumerate(alternatives):
            scopes: list[int | None] = [numbers[scope] for scope in sorted(alternative.scopes)]
            rows += [
                {
                    "op_id": op_id,
                    "principal": alternative.principal,
                    "alt": alt,
                    "scope_id": scope_id,
                    "is_least": alternative.is_least,
                    "condition": alternative.condition,
                    "certainty": alternative.certainty,
                    "ambiguous_list": alternative.ambiguous_list,
                }
                for scope_id in scopes or [None]
            ]
    return rows


def _implied(draft: Draft, numbers: _Numbers) -> list[Row]:
    direct = {
        (numbers[broader], numbers[narrower]): evidence for (broader, narrower), evidence in draft.implied.items()
    }
    return [
        {"broader": broader, "narrower": narrower, "evidence": evidence, "direct": (broader, narrower) in direct}
        for (broader, narrower), evidence in sorted(close(direct).items())
    ]


def _risks(draft: Draft, numbers: _Numbers) -> list[Row]:
    judged = {scope for scope, _, _ in draft.risks}
    guessed = {
        (known["scope"], "any", "name"): by_name(known["scope"])
        for known in draft.scopes.values()
        if known["scope"] not in judged
    }
    return [
        {"scope_id": numbers[scope], "principal": principal, "source": source, "class": label, "rank": rank}
        for (scope, principal, source), (label, rank) in sorted(
            (draft.risks | guessed).items(), key=lambda item: item[0]
        )
    ]


def _meta(draft: Draft, rows: dict[str, list[Row]]) -> Row:
    return {
        "catalogue": draft.name,
        "source": draft.source,
        "version": draft.version,
        "retrieved": draft.retrieved,
        "licence": draft.licence,
        "sha256": draft.sha256,
        "list_rule": draft.list_rule,
        "case_sensitive": draft.case_sensitive,
        "operations": len(rows["cat_operation"]),
        "scopes": len(rows["cat_scope"]),
        "notes": draft.notes,
    }


def _operation(op_id: int, catalogue: str, facts: dict[str, Any]) -> dict[str, Any]:
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


def _scope(scope_id: int, catalogue: str, known: dict[str, Any], mappable: bool) -> dict[str, Any]:
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
