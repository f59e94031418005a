"""Records of Microsoft Entra as its diagnostic settings write them: sign-ins, directory audit, Graph activity."""

import base64
import json
import uuid

TENANT = "7d3c1f52-9c0e-4c1b-9a55-2f0c6d1f7a01"
GRAPH = ("00000003-0000-0000-c000-000000000000", "99999999-0000-4000-8000-0000000000f0", "Microsoft Graph")
EXCHANGE = (
    "00000002-0000-0ff1-ce00-000000000000",
    "88888888-0000-4000-8000-0000000000e0",
    "Office 365 Exchange Online",
)
"""Applications, here and in the tests: application id, object id of the service principal, display name."""


def guid(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, repr(parts)))


def uti(request):
    """Return a token's id as Graph activity writes it: its sign-in's request id, packed."""
    return base64.urlsafe_b64encode(uuid.UUID(request).bytes_le).decode().rstrip("=")


def stamp(when, end="Z"):
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f0") + end


def record(category, operation, when, properties, **more):
    return {
        "time": stamp(when), "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam", "operationName": operation,
        "category": category, "tenantId": TENANT, "properties": properties, **more,
    }  # fmt: skip


def changed(name, old, new):
    """Write a modified property: texts stand in quotes of their own."""
    return {"displayName": name, "oldValue": old and json.dumps(old), "newValue": new and json.dumps(new)}


def principal(app, *changes):
    return {"id": app[1], "displayName": app[2], "type": "ServicePrincipal", "modifiedProperties": list(changes)}


def audit(when, activity, by, *targets):
    """Write a change of the directory; by whom: (object id, sign-in name) of a person, or an application."""
    person = {"user": {"id": by[0], "userPrincipalName": by[1], "ipAddress": "198.51.100.7"}}
    app = {"app": {"appId": by[0], "servicePrincipalId": by[1], "displayName": by[-1]}}
    properties = {
        "id": f"Directory_{guid(when, activity, targets)}", "category": "ApplicationManagement", "result": "success",
        "activityDisplayName": activity, "activityDateTime": stamp(when, "+00:00"),
        "initiatedBy": app if len(by) == 3 else person, "targetResources": list(targets), "additionalDetails": [],
    }  # fmt: skip
    return record("AuditLogs", activity, when, properties)


def delegated(when, app, person, by, scopes, removed=False):
    """Write what a delegated grant on Graph held before, or holds from now on."""
    side = (lambda value: (value, None)) if removed else (lambda value: (None, value))
    resource = principal(
        GRAPH, changed("DelegatedPermissionGrant.Scope", *side(f" {scopes}")), changed("DelegatedPermissionGrant.ConsentType", *side("Principal")),
        changed("ServicePrincipal.ObjectID", *side(app[1])), changed("ServicePrincipal.AppId", *side(app[0])),
        changed("ServicePrincipal.DisplayName", *side(app[2])), changed("TargetId.ServicePrincipalNames", None, f"https://graph.microsoft.com;{GRAPH[0]}"),
    )  # fmt: skip
    user = {
        "id": person[0],
        "displayName": None,
        "type": "User",
        "userPrincipalName": person[1],
        "modifiedProperties": [],
    }
    return audit(
        when, f"{'Remove' if removed else 'Add'} delegated permission grant", by, resource, principal(app), user
    )


def consented(when, app, person, scopes):
    entry = f"[Id: {guid(app)}, ClientId: {app[1]}, PrincipalId: {person[0]}, ResourceId: {GRAPH[1]}, ConsentType: Principal, Scope:  {scopes}]"
    said = (
        changed("ConsentContext.IsAdminConsent", None, "False"), changed("ConsentAction.Permissions", None, f"[] => [{entry}]; "),
        changed("TargetId.ServicePrincipalNames", None, app[0]),
    )  # fmt: skip
    return audit(when, "Consent to application", person, principal(app, *said))


def role(when, app, resource, name, by, removed=False):
    side = (lambda value: (value, None)) if removed else (lambda value: (None, value))
    target = principal(
        resource, changed("AppRole.Id", *side(guid(name))), changed("AppRole.Value", *side(name)),
        changed("ServicePrincipal.ObjectID", *side(app[1])), changed("ServicePrincipal.AppId", *side(app[0])),
        changed("ServicePrincipal.DisplayName", *side(app[2])), changed("TargetId.ServicePrincipalNames", None, f"{resource[0]};https://x"),
    )  # fmt: skip
    verb = "Remove app role assignment from" if removed else "Add app role assignment to"
    return audit(when, f"{verb} service principal", by, target, principal(app))


def keys(when, app, before, after, by):
    old, new = (
        json.dumps([f"[KeyIdentifier={key},KeyType=Password,KeyUsage=Verify,DisplayName=]" for key in ids])
        for ids in (before, after)
    )
    verb = "Add" if len(after) > len(before) else "Remove"
    named = {"displayName": "KeyDescription", "oldValue": old, "newValue": new}
    target = principal(app, named, changed("TargetId.ServicePrincipalNames", None, app[0]))
    return audit(when, f"{verb} service principal credentials", by, target)


def sign_in(when, app, ip, person=None, scopes="", key=None, code=0, resource=GRAPH):
    """Write a sign-in of a person by refresh token, or of a service by key; its id is the token's."""
    properties = {
        "id": guid(when, app, person), "createdDateTime": stamp(when, "+00:00"), "appId": app[0], "ipAddress": ip,
        "userId": person and person[0], "userPrincipalName": person and person[1], "appDisplayName": app[2],
        "status": {"errorCode": code}, "resourceDisplayName": resource[2], "resourceId": resource[0], "isInteractive": False,
        "uniqueTokenIdentifier": uti(guid(when, app, person)), "incomingTokenType": "refreshToken" if person else "none",
        "servicePrincipalCredentialKeyId": key, "servicePrincipalId": None if person else app[1],
        "authenticationProcessingDetails": [{"key": "Oauth Scope Info", "value": json.dumps(scopes.split())}] if person else [],
    }  # fmt: skip
    return record(
        "NonInteractiveUserSignInLogs" if person else "ServicePrincipalSignInLogs",
        "Sign-in activity",
        when,
        properties,
        resultType=str(code),
    )


def call(when, token, ip, method, path, status=200, size=2048):
    """Write a Graph call with the token of a sign-in."""
    of = token["properties"]
    scopes = " ".join(json.loads(of["authenticationProcessingDetails"][0]["value"])) if of["userId"] else None
    properties = {
        "requestId": guid(when, path, of["id"]), "timeGenerated": stamp(when), "appId": of["appId"], "userId": of["userId"],
        "servicePrincipalId": of["servicePrincipalId"], "ipAddress": ip, "requestMethod": method, "requestUri": f"https://graph.microsoft.com{path}",
        "responseStatusCode": status, "responseSizeBytes": size, "scopes": scopes, "roles": None, "signInActivityId": uti(of["id"]),
        "userAgent": "python-requests/2.31", "tenantId": TENANT,
    }  # fmt: skip
    return record("MicrosoftGraphActivityLogs", "Microsoft Graph Activity", when, properties)
