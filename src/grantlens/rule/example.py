"""The small world in which the examples of rules play, and short ways to write its logs.

One provider, three resource servers: `mail.example`, which looks each token up; `files.example`, which remembers for
five minutes; `jobs.example`, which nothing is known of. Times are written "10 12:00:05.5": the day of July 2026 and
the time of day in UTC. The client `bystander` only keeps the logs going; findings about it do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CATALOGUE = """
[catalogue]
name = "example"

[[operation]]
method = "GET"
path = "/v1/messages/{id}"
server = "mail.example"
requires = [["mail.read"]]

[[operation]]
method = "POST"
path = "/v1/messages"
server = "mail.example"
requires = [["mail.send"]]

[[operation]]
method = "DELETE"
path = "/v1/messages/{id}"
server = "mail.example"
requires = [["mail.write"]]

[[operation]]
method = "GET"
path = "/v1/people"
server = "mail.example"
requires = [["people.read"]]
principal = "application"

[[operation]]
method = "GET"
path = "/v1/people"
server = "mail.example"
requires = [["people.mine"]]
principal = "delegated"

[[operation]]
method = "GET"
path = "/v1/files/{id}"
server = "files.example"
requires = [["files.read"]]

[[operation]]
method = "PUT"
path = "/v1/files/{id}"
server = "files.example"
requires = [["files.write"]]

[[operation]]
method = "POST"
path = "/v1/shares"
server = "files.example"
requires = [["files.write", "people.read"], ["admin"]]

[[operation]]
method = "POST"
path = "/v1/jobs"
server = "jobs.example"
requires = [["jobs.run"]]

[[operation]]
method = "GET"
path = "/v1/jobs/{id}"
server = "jobs.example"
requires = [["jobs.own"]]

[[operation]]
method = "GET"
path = "/v1/audit"
server = "jobs.example"
requires = [["admin"]]

[[operation]]
method = "GET"
path = "/v1/status"
server = "jobs.example"
requires = []

[[operation]]
name = "iam:CreateUser"
kind = "rpc"
server = "iam.amazonaws.com"
requires = [["iam:CreateUser"]]

[[operation]]
name = "iam:GetUser"
kind = "rpc"
server = "iam.amazonaws.com"
requires = [["iam:GetUser"]]

[[operation]]
name = "iam:DeleteUser"
kind = "rpc"
server = "iam.amazonaws.com"
requires = [["iam:DeleteUser"]]

[[scope]]
name = "iam:*User"
implies = ["iam:CreateUser", "iam:DeleteUser", "iam:GetUser"]

[[scope]]
name = "iam:*teUser"
implies = ["iam:CreateUser", "iam:DeleteUser"]

[[scope]]
name = "mail.write"
aliases = ["https://mail.example/mail.write"]
implies = ["mail.read", "mail.send"]
risk = 2

[[scope]]
name = "files.write"
implies = ["files.read"]
risk = 2

[[scope]]
name = "desk.use"
implies = ["mail.read", "files.read"]

[[scope]]
name = "jobs.run"
implies = ["jobs.own"]

[[scope]]
name = "jobs.own"
resource_limited = true

[[scope]]
name = "payroll.read"
risk = 3

