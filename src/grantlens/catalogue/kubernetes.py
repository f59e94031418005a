"""Build a catalogue of a Kubernetes cluster: the event is the permission, and roles are what is granted.

An audit event says `<verb> <apiGroup>/<resource>[/<subresource>]`, and a rule of RBAC grants just that. So each operation
needs the scope of its own spelling (`list apps/deployments`, `get core/pods/log`, `get /healthz`), which is how the loader
spells it. What is an operation, the files say, one or a folder of them, mixed as they come:

- **Roles and ClusterRoles** (`kubectl get roles,clusterroles -A -o yaml`, or json). Each is a scope too, `ClusterRole/view`
  or `Role/<namespace>/<name>`, and implies what its rules list. `*` in a rule stands for the operations of these files.
- **Audit events**: each verb and resource that was seen is an operation, so that a call in no role is judged as well.

A Role opens one namespace, and a rule with `resourceNames` some objects: such roles are marked, and that they were
kept to it the API server says, not this catalogue. Other objects in the files are passed over. Grants of permissions
may hold `*`, see `pattern.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.json_source import record_files, records, sha256
from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.yaml_source import documents
from grantlens.errors import CatalogueError

CORE = "core"
"""What the loader calls the group without a name."""
_YAML = (".yaml", ".yml")


@dataclass
class _Cluster:
    """What the files say."""

    roles: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    limited: set[str] = field(default_factory=set)
    operations: dict[str, str] = field(default_factory=dict)
    """Each operation and where it came from: a role or an event."""
    counted: Counter[str] = field(default_factory=Counter)


def build(path: Path, *, name: str | None = None, server: str | None = None) -> Catalogue:
    """Read roles and audit events from a file, or from each file of a folder."""
    files = _files(path)
    cluster = _Cluster()
    for file in files:
        for place, record in _objects(file):
            _take(cluster, place, record)
    if not cluster.operations:
        raise CatalogueError(
            f"{path} holds neither a role nor an audit event of Kubernetes.",
            "Give the answer of kubectl get roles,clusterroles -A -o yaml, or an audit log.",
        )
    draft = Draft(name or "kubernetes", "kubernetes", sha256(files), list_rule="all")
    for operation, reference in sorted(cluster.operations.items()):
        draft.operation(
            [Alternative(frozenset([operation]))],
            kind="rpc",
            op_name=operation,
            host=server,
            api="kubernetes",
            source_ref=reference,
        )
    for role, rules in sorted(cluster.roles.items()):
        draft.scope(role, resource_limited=True if role in cluster.limited else None)
        for permission in sorted({one for rule in rules for one in _opened(rule, cluster.operations)}):
            draft.implies(role, permission, "declared")
    counted = cluster.counted
    draft.notes.append(f"Read {len(cluster.roles)} roles and {counted['event']} audit events.")
    if counted["other"]:
        draft.notes.append(f"{counted['other']} other objects were passed over.")
    return freeze(draft)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted({*record_files(path), *(file for file in path.rglob("*") if file.suffix.lower() in _YAML)})


def _objects(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return each object of a file; lists of them are taken apart."""
    if file.suffix.lower() in _YAML:
        numbered = enumerate(documents(file), 1)
        found: Iterator[tuple[str, Mapping[str, Any]]] = (
            (f"{file}, document {number}", each) for number, each in numbered if isinstance(each, dict)
        )
    else:
        found = records(file)
    for place, record in found:
        items = record.get("items")
        if isinstance(items, list):
            yield from (
                (f"{place}, item {index}", item) for index, item in enumerate(items, 1) if isinstance(item, dict)
            )
        else:
            yield place, record


def _take(cluster: _Cluster, place: str, record: Mapping[str, Any]) -> None:
    """Take what one object says."""
    event = _event(record)
    if event is not None:
        cluster.counted["event"] += 1
        operation = _called(event)
        if operation:
            cluster.operations.setdefault(operation, "audit event")
    elif record.get("kind") in ("Role", "ClusterRole", None) and isinstance(record.get("rules"), list):
        _role(cluster, place, record)
    else:
        cluster.counted["other"] += 1


