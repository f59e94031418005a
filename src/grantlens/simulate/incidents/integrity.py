"""Incidents about the logs themselves, about who answers and who lets in, and refresh tokens that came twice: INT, GOV, REV-7."""

from datetime import timedelta

from grantlens.simulate.aftermath import unverified
from grantlens.simulate.apis import AUTH0, CRM, FILES, MAIL, TOOLS, operation
from grantlens.simulate.incidents.opening import key, opened, resume, where, work
from grantlens.simulate.population import PEOPLE, Client, Grant, Token
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World


def _unlogged_token(world: World, slug: str, name: str, person: int, server: str, scopes: tuple[str, ...]) -> Token:
    """Make a token that was never issued as far as the logs say."""
    client = Client(slug, name, "integration", approved=tuple((op.server, op.label) for op in _reads(server)))
    world.clients[slug] = client
    grant = Grant(f"unlogged-{slug}", client, PEOPLE[person], scopes, server, world.start)
    return Token(world.next_id("at"), "access", grant, scopes, world.start, None)


def _reads(server: str) -> tuple:
    from grantlens.simulate.apis import OPERATIONS

    return tuple(op for op in OPERATIONS if op.server == server and op.method == "GET")


def orphan(world: World) -> None:
    """Tell the story: calls with a token that nobody issued, in the middle of complete logs."""
    incident = world.truth.begin(
        "orphan",
        "Use of a token without issuance",
        "partner-feed calls with a token that the issuance log never mentions, in the middle of the period.",
    )
    token = _unlogged_token(world, "partner-feed", "Partner Feed", 20, CRM, ("crm.contacts.read",))
    moment = world.day(0.58, 12, 0)
    for number in range(4):
        world.call(
            token,
            moment + timedelta(minutes=7 * number),
            operation(CRM, "GET /v1/contacts"),
            because=False,
            repeat_scopes=True,
        )
    world.truth.expect(
        "INT-1", "violation", client_id="partner-feed", subject_id=token.grant.subject_id, token_id=token.token_id
    )
    incident.facts = {"token_id": token.token_id, "first_use": iso(moment), "calls": 4}


def orphan_at_start(world: World) -> None:
    """Tell the story: calls in the first minutes of the logs: the token may simply be older than they are."""
    world.truth.begin(
        "orphan_at_start",
        "A token older than the logs",
        "wall-screen calls in the first minutes of the logs and never again. Its token may have been issued before.",
    )
    token = _unlogged_token(world, "wall-screen", "Wall Screen", 21, MAIL, ("mail.read",))
    for number in range(2):
        world.call(
            token,
            world.start + timedelta(minutes=6 + number),
            operation(MAIL, "GET /v1/users/{user}/messages"),
            because=False,
            repeat_scopes=True,
        )
    world.truth.expect(
        "INT-1", "indeterminate", client_id="wall-screen", subject_id=token.grant.subject_id, token_id=token.token_id
    )


def borrowed(world: World) -> None:
    """Tell the story: one client calls with the token of another."""
    world.truth.begin(
        "borrowed",
        "A token in the hands of another client",
        "page-saver calls three times with a token that was issued to reading-list, by a code that its user typed in. The "
        "scopes permit it; the token was not given to it.",
    )
    moment, scopes = world.day(0.66, 15, 0), ("files.read", "offline_access")
    holder, other = (
        opened(world, slug, name, "integration", FILES, scopes, person, since=moment - timedelta(days=9))
        for slug, name, person in (("reading-list", "Reading List", 4), ("page-saver", "Page Saver", 6))
    )
    for connection in (holder, other):
        work(connection, moment)
    token = world.token(holder.grant, moment, 3600.0, grant_type="urn:ietf:params:oauth:grant-type:device_code")
    for minute in (3, 5, 9):
        call = world.call(token, moment + timedelta(minutes=minute), operation(FILES, "GET /v1/files"))
        call |= {"client_id": "page-saver", "client_name": None, "subject_id": None, "subject_name": None}
    world.truth.expect("INT-3", "violation", client_id="page-saver", token_id=token.token_id)
    world.truth.expect("GOV-3", "violation", client_id="reading-list")


def let_in(world: World) -> None:
    """Tell the story: a client that nobody knows is let in by five people within minutes."""
    world.truth.begin(
        "let_in",
        "A new client that many people let in",
        "Within eight minutes five people consent to shared-slides, which nobody had seen before. What they consented to is not logged.",
    )
    client = Client("shared-slides", "Shared Slides", registered=False)
    for number in range(5):
        moment = world.day(0.72, 9, 2 * number)
        world.grant(client, PEOPLE[8 + number], FILES, (), moment, grant_id=f"slides-{number}")
        world.issuance[-1] |= dict.fromkeys(("subject_name", "scopes", "audience", "consent_actor"))
    for rule in ("GOV-1", "GOV-2"):
        world.truth.expect(rule, "violation", client_id="shared-slides")


