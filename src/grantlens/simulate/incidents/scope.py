"""Incidents about what scopes and audiences permit, and who acts: OOS-1, 2, 4 to 7, 9 and 11 to 13, REV-11, and their harmless twins."""

from datetime import timedelta

from grantlens.simulate.apis import CRM, DESK, FILES, LEDGER, MAIL, TOOLS, Operation, operation
from grantlens.simulate.incidents.opening import exchanged, key, opened, resume, where, work
from grantlens.simulate.population import TENANT, Client
from grantlens.simulate.world import World


def beyond_scope(world: World) -> None:
    """Tell the story: a server lets a read-only token delete."""
    incident = world.truth.begin(
        "beyond_scope",
        "An action that no granted scope permits",
        "shelf-cleaner holds files.read and nothing else. The server deletes three files for it all the same.",
    )
    connection = opened(
        world,
        "shelf-cleaner",
        "Shelf Cleaner",
        "agent",
        FILES,
        ("files.read",),
        1,
        style="agent",
        purpose="List old files",
    )
    work(connection, world.end)
    moment = world.day(0.55, 3, 12)
    token = connection.access(moment)
    delete = operation(FILES, "DELETE /v1/files/{file}")
    for number in range(3):
        connection.call(token, moment + timedelta(seconds=6 + 11 * number), delete, because=False)
    world.truth.expect("OOS-1", "violation", **key(connection), operation=delete.label, events=3)
    world.truth.forbid("OOS-3", "it looks only at calls that are in scope", **key(connection), operation=delete.label)
    incident.facts = where(world, connection, moment)


def knocking(world: World) -> None:
    """Tell the story: a client tries what it may not, and is refused each time."""
    incident = world.truth.begin(
        "knocking",
        "Denied attempts out of scope",
        "note-taker may read mail. It tries to send and to change messages and is refused with insufficient_scope.",
    )
    connection = opened(world, "note-taker", "Note Taker", "agent", MAIL, ("mail.read",), 5, style="agent")
    work(connection, world.end)
    moment = world.day(0.62, 18, 40)
    token = connection.access(moment)
    tried = ("POST /v1/users/{user}/send", "PATCH /v1/users/{user}/messages/{message}")
    for number in range(6):
        connection.call(
            token,
            moment + timedelta(seconds=8 + 20 * number),
            operation(MAIL, tried[number % 2]),
            outcome="denied",
            status=403,
            denial="scope",
        )
    for label in tried:
        world.truth.expect("OOS-12", None, **key(connection), operation=label, events=3)
        world.truth.forbid("OOS-1", "nothing of it succeeded", **key(connection), operation=label)
    incident.facts = where(world, connection, moment)


def widened_refresh(world: World) -> None:
    """Tell the story: a refresh hands out more than was ever consented."""
    world.truth.begin(
        "widened_refresh",
        "Scope widened at refresh",
        "dial-assist may read contacts. One refresh returns an access token that may also export in bulk; nobody "
        "consented.",
    )
    connection = opened(
        world, "dial-assist", "Dial Assist", "integration", CRM, ("crm.contacts.read", "offline_access"), 2
    )
    moment = world.day(0.8, 9, 30)
    work(connection, moment)
    token = connection.access(moment, scopes=("crm.contacts.read", "crm.export", "offline_access"))
    connection.call(token, moment + timedelta(minutes=2), operation(CRM, "GET /v1/contacts/{contact}"))
    world.truth.expect("OOS-4", "violation", **key(connection), token_id=token.token_id)
    world.truth.leave_open("PRV-1", "nobody granted it", **key(connection), scope="crm.export")
    resume(connection, moment)


def widened_exchange(world: World) -> None:
    """Tell the story: a tool gets a token that may do more than the one that it was got for."""
    world.truth.begin(
        "widened_exchange",
        "An exchange gives more than it was shown",
        "ticket-agent may read tickets. Its token is exchanged for one of ticket-tool that may write them, and it does.",
    )
    moment = world.day(0.97, 14, 5)
    agent = opened(
        world, "ticket-agent", "Ticket Agent", "agent", DESK, ("tickets.read",), 7, style="agent", since=moment
    )
    shown = agent.access(moment + timedelta(minutes=1))
    agent.call(shown, moment + timedelta(minutes=1, seconds=20), operation(DESK, "GET /v1/tickets"))
    comment = operation(DESK, "POST /v1/tickets/{ticket}/comments")
    tool = Client("ticket-tool", "Ticket Tool", "mcp_tool", approved=((DESK, comment.label),))
    held, child = exchanged(world, shown, tool, DESK, ("tickets.write",), moment + timedelta(minutes=2))
    held.call(child, moment + timedelta(seconds=160), comment)
    world.truth.expect("OOS-5", "violation", **key(held), token_id=child.token_id)


