"""Writes tokens, calls and their end as a GitHub audit log: one array, newest first."""

import json
from pathlib import Path

from grantlens.simulate.population import TENANTS
from grantlens.simulate.world import World

HOME = "github"
_ORG = TENANTS[HOME]


def grant_id(person: str, name: str) -> str:
    """Return the grant of a personal access token, which is also its client.

    Examples
    --------
    >>> grant_id("4101", "release-notes")
    'pat:4101:release-notes'
    """
    return f"pat:{person}:{name}"


def write(folder: Path, world: World) -> None:
    """Write `audit-log.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    events = [_made(row) for row in world.issuance if row["home"] == HOME and row["kind"] != "consent"]
    events += [_called(row, world) for row in world.usage if row["home"] == HOME]
    events += [_ended(row, world) for row in world.revocation if row["home"] == HOME]
    events.sort(key=lambda event: (event["@timestamp"], event["_document_id"]), reverse=True)
    lines = ",\n".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events)
    (folder / "audit-log.json").write_text("[\n" + lines + "\n]\n", encoding="utf-8", newline="\n")


def _event(row: dict, stamp: str, action: str, person: str) -> dict:
    epoch_ms = round(row[stamp].timestamp() * 1000)
    return {
        "@timestamp": epoch_ms,
        "_document_id": row["event_id"],
        "action": action,
        "actor": person,
        "actor_id": int(row["subject_id"]),
        "actor_is_bot": False,
        "created_at": epoch_ms,
        "org": _ORG,
        "org_id": 710077,
        "user_agent": "brightwater-ci/3.2",
        "programmatic_access_type": "Personal access token (classic)",
        "user_programmatic_access_name": row["client_id"].rsplit(":", 1)[1],
    }


def _login(world: World, subject_id: str) -> str:
    return next(row["subject_name"] for row in world.issuance if row["subject_id"] == subject_id)


def _made(row: dict) -> dict:
    event = _event(row, "issued_at", "personal_access_token.create", row["subject_name"])
    scopes = ",".join(row["scopes"])
    return event | {
        "hashed_token": row["token_id"],
        "token_scopes": scopes,
        "user": row["subject_name"],
        "user_id": int(row["subject_id"]),
    }


def _called(row: dict, world: World) -> dict:
    event = _event(row, "used_at", "api.request", _login(world, row["subject_id"]))
    scopes = next(i["scopes"] for i in world.issuance if i.get("token_id") == row["token_id"])
    return event | {
        "hashed_token": row["token_id"],
        "token_scopes": ",".join(scopes),
        "request_category": "api",
        "request_method": row["method"],
        "route": row["target"],
        "status_code": row["status"],
        "repo": f"{_ORG}/storefront",
    }


def _ended(row: dict, world: World) -> dict:
    person = _login(world, row["subject_id"])
    by = {"actor": person} if row["initiator"] == "user" else {"actor": "org-owner", "actor_id": 4001}
    return _event(row, "revoked_at", "personal_access_token.destroy", "org-owner") | {
        **by,
        "user": person,
        "user_id": int(row["subject_id"]),
        "operation_type": "remove",
    }
