"""Learn from Google Cloud's audit logs which permissions a method needs: `authorizationInfo` in the record is the truth.

No list says it for all methods. So the records themselves are the source: files of Cloud Logging as they are exported, or as a
collector wrapped them.

- **A call that went through** shows a set of permissions that was enough: those granted to it, all of them.
- What a method needs depends on the request, so every set that was seen is enough: a machine made with a
  new disk asks for more than one without.
- **Of a method that was only ever refused**, all permissions asked for are needed: it is known only as a refusal.
- A method without any permission in its records is listed, and what it needs is unknown.
- Where another catalogue knows the same method of the same service, this one is believed.
- **OAuth scopes are another layer**: a token's scope is a cap, IAM is the grant. See `oauth_cap.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.json_source import record_files, records, sha256
from grantlens.catalogue.model import Catalogue
from grantlens.errors import CatalogueError

_REFUSED = ("7", "16")
"""Status codes of google.rpc: permission denied, unauthenticated."""


@dataclass
class _Seen:
    """What the records show of one method."""

    enough: set[frozenset[str]] = field(default_factory=set)
    refused: set[frozenset[str]] = field(default_factory=set)


def build(path: Path, *, name: str | None = None) -> Catalogue:
    """Learn from a file of audit records, or from each file of a folder."""
    files = record_files(path)
    seen: dict[tuple[str, str], _Seen] = {}
    counted: Counter[str] = Counter()
    for file in files:
        for _, record in records(file):
            entry = _entry(record)
            service, method = _text(entry, "serviceName"), _text(entry, "methodName")
            if entry is None or not method:
                counted["no audit record"] += 1
            elif not service:
                counted["no service"] += 1
            else:
                counted["read"] += 1
                _learn(seen.setdefault((service, method), _Seen()), entry)
    if not seen:
        raise CatalogueError(
            f"{path} holds no audit record of Google Cloud.",
            "Give exported entries of Cloud Audit Logs, as JSON or NDJSON.",
        )
    draft = Draft(name or "gcp", "gcp", sha256(files), list_rule="all")
    for (service, method), one in sorted(seen.items()):
        needed, certainty = (one.enough, "observed") if one.enough else (one.refused, "observed_challenge")
        draft.operation(
            [
                Alternative(group, certainty=certainty)
                for group in sorted(needed, key=lambda group: (len(group), sorted(group)))
            ],
            kind="rpc",
            op_name=method,
            host=service.lower(),
            api=service,
            source_ref="authorizationInfo",
        )
    draft.notes.append(f"Learned from {counted['read']} audit records: a method that no record calls is not known.")
    for reason in ("no audit record", "no service"):
        if counted[reason]:
            draft.notes.append(f"{counted[reason]} records with {reason} were passed over.")
    return freeze(draft)


def _entry(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the audit record inside a log entry, which a shipper may have put as text."""
    event = record.get("event")
    text = event.get("original") if isinstance(event, Mapping) else record.get("message")
    if "protoPayload" not in record and isinstance(text, str):
        try:
            record = json.loads(text)
        except ValueError:
            return None
    payload = record.get("protoPayload") if isinstance(record, Mapping) else None
    if not isinstance(payload, Mapping):
        return None
    return {"serviceName": record.get("serviceName"), "status": record.get("status"), **payload}


def _learn(seen: _Seen, entry: Mapping[str, Any]) -> None:
    listed = entry.get("authorizationInfo")
    asked: dict[str, bool] = {}
    for check in listed if isinstance(listed, list) else []:
        permission = _text(check, "permission")
        if permission:  # one permission may be checked on several resources
            asked[permission] = asked.get(permission, False) or str(check.get("granted")).lower() == "true"
    granted = frozenset(permission for permission, yes in asked.items() if yes)
    status = entry.get("status")
    code = str((status if isinstance(status, Mapping) else {}).get("code") or "0")
    if code == "0" and granted:
        seen.enough.add(granted)
    elif asked and (code in _REFUSED or (code == "0" and not granted)):
        seen.refused.add(frozenset(asked))


def _text(value: Any, key: str) -> str | None:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and found else None
