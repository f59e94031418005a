"""Incidents about credentials that people make at identity providers: API tokens of Okta, secrets of applications at Entra."""

from datetime import datetime, timedelta
from typing import Any

from grantlens.simulate import entra, ids, okta
from grantlens.simulate.aftermath import unverified
from grantlens.simulate.apis import GRAPH, Operation, operation
from grantlens.simulate.ids import guid, short
from grantlens.simulate.incidents.clouds import cloud_client
from grantlens.simulate.life import Connection
from grantlens.simulate.population import PEOPLE, Client, Grant, Person, Token
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World

DAYS = 16
ACTIVATE, JOIN = (
    Operation("okta", "okta", label, ((),)) for label in ("user.lifecycle.activate", "group.user_membership.add")
)


def _changes(world: World, key: Token, since: datetime, until: datetime, hours: float) -> None:
    """Let a program change something with an API token from time to time: of reads the log says nothing."""
    turn = 0
    while since < until:
        world.call(key, since, (ACTIVATE, JOIN)[turn % 2])
        since += timedelta(hours=hours)
        turn += 1


def okta_tokens(world: World) -> None:
    """Tell the story: API tokens of people, of whom two leave."""
    world.truth.begin(
        "okta_tokens",
        "Okta: API tokens that are rotated, forgotten, and left behind by people who leave",
        "Ravi's joiner-sync gives way to joiner-sync-2 and is revoked by himself. try-out, which he made on the same day and registered nowhere, is "
        "never seen: the log shows what a token changed, not what it read. Leila leaves; her account is deactivated five hours later, and from then on "
        "Okta takes her token no more, though nobody revoked it. Oskar leaves, too, and nobody deactivates his account: his token goes on for days. Okta "
        "refuses a revoked token without a record, so no use after an end is here, and none would be.",
    )
    begin = world.end - timedelta(days=DAYS) + timedelta(seconds=world.rng("okta_tokens").randrange(4 * 3600))

    def at(day: float, hour: int, minute: int = 0) -> datetime:
        return begin + timedelta(days=day, hours=hour, minutes=minute)

    ravi, leila, oskar = (Person(short("00u", 20, "okta", number), PEOPLE[number].name) for number in (3, 9, 8))
    old = _api_token(world, ravi, "joiner-sync", at(0, 6))
    unused = _api_token(world, ravi, "try-out", at(0, 7), registered=False)
    world.truth.expect("GOV-1", "violation", source=okta.HOME, client_id=unused.token_id)
    _changes(world, old, at(0, 8), at(6, 9), 40)
    new = _api_token(world, ravi, "joiner-sync-2", at(6, 10))
    revocation = world.revoke(at(7, 9), "credential", token=old, initiator="user")
    revocation |= {
        "subject_id": None,
        "actor_id": ravi.subject_id,
    }  # the record names the token and no one whose it was
    _untold(world, revocation, client_id=old.token_id)
    _changes(world, new, at(7, 1), world.end, 60)

    hers = _api_token(world, leila, "badge-sync", at(1, 9))
    _changes(world, hers, at(1, 10), at(9, 9), 45)
    world.decide(at(9, 10), "leaver", "HR-4471", subject_id=leila.subject_id)
    revocation = world.revoke(at(9, 15), "subject", subject=leila, kind="disable", home=okta.HOME)
    _untold(world, revocation, subject_id=leila.subject_id)

    his = _api_token(world, oskar, "room-sync", at(1, 11))
    _changes(world, his, at(1, 12), world.end, 60)
    world.decide(at(10, 10), "leaver", "HR-4472", subject_id=oskar.subject_id)
    world.truth.expect("REV-10", "violation", source=okta.HOME, subject_id=oskar.subject_id)
    for key in (old, new, hers, his):
        # No log tells what an API token permits.
        world.truth.expect("OOS-1", "indeterminate", source=key.grant.home, client_id=key.grant.client.client_id)
    world.truth.forbid("REV-10", "deactivated within a day", client_id=hers.token_id)
    for rule in ("PRV-3", "PRV-4"):
        world.truth.forbid(rule, "this log does not show what was read", client_id=unused.token_id)


def _api_token(world: World, person: Person, name: str, moment: datetime, *, registered: bool = True) -> Token:
    """Let a person make an API token, which is its own client. No log names what it permits."""
    client_id = ids.token_id(okta.HOME, "api_key", world.seed, name)
    approved = tuple((op.server, op.label) for op in (ACTIVATE, JOIN))
    client = Client(
        client_id, name, "service", PEOPLE[len(name)].mail, f"What {name} is for", approved, registered=registered
    )
    grant_id = ids.derived_grant(okta.HOME, None, client_id, person.subject_id)
    grant = world.grant(client, person, "okta", (), moment, consent=None, home=okta.HOME, grant_id=grant_id)
    grant.named = False
    return world.key(grant, moment, person.subject_id, name=client_id)


def _untold(world: World, revocation: dict, **whose: str) -> None:
    """Note that nobody can say whether a revocation was put to the test: refused calls are no events."""
    event = revocation["event_id"]
    world.truth.expect("REV-6", "indeterminate", source=okta.HOME, revocation_event=event, **whose)