def outlived(world: World) -> None:
    """Tell the story: a token works after its expiry, far beyond any leeway."""
    world.truth.begin(
        "outlived",
        "Use outside the life of a token",
        "night-batch uses a token twelve minutes after it expired, and the server answers. "
        "An hour of another day it is 20 seconds late, which is within the leeway.",
    )
    connection = opened(
        world, "night-batch", "Night Batch", "service", CRM, ("crm.contacts.read",), None, style="service"
    )
    work(connection, world.end)
    late = connection.access(world.day(0.66, 2, 0))
    connection.call(late, late.issued + timedelta(minutes=20))
    connection.call(late, late.ends + timedelta(minutes=12))
    world.truth.expect("INT-2", "violation", client_id="night-batch", subject_id=None, token_id=late.token_id)
    slack = connection.access(world.day(0.69, 2, 0))
    connection.call(slack, slack.issued + timedelta(minutes=20))
    connection.call(slack, slack.ends + timedelta(seconds=20))
    world.truth.forbid("INT-2", "within the leeway of 60 s", client_id="night-batch", token_id=slack.token_id)


def collector_gap(world: World) -> None:
    """Tell the story: the collector of the usage log is down for a day and a half, and a revocation falls into it."""
    incident = world.truth.begin(
        "collector_gap",
        "A gap in the usage log",
        "From one morning to the next evening no usage record arrives. A token that was revoked in the gap, and "
        "expired in it, "
        "cannot be judged: nobody knows whether it was tried.",
    )
    since = world.start + timedelta(days=15, hours=6)
    until = since + timedelta(hours=36)
    world.lose_usage(since, until)
    connection = opened(world, "spare-copy", "Spare Copy", "integration", FILES, ("files.read", "offline_access"), 1)
    work(connection, since)
    token = connection.access(since + timedelta(hours=6))
    revocation = world.revoke(since + timedelta(hours=6, minutes=12), "token", token=token, reason="laptop lost")
    unverified(connection, revocation, "indeterminate")
    resume(connection, until)
    world.truth.expect("INT-5", None, source="native", log="usage", gap_from=iso(since), gap_until=iso(until))
    incident.facts = {"from": iso(since), "until": iso(until), "hours": 36}


def unregistered(world: World) -> None:
    """Tell the story: a client that nobody registered."""
    incident = world.truth.begin(
        "unregistered",
        "A client that is in no register",
        "pet-project-gpt reads documents through a tool server. The organisation's register has never heard of it.",
    )
    connection = opened(
        world,
        "pet-project-gpt",
        "Pet Project GPT",
        "agent",
        TOOLS,
        ("tools.search",),
        4,
        style="agent",
        registered=False,
    )
    work(connection, world.end)
    world.truth.expect("GOV-1", "violation", client_id="pet-project-gpt")
    world.truth.forbid("OOS-3", "an unregistered client is GOV-1", **key(connection))
    incident.facts = where(world, connection)


def ownerless(world: World) -> None:
    """Tell the story: a client in the register whose owner has left and whose purpose is empty."""
    world.truth.begin(
        "ownerless",
        "A client without owner and purpose",
        "form-catcher stands in the register, but the fields for owner and purpose are empty.",
    )
    connection = opened(
        world,
        "form-catcher",
        "Form Catcher",
        "integration",
        CRM,
        ("crm.contacts.write", "offline_access"),
        12,
        owner="",
        purpose="",
    )
    work(connection, world.end)
    world.truth.expect("GOV-1", "violation", client_id="form-catcher")


def shown_twice(world: World) -> None:
    """Tell the story: a refresh token that was replaced is shown again, from elsewhere."""
    world.truth.begin(
        "shown_twice",
        "A replaced refresh token comes again",
        "slide-sync refreshes, works with what it got, and two hours later its first refresh token is shown from another address. "
        "The server takes it, and ends nothing.",
    )
    moment = world.day(0.96, 9, 20)
    connection = opened(
        world,
        "slide-sync",
        "Slide Sync",
        "integration",
        FILES,
        ("files.read", "offline_access"),
        9,
        since=moment,
        rotate=True,
    )
    connection.call(connection.access(moment + timedelta(minutes=1)), moment + timedelta(minutes=2))
    first = connection.refresh_token()
    connection.call(connection.access(moment + timedelta(minutes=70)), moment + timedelta(minutes=71))
    connection.refresh = first
    again = moment + timedelta(minutes=190)
    stolen = connection.access(again)
    for row in world.issuance[-2:]:
        row.update(ip="198.51.100.17", user_agent="curl/8.9.1")
    connection.call(stolen, again + timedelta(seconds=30), ip="198.51.100.17", agent="curl/8.9.1")
    world.truth.expect("REV-7", "violation", **key(connection), token_id=first.token_id)