[[scope]]
name = "admin"
implies = ["mail.write", "files.write"]
risk = 4
"""
"""Which scope permits what in the examples."""

SERVERS = (
    {
        "resource_server": "mail.example",
        "validation": "introspection",
        "scopes_supported": ["openid", "mail.write", "mail.read", "mail.send"],
    },
    {
        "resource_server": "files.example",
        "validation": "cached",
        "cache_seconds": 300.0,
        "scopes_supported": ["files.all", "offline_access"],
    },
    {"resource_server": "offline.example", "validation": "offline"},
)
"""What is known of the resource servers in the examples."""

BYSTANDER = "bystander"


@dataclass(frozen=True)
class Example:
    """A small log with a known answer.

    Parameters
    ----------
    title
        What it shows.
    records
        Native records.
    expect
        The findings that must come out, each as the keys it must have (`detail` may name some of its keys only). Empty:
        nothing may come out.
    register
        Rows of the register.
    parameters
        Parameters of the rule.
    declared
        What the loader of these logs declares, where it is not what the native one does: fields of `Loader`.
    since
        When the window begins, as "28 00:00"; with the logs, if left out.
    decisions
        Rows of the decisions.
    reviews
        When access reviews read the list, as "15 09:00"; "15 00:00" is the day alone.
    details_types
        Rows of the types of authorization details.
    """

    title: str
    records: tuple[Mapping[str, Any], ...]
    expect: tuple[Mapping[str, Any], ...] = ()
    register: tuple[Mapping[str, Any], ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    declared: Mapping[str, Any] = field(default_factory=dict)
    since: str | None = None
    decisions: tuple[Mapping[str, Any], ...] = ()
    reviews: tuple[str, ...] = ()
    details_types: tuple[Mapping[str, Any], ...] = ()


IN_PART = {"carries": ("issuance", "revocation")}
"""What is declared by the loader of a log that shows calls now and then, and not all of them."""


def moment(text: str) -> str:
    """Write "10 12:00:05.5" out.

    Examples
    --------
    >>> moment("10 12:00:05.5")
    '2026-07-10T12:00:05.500000Z'
    """
    day, clock = text.split(" ")
    hours, minutes, seconds = (*clock.split(":"), "0")[:3]
    whole, _, part = seconds.partition(".")
    return f"2026-07-{int(day):02}T{int(hours):02}:{int(minutes):02}:{int(whole):02}.{part:0<6}Z"


def _row(log: str, defaults: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    row = {"log": log, **defaults, **more}
    return {name: value for name, value in row.items() if value is not None}


def consent(
    when: str, scopes: tuple[str, ...] | list[str] | None, grant: str | None = "g1", **more: Any
) -> dict[str, Any]:
    """Write a consent of ann to client app."""
    defaults = {
        "issued_at": moment(when),
        "kind": "consent",
        "outcome": "success",
        "grant_id": grant,
        "client_id": "app",
        "subject_id": "ann",
        "subject_kind": "user",
        "scopes": None if scopes is None else list(scopes),
        "consent_kind": "user",
    }
    return _row("issuance", defaults, more)


def token(
    when: str, token_id: str | None, scopes: tuple[str, ...] | list[str] | None, until: str | None = None, **more: Any
) -> dict[str, Any]:
    """Write a token of grant g1, an access token if nothing else is said."""
    defaults = {
        "issued_at": moment(when),
        "kind": "token",
        "outcome": "success",
        "grant_id": "g1",
        "token_id": token_id,
        "token_kind": "access",
        "client_id": "app",
        "subject_id": "ann",
        "subject_kind": "user",
        "scopes": None if scopes is None else list(scopes),
        "expires_at": None if until is None else moment(until),
    }
    return _row("issuance", defaults, more)


def refreshed(
    when: str, token_id: str | None, parent: str | None, scopes: list[str] | None, until: str | None = None, **more: Any
) -> dict[str, Any]:
    """Write a token that came from a refresh token; None where it was refused."""
    return token(when, token_id, scopes, until, **{"kind": "refresh", "parent_token_id": parent, **more})


def use(
    when: str,
    call: str,
    token_id: str | None = "t1",
    server: str | None = "mail.example",
    status: int = 200,
    **more: Any,
) -> dict[str, Any]:
    """Write a call such as "GET /v1/messages/7"; 401 is a denial of the token, 403 of the scope."""
    method, _, target = call.partition(" ")
    outcome = "success" if status < 300 else "denied" if status in (401, 403, 429) else "error"
    defaults = {
        "used_at": moment(when),
        "outcome": outcome,
        "status": status,
        "denial_reason": {401: "token", 403: "scope", 429: "rate"}.get(status),
        "token_id": token_id,
        "client_id": "app",
        "subject_id": "ann",
        "resource_server": server,
        "method": method,
        "target": target,
    }
    return _row("usage", defaults, more)


def revoked(when: str, target_kind: str = "token", **more: Any) -> dict[str, Any]:
    """Write a revocation r1, acknowledged; of token t1 if nothing else is said."""
    names = {"token": {"token_id": "t1"}, "grant": {"grant_id": "g1"}, "client": {}, "subject": {}}.get(target_kind, {})
    who = {
        "client_id": None if target_kind == "subject" else "app",
        "subject_id": None if target_kind == "client" else "ann",
    }
    defaults = {
        "revoked_at": moment(when),
        "kind": "revoke",
        "outcome": "success",
        "target_kind": target_kind,
        "event_id": "r1",
        "initiator": "admin",
        **names,
        **who,
    }
    return _row("revocation", defaults, more)


def decided(when: str, cause: str = "review", decision: str = "revoke", **about: Any) -> dict[str, Any]:
    """Write a decision about the access of a client, a subject, a grant or a token."""
    return {"decided_at": moment(when), "cause": cause, "decision": decision, **about}


def logs_from_to(first: str, last: str) -> tuple[dict[str, Any], ...]:
    """Write records of the bystander that make the logs reach from one moment to another."""
    who = {"client_id": BYSTANDER, "subject_id": None, "subject_kind": "service"}
    return (
        consent(first, ["jobs.run"], "g-bystander", **who),
        token(first, "t-bystander", ["jobs.run"], **{**who, "grant_id": "g-bystander"}),
        use(first, "GET /v1/status", "t-bystander", "jobs.example", client_id=BYSTANDER, subject_id=None),
        use(last, "GET /v1/status", "t-bystander", "jobs.example", client_id=BYSTANDER, subject_id=None),
    )


def three_logs_from_to(first: str, last: str) -> tuple[dict[str, Any], ...]:
    """Write the same, and an end of another of its grants: without a log of ends nothing shows that a grant still stands."""
    return (
        *logs_from_to(first, last),
        revoked(first, "grant", client_id=BYSTANDER, grant_id="g-of-old", event_id="r-of-old"),
    )


def without_ends(records: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return the records but for those of the revocation log."""
    return tuple(record for record in records if record["log"] != "revocation")
