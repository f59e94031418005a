"""Writes issuance and revocation, and what API tokens changed, as an Okta System Log, one event a line."""

import json
from pathlib import Path

from grantlens.simulate.ids import short
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World

HOME = "okta"
_SERVER = short("aus", 20, "default")
_TYPE = {"access": ("access_token", "Access Token"), "refresh": ("refresh_token", "Refresh Token")}


def consent_ids(client_id: str, subject_id: str, scopes: tuple[str, ...]) -> list[str]:
    """Return the ids of the ConsentGrant targets, one for each scope; the least of them names the grant.

    Examples
    --------
    >>> len(consent_ids("0oa1", "00u1", ("a", "b")))
    2
    """
    return [short("oag", 20, client_id, subject_id, scope) for scope in scopes]


def records(world: World) -> list[dict]:
    """Return the events, in order of time."""
    names = {row["subject_id"]: row["subject_name"] for row in world.issuance if row["home"] == HOME}
    events = [_issued(row) for row in world.issuance if row["home"] == HOME]
    events += [_called(row, names) for row in world.usage if row["home"] == HOME]
    events += [_ended(row, names) for row in world.revocation if row["home"] == HOME]
    return sorted(events, key=lambda event: (event["published"], event["uuid"]))


def write(folder: Path, world: World) -> None:
    """Write `system-log.ndjson`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n" for event in records(world))
    (folder / "system-log.ndjson").write_text(text, encoding="utf-8", newline="\n")


def _event(row: dict, stamp: str, kind: str, actor: dict, targets: list[dict], debug: dict) -> dict:
    """Return an event of an authorization server."""
    debug = {"authorizationServer": _SERVER, "authorizationServerName": "default", **debug}
    return _any_event(row, stamp, f"app.oauth2.as.{kind}", actor, targets, debug)


def _any_event(row: dict, stamp: str, kind: str, actor: dict, targets: list[dict], debug: dict) -> dict:
    return {
        "actor": {**actor, "detailEntry": None},
        "client": {
            "userAgent": {"rawUserAgent": "Mozilla/5.0 (X11; Linux x86_64)", "os": "Linux", "browser": "UNKNOWN"},
            "zone": "null",
            "device": "Computer",
            "id": None,
            "ipAddress": row.get("ip") or "198.51.100.24",
        },
        "authenticationContext": {"externalSessionId": row.get("session_id") or "unknown"},
        "eventType": kind,
        "legacyEventType": f"{kind}_{'success' if row['outcome'] == 'success' else 'failure'}",
        "outcome": {
            "result": "SUCCESS" if row["outcome"] == "success" else "FAILURE",
            "reason": row.get("reason") if row["outcome"] != "success" else None,
        },
        "published": iso(row[stamp]),
        "severity": "INFO",
        "debugContext": {"debugData": debug},
        "transaction": {"type": "WEB", "id": row["event_id"][:27], "detail": {}},
        "uuid": row["event_id"],
        "version": "0",
        "target": targets,
    }


def _person(subject_id: str, name: str) -> dict:
    return {"id": subject_id, "type": "User", "alternateId": subject_id, "displayName": name}


def _app(row: dict) -> dict:
    return {
        "id": row["client_id"],
        "type": "PublicClientApp",
        "alternateId": row["client_id"],
        "displayName": row.get("client_name"),
    }


def _token(kind: str, token_id: str, row: dict) -> dict:
    name, title = _TYPE[kind]
    expires = iso(row["expires_at"]) if row.get("expires_at") else None
    detail = {"expires": expires, "subject": row["subject_id"], "hash": short("", 22, token_id)}
    return {"id": token_id, "type": name, "alternateId": None, "displayName": title, "detailEntry": detail}


def _key(row: dict) -> dict:
    name = row.get("client_name")
    return {"id": row["token_id"], "type": "Token", "alternateId": "unknown", "displayName": name, "detailEntry": None}


def _called(row: dict, names: dict) -> dict:
    """Return what a call of Okta's own API changed: it names the API token."""
    person = _person(row["subject_id"], names[row["subject_id"]])
    changed = {"id": short("00u", 20, row["event_id"]), "type": "User", "alternateId": "new.joiner@brightwater.example"}
    targets = [changed | {"displayName": "New Joiner", "detailEntry": None}]
    event = _any_event(row, "used_at", row["operation"], person, targets, {"requestUri": "/api/v1/users"})
    event["transaction"]["detail"] = {"requestApiTokenId": row["token_id"]}
    return event


def _issued(row: dict) -> dict:
    if row["kind"] == "credential":
        uri = {"requestUri": "/api/internal/tokens"}
        return _any_event(
            row,
            "issued_at",
            "system.api_token.create",
            _person(row["subject_id"], row["subject_name"]),
            [_key(row)],
            uri,
        )
    if row["kind"] == "consent":
        detail = {"publicclientapp": row["client_id"], "authorizationserver": _SERVER, "user": row["subject_id"]}
        names = consent_ids(row["client_id"], row["subject_id"], tuple(row["scopes"]))
        targets = [
            {"id": name, "type": "ConsentGrant", "alternateId": None, "displayName": scope, "detailEntry": detail}
            for name, scope in zip(names, row["scopes"], strict=True)
        ]
        return _event(
            row,
            "issued_at",
            "consent.grant",
            _person(row["subject_id"], row["subject_name"]),
            targets,
            {"requestUri": "/api/v1/authn/consent"},
        )
    targets = [_token(row["token_kind"], row["token_id"], row)]
    if row["parent_token_id"] and row["token_kind"] == "access":
        targets.append(_token("refresh", row["parent_token_id"], row | {"expires_at": None}))
    debug = {
        "grantType": row["grant_type"],
        "grantedScopes": ", ".join(row["scopes"]),
        "requestedScopes": ", ".join(row["scopes"]),
        "requestUri": f"/oauth2/{_SERVER}/v1/token",
    }
    return _event(row, "issued_at", f"token.grant.{_TYPE[row['token_kind']][0]}", _app(row), targets, debug)


def _ended(row: dict, names: dict) -> dict:
    admin = {"id": short("00u", 20, "okta", "admin"), "type": "User", "alternateId": "admin@brightwater.example"}
    admin |= {"displayName": "Okta Admin"}
    if row["target_kind"] == "credential":
        by = admin if row["initiator"] == "admin" else _person(row["actor_id"], names[row["actor_id"]])
        uri = {"requestUri": f"/api/v1/api-tokens/{row['token_id']}"}
        return _any_event(row, "revoked_at", "system.api_token.revoke", by, [_key(row)], uri)
    if row["target_kind"] == "subject":
        uri = {"requestUri": f"/api/v1/users/{row['subject_id']}/lifecycle/deactivate"}
        return _any_event(
            row,
            "revoked_at",
            "user.lifecycle.deactivate",
            admin,
            [_person(row["subject_id"], names[row["subject_id"]])],
            uri,
        )
    debug = {"requestUri": f"/oauth2/{_SERVER}/v1/revoke"}
    if row["outcome"] != "success":
        target = {"id": _SERVER, "type": "AuthorizationServer", "alternateId": None, "displayName": "default"}
        return _event(row, "revoked_at", "token.revoke", _app(row), [target | {"detailEntry": None}], debug)
    kind = "refresh" if row["token_id"].startswith("oar") else "access"
    return _event(row, "revoked_at", "token.revoke", _app(row), [_token(kind, row["token_id"], row)], debug)
