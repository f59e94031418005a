"""Writes consents, calls and revocations as pages of Google's Reports API."""

import json
from pathlib import Path

from grantlens.simulate.population import TENANTS
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World

HOME = "google_workspace"
_CUSTOMER = TENANTS[HOME]
_ADMIN = "admin@brightwater.example"


def grant_id(client_id: str, subject_id: str) -> str:
    """Return the grant as grantlens derives it, since this log names none.

    Examples
    --------
    >>> grant_id("1.apps.example", "a@b.example")
    'derived:google_workspace|C0brightw|1.apps.example|a@b.example'
    """
    return f"derived:{HOME}|{_CUSTOMER}|{client_id}|{subject_id}"


def write(folder: Path, world: World) -> None:
    """Write `token.json` and `admin.json`, newest first as the API gives them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for log in (world.issuance, world.usage, world.revocation) for row in log if row["home"] == HOME]
    by_user = [row for row in rows if row.get("initiator") != "admin"]
    by_admin = [row for row in rows if row.get("initiator") == "admin"]
    for name, some in {"token.json": by_user, "admin.json": by_admin}.items():
        items = sorted((_activity(row) for row in some), key=lambda item: item["id"]["time"], reverse=True)
        lines = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
        text = '{"kind":"admin#reports#activities","items":[\n' + lines + "\n]}\n"
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _activity(row: dict) -> dict:
    stamp = next(row[name] for name in ("issued_at", "used_at", "revoked_at") if name in row)
    admin = row.get("initiator") == "admin"
    return {
        "kind": "admin#reports#activity",
        "id": {
            "time": iso(stamp),
            "uniqueQualifier": row["event_id"],
            "applicationName": "admin" if admin else "token",
            "customerId": _CUSTOMER,
        },
        "actor": {
            "email": _ADMIN if admin else row["subject_id"],
            "profileId": "1" + f"{sum(map(ord, row['subject_id'])):020d}",
        },
        "ipAddress": "198.51.100.77",
        "events": [_event(row)],
    }


def _event(row: dict) -> dict:
    client = [{"name": "client_id", "value": row["client_id"]}, {"name": "client_type", "value": "WEB"}]
    if "used_at" in row:
        client += [
            {"name": "api_name", "value": row["resource_server"]},
            {"name": "method_name", "value": row["operation"]},
            {"name": "num_response_bytes", "intValue": str(row["response_bytes"] or 670)},
            {"name": "product_bucket", "value": row["resource_server"].upper()},
        ]
        return {"type": "auth", "name": "activity", "parameters": client}
    if "issued_at" in row:
        client += [
            {"name": "app_name", "value": row["client_name"]},
            {"name": "scope", "multiValue": row["scopes"]},
            {
                "name": "scope_data",
                "multiMessageValue": [
                    {"parameter": [{"name": "scope_name", "value": scope}]} for scope in row["scopes"]
                ],
            },
        ]
        return {"type": "auth", "name": "authorize", "parameters": client}
    if row["initiator"] == "admin":
        named = [{"name": "APP_ID", "value": row["client_id"]}, {"name": "USER_EMAIL", "value": row["subject_id"]}]
        return {"type": "USER_SETTINGS", "name": "REVOKE_3LO_TOKEN", "parameters": named}
    return {"type": "auth", "name": "revoke", "parameters": client}
