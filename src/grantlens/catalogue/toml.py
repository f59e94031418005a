"""A catalogue written by hand, in TOML.

::

    [catalogue]
    name = "demo"                 # required: key of the catalogue
    version = "2026-07"           # optional, like all that follow here
    server = "api.mail.example"   # default for the operations: host or name as logs give it; absent means any server
    base_path = "/v1"             # stands before each path in real calls
    principal = "any"             # delegated, delegated_personal, application, bot, user or any
    case_sensitive = true
    licence = "CC0-1.0"
    retrieved = "2026-07-01"

    [[operation]]                 # HTTP: method and path; printed as "GET /users/{id}/messages"
    method = "GET"
    path = "/users/{id}/messages"
    requires = [["mail.read"], ["mail.full"]]   # any one of these lists, and all scopes in it
    name = "mail.messages.list"   # a log that gives this name needs no path
    least = ["mail.read"]         # the list that the source calls least privileged
    condition = "..."             # when it depends on more than the path
    deprecated = false
    complete = true
    server = "other.example"
    principal = "application"     # repeat an operation to say what other principals need

    [[operation]]                 # a tool or RPC: a name, no path
    name = "send_message"
    kind = "tool"                 # tool or rpc
    requires = [["mail.send"]]

    [[operation]]
    method = "GET"
    path = "/health"
    requires = []                 # open to everyone

    [[operation]]
    method = "GET"
    path = "/legacy"
    security = "unknown"          # nobody knows: calls cannot be judged

    [[scope]]                     # only where there is something to say about it
    name = "mail.full"
    implies = ["mail.read", "mail.send"]
    risk = 3                      # neutral rank 0 to 4, see grantlens.catalogue.risk
    description = "All mail"
    aliases = ["https://mail.example/full"]
    admin_consent = false
    resource_limited = false      # opens only some objects
    protocol = false              # authorises nothing by itself

In a path `{x}` is one segment, `{x}:verb` one with a verb, `**` the rest.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.servers import server_key
from grantlens.errors import CatalogueError
from grantlens.handwritten import Entry, read_toml

PRINCIPALS = ("delegated", "delegated_personal", "application", "bot", "user", "any")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")

_CATALOGUE = ("name", "version", "server", "base_path", "principal", "case_sensitive", "licence", "retrieved")
_OPERATION = (
    "method",
    "path",
    "name",
    "kind",
    "requires",
    "security",
    "server",
    "base_path",
    "principal",
    "deprecated",
    "complete",
    "condition",
    "least",
)
_SCOPE = (
    "name",
    "implies",
    "risk",
    "description",
    "aliases",
    "admin_consent",
    "resource_limited",
    "protocol",
    "deprecated",
)


def build(path: Path, *, name: str | None = None, server: str | None = None) -> Catalogue:
    """Read a catalogue written by hand; see the top of this file for what may stand in it."""
    entries = read_toml(path, {"catalogue": "catalogue", "operation": "operation", "scope": "scope"}, CatalogueError)
    if len(entries["catalogue"]) != 1:
        raise CatalogueError(f"{path} has no table [catalogue].", 'Begin the file with [catalogue] and name = "...".')
    head = entries["catalogue"][0]
    head.check_keys(_CATALOGUE)
    retrieved = head.values.get("retrieved")
    draft = Draft(
        name or head.text("name", required=True) or "",
        "toml",
        hashlib.sha256(path.read_bytes()).hexdigest(),
        version=head.text("version"),
        retrieved=retrieved.isoformat() if isinstance(retrieved, date) else head.text("retrieved"),
        licence=head.text("licence"),
        case_sensitive=head.flag("case_sensitive", True),
    )
    for entry in entries["scope"]:
        _scope(draft, entry)
    for entry in entries["operation"]:
        _operation(draft, entry, head, server)
    return freeze(draft)


def _scope(draft: Draft, entry: Entry) -> None:
    entry.check_keys(_SCOPE)
    name = entry.text("name", required=True) or ""
    draft.scope(
        name,
        description=entry.text("description"),
        admin_consent=entry.flag("admin_consent") if "admin_consent" in entry.values else None,
        resource_limited=entry.flag("resource_limited"),
        protocol=entry.flag("protocol"),
        deprecated=entry.flag("deprecated"),
    )
    for narrower in entry.texts("implies") or []:
        draft.implies(name, narrower, "declared")
    for alias in entry.texts("aliases") or []:
        draft.alias(alias, name, "old_name")
    rank = entry.values.get("risk")
    if rank is not None:
        if isinstance(rank, bool) or not isinstance(rank, int) or not 0 <= rank <= 4:
            raise entry.mistake(f"'risk' must be a whole number from 0 to 4, not {rank!r}.", "risk")
        draft.risk(name, "any", "user", None, rank)


def _operation(draft: Draft, entry: Entry, head: Entry, server: str | None) -> None:
    entry.check_keys(_OPERATION)
    method, path, name = entry.text("method"), entry.text("path"), entry.text("name")
    kind = entry.text("kind", choices=("http", "rpc", "tool")) or ("http" if method or path else "rpc")
    if kind == "http":
        if not method or not path:
            raise entry.mistake(
                "an HTTP operation needs both 'method' and 'path'.",
                None,
                'Give both, or a name and kind = "rpc" or "tool".',
            )
        if method.upper() not in METHODS:
            raise entry.mistake(f"{method!r} is no HTTP method.", "method", f"Say one of: {', '.join(METHODS)}.")
        if not path.startswith("/"):
            raise entry.mistake(f"the path {path!r} must begin with '/'.", "path")
    elif method or path or not name:
        raise entry.mistake(f"a {kind} has a name, and neither method nor path.", None, "Give its name alone.")
    principal = entry.text("principal", choices=PRINCIPALS) or head.text("principal", choices=PRINCIPALS) or "any"
    alternatives, security = _requires(entry, principal)
    where = server or entry.text("server") or head.text("server")
    draft.operation(
        alternatives,
        kind=kind,
        method=method.upper() if method else None,
        template=path,
        op_name=name,
        security=security,
        host=server_key(where),
        base_path=(entry.text("base_path") or head.text("base_path") or "").rstrip("/") if kind == "http" else "",
        deprecated=entry.flag("deprecated"),
        complete=entry.flag("complete", True),
        source_ref=f"line {entry.line}",
    )


def _requires(entry: Entry, principal: str) -> tuple[list[Alternative], str]:
    security = entry.text("security", choices=("unknown", "none_required"))
    requires = entry.values.get("requires")
    if requires is None:
        if security is None:
            raise entry.mistake(
                "an operation needs 'requires'.",
                None,
                'Say requires = [["scope"]], requires = [] for open to everyone, or security = "unknown".',
            )
        return [], security
    if security is not None:
        raise entry.mistake("'requires' and 'security' cannot both be given.", "security", "Leave one out.")
    if isinstance(requires, list) and any(isinstance(item, str) for item in requires):
        raise entry.mistake(
            "'requires' must be a list of lists.",
            "requires",
            'Say [["a"], ["b"]] where either is enough, [["a", "b"]] where both are needed.',
        )
    if not isinstance(requires, list) or not all(
        isinstance(group, list) and all(isinstance(scope, str) and scope for scope in group) for group in requires
    ):
        raise entry.mistake(
            "'requires' must be a list of lists of scopes.", "requires", 'For example [["mail.read"], ["mail.full"]].'
        )
    least = entry.texts("least")
    groups = [frozenset(group) for group in requires]
    if least is not None and frozenset(least) not in groups:
        raise entry.mistake("'least' is none of the lists in 'requires'.", "least")
    condition = entry.text("condition")
    alternatives = [
        Alternative(group, principal, least is not None and group == frozenset(least), condition, "user")
        for group in groups
    ]
    return alternatives, "scopes" if groups else "none_required"
