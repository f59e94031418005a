"""Convert what GitHub Apps may call: the JSON of octokit/app-permissions, or that of github/docs.

- **A permission is written as webhooks write it**, with its level: `contents:write`. Write implies read, admin
  implies write.
- **An app is judged by its installation's permissions** (principal application). A call for a person may come by
  a token of an app, or by one with classic OAuth scopes, which no list here knows: permissions that are met are in
  scope, anything else stays unknown.
- **Where an operation stands under several permissions, any one is enough**: issues are also opened by
  `pull_requests`. GitHub does not say where it needs them all; a few operations do, so that is read too mildly there.
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
from itertools import pairwise
from pathlib import Path
from typing import Any

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.json_source import document, sha256
from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError

HOST = "api.github.com"
LEVELS = ("read", "write", "admin")
"""Levels of access, each implies the ones before it."""
ARCHIVES = ("tarball", "zipball")
_WITH_SLASHES = re.compile(r"(/contents|/git/refs?|/git/matching-refs|/tarball|/zipball)/\{(\w+)\}$")
BY_TOKEN = "token: whether it has permissions or classic scopes"
_REMEDY = "Give generated/api.github.com.json of octokit/app-permissions, or the permissions JSON of github/docs."

Rule = tuple[str, str, str, str, bool]
"""Method, template, permission, level, and whether that is all that is needed."""


def build(path: Path, *, list_rule: str | None = None, name: str | None = None, server: str | None = None) -> Catalogue:
    """Convert one JSON file of permissions, or a folder that holds it."""
    file = _file(path)
    found = document(file)
    if not isinstance(found, dict):
        raise CatalogueError(f"{file} lists no permissions of GitHub.", _REMEDY)
    rules = list(dict.fromkeys(_octokit(file, found) if isinstance(found.get("paths"), dict) else _docs(file, found)))
    if not rules:
        raise CatalogueError(f"{file} lists no permissions of GitHub.", _REMEDY)
    draft = Draft(name or "github", "github", sha256([file]), licence="MIT", list_rule="any")
    for permission, level in sorted({(permission, level) for _, _, permission, level, _ in rules}):
        held = [f"{permission}:{one}" for one in LEVELS[: LEVELS.index(level) + 1]]
        for narrower, broader in pairwise(held):
            draft.implies(broader, narrower, "documented")
    for method, template, permission, level, complete in rules:
        scope = frozenset([f"{permission}:{level}"])
        draft.operation(
            [Alternative(scope, "application"), Alternative(scope, "delegated", condition=BY_TOKEN)],
            method=method,
            template=_WITH_SLASHES.sub(r"\1/{+\2}", template),
            host=server or HOST,
            api="github",
            complete=complete,
            source_ref=permission,
        )
    return draft.finish()


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    names = ("api.github.com.json", "generated/api.github.com.json", "server-to-server-permissions.json")
    found = next((path / name for name in names if (path / name).is_file()), None)
    if found is None:
        raise CatalogueError(f"{path} holds no list of permissions of GitHub.", _REMEDY)
    return found


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
