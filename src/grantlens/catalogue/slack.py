"""Convert Slack's Web API: the folder of methods of slack-api-ref, one JSON file a method.

- **A list of scopes is a choice.** Where it has several, each is for one kind of conversation or content
  (`channels:` public, `groups:` private, `im:`, `mpim:`). The log does not show the kind, so any one of them
  is read as enough, and holding none of them is out of scope whatever the kind was. Such scopes are marked as
  opening only some objects: none is ever called needless because of another.
- **The kind of token decides:** bot tokens need the bot list, user tokens the user list. A method with only one
  of the lists is closed to the other kind. Other tokens (app configuration, app-level) are read as any.
- **A method may be called as GET or POST**, whatever its page says: both are operations. Only one carries the
  method's name, which logs may give instead of a path.
- **Some files have a text instead of lists:** `none`, or scopes of whatever token, of a user's where
  `user_scope_only` says so. Without any, and without `no_scope_required`, nothing is known of a method.
- `users.identity` calls its scope `identity.read`, which nobody can ask for: `identity.basic` is another name for it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.json_source import document, sha256
from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError

HOST = "slack.com"
PRINCIPAL = {"bot": "bot", "user": "user"}
KINDS = {
    "channels": "public channels",
    "groups": "private channels",
    "im": "direct messages",
    "mpim": "group direct messages",
}
"""First part of a scope, and the kind of conversation that it opens."""
_METHOD = re.compile(r"[a-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+")


def build(path: Path, *, list_rule: str | None = None, name: str | None = None, server: str | None = None) -> Catalogue:
    """Convert the folder of methods, or the checkout that holds it, or one method."""
    files = _files(path)
    draft = Draft(name or "slack", "slack", sha256(files), licence="MIT", list_rule=list_rule or "any")
    several = 0
    for file in files:
        said = _method(file)
        alternatives, security = _needs(file, said, draft.list_rule == "any")
        several += len({one.principal for one in alternatives}) < len(alternatives)
        method = file.stem
        main, other = ("GET", "POST") if said.get("http_method") == "GET" else ("POST", "GET")
        facts: dict[str, Any] = {
            "template": f"/api/{method}",
            "host": server or HOST,
            "api": "slack",
            "security": security,
            "deprecated": bool(said.get("deprecated")),
            "source_ref": file.name,
        }
        draft.operation(alternatives, method=main, op_name=method, **facts)
        draft.operation(alternatives, method=other, **facts)
    for scope in sorted({scope for _, needs in draft.operations for one in needs for scope in one.scopes}):
        kind = KINDS.get(scope.partition(":")[0])
        draft.scope(scope, display=kind, resource_limited=True if kind or scope.startswith("search:read.") else None)
    if "identity.read" in draft.scopes:
        draft.alias("identity.basic", "identity.read", "old_name")
    draft.notes.append(
        f"{several} methods list several scopes for one kind of token, one for each kind of conversation or content. "
        "The log does not show the kind: any one of them is read as enough."
    )
    return freeze(draft)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    folder = next((inner for inner in (path / "docs.slack.dev" / "methods", path / "methods") if inner.is_dir()), path)
    files = sorted(file for file in folder.glob("*.json") if _METHOD.fullmatch(file.stem))
    if not files:
        raise CatalogueError(
            f"{path} holds no method of Slack.", "Name the folder docs.slack.dev/methods of slack-api-ref."
        )
    return files


def _method(file: Path) -> dict[str, Any]:
    facts = document(file)
    if not isinstance(facts, dict) or not {"args", "errors", "http_method"} & facts.keys():
        raise CatalogueError(
            f"{file} describes no method of Slack.", "Give the files of slack-api-ref, docs.slack.dev/methods."
        )
    return facts


def _needs(file: Path, facts: dict[str, Any], any_of: bool) -> tuple[list[Alternative], str]:
    """Return the alternatives of a method, and what may be said of its security."""
    scope = facts.get("scope") or {}
    if isinstance(scope, str):
        scope = [one for one in re.split(r"[,\s]+", scope) if one and one != "none"]
        free = not scope
    else:
        free = False
    if isinstance(scope, list):
        scope = {"user" if facts.get("user_scope_only") is True else "any": scope}
    if not isinstance(scope, dict) or not all(
        isinstance(listed, list) and all(isinstance(one, str) and one for one in listed) for listed in scope.values()
    ):
        raise CatalogueError(
            f"{file}: 'scope' must hold a list of scopes for each kind of token.", "Give the file as it is published."
        )
    if free or facts.get("no_scope_required") is True:
        return [], "none_required"
    alternatives = []
    for token, listed in scope.items():
        groups = [[one] for one in listed] if any_of else [listed] if listed else []
        alternatives += [Alternative(frozenset(group), PRINCIPAL.get(token, "any")) for group in groups]
    return alternatives, "scopes" if alternatives else "unknown"
