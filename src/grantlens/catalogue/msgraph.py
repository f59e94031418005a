"""Convert Microsoft Graph's `permissions.json` (microsoft-graph-devx-content, permissions/new).

One alternative for each permission of a path; `AlsoRequires` makes conjunctions of it. Paths know no
case, and v1.0 and beta are one. With `permissions-descriptions.json` beside it, GUIDs become aliases.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from grantlens.catalogue.also_requires import also_requires
from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.hierarchy import graph_pairs
from grantlens.catalogue.json_source import document, sha256
from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.risk import graph_rank
from grantlens.errors import CatalogueError

PRINCIPAL = {"DelegatedWork": "delegated", "DelegatedPersonal": "delegated_personal", "Application": "application"}
HOST = "graph.microsoft.com"
BY_BODY = frozenset({("POST", "/search/query"), ("POST", "/search")})
"""Operations whose permission depends on the body: the catalogue lists all that may be needed."""

_URL_FORMS = (
    "https://graph.microsoft.com/",
    "https://graph.microsoft.us/",
    "https://dod-graph.microsoft.us/",
    "https://microsoftgraph.chinacloudapi.cn/",
)
_AUDIENCE = "00000003-0000-0000-c000-000000000000/"
_PROTOCOL = ("openid", "profile", "email", "offline_access", ".default")
_DESCRIPTIONS = "permissions-descriptions.json"


def build(path: Path, *, name: str | None = None, server: str | None = None) -> Catalogue:
    """Convert permissions.json, or the folder that holds it."""
    file = path / "permissions.json" if path.is_dir() else path
    if not file.exists():
        raise CatalogueError(
            f"{path} holds no permissions.json.",
            "Name permissions.json of microsoft-graph-devx-content (permissions/new), or its folder.",
        )
    descriptions = file.with_name(_DESCRIPTIONS)
    held = document(file)
    permissions = held.get("permissions") if isinstance(held, dict) else None
    if not isinstance(permissions, dict):
        raise CatalogueError(
            f"{file} is no permissions.json of Microsoft Graph.", "It must hold an object 'permissions'."
        )
    draft = Draft(
        name or "msgraph",
        "msgraph",
        sha256(filter(Path.exists, (file, descriptions))),
        licence="MIT",
        case_sensitive=False,
    )
    levels: dict[tuple[str, str], int] = {}
    for permission, facts in permissions.items():
        _permission(draft, permission, facts, levels)
    for scope in _PROTOCOL:
        draft.scope(scope)
    found, opened = _operations(file, permissions)
    for (method, path_key), by_path in sorted(found.items(), key=lambda item: (item[0][1].lower(), item[0][0])):
        condition = "body" if (method, path_key.lower()) in BY_BODY else "query" if "?" in path_key else None
        alternatives = [replace(alternative, condition=condition) for alternative in by_path]
        draft.operation(
            alternatives, method=method, template=path_key, host=server or HOST, api="graph", source_ref=path_key
        )
    draft.operations = _one_least(draft, levels, opened)
    for broader, narrower, evidence in graph_pairs(
        {permission: {p: frozenset(ops) for p, ops in by.items()} for permission, by in opened.items()}
    ):
        draft.implies(broader, narrower, evidence)
    _aliases(draft, descriptions)
    return freeze(draft)


def _permission(draft: Draft, permission: str, facts: dict[str, Any], levels: dict[tuple[str, str], int]) -> None:
    schemes = facts.get("schemes", {})
    first: dict[str, Any] = next(iter(schemes.values()), {})
    limited = (
        facts.get("authorizationType") == "RSC" or "selected" in permission.lower() or permission.endswith(".OwnedBy")
    )
    draft.scope(
        permission,
        display=first.get("adminDisplayName"),
        description=first.get("adminDescription"),
        admin_consent=any(scheme.get("requiresAdminConsent") for scheme in schemes.values()) if schemes else None,
        resource_limited=limited or None,
    )
    for scheme, said in schemes.items():
        level = said.get("privilegeLevel")
        if level is not None and scheme in PRINCIPAL:
            levels[(permission.lower(), PRINCIPAL[scheme])] = level
            draft.risk(
                permission,
                PRINCIPAL[scheme],
                "microsoft privilegeLevel",
                str(level),
                graph_rank(permission, PRINCIPAL[scheme], level),
            )


def _operations(
    file: Path, permissions: dict[str, Any]
) -> tuple[dict[tuple[str, str], list[Alternative]], dict[str, dict[str, set]]]:
    """Return the alternatives of each (method, path), and what each permission opens to each principal."""
    found: dict[tuple[str, str], list[Alternative]] = {}
    opened: dict[str, dict[str, set]] = {permission: {} for permission in permissions}
    for permission, facts in permissions.items():
        for path_set in facts.get("pathSets", []):
            schemes = [PRINCIPAL[scheme] for scheme in path_set.get("schemeKeys", []) if scheme in PRINCIPAL]
            for path_key, said in path_set.get("paths", {}).items():
                least, groups = _said(file, permission, path_key, said)
                for method in path_set.get("methods", []):
                    alternatives = found.setdefault((method, path_key), [])
                    for principal in schemes:
                        opened[permission].setdefault(principal, set()).add((method, path_key.lower()))
                        alternatives += [
                            Alternative(frozenset({permission, *group}), principal, principal in least)
                            for group in groups
                        ]
    return found, opened


def _said(file: Path, permission: str, path_key: str, said: str) -> tuple[set[str], list[frozenset[str]]]:
    """Read `least=Scheme,Scheme;AlsoRequires=...`."""
    least: set[str] = set()
    groups = [frozenset[str]()]
    for part in filter(None, (part.strip() for part in said.split(";"))):
        key, _, value = part.partition("=")
        if key.lower() == "least":
            least |= {PRINCIPAL[scheme.strip()] for scheme in value.split(",") if scheme.strip() in PRINCIPAL}
        elif key.lower() == "alsorequires":
            try:
                groups = also_requires(value)
            except ValueError as bad:
                raise CatalogueError(
                    f"{file}: permission {permission}, path {path_key}: {bad}.", "Correct AlsoRequires there."
                ) from None
        else:
            raise CatalogueError(
                f"{file}: permission {permission}, path {path_key}: {key!r} is not known.",
                "Known are least and AlsoRequires.",
            )
    return least, groups


def _one_least(
    draft: Draft, levels: dict[tuple[str, str], int], opened: dict[str, dict[str, set]]
) -> list[tuple[dict[str, Any], list[Alternative]]]:
    """Leave one least alternative for each operation and principal: of the flagged ones the cheapest.

    Microsoft flags whole sets of methods, so that GET lists a ReadWrite permission as least too.
    """

    def cost(alternative: Alternative) -> tuple:
        level = sum(4 ** (levels.get((scope.lower(), alternative.principal), 3) - 1) for scope in alternative.scopes)
        reach = sum(len(opened.get(scope, {}).get(alternative.principal, ())) for scope in alternative.scopes)
        return level, reach, sorted(alternative.scopes)

    cleaned = []
    for facts, alternatives in draft.merged():
        cheapest: dict[str, Alternative] = {}
        for one in alternatives:
            if one.is_least and (one.principal not in cheapest or cost(one) < cost(cheapest[one.principal])):
                cheapest[one.principal] = one
        cleaned.append((facts, [replace(one, is_least=cheapest.get(one.principal) is one) for one in alternatives]))
    return cleaned


def _aliases(draft: Draft, descriptions: Path) -> None:
    for scope in [known["scope"] for known in draft.scopes.values()]:
        for start in _URL_FORMS:
            draft.alias(start + scope, scope, "url_form")
        draft.alias(_AUDIENCE + scope, scope, "audience_form")
    held = document(descriptions) if descriptions.exists() else None
    lists = ("delegatedScopesList", "applicationScopesList")
    rows: list[dict[str, Any]] = [row for name in lists for row in held.get(name, [])] if isinstance(held, dict) else []
    for row in rows:
        if row.get("value") and row.get("id"):
            scope = draft.scope(row["value"], display=None)
            draft.alias(str(row["id"]).lower(), scope, "guid")