def excused_widening(world: World) -> None:
    """Tell the story: a refresh returns more, after the person consented to more."""
    world.truth.begin(
        "excused_widening",
        "Wider after a consent: nothing wrong",
        "board-views asks for tickets.write on top of tickets.read, the person consents, and the next refresh holds "
        "both.",
    )
    connection = opened(
        world,
        "board-views",
        "Board Views",
        "integration",
        DESK,
        ("tickets.read", "offline_access"),
        6,
        approved=tuple(
            (DESK, op) for op in ("GET /v1/tickets", "GET /v1/tickets/{ticket}", "POST /v1/tickets/{ticket}/comments")
        ),
    )
    work(connection, world.day(0.3))
    wider = ("tickets.read", "tickets.write", "offline_access")
    world.consent(connection.grant, world.day(0.31, 9, 0), wider)
    connection.grant.scopes = wider
    connection.ops = (operation(DESK, "POST /v1/tickets/{ticket}/comments"), operation(DESK, "GET /v1/tickets"))
    connection.live(world.day(0.31, 11, 0), world.end, 190, 2)
    world.truth.forbid("OOS-4", "a consent lies in between", **key(connection))
    connection.grant.states["tickets.read"] = "open"  # the broader scope answers for the reads as well


def unknown_operation(world: World) -> None:
    """Tell the story: a call that no catalogue knows."""
    world.truth.begin(
        "unknown_operation",
        "An operation that no catalogue knows",
        "mail-archiver calls an old address of the mail server. Nobody can say which scope it would need.",
    )
    connection = opened(
        world, "mail-archiver", "Mail Archiver", "integration", MAIL, ("mail.read", "offline_access"), 8
    )
    moment = world.day(0.35, 7, 5)
    work(connection, moment)
    token = connection.access(moment)
    legacy = Operation("postbox", MAIL, "GET /legacy/{box}/dump", ((),))
    for number in range(2):
        connection.call(token, moment + timedelta(seconds=30 + number * 40), legacy)
    world.truth.expect("OOS-1", "indeterminate", client_id="mail-archiver", events=2)
    resume(connection, moment)


def narrowed(world: World) -> None:
    """Tell the story: a scope is taken away; that is a downgrade, no revocation."""
    world.truth.begin(
        "narrowed",
        "A downgrade is no revocation",
        "letter-writer loses mail.send in an orderly way: later tokens do not hold it, and nothing is tried.",
    )
    connection = opened(
        world, "letter-writer", "Letter Writer", "integration", MAIL, ("mail.read", "mail.send", "offline_access"), 10
    )
    work(connection, world.day(0.5))
    revocation = world.revoke(
        world.day(0.51, 9, 0), "grant", grant=connection.grant, kind="downgrade", scopes_removed=("mail.send",)
    )
    connection.grant.scopes = ("mail.read", "offline_access")
    connection.ops = (operation(MAIL, "GET /v1/users/{user}/messages"),)
    connection.live(world.day(0.52, 11, 0), world.end, 180, 2)
    world.truth.leave_open("PRV-1", "taken away half-way", **key(connection), scope="mail.send")
    world.truth.leave_open("OOS-4", "the rotated refresh token holds less than its parent, by order", **key(connection))
    for rule in ("REV-1", "REV-3", "REV-4", "REV-6"):
        world.truth.forbid(rule, "a downgrade is no revocation", revocation_event=revocation["event_id"])


def stale_scope(world: World) -> None:
    """Tell the story: a scope is taken away, and a token from before is used as if it were not."""
    incident = world.truth.begin(
        "stale_scope",
        "A scope that was taken away and still used",
        "tour-guide may read and send mail, until mail.send is taken from its grant. The token that it got before sends twice "
        "more: the mail server looks at the token, not at the grant.",
    )
    moment = world.day(0.93, 12, 0)
    scopes = ("mail.read", "mail.send", "offline_access")
    connection = opened(
        world, "tour-guide", "Tour Guide", "integration", MAIL, scopes, 12, since=moment - timedelta(hours=2)
    )
    read, send = operation(MAIL, "GET /v1/users/{user}/messages"), operation(MAIL, "POST /v1/users/{user}/send")
    token = connection.access(moment - timedelta(minutes=20))
    connection.call(token, moment - timedelta(minutes=19), read)
    connection.call(token, moment - timedelta(minutes=18), send)
    revocation = world.revoke(
        moment, "grant", grant=connection.grant, kind="downgrade", scopes_removed=("mail.send",), reason="not needed"
    )
    connection.grant.scopes = ("mail.read", "offline_access")
    for minutes in (7, 25):
        connection.call(token, moment + timedelta(minutes=minutes), send, because=False)
    connection.call(token, moment + timedelta(minutes=26), read)
    event, client = revocation["event_id"], connection.grant.client.client_id
    where_used = {"token_id": token.token_id, "resource_server": MAIL, "client_id": client}
    world.truth.expect("REV-11", "violation", revocation_event=event, **where_used)
    world.truth.leave_open("PRV-1", "taken away", **key(connection), scope="mail.send")
    world.truth.forbid("OOS-1", "the token holds the scope", **key(connection), operation=send.label)
    for rule in ("REV-1", "REV-3", "REV-4", "REV-6"):
        world.truth.forbid(rule, "a downgrade is no revocation", revocation_event=event)
    incident.facts = where(world, connection, moment)


