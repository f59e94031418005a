"""Incidents about how long revoked access went on working: REV-1, REV-3, REV-4, REV-5."""

from datetime import timedelta

from grantlens.simulate.aftermath import aftermath, at_work
from grantlens.simulate.apis import ARCHIVE, CRM, DESK, FILES, LEDGER, MAIL
from grantlens.simulate.incidents.opening import opened, resume, work
from grantlens.simulate.population import Person
from grantlens.simulate.world import World

READ_MAIL = ("mail.read", "offline_access")


def never_took_effect(world: World) -> None:
    """Tell the story: a revocation that was really the expiry."""
    incident = world.truth.begin(
        "never_took_effect",
        "A revocation that never took effect",
        "mailbox-mirror's grant is revoked. The server claims to ask the authority at each call, yet the token works "
        "for "
        "twelve more hours, until it expires by itself.",
    )
    connection = opened(world, "mailbox-mirror", "Mailbox Mirror", "integration", MAIL, READ_MAIL, 0)
    revoked_at = world.day(0.37, 8, 30)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at, life_s=43200.0)
    revocation = world.revoke(revoked_at, "grant", grant=connection.grant, reason="laptop stolen", decided_min=95)
    world.decide(revoked_at - timedelta(minutes=95), "compromise", "INC-0412", grant_id=connection.grant.grant_id)
    world.truth.expect("REV-10", "violation", client_id="mailbox-mirror", grant_id=connection.grant.grant_id)
    left = 43200.0 - 600
    offsets = [70.0, 1500.5, *(3600.25 * n for n in range(1, 11)), round(left * 0.97, 3)]
    seen = aftermath(connection, token, revocation, [*offsets, left + 300], outcomes="s" * len(offsets) + "d")
    incident.facts = {
        "revocation_event": revocation["event_id"],
        "token_id": token.token_id,
        "uses_after": len(offsets),
        "last_success_s": seen[-2][0],
        "lag_interval_s": [seen[-2][0], None],
    }


def cached_lag(world: World) -> None:
    """Tell the story: a cache explains the lag."""
    incident = world.truth.begin(
        "cached_lag",
        "A lag that the cache explains",
        "file-lens' token is revoked; the file server caches introspection for 300 s and goes on for four minutes. A "
        "fact, "
        "and within what is documented.",
    )
    connection = opened(world, "file-lens", "File Lens", "integration", FILES, ("files.read", "offline_access"), 6)
    revoked_at = world.day(0.33, 15, 0)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "token", token=token, initiator="user")
    seen = aftermath(connection, token, revocation, [40.0, 150.2, 255.9, 340.4, 410.0])
    incident.facts = {"revocation_event": revocation["event_id"], "lag_interval_s": [seen[2][0], seen[3][0]]}
    resume(connection, revoked_at)


def offline_lag(world: World) -> None:
    """Tell the story: a server that never asks: the token works until it expires."""
    incident = world.truth.begin(
        "offline_lag",
        "Offline validation: revoked only by expiry",
        "expense-bot's grant is revoked, but the ledger checks signatures offline: posting goes on to the end of the "
        "hour.",
    )
    connection = opened(
        world, "expense-bot", "Expense Bot", "integration", LEDGER, ("ledger.post", "offline_access"), 7
    )
    revoked_at = world.day(0.6, 11, 0)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "grant", grant=connection.grant, reason="contract ended")
    seen = aftermath(connection, token, revocation, [200.0, 900.0, 1800.5, 2500.0, 2880.0])
    world.truth.forbid(
        "REV-3", "within the allowed window of offline validation", revocation_event=revocation["event_id"]
    )
    incident.facts = {"revocation_event": revocation["event_id"], "lag_interval_s": [seen[-1][0], None]}


def flapping(world: World) -> None:
    """Tell the story: three nodes, one of which learns late."""
    incident = world.truth.begin(
        "flapping",
        "Uneven enforcement",
        "queue-watch's token is revoked. The ticket server has three nodes and one of them learns of it eleven "
        "minutes late: "
        "accepted, refused, accepted again, as chance sends the call.",
    )
    connection = opened(world, "queue-watch", "Queue Watch", "integration", DESK, ("tickets.read", "offline_access"), 8)
    revoked_at = world.day(0.65, 9, 45)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "token", token=token, reason="token seen in a chat")
    seen = aftermath(
        connection, token, revocation, [30.0, 100.0, 150.0, 200.0, 260.0, 320.0, 500.0, 640.0, 800.0, 900.0, 960.0]
    )
    incident.facts = {"revocation_event": revocation["event_id"], "attempts": seen}
    resume(connection, revoked_at)


def cascade_failure(world: World) -> None:
    """Tell the story: the refresh token is dead, its access tokens are not."""
    incident = world.truth.begin(
        "cascade_failure",
        "A revoked refresh token whose access tokens live on",
        "sales-pulse's refresh token is revoked. Two access tokens of the same grant go on for twenty minutes.",
    )
    connection = opened(world, "sales-pulse", "Sales Pulse", "integration", MAIL, READ_MAIL, 10, rotate=True)
    revoked_at = world.day(0.7, 17, 0)
    work(connection, revoked_at)
    first = at_work(connection, revoked_at, minutes=25)
    second = at_work(connection, revoked_at, minutes=9)
    revocation = world.revoke(revoked_at, "token", token=connection.refresh_token(), initiator="user")
    aftermath(connection, first, revocation, [61.0, 400.0, 1180.0, 1500.0], outcomes="sssd")
    aftermath(connection, second, revocation, [75.0, 431.0, 1211.0, 1530.0], outcomes="sssd")
    incident.facts = {"revocation_event": revocation["event_id"], "tokens": [first.token_id, second.token_id]}


