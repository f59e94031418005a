"""Native records for tests, and what a store must make of them, worked out in plain Python."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grantlens.errors import LoadError
from grantlens.loaders import Loader
from grantlens.store import Store

CANONICAL = ("issuance", "usage", "revocation")


def usage(number: int, **other: Any) -> dict[str, Any]:
    """One call."""
    return {
        "log": "usage",
        "event_id": f"u{number}",
        "used_at": f"2026-03-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.5Z",
        "outcome": "success",
        "status": 200,
        "token_id": f"t{number % 7}",
        "client_id": f"c{number % 3}",
        "token_scopes": ["Mail.Read", "User.Read"],
        "resource_server": "api.example.com",
        "method": "GET",
        "target": f"/v1/things/{number % 11}",
    } | other


def issuance(number: int, **other: Any) -> dict[str, Any]:
    """One token."""
    return {
        "log": "issuance",
        "event_id": f"i{number}",
        "issued_at": f"2026-02-28T00:{number // 60 % 60:02}:{number % 60:02}Z",
        "kind": "token",
        "outcome": "success",
        "token_id": f"t{number}",
        "client_id": f"c{number % 3}",
        "subject_id": "s",
        "scopes": ["Mail.Read"],
        "audience": ["api.example.com"],
    } | other


def revocation(number: int, **other: Any) -> dict[str, Any]:
    """One end of a token."""
    return {
        "log": "revocation",
        "event_id": f"r{number}",
        "revoked_at": f"2026-03-02T00:{number // 60 % 60:02}:{number % 60:02}Z",
        "kind": "revoke",
        "outcome": "success",
        "target_kind": "token",
        "token_id": f"t{number}",
    } | other


def ndjson(path: Path, records: list[Any], *, end: str = "\n", spaced: bool = False) -> Path:
    """Write records as lines; text is written as it is."""
    separators = None if spaced else (",", ":")
    lines = [record if isinstance(record, str) else json.dumps(record, separators=separators) for record in records]
    path.write_bytes(end.join([*lines, ""]).encode())
    return path


def content(store: Store, *, pointers: bool = True) -> dict[str, list[tuple]]:
    """Everything in the three logs, independent of keys; without file and line if `pointers` is false."""
    found = {}
    for log in CANONICAL:
        names = [
            name
            for name, *_ in store.engine.rows(f"DESCRIBE {log}")
            if name not in ("usage_id", "caller_id", "target_id")
        ]
        wanted = [name for name in names if pointers or name not in ("batch_id", "line_no")]
        rows = store.engine.rows(f"SELECT {', '.join(wanted)} FROM {log}")
        found[log] = sorted(tuple(map(str, row)) for row in rows)
    return found


def load_file(store: Store, path: Path | str, loader: Loader | str | None = None) -> dict[str, Any]:
    """Load one file and return its batch; what was wrong with it is raised."""
    report = store.load(path, loader=loader)
    for _, message, remedy in report.failed:
        raise LoadError(message, remedy)
    return report.batches[0]


def moment(text: str) -> datetime:
    """Read a time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