def passed_on(world: World) -> None:
    """Tell the story: a tool server hands its caller's token on to another server, which looks at neither audience nor scope."""
    world.truth.begin(
        "passed_on",
        "A token that was handed on",
        "The tool server hands a token of doc-searcher on to the file server. It answers, though the token is neither for it "
        "nor for its files.",
    )
    grant = next(grant for grant in world.grants if grant.client.client_id == "doc-searcher")
    token = next(token for token in reversed(grant.tokens) if token.issued < world.day(0.9))
    issued = next(row for row in world.issuance if row.get("token_id") == token.token_id)
    issued["audience"] = [TOOLS]
    asked = max(row["used_at"] for row in world.usage if row["token_id"] == token.token_id)
    list_files = operation(FILES, "GET /v1/files")
    world.call(token, asked + timedelta(seconds=1), list_files, ip="192.0.2.250", because=False)
    who = {"client_id": "doc-searcher", "audience": TOOLS}
    world.truth.expect("OOS-2", "violation", **who, resource_server=FILES)
    world.truth.expect("OOS-7", "violation", **who)
    world.truth.expect(
        "OOS-1",
        "violation",
        client_id="doc-searcher",
        subject_id=grant.subject_id,
        grant_id=grant.grant_id,
        operation=list_files.label,
    )


def stepped_up(world: World) -> None:
    """Tell the story: two scopes that come as soon as they are missed, one from a person and one from a policy."""
    world.truth.begin(
        "stepped_up",
        "A scope that came as soon as it was missed",
        "reply-copilot may read mail. For two people it is refused to send, for want of scope. One of them is asked and "
        "consents; for the other the operator's policy engine gives the scope within a minute. Both times it sends.",
    )
    read, send = operation(MAIL, "GET /v1/users/{user}/messages"), operation(MAIL, "POST /v1/users/{user}/send")
    wider = ("mail.read", "mail.send")
    for person, by, verdict in ((4, "user", "clear"), (11, "policy", "violation")):
        moment = world.day(0.97, 8 + person, 12)
        connection = opened(
            world,
            "reply-copilot",
            "Reply Copilot",
            "agent",
            MAIL,
            ("mail.read",),
            person,
            style="agent",
            since=moment,
            approved=((MAIL, read.label), (MAIL, send.label)),
        )
        token = connection.access(moment + timedelta(minutes=1))
        connection.call(token, moment + timedelta(seconds=70), read)
        connection.call(token, moment + timedelta(seconds=90), send, outcome="denied", status=403, denial="scope")
        world.consent(connection.grant, moment + timedelta(seconds=130), wider, by)
        connection.grant.scopes = wider
        connection.call(connection.access(moment + timedelta(seconds=145)), moment + timedelta(seconds=160), send)
        who = {"client_id": "reply-copilot", "subject_id": connection.grant.subject_id}
        world.truth.expect("OOS-11", verdict, **who, operation=send.label)
        world.truth.expect("OOS-12", None, **key(connection), operation=send.label, events=1)


