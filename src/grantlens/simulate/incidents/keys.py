"""Incidents about keys that somebody made and deleted: rotated, unused, made again, and used after their end.

They are none of the native log: of a log with keys that never end nobody can say of a call with an unknown token that its issue
is missing (INT-1), since it may be with a key that is older than the log.
"""

from datetime import datetime, timedelta
from typing import Any

from grantlens.simulate import aws, github, ids
from grantlens.simulate.aftermath import aftermath, unverified
from grantlens.simulate.apis import GITHUB, Operation, operation
from grantlens.simulate.incidents.clouds import cloud_client
from grantlens.simulate.life import Connection
from grantlens.simulate.population import PEOPLE, TENANTS, Client, Grant, Person, Token
from grantlens.simulate.world import World


def _aws(service: str, call: str) -> Operation:
    return Operation("aws", f"{service}.amazonaws.com", f"{service}:{call}", ((),))


MADE, DELETED = _aws("iam", "CreateAccessKey"), _aws("iam", "DeleteAccessKey")
SWITCHED = _aws("iam", "UpdateAccessKey")
BUCKETS, TABLE = _aws("s3", "ListBuckets"), _aws("dynamodb", "DescribeTable")
DAYS = 40
"""How far back the trail reaches."""


def _begin(world: World, name: str, days: int) -> datetime:
    """Return when a story begins: so many days before the end, at another moment in each company."""
    return world.end - timedelta(days=days) + timedelta(seconds=world.rng(name).randrange(4 * 3600))


def _user(world: World, name: str, since: datetime) -> Connection:
    """Register an IAM user. No consent stands behind its keys, and no log names what they permit."""
    approved = tuple((op.server, op.label) for op in (BUCKETS, TABLE, MADE, SWITCHED, DELETED))
    client = Client(aws.user(name), name, "service", PEOPLE[len(name)].mail, f"What {name} is for", approved)
    grant_id = ids.derived_grant(aws.HOME, TENANTS[aws.HOME], client.client_id, None)
    grant = world.grant(client, None, BUCKETS.server, (), since, consent=None, home=aws.HOME, grant_id=grant_id)
    grant.named = False
    return Connection(world, grant, "service", ops=(BUCKETS,))


def _keeper(world: World, since: datetime) -> Token:
    """Return the key of the pipeline that makes and deletes the keys of others: it is older than the trail."""
    connection = _user(world, "key-keeper", since)
    world.grants.remove(connection.grant)
    return Token("AKIAOLDERTHANTRAIL22", "api_key", connection.grant, (), since - timedelta(days=200), None)


def _delete(world: World, key: Token, moment: datetime, by: Token, op: Operation = DELETED) -> dict:
    """Delete a key, or switch it off, by a call with another one or with itself."""
    own = by.grant is key.grant
    kind = "revoke" if op is DELETED else "disable"
    revocation = world.revoke(moment, "credential", token=key, initiator="user" if own else "admin", kind=kind)
    world.call(by, revocation["revoked_at"], op)["event_id"] = revocation["event_id"]
    return revocation


def _used(connection: Connection, key: Token, since: datetime, until: datetime, hours: float) -> None:
    """Let a program call with its key from time to time."""
    while since < until:
        connection.call(key, since.replace(microsecond=0))
        since += timedelta(hours=hours)


