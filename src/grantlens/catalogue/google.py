"""Convert Google's API discovery documents: one file, or a folder of them.

The scopes of a method are a choice: any one is enough. A method without scopes is unknown, not
public. Uploads go to paths of their own and are operations of their own, with the same scopes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.hierarchy import google_pairs
from grantlens.catalogue.json_source import document, sha256
from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError

_PREFIX = "https://www.googleapis.com/auth/"
_PROTOCOL = {"email": _PREFIX + "userinfo.email", "profile": _PREFIX + "userinfo.profile"}
_LIMITED = frozenset({_PREFIX + "drive.file", _PREFIX + "drive.appdata", _PREFIX + "drive.appfolder"})


def build(path: Path, *, name: str | None = None, server: str | None = None) -> Catalogue:
    """Convert one discovery document or a folder of them."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    apis = {file: api for file in files if (api := _discovery(file)) is not None}
    if not apis and path.is_dir():
        raise CatalogueError(
            f"{path} holds no discovery document.",
            "Give the folder googleapiclient/discovery_cache/documents, or one file of it.",
        )
    if not apis:
        raise CatalogueError(
            f"{path} is no discovery document.",
            "Give a file such as gmail.v1.json of google-api-python-client, or a folder of them.",
        )
    draft = Draft(
        name or "google",
        "google",
        sha256(apis),
        version=max(str(api.get("revision") or "") for api in apis.values()) or None,
        licence="Apache-2.0",
    )
    opened: dict[str, set[str]] = {}
    for api in apis.values():
        _document(draft, api, server, opened)
    for short, scope in _PROTOCOL.items():
        draft.scope(scope)
        draft.alias(short, scope, "short_form")
    draft.scope("openid")
    for scope in list(draft.scopes):
        if scope.startswith(_PREFIX):
            draft.alias(scope.removeprefix(_PREFIX), scope, "short_form")
        elif scope.startswith("https://"):
            draft.alias(scope.rstrip("/") if scope.endswith("/") else scope + "/", scope, "url_form")
    for broader, narrower, evidence in google_pairs(
        {scope: frozenset(methods) for scope, methods in sorted(opened.items())}
    ):
        draft.implies(broader, narrower, evidence)
    return freeze(draft)


def _discovery(file: Path) -> dict[str, Any] | None:
    """Return the discovery document that a file holds, None if it is another."""
    held = document(file)
    known = isinstance(held, dict) and (
        held.get("kind") == "discovery#restDescription" or ("rootUrl" in held and "servicePath" in held)
    )
    return held if known else None


def _document(draft: Draft, document: Mapping[str, Any], server: str | None, opened: dict[str, set[str]]) -> None:
    for scope, facts in document.get("auth", {}).get("oauth2", {}).get("scopes", {}).items():
        draft.scope(scope, description=facts.get("description"), resource_limited=True if scope in _LIMITED else None)
    host = server or urlsplit(document["rootUrl"]).netloc.lower()
    service = str(document.get("servicePath") or "").strip("/")
    reference = f"{document.get('name')}:{document.get('version')}"
    for method in _methods(document):
        scopes = [str(scope) for scope in method.get("scopes", [])]
        alternatives = [Alternative(frozenset([scope])) for scope in scopes]
        facts = {
            "api": document.get("name"),
            "api_version": document.get("version"),
            "host": host,
            "deprecated": method.get("deprecated") is True,
        }
        path = str(method.get("flatPath") or method["path"])
        template = "/" + "/".join(part for part in (service, path.strip("/")) if part)
        draft.operation(
            alternatives,
            method=method["httpMethod"],
            template=template,
            op_name=method["id"],
            source_ref=reference,
            **facts,
        )
        for protocol, upload in method.get("mediaUpload", {}).get("protocols", {}).items():
            draft.operation(
                alternatives,
                method=method["httpMethod"],
                template=upload["path"],
                source_ref=f"{reference} {method['id']} {protocol} upload",
                **facts,
            )
        for scope in scopes:
            opened.setdefault(scope, set()).add(method["id"])


def _methods(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from _methods(inner)
