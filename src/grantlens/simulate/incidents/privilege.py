"""Incidents about what nobody needs, or needs no more: PRV-1 to PRV-4, and what cannot be known."""

from datetime import timedelta

from grantlens.simulate.apis import CRM, FILES, MAIL, TOOLS, operation
from grantlens.simulate.incidents.opening import key, opened, work
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World


def unused_scope(world: World) -> None:
    """Tell the story: four months of work, and one scope was never needed."""
    world.truth.begin(
        "unused_scope",
        "A granted scope that was never needed",
        "inbox-zero holds mail.send for four months and never sends; quick-finder holds tools.issues and never opens "
        "one; voucher-check only ever reads contacts, but may read cases and export in bulk.",
    )
    reading = [
        operation(MAIL, "GET /v1/users/{user}/messages"),
        operation(MAIL, "GET /v1/users/{user}/messages/{message}"),
    ]
    inbox = opened(
        world,
        "inbox-zero",
        "Inbox Zero",
        "integration",
        MAIL,
        ("mail.read", "mail.send", "offline_access"),
        11,
        ops=reading,
    )
    work(inbox, world.end, every_h=120)
    finder = opened(
        world,
        "quick-finder",
        "Quick Finder",
        "mcp_tool",
        TOOLS,
        ("tools.search", "tools.issues"),
        13,
        style="agent",
        ops=[operation(TOOLS, "search_documents"), operation(TOOLS, "summarise_thread")],
    )
    work(finder, world.end, every_h=110)
    voucher = opened(
        world,
        "voucher-check",
        "Voucher Check",
        "integration",
        CRM,
        ("crm.contacts.read", "crm.cases.read", "crm.export", "offline_access"),
        19,
        ops=[operation(CRM, "GET /v1/contacts/{contact}")],
    )
    work(voucher, world.end, every_h=100)


def too_young(world: World) -> None:
    """Tell the story: a grant of eleven days: nobody may call anything unused."""
    world.truth.begin(
        "too_young",
        "Too little evidence to call a scope unused",
        "trip-planner was granted mail.send eleven days ago and has not used it. That proves nothing yet.",
    )
    connection = opened(
        world,
        "trip-planner",
        "Trip Planner",
        "integration",
        MAIL,
        ("mail.read", "mail.send", "offline_access"),
        14,
        ops=[operation(MAIL, "GET /v1/users/{user}/messages")],
        since=world.end - timedelta(days=11, hours=5),
    )
    work(connection, world.end, every_h=60)


def broad_but_read(world: World) -> None:
    """Tell the story: a writer that only reads."""
    world.truth.begin(
        "broad_but_read",
        "Broader than needed",
        "report-reader holds files.write and only ever reads: files.read would have been enough.",
    )
    connection = opened(
        world,
        "report-reader",
        "Report Reader",
        "integration",
        FILES,
        ("files.write", "offline_access"),
        15,
        ops=[operation(FILES, "GET /v1/files"), operation(FILES, "GET /v1/files/{file}/content")],
    )
    work(connection, world.end, every_h=120)
    world.truth.expect("PRV-4", "violation", **key(connection), scope="files.write")


def zombie(world: World) -> None:
    """Tell the story: a grant that nobody has used for months and nobody has ended."""
    incident = world.truth.begin(
        "zombie",
        "A dormant live grant",
        "old-newsletter was retired in June, and was to be revoked. Its refresh token is alive, nobody revoked the grant, nothing was "
        "called since.",
    )
    connection = opened(
        world,
        "old-newsletter",
        "Old Newsletter",
        "integration",
        MAIL,
        ("mail.read", "mail.send", "offline_access"),
        16,
        status="retired",
        purpose="Send the newsletter (replaced)",
    )
    work(connection, world.start + timedelta(days=9), every_h=40)
    world.truth.expect("PRV-3", "violation", **key(connection))
    world.decide(world.day(0.08, 9), "retired", "CHG-0077", client_id="old-newsletter")
    world.truth.expect("REV-10", "violation", client_id="old-newsletter")
    last = max(row["used_at"] for row in world.usage if row["client_id"] == "old-newsletter")
    incident.facts = {"last_use": iso(last), "silent_days": round((world.end - last).total_seconds() / 86400, 1)}


def went_quiet(world: World) -> None:
    """Tell the story: a part of the work is over, and its scope is still held."""
    world.truth.begin(
        "went_quiet",
        "A scope that is needed no more",
        "thank-you-notes reads mail and sends every few days, until its sending ends in summer. It reads on to this day, "
        "and still holds mail.send.",
    )
    send = operation(MAIL, "POST /v1/users/{user}/send")
    read = operation(MAIL, "GET /v1/users/{user}/messages")
    connection = opened(
        world,
        "thank-you-notes",
        "Thank-you Notes",
        "integration",
        MAIL,
        ("mail.read", "mail.send", "offline_access"),
        17,
        ops=[send, read],
    )
    over = world.day(0.35, 12, 0)
    work(connection, over, every_h=90)
    connection.ops = (read,)
    connection.live(over, world.end, 160, 2)
    world.truth.expect("PRV-2", "violation", **key(connection), scope="mail.send")


def hidden_payroll(world: World) -> None:
    """Tell the story: a scope whose server sends no log."""
    world.truth.begin(
        "hidden_payroll",
        "A scope whose use no log could show",
        "people-panel holds payroll.read. The payroll server sends no usage log: silence says nothing.",
    )
    connection = opened(
        world, "people-panel", "People Panel", "integration", MAIL, ("mail.read", "payroll.read", "offline_access"), 18
    )
    work(connection, world.end)
    connection.grant.states["payroll.read"] = "not_observable"


def pair_only(world: World) -> None:
    """Tell the story: a gateway that logs who called, but not with which token."""
    world.truth.begin(
        "pair_only",
        "A log without token ids",
        "front-desk's gateway logs only client and person. Exactly one grant fits each call: attributed, and marked "
        "as such.",
    )
    connection = opened(
        world,
        "front-desk",
        "Front Desk",
        "integration",
        MAIL,
        ("mail.read", "mail.send", "offline_access"),
        19,
        keys="pair",
    )
    work(connection, world.end)
    world.truth.forbid("INT-1", "the pair finds its grant", **key(connection))


ALL = (unused_scope, too_young, broad_but_read, zombie, went_quiet, hidden_payroll, pair_only)