def aws_keys(world: World) -> None:
    """Tell the story: access keys of IAM users."""
    world.truth.begin(
        "aws_keys",
        "AWS: access keys that are rotated, deleted unused, made again, and that work on",
        "stock-feeder makes itself a second key, changes over within a day, and deletes the first. demo-kiosk gets a key for a fair, never uses "
        "it, and loses it after three weeks. mail-digest deletes its own key and gets another one the next morning. An admin deletes one of "
        "the two keys of thread-namer, which makes itself a new one with the other. The key of table-reader is deleted for good: S3 takes it "
        "for forty seconds more, within the minute that `servers.toml` allows, DynamoDB for twenty-two minutes. Of the others the trail has no "
        "call after their end, let in or refused, so nobody knows whether it took effect.",
    )
    begin = _begin(world, "aws_keys", DAYS)

    def at(day: float, hour: int, minute: int = 0) -> datetime:
        return begin + timedelta(days=day, hours=hour, minutes=minute)

    keeper = _keeper(world, begin)
    world.truth.expect(
        "INT-1", "indeterminate", source=aws.HOME, client_id=aws.user("key-keeper"), token_id=keeper.token_id
    )
    feeder = _user(world, "stock-feeder", at(0, 3))
    old = world.key(feeder.grant, at(0, 3), keeper, MADE)
    _used(feeder, old, at(0, 4), at(20, 6), 95)
    new = world.key(feeder.grant, at(20, 8), old, MADE)
    feeder.call(old, at(20, 19))
    unverified(feeder, _delete(world, old, at(21, 9), new))
    _used(feeder, new, at(21, 10), world.end, 95)
    _used(feeder, new, world.end - timedelta(minutes=50), world.end, 1)  # the trail reaches to the end

    kiosk = _user(world, "demo-kiosk", at(5, 9))
    unused = world.key(kiosk.grant, at(5, 9), keeper, MADE)
    unverified(kiosk, _delete(world, unused, at(26, 16), keeper))

    digest = _user(world, "mail-digest", at(2, 12))
    first = world.key(digest.grant, at(2, 12), keeper, MADE)
    _used(digest, first, at(2, 13), at(18, 10), 130)
    unverified(digest, _delete(world, first, at(18, 17), first))
    again = world.key(digest.grant, at(19, 9), keeper, MADE)
    _used(digest, again, at(19, 10), world.end, 150)

    namer = _user(world, "thread-namer", at(3, 8))
    one, other = (world.key(namer.grant, at(3, 8, minute), keeper, MADE) for minute in (0, 2))
    for key, day in ((one, 3), (other, 4), (one, 11)):
        namer.call(key, at(day, 15))
    revocation = _delete(world, one, at(15, 14), keeper)
    unverified(namer, revocation)
    third = world.key(namer.grant, at(15, 15, 50), other, MADE)
    _used(namer, third, at(16, 2), world.end, 150)
    world.truth.expect("REV-9", "violation", **_parties(namer.grant), revocation_event=revocation["event_id"])

    reader = _user(world, "table-reader", at(6, 10))
    key = world.key(reader.grant, at(6, 10), keeper, MADE)
    _used(reader, key, at(6, 11), at(22, 10), 170)
    revocation = _delete(world, key, at(22, 13), keeper)
    for op, offsets in ((BUCKETS, (25.0, 40.0)), (TABLE, (600.0, 1320.0))):
        reader.ops = (op,)
        aftermath(reader, key, revocation, offsets, outcomes="ss")

    for connection in (feeder, digest, namer, reader):
        who = connection.grant.client.client_id
        world.truth.expect("OOS-1", "indeterminate", source=aws.HOME, client_id=who)  # no log tells what a key permits
        world.truth.forbid("REV-2", "a new key is not issued under the old one", client_id=who)
    world.truth.expect("OOS-1", "indeterminate", source=aws.HOME, client_id=aws.user("key-keeper"))
    world.truth.forbid("REV-9", "it had ended its key itself", client_id=aws.user("mail-digest"))


def aws_switched(world: World) -> None:
    """Tell the story: access keys that are switched off, and on again."""
    world.truth.begin(
        "aws_switched",
        "AWS: access keys that are switched off, and on again",
        "An admin switches the key of rate-watcher off for a night, and it works on from the next morning. The key of seat-mapper is switched off, "
        "too: DynamoDB takes it for eighteen minutes more, and the admin gives it back two days later, so that all later calls are with access that "
        "stands. Of the two keys of badge-printer an admin switches one off; with the other it switches that one on again itself. The key of "
        "till-reader is switched off, and deleted three days later, since nobody missed it.",
    )
    begin = _begin(world, "aws_switched", 34)

    def at(day: float, hour: int, minute: int = 0) -> datetime:
        return begin + timedelta(days=day, hours=hour, minutes=minute)

    keeper = _keeper(world, begin)
    watcher = _user(world, "rate-watcher", at(1, 8))
    key = world.key(watcher.grant, at(1, 8), keeper, MADE)
    _used(watcher, key, at(1, 9), at(12, 10), 80)
    unverified(watcher, _delete(world, key, at(12, 19), keeper, SWITCHED))
    world.switch_on(key, at(13, 7), keeper, SWITCHED)
    _used(watcher, key, at(13, 8), world.end, 110)

    mapper = _user(world, "seat-mapper", at(2, 9))
    key = world.key(mapper.grant, at(2, 9), keeper, MADE)
    _used(mapper, key, at(2, 10), at(15, 8), 90)
    revocation = _delete(world, key, at(15, 14), keeper, SWITCHED)
    mapper.ops = (TABLE,)
    aftermath(mapper, key, revocation, (420.0, 1080.0), outcomes="ss")
    world.switch_on(key, at(17, 9), keeper, SWITCHED)
    _used(mapper, key, at(17, 10), world.end, 120)

    printer = _user(world, "badge-printer", at(3, 10))
    one, other = (world.key(printer.grant, at(3, 10, minute), keeper, MADE) for minute in (0, 2))
    for key, day in ((one, 3), (other, 4), (one, 9)):
        printer.call(key, at(day, 15))
    revocation = _delete(world, one, at(10, 11), keeper, SWITCHED)
    unverified(printer, revocation)
    world.switch_on(one, at(10, 12, 20), other, SWITCHED)
    _used(printer, one, at(10, 13), world.end, 140)
    world.truth.expect("REV-9", "violation", **_parties(printer.grant), revocation_event=revocation["event_id"])

    till = _user(world, "till-reader", at(4, 9))
    key = world.key(till.grant, at(4, 9), keeper, MADE)
    _used(till, key, at(4, 10), at(18, 9), 100)
    unverified(till, _delete(world, key, at(19, 16), keeper, SWITCHED))
    unverified(till, _delete(world, key, at(22, 8), keeper))

    for connection in (watcher, mapper, printer, till):
        who = connection.grant.client.client_id
        world.truth.expect("OOS-1", "indeterminate", source=aws.HOME, client_id=who)
        world.truth.forbid("REV-2", "a key that is switched on is not issued under a revoked one", client_id=who)
        world.truth.forbid("INT-4", "a key that is switched on again keeps its id", client_id=who)
    for slug in ("rate-watcher", "seat-mapper"):
        world.truth.forbid("REV-9", "an admin gave it back", client_id=aws.user(slug))
    world.truth.forbid("REV-1", "it was used when it was on", client_id=aws.user("rate-watcher"))


