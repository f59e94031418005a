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


def role_grant_id(client_id: str, role: str) -> str:
    """Return the grant of an application role, which an application has for itself."""
    return f"entra:{principal(client_id)}:{principal(GRAPH)}:role/{guid('app role', role)}"


def write(folder: Path, world: World) -> None:
    """Write one file for each category."""
    folder.mkdir(parents=True, exist_ok=True)
    issued = [row for row in world.issuance if row["home"] == HOME]
    ended = [row for row in world.revocation if row["home"] == HOME]
    keys = [row for row in issued if row["kind"] == "credential"]
    keys += [row for row in ended if row["target_kind"] == "credential"]
    files = {
        "signins.ndjson": [_sign_in(row) for row in issued if row["kind"] not in ("consent", "credential")],
        "graph-activity.ndjson": [_activity(row, world) for row in world.usage if row["home"] == HOME],
        "audit.ndjson": [_audit(row, "issued_at") for row in issued if row["kind"] == "consent"]
        + [_audit(row, "revoked_at") for row in ended if row["target_kind"] == "grant"]
        + [_key_list(row, keys) for row in keys],
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
    if row["subject_id"] is None:
        return _service_sign_in(row)
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


def _service_sign_in(row: dict) -> dict:
    """Return the sign-in of an application for itself: it names the secret, and no scopes."""
    time = _seven(iso(row["issued_at"]))
    refused = row["outcome"] != "success"
    properties = {
        "id": row["event_id"],
        "createdDateTime": time.replace("Z", "+00:00"),
        "appId": row["client_id"],
        "userId": None,
        "servicePrincipalId": principal(row["client_id"]),
        "servicePrincipalName": row["client_name"],
        "servicePrincipalCredentialKeyId": row["parent_token_id"],
        "ipAddress": row["ip"],
        "uniqueTokenIdentifier": row.get("token_id") or row["event_id"],
        "incomingTokenType": "none",
        "authenticationProtocol": "none",
        "isInteractive": False,
        "resourceId": _GRAPH_APP,
        "resourceDisplayName": "Microsoft Graph",
        "status": {"errorCode": 7000215 if refused else 0},
    }
    event = _envelope(time, "ServicePrincipalSignInLogs", "Sign-in activity", row["event_id"], properties)
    return event | {"resultType": str(properties["status"]["errorCode"])}


def _activity(row: dict, world: World) -> dict:
    time = _seven(iso(row["used_at"]))
    issued = next(i for i in world.issuance if i.get("token_id") == row["token_id"])
    scopes, by_itself = " ".join(issued["scopes"]), row["subject_id"] is None
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
        "servicePrincipalId": principal(row["client_id"]) if by_itself else None,
        "scopes": None if by_itself else scopes,
        "roles": scopes if by_itself else None,
        "signInActivityId": row["token_id"],
        "tokenIssuedAt": iso(issued["issued_at"].replace(microsecond=0)),
        "tenantId": _TENANT,
        "ipAddress": row["ip"] if by_itself else "198.51.100.31",
        "userAgent": row["user_agent"] or "python-httpx/0.28",
    }
    return _envelope(time, "MicrosoftGraphActivityLogs", "Microsoft Graph Activity", row["event_id"], properties)


def _audit(row: dict, stamp: str) -> dict:
    added = stamp == "issued_at"
    scopes = " ".join(row["scopes"] if added else row["scopes_removed"])
    changes = {
        "ServicePrincipal.ObjectID": principal(row["client_id"]),
        "ServicePrincipal.DisplayName": row.get("client_name"),
        "ServicePrincipal.AppId": row["client_id"],
    }
    if row["subject_id"] is None:
        changes |= {"AppRole.Id": guid("app role", scopes), "AppRole.Value": scopes}
        activity = "Add app role assignment to service principal"
    else:
        changes = {
            "DelegatedPermissionGrant.Scope": scopes,
            "DelegatedPermissionGrant.ConsentType": "Principal",
            **changes,
            "DelegatedPermissionGrant.PrincipalId": row["subject_id"],
        }
        activity = f"{'Add' if added else 'Remove'} delegated permission grant"
    changes["TargetId.ServicePrincipalNames"] = _GRAPH_NAMES
    old, new = ("oldValue", "newValue") if added else ("newValue", "oldValue")
    modified = [
        {"displayName": name, old: None, new: f'"{value}"'} for name, value in changes.items() if value is not None
    ]
    for change in modified:
        if not added and change["displayName"] != "DelegatedPermissionGrant.Scope":
            change["newValue"] = change["oldValue"]
    targets = [
        _target(principal(GRAPH), "Microsoft Graph", "ServicePrincipal", modified),
        _target(principal(row["client_id"]), None, "ServicePrincipal", []),
    ]
    by = row["subject_id"] if added and row["subject_id"] else guid("person", "admin")
    return _change(row, stamp, activity, by, targets, [])


def _key_list(row: dict, keys: list[dict]) -> dict:
    """Return the change of a list of secrets, old against new: an application has one, and its service principal another."""
    added = "issued_at" in row
    stamp = "issued_at" if added else "revoked_at"
    mine = [key for key in keys if (key["client_id"], key["list"]) == (row["client_id"], row["list"])]
    gone = {key["token_id"] for key in mine if key.get("revoked_at", row[stamp]) < row[stamp]}
    before = [key for key in mine if key.get("issued_at", row[stamp]) < row[stamp] and key["token_id"] not in gone]
    after = [*before, row] if added else [key for key in before if key["token_id"] != row["token_id"]]
    texts = [
        json.dumps(
            [
                f"[KeyIdentifier={k['token_id']},KeyType=Password,KeyUsage=Verify,DisplayName={k['label']}]"
                for k in some
            ],
            separators=(",", ":"),
        )
        for some in (before, after)
    ]
    modified: list[dict] = [
        {"displayName": "KeyDescription", "oldValue": texts[0], "newValue": texts[1]},
        {"displayName": "Included Updated Properties", "oldValue": None, "newValue": '"KeyDescription"'},
    ]
    if row["list"] == "application":
        # With a dash and a blank at its end, as Entra writes it.
        activity = "Update application \u2013 Certificates and secrets management "
        target = _target(guid("application", row["client_id"]), row["client_name"], "Application", modified)
    else:
        activity = f"{'Add' if added else 'Remove'} service principal credentials"
        modified.append(
            {"displayName": "TargetId.ServicePrincipalNames", "oldValue": None, "newValue": f'"{row["client_id"]}"'}
        )
        target = _target(principal(row["client_id"]), row["client_name"], "ServicePrincipal", modified)
    by = row["consent_actor"] if added else row["actor_id"]
    return _change(row, stamp, activity, by, [target], [{"key": "AppId", "value": row["client_id"]}])


def _target(object_id: str, name: str | None, kind: str, modified: list[dict]) -> dict:
    return {"id": object_id, "displayName": name, "type": kind, "modifiedProperties": modified}


def _change(row: dict, stamp: str, activity: str, by: str, targets: list[dict], details: list[dict]) -> dict:
    time = _seven(iso(row[stamp]))
    properties = {
        "id": row["event_id"],
        "category": "ApplicationManagement",
        "activityDisplayName": activity,
        "activityDateTime": time.replace("Z", "+00:00"),
        "result": "success",
        "resultReason": "",
        "initiatedBy": {"user": {"id": by, "ipAddress": None}},
        "targetResources": targets,
        "additionalDetails": details,
    }
    return _envelope(time, "AuditLogs", activity, row["event_id"], properties)