def same_second(world: World) -> None:
    """Tell the story: a call in the second of the revocation."""
    world.truth.begin(
        "same_second",
        "A call in the same second as the revocation",
        "card-reader calls 0.4 s after its token was revoked. Two clocks that may be five seconds off cannot order "
        "that.",
    )
    connection = opened(
        world, "card-reader", "Card Reader", "integration", CRM, ("crm.contacts.read", "offline_access"), 11
    )
    revoked_at = world.day(0.72, 14, 20)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "token", token=token, initiator="user")
    aftermath(connection, token, revocation, [0.4, 75.0], outcomes="sd")
    resume(connection, revoked_at)


def unbounded_offline(world: World) -> None:
    """Tell the story: nobody documented how this server checks tokens."""
    world.truth.begin(
        "unbounded_offline",
        "Offline validation without a documented bound",
        "box-browser's token works two minutes after its revocation. The archive checks offline and nobody wrote "
        "down what "
        "is to be expected: a fact without a verdict.",
    )
    connection = opened(
        world, "box-browser", "Box Browser", "integration", ARCHIVE, ("archive.read", "offline_access"), 13
    )
    revoked_at = world.day(0.74, 8, 15)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "token", token=token, initiator="user")
    aftermath(connection, token, revocation, [120.0, 600.0], outcomes="sd")
    resume(connection, revoked_at)


def long_call(world: World) -> None:
    """Tell the story: a download that began before the revocation."""
    world.truth.begin(
        "long_call",
        "A call that began before the revocation",
        "big-fetch starts a call 90 s before its token is revoked; it ends 150 s after. That is no use after "
        "revocation.",
    )
    connection = opened(world, "big-fetch", "Big Fetch", "integration", MAIL, READ_MAIL, 14)
    revoked_at = world.day(0.77, 19, 0)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    connection.call(token, revoked_at - timedelta(seconds=90), took_s=240.0)
    revocation = world.revoke(revoked_at, "token", token=token, initiator="user")
    aftermath(connection, token, revocation, [300.0])
    world.truth.forbid("REV-1", "the call began before", revocation_event=revocation["event_id"])
    resume(connection, revoked_at)


def leaver(world: World) -> None:
    """Tell the story: somebody leaves, and one of two connections lives on for a while."""
    world.truth.begin(
        "leaver",
        "A person leaves",
        "A person's account is disabled. The mail server refuses at once; the ledger, which checks offline, lets the "
        "other "
        "connection post for another twenty minutes, then nobody tries again.",
    )
    person = Person("u-190-gone", "Wilhelmina Achterberg-Oyelaran")
    mail = opened(world, "agenda-link", "Agenda Link", "integration", MAIL, READ_MAIL, person)
    books = opened(
        world, "receipt-scan", "Receipt Scan", "integration", LEDGER, ("ledger.post", "offline_access"), person
    )
    revoked_at = world.day(0.56, 17, 30)
    work(mail, revoked_at)
    work(books, revoked_at)
    first, second = at_work(mail, revoked_at), at_work(books, revoked_at, minutes=12)
    revocation = world.revoke(
        revoked_at, "subject", subject=person, kind="disable", reason="left the company", decided_min=60 * 31
    )
    aftermath(mail, first, revocation, [90.0])
    aftermath(books, second, revocation, [300.0, 1200.0])
    world.decide(revoked_at - timedelta(hours=31), "leaver", "HR-0190", subject_id=person.subject_id)
    world.truth.expect("REV-10", "violation", subject_id=person.subject_id)


def nobody_knows_it(world: World) -> None:
    """Tell the story: what was to be revoked is in no log."""
    world.truth.begin(
        "nobody_knows_it",
        "A decision about a client that no log knows",
        "A review decides that fax-gateway is to go. No log names such a client: it may be known by another id.",
    )
    world.decide(world.day(-0.03, 9), "review", "REVIEW-Q2", client_id="fax-gateway")
    world.truth.expect("REV-10", "indeterminate", client_id="fax-gateway")


def session_ended(world: World) -> None:
    """Tell the story: one of two sessions is ended."""
    world.truth.begin(
        "session_ended",
        "One of two sessions is ended",
        "desk-phone has two sessions. One is ended and its token still works once; the other session is not touched.",
    )
    connection = opened(
        world, "desk-phone", "Desk Phone", "integration", CRM, ("crm.contacts.read", "offline_access"), 17
    )
    revoked_at = world.day(0.79, 11, 11)
    work(connection, revoked_at)
    tokens = []
    for name in ("sess-a", "sess-b"):
        born = world.token(connection.grant, revoked_at - timedelta(minutes=15), 3600.0, session=name)
        connection.call(born, revoked_at - timedelta(minutes=12))
        tokens.append(born)
    revocation = world.revoke(
        revoked_at, "session", session="sess-a", subject=connection.grant.subject, initiator="policy"
    )
    aftermath(connection, tokens[0], revocation, [90.0, 200.0], outcomes="sd")
    connection.call(tokens[1], revoked_at + timedelta(seconds=400))
    world.truth.forbid("REV-1", "another session", token_id=tokens[1].token_id)
    resume(connection, revoked_at)


ALL = (
    never_took_effect,
    cached_lag,
    offline_lag,
    flapping,
    cascade_failure,
    same_second,
    unbounded_offline,
    long_call,
    leaver,
    nobody_knows_it,
    session_ended,
)
