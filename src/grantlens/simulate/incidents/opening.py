"""How an incident gets its connection."""

from datetime import datetime, timedelta
from typing import Any

from grantlens.simulate.life import Connection, connect
from grantlens.simulate.population import PEOPLE, Client, Person, Token, closure, every_operation_of
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World

EVERY_H, CALLS = 190.0, 2
"""How often it works if nothing else is said, and how many calls it makes then."""


def opened(
    world: World,
    slug: str,
    name: str,
    kind: str,
    server: str,
    scopes: tuple[str, ...],
    person: int | Person | None,
    *,
    style: str = "refresh",
    purpose: str = "Everyday work",
    approved: tuple[tuple[str, str], ...] | None = None,
    owner: str | None = None,
    status: str = "active",
    registered: bool = True,
    tenants: tuple[str, ...] | None = None,
    since: datetime | None = None,
    **how: Any,
) -> Connection:
    """Open the connection of an incident; by default everything its scopes are meant for is approved."""
    subject = PEOPLE[person] if isinstance(person, int) else person
    if approved is None:
        approved = every_operation_of(server, closure(scopes))
    owner = PEOPLE[sum(map(ord, slug)) % 22].mail if owner is None else owner
    client = Client(slug, name, kind, owner, purpose, approved, status, registered, tenants)
    how.setdefault("rotate", False)
    since = since or world.start + timedelta(hours=world.rng("since", slug).uniform(1, 50))
    return connect(world, client, subject, server, scopes, since, style=style, **how)


def exchanged(
    world: World,
    shown: Token,
    tool: Client,
    server: str,
    scopes: tuple[str, ...],
    moment: datetime,
    life_s: float = 600.0,
    *,
    forgets: bool = False,
) -> tuple[Connection, Token]:
    """Let a tool exchange the token that it is shown for one of its own, in which it stands before those who acted, or alone."""
    actors = (f"agent:{tool.client_id}", *(() if forgets else shown.grant.actors))
    grant = world.grant(tool, shown.grant.subject, server, scopes, moment, consent=None, actors=actors)
    token = world.token(
        grant,
        moment,
        life_s,
        kind="exchange",
        parent=shown,
        grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
    )
    return Connection(world, grant, "agent"), token


def work(connection: Connection, until: datetime, *, every_h: float = EVERY_H) -> None:
    """Let it do its ordinary work from its consent until then."""
    connection.live(connection.grant.consented, until, every_h, CALLS)


def resume(connection: Connection, after: datetime) -> None:
    """Let it go on with its ordinary work, from a day later to the end of the logs."""
    connection.live(after + timedelta(hours=26), connection.world.end, EVERY_H, CALLS)


def key(connection: Connection) -> dict:
    """Return the parts of a finding's key that name the connection."""
    grant = connection.grant
    return {"client_id": grant.client.client_id, "subject_id": grant.subject_id, "grant_id": grant.grant_id}


def where(world: World, connection: Connection, since: datetime | None = None) -> dict:
    """Return the facts that an investigator should arrive at: first and last use, how much, from where."""
    rows = [
        row
        for row in world.kept_usage()
        if row["client_id"] == connection.grant.client.client_id and (since is None or row["used_at"] >= since)
    ]
    return {
        "client_id": connection.grant.client.client_id,
        "first_use": iso(min(row["used_at"] for row in rows)),
        "last_use": iso(max(row["used_at"] for row in rows)),
        "calls": len(rows),
        "successes": sum(row["outcome"] == "success" for row in rows),
        "subjects": sorted({row["subject_id"] for row in rows if row["subject_id"]}),
        "addresses": sorted({row["ip"] for row in rows if row["ip"]}),
        "response_bytes": sum(row["response_bytes"] or 0 for row in rows),
    }