def _parties(grant: Grant) -> dict:
    return {"source": grant.home, "client_id": grant.client.client_id, "grant_id": grant.grant_id}


def github_keys(world: World) -> None:
    """Tell the story: personal access tokens rotated, destroyed unused, and made again under the same name."""
    world.truth.begin(
        "github_keys",
        "GitHub: a token name that is used again, a token that is rotated, and one that nobody used",
        "nightly-sync is destroyed by the one whose it is, made again under the same name seven minutes later, and refused where the old one "
        "is still in use. deploy-2025 gives way to deploy-2026 and is destroyed two days later. fair-demo is never used, and destroyed by an "
        "owner of the organisation.",
    )
    begin = _begin(world, "github_keys", 15)
    runner, guest = Person("4103", "kofi-a"), Person("4104", "leila-f")
    sync, first = _pat(world, runner, "nightly-sync", begin + timedelta(hours=4))
    _pulls(world, first, begin + timedelta(hours=5), begin + timedelta(days=6))
    gone = begin + timedelta(days=6, hours=4)
    world.revoke(gone, "grant", grant=sync, initiator="user")
    world.consent(sync, gone + timedelta(minutes=7), sync.scopes)
    sync.ended = None
    second = world.token(sync, gone + timedelta(minutes=7), None)
    _pulls(world, first, gone + timedelta(minutes=9), gone + timedelta(minutes=10), outcome="denied", denial="token")
    _pulls(world, second, gone + timedelta(minutes=30), world.end)
    old, its = _pat(world, runner, "deploy-2025", begin + timedelta(hours=6))
    _pulls(world, its, begin + timedelta(hours=7), begin + timedelta(days=8))
    _, new = _pat(world, runner, "deploy-2026", begin + timedelta(days=7, hours=22))
    _pulls(world, new, begin + timedelta(days=8), world.end)
    _pulls(world, new, world.end - timedelta(minutes=70), world.end)  # the log reaches to the end
    unused, _ = _pat(world, guest, "fair-demo", begin + timedelta(days=1))
    for grant, days, by in ((old, 10, "user"), (unused, 9, "admin")):
        revocation = world.revoke(begin + timedelta(days=days), "grant", grant=grant, initiator=by)
        unverified(Connection(world, grant, "service"), revocation)
    for rule in ("REV-1", "REV-2", "REV-9"):
        world.truth.forbid(rule, "it was given again under its name", client_id=sync.client.client_id)


def _pat(world: World, person: Person, name: str, made: datetime) -> tuple[Grant, Token]:
    """Make a personal access token."""
    grant_id = github.grant_id(person.subject_id, name)
    client = cloud_client(world, grant_id, name, "GET /repos/{owner}/{repo}/pulls")
    grant = world.grant(client, person, GITHUB, ("repo",), made, home=github.HOME, grant_id=grant_id)
    grant.states = {"repo": "open"}
    return grant, world.token(grant, made, None)


def _pulls(world: World, token: Token, since: datetime, until: datetime, **how: Any) -> None:
    """List pull requests from time to time."""
    pulls = operation(GITHUB, "GET /repos/{owner}/{repo}/pulls")
    while since < until:
        world.call(token, since, pulls, path=pulls.template, **how)
        since += timedelta(hours=71)


ALL = (aws_keys, github_keys, aws_switched)
