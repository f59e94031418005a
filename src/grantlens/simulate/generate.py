"""Makes a whole company and writes it: logs, catalogue, register, servers, decisions, truth, and a page that names incidents."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from grantlens.simulate import aws, entra, github, google, native, okta, side_files
from grantlens.simulate.aftermath import routine_revocation
from grantlens.simulate.apis import CRM, DESK, FILES, LEDGER, MAIL
from grantlens.simulate.incidents import ALL, clocks, credentials, keys, limits
from grantlens.simulate.incidents.details import other_ticket
from grantlens.simulate.incidents.integrity import log_deleted, token_moved
from grantlens.simulate.incidents.opening import opened
from grantlens.simulate.incidents.scope import (
    forgotten_actor,
    lent_transaction,
    neighbours_tickets,
    passed_on,
    stale_scope,
    stepped_up,
)
from grantlens.simulate.incidents.withdrawn import old_sign_in
from grantlens.simulate.life import heartbeat, ordinary_connection
from grantlens.simulate.readme import readme
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World

END = datetime(2026, 10, 1, tzinfo=UTC)
REVIEWS = (date(2026, 6, 30), date(2026, 9, 30))
_SHORT_LIVED = (
    (FILES, ("files.read", "offline_access")),
    (DESK, ("tickets.read", "offline_access")),
    (MAIL, ("mail.read", "offline_access")),
    (LEDGER, ("ledger.read", "offline_access")),
    (CRM, ("crm.contacts.read", "offline_access")),
)


def build(seed: int = 7, days: int = 90, connections: int = 30, end: datetime = END) -> World:
    """Make the world without writing it.

    Parameters
    ----------
    seed
        Same seed, same world.
    days
        Length of the period, at least 80; the logs begin 30 days before it.
    connections
        How many connections. The planted incidents are always there; ordinary ones fill up, eight at least.

    Examples
    --------
    >>> world = build(seed=1)
    >>> {row["rule"] for row in world.truth.expected} >= {"OOS-1", "REV-4", "GOV-1"}
    True
    """
    world = World(seed, days, connections, end)
    heartbeat(world)
    for incident in ALL:
        incident(world)
    world.truth.begin("ordinary", "Everything else", "Ordinary connections, some of which end, more or less promptly.")
    ordinary = max(8, connections - len(world.grants))
    for number in range(ordinary):
        ordinary_connection(world, number)
    for number in range(max(10, ordinary // 3)):
        _ending(world, number)
    passed_on(world)  # what it hands on is the token of an ordinary connection
    stale_scope(world)  # told last, so that the ids of all others stay as they were
    stepped_up(world)
    log_deleted(world)
    forgotten_actor(world)
    token_moved(world)
    neighbours_tickets(world)
    for incident in (*keys.ALL, *credentials.ALL, *clocks.ALL):
        incident(world)
    lent_transaction(world)
    other_ticket(world)
    for incident in limits.ALL:
        incident(world)
    old_sign_in(world)
    world.truth.privileges(world.grants, end)
    world.truth.unreviewed(world.grants, REVIEWS, world.start, end)
    world.truth.access(world.grants, world.kept_usage(), end)
    return world


def _ending(world: World, number: int) -> None:
    """Let an ordinary connection live for some weeks and end it."""
    server, scopes = _SHORT_LIVED[number % len(_SHORT_LIVED)]
    rng = world.rng("ending", number)
    connection = opened(
        world,
        f"trial-{number + 1:02d}",
        f"Trial {number + 1}",
        "integration",
        server,
        scopes,
        number % 22,
        since=world.day(rng.uniform(0, 0.4), rng.randrange(24)),
        purpose="Try a product",
    )
    revoked_at = world.day(rng.uniform(0.5, 0.97), rng.randrange(24), rng.randrange(60))
    connection.live(connection.grant.consented, revoked_at, 260, 2)
    routine_revocation(connection, revoked_at, number // len(_SHORT_LIVED) + number)


def write(world: World, out: Path) -> None:
    """Write everything that belongs to a world below one directory."""
    out.mkdir(parents=True, exist_ok=True)
    native.write(
        out / "logs" / "native",
        [row for row in world.issuance if row["home"] == "native"],
        [world.stamped(row) for row in world.kept_usage() if row["home"] == "native"],
        [row for row in world.revocation if row["home"] == "native"],
    )
    for provider in (okta, entra, google, github, aws):
        provider.write(out / "logs" / provider.HOME, world)
    texts = {
        "catalogue.toml": side_files.catalogue_toml(),
        "register.toml": side_files.register_toml(
            world.clients.values(), world.start.date() - timedelta(days=20), REVIEWS
        ),
        "servers.toml": side_files.servers_toml(),
        "decisions.toml": side_files.decisions_toml(world.decisions),
        "truth.json": truth_json(world),
        "README.md": readme(world),
    }
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")


def truth_json(world: World) -> str:
    """Return the truth as JSON, sorted."""
    truth = {
        "seed": world.seed,
        "days": world.days,
        "logs_from": iso(world.start),
        "period_from": iso(world.begin),
        "until": iso(world.end),
        "now": iso(world.end),
        **world.truth.to_dict(),
    }
    rows = ("expected", "open", "grants", "incidents")
    head = json.dumps({name: value for name, value in truth.items() if name not in rows}, ensure_ascii=False)[1:-1]
    lists = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(row, ensure_ascii=False) for row in truth[name]) + "\n]"
        for name in rows
    )
    return "{" + head + ",\n" + lists + "}\n"


def generate(out: str | Path, seed: int = 7, days: int = 90, connections: int = 30) -> World:
    """Make a world and write it.

    Parameters
    ----------
    out
        Directory; it is made if absent, and files of the same name are replaced.
    seed, days, connections
        See `build`.
    """
    world = build(seed, days, connections)
    write(world, Path(out))
    return world
