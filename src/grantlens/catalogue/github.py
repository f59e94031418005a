"""Convert what GitHub's API needs: permissions of apps, and classic OAuth scopes.

Up to three kinds of files are read, a single one or all that a folder holds: the JSON of octokit/app-permissions, that of
github/docs, and GitHub's OpenAPI document (octokit/openapi, github/rest-api-description).

- **A permission is written as webhooks write it**, with its level: `contents:write`. Write implies read, admin
  implies write.
- **An app is judged by its installation's permissions** (principal application). A call for a person may come by
  a token of an app, or by one with classic scopes: either is enough. Where only one of the two is known, what is met is
  in scope, and anything else stays unknown - but for a person's call to an operation of which the classic scopes are known.
- **Classic scopes stand in sentences** of the OpenAPI document: see `github_prose.py`. What has none is unknown.
- **Where an operation stands under several permissions, any one is enough**: issues are also opened by
  `pull_requests`. a few operations need them all, which octokit's file does not say: there it is read too mildly.
- octokit/app-permissions covers about a third of the API; its content is of 2023. It has two lists: `paths` keeps one
  permission for an operation, `permissions` all of them, and neither holds the whole of the other. Both are read.
- github/docs (`server-to-server-permissions.json`, `fine-grained-pat-permissions.json`) is complete and current. Where
  it says that more is needed (`additional-permissions`) it does not say what: the operation is marked as not complete.
- `{archive_format}` is one of two words. Left as a parameter it would swallow every path that the list does not know.
  A file's path and the name of a reference may hold slashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.github_prose import Needs, classic_needs
from grantlens.catalogue.json_source import document, sha256
from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError

HOST = "api.github.com"
LEVELS = ("read", "write", "admin")
"""Levels of access, each implies the ones before it."""
ARCHIVES = ("tarball", "zipball")
_WITH_SLASHES = re.compile(r"(/contents|/git/refs?|/git/matching-refs|/tarball|/zipball)/\{(\w+)\}$")
BY_TOKEN = "token: whether it has permissions or classic scopes"
METHODS = ("get", "put", "post", "delete", "patch")
_REMEDY = (
    "Give generated/api.github.com.json of octokit/app-permissions, the permissions JSON of github/docs, or GitHub's OpenAPI "
    "document."
)

Rule = tuple[str, str, str, str, bool]
"""Method, template, permission, level, and whether that is all that is needed."""


def build(path: Path, *, name: str | None = None, server: str | None = None) -> Catalogue:
    """Convert one JSON file, or all that a folder holds."""
    files, rules, classic = _read(path)
    draft = Draft(name or "github", "github", sha256(files), licence="MIT", list_rule="any")
    for permission, level in sorted({(permission, level) for _, _, permission, level, _ in rules}):
        held = [f"{permission}:{one}" for one in LEVELS[: LEVELS.index(level) + 1]]
        for narrower, broader in pairwise(held):
            draft.implies(broader, narrower, "documented")
    told = {_place(method, template) for (method, template), needs in classic.items() if needs}
    for method, template, permission, level, complete in rules:
        scope = frozenset([f"{permission}:{level}"])
        condition = None if _place(method, template) in told else BY_TOKEN
        alternatives = [Alternative(scope, "application"), Alternative(scope, "delegated", condition=condition)]
        _add(draft, alternatives, method, template, server, complete=complete, source_ref=permission)
    ruled = {_place(method, template) for method, template, _, _, _ in rules}
    for (method, template), needs in classic.items():
        alternatives = [
            Alternative(scopes, "delegated", condition=condition, certainty="parsed_prose")
            for scopes, condition in needs
        ]
        if _place(method, template) not in ruled:  # what an app needs is not known
            alternatives += [replace(one, principal="application", condition=BY_TOKEN) for one in alternatives]
        _add(draft, alternatives, method, template, server, source_ref="description")
    if classic:
        with_scopes = sum(map(bool, classic.values()))
        draft.notes.append(
            f"{with_scopes} of {len(classic)} operations tell their classic scopes; of the others nothing is known."
        )
    return freeze(draft)


def _add(
    draft: Draft, alternatives: list[Alternative], method: str, template: str, server: str | None, **facts: Any
) -> None:
    template = _WITH_SLASHES.sub(r"\1/{+\2}", template)
    draft.operation(alternatives, method=method, template=template, host=server or HOST, api="github", **facts)


def _place(method: str, template: str) -> tuple[str, str]:
    """Return what two lists agree on: they may name a parameter differently."""
    return method, re.sub(r"\{[^{}]*\}", "{}", template)


def _read(path: Path) -> tuple[list[Path], list[Rule], dict[tuple[str, str], Needs]]:
    """Return the files that say something, the rules for apps, and what each operation says of classic scopes."""
    listed = [*path.glob("*.json"), *path.glob("generated/api.github.com.json")] if path.is_dir() else [path]
    files, rules, classic = [], list[Rule](), dict[tuple[str, str], Needs]()
    for file in sorted(listed):
        found = document(file)
        if not isinstance(found, dict):
            continue
        if "openapi" in found:
            classic |= _classic(found)
        elif isinstance(found.get("paths"), dict):
            rules += _octokit(file, found)
        elif any(isinstance(group, dict) and "permissions" in group for group in found.values()):
            rules += _docs(file, found)
        else:
            continue
        files.append(file)
    if not rules and not classic:
        raise CatalogueError(f"{path} lists no permissions of GitHub.", _REMEDY)
    return files, list(dict.fromkeys(rules)), classic


def _classic(found: dict[str, Any]) -> dict[tuple[str, str], Needs]:
    return {
        (method.upper(), template): classic_needs(str(item[method].get("description") or ""))
        for template, item in found["paths"].items()
        for method in METHODS
        if method in item
    }


def _octokit(file: Path, found: dict[str, Any]) -> Iterator[Rule]:
    for template, methods in found["paths"].items():
        for method, need in methods.items():
            yield from _rules(file, method, template, need["permission"], need["access"], True)
    for permission, by_level in found.get("permissions", {}).items():
        for level, operations in by_level.items():
            if level != "url":
                for operation in operations:
                    method, _, template = operation.partition(" ")
                    yield from _rules(file, method, template, permission, level, True)


def _docs(file: Path, groups: dict[str, Any]) -> Iterator[Rule]:
    for permission, group in groups.items():
        for row in group["permissions"]:
            complete = row.get("additional-permissions") is not True
            yield from _rules(file, row["verb"], row["requestPath"], permission, row["access"], complete)


def _rules(file: Path, method: str, template: str, permission: str, level: str, complete: bool) -> Iterator[Rule]:
    where = f"{method.upper()} {template}"
    if level not in LEVELS:
        raise CatalogueError(f"{file}: {where}: the access {level!r} is not known.", "Known are read, write, admin.")
    if not isinstance(permission, str) or not permission:
        raise CatalogueError(f"{file}: {where} names no permission.", _REMEDY)
    for word in ARCHIVES if "{archive_format}" in template else ("",):
        yield method.upper(), template.replace("{archive_format}", word), permission, level, complete