def named_by_server(world: World) -> None:
    """Tell the story: the server says itself that a refresh token came again; no log shows how it was rotated."""
    world.truth.begin(
        "named_by_server",
        "A refused refresh that the server calls a reuse",
        "note-mirror asks for a refresh at noon and is refused: the server says that the refresh token had been used before. Nothing else tells.",
    )
    moment = world.day(0.95, 11, 0)
    connection = opened(
        world, "note-mirror", "Note Mirror", "integration", FILES, ("files.read", "offline_access"), 11, since=moment
    )
    connection.call(connection.access(moment + timedelta(minutes=1)), moment + timedelta(minutes=2))
    world.refused_token(connection.grant, moment + timedelta(minutes=61), None, "refresh_token", "reuse")
    world.truth.expect("REV-7", "violation", **key(connection))


def same_id(world: World) -> None:
    """Tell the story: two clients are given tokens with one id."""
    world.truth.begin(
        "same_id",
        "One id for two tokens",
        "After a restart the authority counts its tokens anew: tab-keeper gets one with the id that frame-board's had that morning.",
    )
    moment = world.day(0.94, 9, 0)
    first, second = (
        opened(world, slug, name, "integration", FILES, ("files.read", "offline_access"), person, since=moment)
        for slug, name, person in (("frame-board", "Frame Board", 13), ("tab-keeper", "Tab Keeper", 14))
    )
    token = first.access(moment + timedelta(minutes=1))
    for connection in (first, second):
        connection.call(connection.access(moment + timedelta(minutes=5)), moment + timedelta(minutes=6))
    second.access(moment + timedelta(hours=3))
    world.issuance[-1]["token_id"] = token.token_id
    world.truth.expect("INT-4", "violation", **key(first), token_id=token.token_id)


def log_deleted(world: World) -> None:
    """Tell the story: a client lists the accounts and deletes the stream that carries the log; another one's task it is to delete streams."""
    world.truth.begin(
        "log_deleted",
        "A log that was deleted by the one it tells of",
        "seat-counter may list accounts, and for no purpose delete log streams. It lists them and deletes the stream that carries the log. "
        "log-keeper does the same a day later, as it is registered to.",
    )
    listed, delete = operation(AUTH0, "GET /api/v2/users"), operation(AUTH0, "DELETE /api/v2/log-streams/{id}")
    scopes = ("read:users", "delete:log_streams")
    for slug, name, hours, approved in (
        ("seat-counter", "Seat Counter", 0, (listed,)),
        ("log-keeper", "Log Keeper", 24, (listed, delete)),
    ):
        moment = world.day(0.96, 16, 0) + timedelta(hours=hours)
        may = tuple((op.server, op.label) for op in approved)
        connection = opened(world, slug, name, "integration", AUTH0, scopes, 15, since=moment, approved=may)
        token = connection.access(moment + timedelta(minutes=1))
        for second in (70, 75, 81):
            connection.call(token, moment + timedelta(seconds=second), listed)
        connection.call(token, moment + timedelta(seconds=105), delete)
        if delete in approved:
            world.truth.forbid("INT-7", "the register approves it", client_id=slug)
        else:
            who = {"client_id": slug, "subject_id": connection.grant.subject_id}
            world.truth.expect("INT-7", "violation", **who, operation=delete.label)
            world.truth.expect("OOS-3", "violation", **key(connection), operation=delete.label, events=1)


def token_moved(world: World) -> None:
    """Tell the story: an access token is used from elsewhere while its client goes on with it; another client has two workers all along."""
    world.truth.begin(
        "token_moved",
        "A token that was used from two places in turn",
        "brief-maker reads files from one network with one program. In September somebody else reads with its token of that hour, "
        "from another network by another program, while brief-maker goes on. twin-maker has had two workers in two networks from its first day.",
    )
    home, away = ("192.0.2.61", "brief-maker/2.4"), ("203.0.113.77", "python-requests/2.32.4")
    stolen_at = world.day(0.93, 14, 5)
    for slug, name, person in (("brief-maker", "Brief Maker", 16), ("twin-maker", "Twin Maker", 18)):
        connection = opened(world, slug, name, "integration", FILES, ("files.read", "offline_access"), person)
        two = ((0, home), (12, home)) if slug == "brief-maker" else ((0, home), (12, away))
        moment = connection.grant.consented + timedelta(hours=1)
        while moment < stolen_at - timedelta(days=2):
            token = connection.access(moment)
            for minutes, (address, agent) in two:
                connection.call(token, moment + timedelta(minutes=minutes + 1), ip=address, agent=agent)
            moment += timedelta(days=11, hours=7)
        token = connection.access(stolen_at)
        for minutes, (address, agent) in ((1, home), (9, away), (14, home), (22, away), (31, home)):
            connection.call(token, stolen_at + timedelta(minutes=minutes), ip=address, agent=agent)
    world.truth.expect("OOS-10", "violation", client_id="brief-maker", fault="another place", program="python-requests")
    world.truth.forbid("OOS-10", "its two workers share each token from the beginning on", client_id="twin-maker")


ALL = (
    orphan,
    orphan_at_start,
    borrowed,
    let_in,
    outlived,
    collector_gap,
    unregistered,
    ownerless,
    shown_twice,
    named_by_server,
    same_id,
)
