"""Writes what the organisation brings beside its logs: catalogue, register, servers, review dates, decisions."""

import json
from collections.abc import Iterable
from datetime import date

from grantlens.simulate.apis import DRIVE, GMAIL, OPERATIONS, SCOPES
from grantlens.simulate.enforcement import SERVERS
from grantlens.simulate.incidents.details import CLAIMED, TYPE
from grantlens.simulate.population import Client

RISK = {"read": 1, "write": 2, "export": 3, "delete": 3, "admin": 4}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def catalogue_toml() -> str:
    """Return the catalogue of the fictional APIs.

    Examples
    --------
    >>> catalogue_toml().splitlines()[0]
    '[catalogue]'
    """
    text = [
        "[catalogue]",
        'name = "brightwater"',
        'version = "2026-09"',
        'licence = "CC0-1.0"',
        'retrieved = "2026-09-30"',
    ]
    for op in OPERATIONS:
        text += ["", "[[operation]]"]
        if op.is_tool:
            text += [f"name = {_text(op.label)}", f'kind = "{"rpc" if op.server in (GMAIL, DRIVE) else "tool"}"']
        else:
            text += [f"method = {_text(op.method)}", f"path = {_text(op.template)}"]
        text += [f"server = {_text(op.server)}", f"requires = {_text([list(alt) for alt in op.needs])}"]
    for scope in SCOPES:
        text += ["", "[[scope]]", f"name = {_text(scope.name)}"]
        if scope.implies:
            text.append(f"implies = {_text(list(scope.implies))}")
        text.append(f"risk = {0 if scope.protocol else RISK[scope.risk]}")
        text.append(f"description = {_text(scope.text)}")
        if scope.protocol:
            text.append("protocol = true")
    return "\n".join(text) + "\n"


def register_toml(clients: Iterable[Client], registered: date, reviews: Iterable[date]) -> str:
    """Return the register: every client that somebody registered, the dates of the reviews, and a type of authorization details."""
    text: list[str] = []
    for client in sorted(clients, key=lambda client: client.client_id):
        if not client.registered:
            continue
        text += [
            "[[client]]",
            f"client_id = {_text(client.client_id)}",
            f"name = {_text(client.name)}",
            f'kind = "{client.kind}"',
        ]
        if client.owner:
            text.append(f"owner = {_text(client.owner)}")
        if client.purpose:
            text.append(f"purpose = {_text(client.purpose)}")
        approved = sorted({label for _, label in client.approved})
        text += [
            f"approved_operations = {_text(approved)}",
            *([] if client.tenants is None else [f"approved_tenants = {_text(client.tenants)}"]),
            *(f"{name} = {_text(value)}" for name, value in client.limits),
            f'status = "{client.status}"',
            f"registered_at = {registered}",
            "",
        ]
    for review in reviews:
        text += ["[[review]]", f"date = {review}", ""]
    text += ["[[details_type]]", *(f"{name} = {_text(value)}" for name, value in TYPE.items()), ""]
    text += ["[[details_type.operation]]", *(f"{name} = {_text(value)}" for name, value in CLAIMED.items()), ""]
    return "\n".join(text)


def servers_toml() -> str:
    """Return what is documented of the resource servers; the archive is missing on purpose.

    Examples
    --------
    >>> "archive" in servers_toml()
    False
    """
    text: list[str] = []
    for server in SERVERS.values():
        if not server.documented:
            continue
        text += ["[[server]]", f'resource_server = "{server.name}"', f'validation = "{server.validation}"']
        if server.cache_s is not None:
            text.append(f"cache_seconds = {server.cache_s:g}")
        if server.bound_s is not None:
            text.append(f"bound_seconds = {server.bound_s:g}")
        text += [f"leeway_seconds = {server.leeway_s:g}", ""]
    return "\n".join(text)


def decisions_toml(decisions: Iterable[dict]) -> str:
    """Return what was decided to be revoked.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> row = {"decided_at": datetime(2026, 7, 1, tzinfo=UTC), "cause": "leaver", "subject_id": "u-1"}
    >>> print(decisions_toml([row]))
    [[decision]]
    decision = "revoke"
    subject_id = "u-1"
    decided_at = 2026-07-01T00:00:00Z
    cause = "leaver"
    <BLANKLINE>
    """
    text: list[str] = []
    for row in sorted(decisions, key=lambda row: row["decided_at"]):
        text += ["[[decision]]", 'decision = "revoke"']
        text += [
            f"{name} = {_text(row[name])}"
            for name in ("client_id", "subject_id", "grant_id", "token_id")
            if name in row
        ]
        text += [f"decided_at = {row['decided_at']:%Y-%m-%dT%H:%M:%SZ}"]
        text += [f"{name} = {_text(row[name])}" for name in ("cause", "reference") if name in row]
        text.append("")
    return "\n".join(text)
