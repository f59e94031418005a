"""Convert an OpenAPI 3 document, JSON or YAML.

Vendors' documents are read, not validated: validators refuse what vendors publish. Security reads
so: an array is a choice, an object needs all its schemes; absent means unknown, `[]` means open to
everyone, `{}` in the array means that no scope is needed. An API key beside OAuth is another door
and says nothing about scopes.

What a list of several scopes means is not what the standard says, for some vendors: reviewed ones
stand in `REVIEWED`; anyone else's lists are read as all-of and marked `ambiguous_list`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grantlens.catalogue import json_source
from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.servers import server_key
from grantlens.catalogue.yaml_source import documents
from grantlens.errors import CatalogueError

REVIEWED = {
    "okta": "all",
    "squareup.com": "all",
    "api.xero.com": "any",
    "api.figma.com": "any",
    "api.spotify.com": "any",
    "slack.com": "any",
}
"""What a list of several scopes means, for vendors where somebody looked: host, or word of the title."""

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def build(path: Path, *, list_rule: str | None = None, name: str | None = None, server: str | None = None) -> Catalogue:
    """Convert one OpenAPI 3 document."""
    return freeze(drafted(path, "openapi", list_rule=list_rule, name=name, server=server))


def drafted(path: Path, source: str, *, list_rule: str | None, name: str | None, server: str | None) -> Draft:
    """Read one OpenAPI 3 document, for a converter that has more to say of it."""
    document = _parse(path)
    info = _mapping(document.get("info"))
    title = str(info.get("title") or path.stem)
    default = _server(document.get("servers"), server)
    rule = list_rule or _reviewed(default[0], title)
    draft = Draft(
        name or _slug(title),
        source,
        json_source.sha256([path]),
        version=_text(info.get("version")),
        licence=_text(_mapping(info.get("license")).get("name")),
        list_rule=rule,
    )
    schemes = {
        key: _resolve(document, value)
        for key, value in _mapping(_mapping(document.get("components")).get("securitySchemes")).items()
    }
    for scheme in schemes.values():
        for flow in _mapping(scheme.get("flows")).values():
            for scope, description in _mapping(_mapping(flow).get("scopes")).items():
                draft.scope(
                    str(scope),
                    description=_text(description),
                    deprecated=True if "deprecated" in str(description).lower()[:40] else None,
                )
    lists: list[list[str]] = []
    for method, template, item, operation in _operations(document):
        host, base = _server(operation.get("servers") or item.get("servers"), server, default)
        alternatives, security = _alternatives(
            operation.get("security", document.get("security")), schemes, rule, lists
        )
        draft.operation(
            alternatives,
            method=method.upper(),
            template=template,
            op_name=_text(operation.get("operationId")),
            security=security,
            api=title,
            api_version=_text(info.get("version")),
            host=host,
            base_path=base,
            deprecated=operation.get("deprecated") is True,
            source_ref=f"paths.{template}.{method}",
        )
    _remark(draft, lists, rule, default[0])
    return draft


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CatalogueError(f"{path} is not UTF-8 text.", "Give an OpenAPI 3 document as JSON or YAML.") from None
    if text.lstrip()[:1] == "{":
        document = json_source.document(path)
    else:
        found = list(documents(path))
        document = found[0] if len(found) == 1 else None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3"):
        what = "Swagger 2" if isinstance(document, dict) and "swagger" in document else "no OpenAPI 3 document"
        raise CatalogueError(f"{path} is {what}.", "Give an OpenAPI 3 document; most API tools convert older ones.")
    return document


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    for template, item in _mapping(document.get("paths")).items():
        item = _resolve(document, item)
        for method in METHODS:
            operation = item.get(method)
            if isinstance(operation, Mapping):
                yield method, str(template), item, operation


def _alternatives(
    security: Any, schemes: Mapping[str, Mapping], rule: str | None, lists: list[list[str]]
) -> tuple[list[Alternative], str]:
    """Read one security array; returns the alternatives and what may be said about the operation."""
    if security is None:
        return [], "unknown"
    if not security:
        return [], "none_required"
    found: list[Alternative] = []
    for requirement in security if isinstance(security, list) else []:
        if not isinstance(requirement, Mapping):
            continue
        if not requirement:
            found.append(Alternative(frozenset()))
            continue
        scopes: list[str] = []
        is_oauth = False
        for scheme, listed in requirement.items():
            scopes += [str(scope) for scope in listed or []]
            is_oauth = is_oauth or _mapping(schemes.get(scheme)).get("type") in ("oauth2", "openIdConnect")
        if not scopes and not is_oauth:
            continue  # an API key or another login: it says nothing about scopes
        distinct = sorted(set(scopes))
        if len(distinct) > 1:
            lists.append(distinct)
        if rule == "any" and len(distinct) > 1:
            found += [Alternative(frozenset([scope])) for scope in distinct]
        else:
            found.append(Alternative(frozenset(distinct), ambiguous_list=len(distinct) > 1 and rule is None))
    return found, "scopes" if found else "unknown"


def _remark(draft: Draft, lists: list[list[str]], rule: str | None, host: str | None) -> None:
    """Note what the user should look at."""
    if lists and rule is None:
        alike = sum(_looks_any(scopes) for scopes in lists)
        listing = "1 operation lists" if len(lists) == 1 else f"{len(lists)} operations list"
        draft.notes.append(
            f"{listing} several scopes and nobody reviewed what that means: they are read as all-of and marked. "
            f"By their names {alike} of them look{'s' if alike == 1 else ''} like any-of, which is a hint only. "
            "Look, then build again with --list-rule all or --list-rule any."
        )
    if draft.operations and host is None:
        draft.notes.append(
            "The document names no fixed host: its operations match calls to any server. "
            "Give --server to bind them to one."
        )


def _looks_any(scopes: list[str]) -> bool:
    """Guess any-of: one is a prefix of another, or two name the same object and differ in the action."""
    objects = [re.split(r"[:._/-]", scope) for scope in scopes]
    for index, one in enumerate(scopes):
        for other in range(index + 1, len(scopes)):
            if scopes[other].startswith(one) or (
                len(objects[index]) > 1 and objects[index][:-1] == objects[other][:-1]
            ):
                return True
    return False


def _reviewed(host: str | None, title: str) -> str | None:
    words = set(re.findall(r"[a-z0-9.]+", title.lower()))
    for known, rule in REVIEWED.items():
        if known in words or (host and (host == known or host.endswith("." + known))):
            return rule
    return None


def _server(servers: Any, override: str | None, default: tuple[str | None, str] = (None, "")) -> tuple[str | None, str]:
    """Return host and base path of the first server; `*` stands where the document has a placeholder."""
    if not isinstance(servers, list) or not servers:
        return (server_key(override), default[1]) if override else default
    url = re.sub(r"\{[^{}]*\}", "*", str(_mapping(servers[0]).get("url") or ""))
    parts = urlsplit(url)
    host = server_key(parts.netloc)
    if host is not None and not host.strip("*.:"):
        host = None  # all placeholder: any server
    base = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    if "*" in base:  # a placeholder in the path is one segment of it
        base = base.replace("*", "{server}")
    return server_key(override) if override else host, base


def _resolve(document: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """Follow references inside the document."""
    for _ in range(8):
        reference = value.get("$ref") if isinstance(value, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        target: Any = document
        for part in reference[2:].split("/"):
            target = _mapping(target).get(part.replace("~1", "/").replace("~0", "~"))
        value = target
    return _mapping(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "openapi"