def entra_secrets(world: World) -> None:
    """Tell the story: the secrets of applications, one of which a stranger adds."""
    incident = world.truth.begin(
        "entra_secrets",
        "Microsoft Entra: secrets of applications that are rotated, never used, and added by a stranger",
        "Seat Planner signs in with a secret of its own every few days; it gets a second one and changes over, and the first is removed. A worker that was "
        "forgotten signs in with it two minutes later, and is let in. Desk Planner's old secret is removed, and nobody tries it. A stranger with the "
        "account of an administrator adds a secret to the service principal of Payroll Bridge, where the page of the application does not show it, signs "
        "in with it from elsewhere and reads the directory. The secret is removed the next morning: a token that it got before works for half an hour "
        "more, since a removed secret ends no token; the next sign-in with it is refused. Room Board's secret is never used.",
    )
    begin = world.end - timedelta(days=DAYS) + timedelta(seconds=world.rng("entra_secrets").randrange(4 * 3600))
    admin, taken_over = guid("person", "admin"), guid("person", "deputy admin")

    def at(day: float, hour: int, minute: int = 0) -> datetime:
        return begin + timedelta(days=day, hours=hour, minutes=minute)

    planner, desk, bridge, board = (
        _application(world, name, at(0, 5)) for name in ("Seat Planner", "Desk Planner", "Payroll Bridge", "Room Board")
    )
    first = _secret(world, planner, at(0, 6), admin, "2026")
    _sign_ins(world, first, at(0, 7), at(8, 6), 70)
    second = _secret(world, planner, at(8, 7), admin, "2027")
    _sign_ins(world, second, at(8, 8), world.end, 70)
    removed = _remove(world, first, at(9, 9), admin)
    late = _sign_in(world, first, at(9, 9, 2))
    world.call(late, at(9, 9, 3), DIRECTORY, ip="192.0.2.88")
    world.truth.expect("REV-2", "violation", **planner.parties, token_id=late.token_id)
    world.truth.forbid("REV-1", "issued later: REV-2 says it", client_id=planner.client.client_id)

    first = _secret(world, desk, at(0, 7), admin, "2026")
    _sign_ins(world, first, at(0, 8), at(8, 6), 90)
    second = _secret(world, desk, at(8, 7), admin, "2027")
    _sign_ins(world, second, at(8, 8), world.end, 90)
    unverified(Connection(world, desk, "service"), _remove(world, first, at(9, 9), admin))
    _secret(world, board, at(2, 9), admin, "spare")

    own = _secret(world, bridge, at(0, 8), admin, "bridge")
    _sign_ins(world, own, at(0, 9), world.end, 75)
    added = _secret(world, bridge, at(10, 23), taken_over, "backup", where="service principal")
    elsewhere: dict[str, Any] = {"ip": "203.0.113.88", "agent": "python-requests/2.32.4"}
    for hour, minutes in ((0, (2, 6, 13)), (8, (1, 9))):
        token = _sign_in(world, added, at(11, hour), **elsewhere)
        for minute in minutes:
            world.call(token, at(11, hour, minute), DIRECTORY, **elsewhere)
    removed = _remove(world, added, at(11, 8, 30), admin)
    last = world.call(token, at(11, 9), DIRECTORY, **elsewhere)
    world.refused_token(bridge, at(11, 11), added, "none", "client", ip=elsewhere["ip"])
    world.truth.expect("GOV-4", "violation", source=entra.HOME, client_id=bridge.client.client_id)
    for other in (planner, desk):
        world.truth.forbid(
            "GOV-4", "the admin who made the first secret made the second", client_id=other.client.client_id
        )
    for rule in ("REV-1", "REV-3"):
        world.truth.forbid(
            rule, "a secret that is removed ends no token that it gave", client_id=bridge.client.client_id
        )
    world.truth.forbid("REV-2", "the sign-in was refused", client_id=bridge.client.client_id)
    world.truth.forbid("REV-6", "a sign-in with it was tried, and refused", client_id=bridge.client.client_id)
    incident.facts = {
        "token_id": added.token_id,
        "revocation_event": removed["event_id"],
        "last_use": iso(last["used_at"]),
    }


DIRECTORY = operation(GRAPH, "GET /v1.0/users")


def _application(world: World, name: str, moment: datetime) -> Grant:
    """Let an administrator give an application the role to read the directory."""
    client = cloud_client(world, guid("app", name), name, DIRECTORY.label)
    grant_id = entra.role_grant_id(client.client_id, "User.Read.All")
    return world.grant(
        client, None, GRAPH, ("User.Read.All",), moment, consent="admin", home=entra.HOME, grant_id=grant_id
    )


def _secret(world: World, grant: Grant, moment: datetime, by: str, label: str, *, where: str = "application") -> Token:
    secret = world.key(grant, moment, by)
    world.issuance[-1] |= {"list": where, "label": label}
    return secret


def _remove(world: World, secret: Token, moment: datetime, by: str) -> dict:
    made = next(row for row in world.issuance if row.get("token_id") == secret.token_id)
    revocation = world.revoke(moment, "credential", token=secret)
    revocation |= {"actor_id": by, "client_name": made["client_name"], "list": made["list"], "label": made["label"]}
    return revocation


def _sign_in(world: World, secret: Token, moment: datetime, **how: Any) -> Token:
    """Let an application sign in with its secret."""
    return world.token(secret.grant, moment, None, parent=secret, grant_type="none", **{"ip": "192.0.2.88", **how})


def _sign_ins(world: World, secret: Token, since: datetime, until: datetime, hours: float) -> None:
    """Let an application sign in with its secret from time to time, and read the directory."""
    while since < until:
        token = _sign_in(world, secret, since)
        world.call(token, since + timedelta(seconds=20), DIRECTORY, ip="192.0.2.88")
        since += timedelta(hours=hours)


ALL = (okta_tokens, entra_secrets)