def forgotten_actor(world: World) -> None:
    """Tell the story: tools get tokens for one another, one forgets who asked it, and a stranger acts with another's."""
    world.truth.begin(
        "forgotten_actor",
        "An exchange that forgets who asked",
        "visit-planner asks visit-booker, which asks visit-payer. The first exchange names both, the second visit-payer alone. "
        "And visit-scout, whom no token names, looks at a ticket with the token of visit-booker.",
    )
    moment, scopes = world.day(0.98, 15, 20), ("tickets.read",)
    read = operation(DESK, "GET /v1/tickets")
    planner = opened(world, "visit-planner", "Visit Planner", "agent", DESK, scopes, 9, style="agent", since=moment)
    token = planner.access(moment + timedelta(minutes=1))
    planner.call(token, moment + timedelta(seconds=70), read)
    held = {}
    for name, seconds in (("booker", 90), ("payer", 120)):
        tool = Client(f"visit-{name}", f"Visit {name.capitalize()}", "mcp_tool", approved=((DESK, read.label),))
        at = moment + timedelta(seconds=seconds)
        held[name], token = exchanged(world, token, tool, DESK, scopes, at, forgets=name == "payer")
        held[name].call(token, at + timedelta(seconds=10), read)
    strange = held["booker"].call(held["booker"].grant.tokens[-1], moment + timedelta(seconds=150), read)
    strange["actor_chain"] = ["agent:visit-scout"]
    for client, fault, actor in (
        ("visit-payer", "not continued", "agent:visit-payer"),
        ("visit-booker", "other actor", "agent:visit-scout"),
    ):
        world.truth.expect("OOS-6", "violation", client_id=client, fault=fault, actors=actor)


def neighbours_tickets(world: World) -> None:
    """Tell the story: a server shows a client what belongs to another customer."""
    world.truth.begin(
        "neighbours_tickets",
        "Another tenant's tickets",
        "desk-reader asks the desk for tickets. After an update of the server two of the answers belong to harbourside, a neighbour that shares "
        "nothing with brightwater. It does share with group-reader, and so the register says.",
    )
    moment, scopes = world.day(0.99, 10, 30), ("tickets.read",)
    read = operation(DESK, "GET /v1/tickets/{ticket}")
    approved = ((DESK, read.label),)
    for slug, name, tenants in (("desk-reader", "Desk Reader", ()), ("group-reader", "Group Reader", ("harbourside",))):
        connection = opened(
            world,
            slug,
            name,
            "agent",
            DESK,
            scopes,
            12,
            style="agent",
            approved=approved,
            tenants=tenants,
            since=moment,
        )
        token = connection.access(moment + timedelta(minutes=1))
        for number in range(3):
            call = connection.call(token, moment + timedelta(seconds=70 + 9 * number), read)
            call["resource_tenant"] = TENANT if number == 0 else "harbourside"
    world.truth.expect(
        "OOS-9", "violation", client_id="desk-reader", own_tenant=TENANT, resource_tenant="harbourside", events=2
    )
    world.truth.forbid("OOS-9", "harbourside shares with it", client_id="group-reader")


def lent_transaction(world: World) -> None:
    """Tell the story: a transaction token that lives too long, goes from service to service, and is used where nobody called."""
    world.truth.begin(
        "lent_transaction",
        "A transaction token outside its transaction",
        "The desk gets a transaction token for a call of group-reader, which lives for a quarter of an hour, and asks the files with it, which ask the "
        "mail. Meanwhile the ledger, which nobody had called, asks the files with it too; and the desk does minutes after the call had ended.",
    )
    reader = next(grant for grant in world.grants if grant.client.client_id == "group-reader")
    moment, domain = reader.tokens[-1].issued + timedelta(hours=1), DESK.partition(".")[2]
    shown = world.token(reader, moment - timedelta(seconds=5), 600.0)
    world.call(shown, moment, operation(DESK, "GET /v1/tickets/{ticket}"), took_s=4)["resource_tenant"] = TENANT
    read, search = operation(FILES, "GET /v1/files"), operation(MAIL, "GET /v1/users/{user}/messages")
    desk, files, ledger = (
        Client(server, f"{name} Service", "service", purpose="Answer calls", approved=((op.server, op.label),))
        for server, name, op in ((DESK, "Desk", read), (FILES, "Files", search), (LEDGER, "Ledger", read))
    )
    held = world.grant(desk, reader.subject, FILES, ("files.read", "mail.read"), moment, consent=None)
    token = world.token(
        held,
        moment + timedelta(seconds=1),
        900.0,
        kind="exchange",
        parent=shown,
        grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
    )
    world.issuance[-1] |= {"token_kind": "txn", "audience": [domain]}
    for client, seconds, op in ((desk, 2, read), (files, 2.5, search), (ledger, 3, read), (desk, 240, read)):
        world.clients.setdefault(client.client_id, client)
        call = world.call(token, moment + timedelta(seconds=seconds), op, ip="192.0.2.251")
        call["client_id"] = client.client_id
    for client, fault in ((desk, "long life"), (desk, "after its call"), (ledger, "other caller")):
        world.truth.expect("OOS-13", "violation", client_id=client.client_id, fault=fault)
    world.truth.forbid("OOS-13", "the desk had called them", client_id=FILES)
    world.truth.forbid("INT-3", "a transaction token is passed on", token_id=token.token_id)


ALL = (beyond_scope, knocking, widened_refresh, widened_exchange, excused_widening, unknown_operation, narrowed)