def _event(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the audit event, which a shipper may have put as text."""
    if record.get("kind") == "Event" and "verb" in record:
        return record
    inner, log = record.get("event"), record.get("properties")
    texts = (
        inner.get("original") if isinstance(inner, Mapping) else None,
        log.get("log") if isinstance(log, Mapping) else None,
        record.get("message"),
        record.get("log"),
    )
    for text in texts:
        if isinstance(text, str) and '"audit.k8s.io/' in text:
            try:
                found = json.loads(text)
            except ValueError:
                return None
            return found if isinstance(found, dict) and "verb" in found else None
    return None


def _called(event: Mapping[str, Any]) -> str | None:
    """Return the operation of an event, spelled as the loader spells it."""
    verb, about = event.get("verb"), event.get("objectRef")
    if not isinstance(verb, str) or not verb:
        return None
    if isinstance(about, Mapping) and isinstance(about.get("resource"), str) and about["resource"]:
        parts = [about.get("apiGroup") or CORE, about["resource"], about.get("subresource")]
        return f"{verb} {'/'.join(str(part) for part in parts if part)}"
    path = str(event.get("requestURI") or "").partition("?")[0]
    return f"{verb} {path or '/'}"


def _role(cluster: _Cluster, place: str, record: Mapping[str, Any]) -> None:
    found = record.get("metadata")
    metadata = found if isinstance(found, Mapping) else {}
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise CatalogueError(f"{place}: a role has no name.", "Give it as kubectl shows it, with its metadata.")
    namespace = metadata.get("namespace")
    role = f"Role/{namespace}/{name}" if namespace else f"ClusterRole/{name}"
    rules = []
    for number, rule in enumerate(record["rules"], 1):
        if not isinstance(rule, Mapping) or not _listed(rule.get("verbs")):
            raise CatalogueError(f"{place}: rule {number} of {role} lists no verbs.", "Correct the rule there.")
        rules.append(rule)
        if namespace or rule.get("resourceNames"):
            cluster.limited.add(role)
        for operation in _concrete(rule):
            cluster.operations.setdefault(operation, role)
    cluster.roles[role] = rules


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _concrete(rule: Mapping[str, Any]) -> Iterator[str]:
    """Return the operations that a rule names without `*`."""
    for verb in _listed(rule.get("verbs")):
        resources = [
            f"{group or CORE}/{resource}"
            for group in _listed(rule.get("apiGroups"))
            for resource in _listed(rule.get("resources"))
        ]
        for what in [*resources, *_listed(rule.get("nonResourceURLs"))]:
            if "*" not in verb + what:
                yield f"{verb} {what}"


def _opened(rule: Mapping[str, Any], operations: Iterable[str]) -> Iterator[str]:
    """Return the operations that a rule opens, as the authorizer of RBAC decides it."""
    verbs, groups = _listed(rule.get("verbs")), [group or CORE for group in _listed(rule.get("apiGroups"))]
    resources, urls = _listed(rule.get("resources")), _listed(rule.get("nonResourceURLs"))
    for operation in operations:
        verb, _, what = operation.partition(" ")
        if not {verb, "*"} & {*verbs}:
            continue
        if what.startswith("/"):
            opens = any(what == url or (url.endswith("*") and what.startswith(url[:-1])) for url in urls)
        else:
            group, _, resource = what.partition("/")
            opens = bool({group, "*"} & {*groups}) and any(_is_resource(resource, one) for one in resources)
        if opens:
            yield operation


def _is_resource(resource: str, ruled: str) -> bool:
    """Whether a resource is one that a rule lists: `*` is all with their parts, `*/scale` one part of all."""
    return ruled in ("*", resource) or (ruled.startswith("*/") and fnmatchcase(resource, f"?*/{ruled[2:]}"))
