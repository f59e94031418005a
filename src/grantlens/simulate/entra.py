"""Writes sign-ins, Graph activity and directory audit as Entra's diagnostic settings send them."""

import json
from pathlib import Path

from grantlens.simulate.apis import GRAPH
from grantlens.simulate.ids import guid
from grantlens.simulate.population import TENANTS
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World

HOME = "microsoft_entra"
_TENANT = TENANTS[HOME]
_GRAPH_APP = "00000003-0000-0000-c000-000000000000"
_GRAPH_NAMES = f"{_GRAPH_APP};https://graph.microsoft.com;https://graph.microsoft.com/"


def principal(client_id: str) -> str:
    """Return the object id of a service principal."""
    return guid("service principal", client_id)


def grant_id(client_id: str, subject_id: str) -> str:
    """Return the grant as its parties name it: client, resource, person.

    Examples
    --------
    >>> grant_id("a", "b").startswith("entra:")
    True
    """
    return f"entra:{principal(client_id)}:{principal(GRAPH)}:{subject_id}"


def write(folder: Path, world: World) -> None:
    """Write one file for each category."""
    folder.mkdir(parents=True, exist_ok=True)
    issued = [row for row in world.issuance if row["home"] == HOME]
    files = {
        "signins.ndjson": [_sign_in(row) for row in issued if row["kind"] != "consent"],
        "graph-activity.ndjson": [_activity(row, world) for row in world.usage if row["home"] == HOME],
        "audit.ndjson": [_audit(row, "issued_at") for row in issued if row["kind"] == "consent"]
        + [_audit(row, "revoked_at") for row in world.revocation if row["home"] == HOME],
    }
    for name, events in files.items():
        ordered = sorted(events, key=lambda event: (event["time"], event["correlationId"]))
        text = "".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n" for event in ordered)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _envelope(time: str, category: str, operation: str, correlation: str, properties: dict) -> dict:
    return {
        "time": time,
        "category": category,
        "operationName": operation,
        "operationVersion": "1.0",
        "resultType": "0",
        "correlationId": correlation,
        "tenantId": _TENANT,
        "resourceId": f"/tenants/{_TENANT}/providers/Microsoft.aadiam",
        "properties": properties,
    }


def _seven(text: str) -> str:
    """Seven digits of a second, as Entra writes them."""
    return text.replace("Z", "0000Z")


def _sign_in(row: dict) -> dict:
    refreshed = row["kind"] == "refresh"
    time = _seven(iso(row["issued_at"]))
    properties = {
        "id": row["event_id"],
        "createdDateTime": time.replace("Z", "+00:00"),
        "appId": row["client_id"],
        "appDisplayName": row["client_name"],
        "userId": row["subject_id"],
        "userPrincipalName": row["subject_name"],
        "ipAddress": "198.51.100.31",
        "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
        "uniqueTokenIdentifier": row["token_id"],
        "incomingTokenType": "refreshToken" if refreshed else "none",
        "isInteractive": not refreshed,
        "resourceId": _GRAPH_APP,
        "resourceDisplayName": "Microsoft Graph",
        "status": {"errorCode": 0},
        "authenticationProcessingDetails": [
            {"key": "Oauth Scope Info", "value": json.dumps(row["scopes"], separators=(",", ":"))}
        ],
    }
    category = "NonInteractiveUserSignInLogs" if refreshed else "SignInLogs"
    return _envelope(time, category, "Sign-in activity", row["event_id"], properties)


def _activity(row: dict, world: World) -> dict:
    time = _seven(iso(row["used_at"]))
    issued = next(i for i in world.issuance if i.get("token_id") == row["token_id"])
    properties = {
        "timeGenerated": time,
        "requestId": row["event_id"],
        "operationId": row["event_id"],
        "apiVersion": "v1.0",
        "requestMethod": row["method"],
        "requestUri": f"https://{GRAPH}{row['target']}?$top=25",
        "responseStatusCode": row["status"],
        "responseSizeBytes": row["response_bytes"] or 912,
        "appId": row["client_id"],
        "userId": row["subject_id"],
        "servicePrincipalId": None,
        "scopes": " ".join(issued["scopes"]),
        "roles": None,
        "signInActivityId": row["token_id"],
        "tokenIssuedAt": iso(issued["issued_at"].replace(microsecond=0)),
        "tenantId": _TENANT,
        "ipAddress": "198.51.100.31",
        "userAgent": "python-httpx/0.28",
    }
    return _envelope(time, "MicrosoftGraphActivityLogs", "Microsoft Graph Activity", row["event_id"], properties)


def _audit(row: dict, stamp: str) -> dict:
    added = stamp == "issued_at"
    time = _seven(iso(row[stamp]))
    scopes = " ".join(row["scopes"] if added else row["scopes_removed"])
    changes = {
        "DelegatedPermissionGrant.Scope": scopes,
        "DelegatedPermissionGrant.ConsentType": "Principal",
        "ServicePrincipal.ObjectID": principal(row["client_id"]),
        "ServicePrincipal.DisplayName": row.get("client_name"),
        "ServicePrincipal.AppId": row["client_id"],
        "DelegatedPermissionGrant.PrincipalId": row["subject_id"],
        "TargetId.ServicePrincipalNames": _GRAPH_NAMES,
    }
    old, new = ("oldValue", "newValue") if added else ("newValue", "oldValue")
    modified = [
        {"displayName": name, old: None, new: f'"{value}"'} for name, value in changes.items() if value is not None
    ]
    for change in modified:
        if not added and change["displayName"] != "DelegatedPermissionGrant.Scope":
            change["newValue"] = change["oldValue"]
    properties = {
        "id": row["event_id"],
        "category": "ApplicationManagement",
        "activityDisplayName": f"{'Add' if added else 'Remove'} delegated permission grant",
        "activityDateTime": time.replace("Z", "+00:00"),
        "result": "success",
        "resultReason": "",
        "initiatedBy": {"user": {"id": row["subject_id"] if added else guid("person", "admin"), "ipAddress": None}},
        "targetResources": [
            {
                "id": principal(GRAPH),
                "displayName": "Microsoft Graph",
                "type": "ServicePrincipal",
                "modifiedProperties": modified,
            },
            {
                "id": principal(row["client_id"]),
                "displayName": None,
                "type": "ServicePrincipal",
                "modifiedProperties": [],
            },
        ],
        "additionalDetails": [],
    }
    return _envelope(time, "AuditLogs", properties["activityDisplayName"], row["event_id"], properties)
