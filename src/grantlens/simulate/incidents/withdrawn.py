"""Incidents about what a revocation ends and what it does not: REV-2, REV-6, REV-9, REV-12, and cases where nothing is wrong."""

from datetime import timedelta

from grantlens.simulate.aftermath import aftermath, at_work, unverified
from grantlens.simulate.apis import CRM, MAIL, TOOLS
from grantlens.simulate.incidents.opening import exchanged, key, opened, resume, work
from grantlens.simulate.population import Client, Person
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World

READ_MAIL = ("mail.read", "offline_access")


def issued_after(world: World) -> None:
    """Tell the story: a replica of the authority still hands out tokens."""
    incident = world.truth.begin(
        "issued_after",
        "A token issued after the revocation",
        "lead-scraper's grant is revoked and its access token refused. Twenty minutes later its refresh token still "
        "fetches a "
        "new pair of tokens, and the new access token works.",
    )
    connection = opened(
        world,
        "lead-scraper",
        "Lead Scraper",
        "integration",
        CRM,
        ("crm.contacts.read", "offline_access"),
        2,
        rotate=True,
    )
    revoked_at = world.day(0.42, 16, 10)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(
        revoked_at, "grant", grant=connection.grant, initiator="user", reason="user withdrew consent"
    )
    aftermath(connection, token, revocation, [130.0])
    fresh = connection.access(revoked_at + timedelta(minutes=20))
    for born in (fresh, connection.refresh_token()):
        world.truth.expect(
            "REV-2", "violation", **key(connection), token_id=born.token_id, revocation_event=revocation["event_id"]
        )
    connection.call(fresh, revoked_at + timedelta(minutes=22))
    world.truth.forbid("REV-1", "issued later: REV-2 says it", token_id=fresh.token_id)
    incident.facts = {
        "revocation_event": revocation["event_id"],
        "tokens": [fresh.token_id, connection.refresh_token().token_id],
    }


def in_flight(world: World) -> None:
    """Tell the story: a refresh in the very second of the revocation."""
    world.truth.begin(
        "in_flight",
        "A refresh in flight at the moment of revocation",
        "photo-sorter refreshes in the same second in which its grant is revoked. Which came first cannot be proven.",
    )
    connection = opened(world, "photo-sorter", "Photo Sorter", "integration", MAIL, READ_MAIL, 3)
    revoked_at = world.day(0.48, 10, 0)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "grant", grant=connection.grant, initiator="user")
    born = connection.access(revoked_at + timedelta(seconds=0.6))
    aftermath(connection, token, revocation, [100.0])
    world.truth.expect(
        "REV-2", "indeterminate", **key(connection), token_id=born.token_id, revocation_event=revocation["event_id"]
    )


def refused_refresh(world: World) -> None:
    """Tell the story: the authority refuses as it should."""
    world.truth.begin(
        "refused_refresh",
        "Refused issuance is none",
        "map-pins' grant is revoked; its access token and its refresh token are both refused.",
    )
    connection = opened(world, "map-pins", "Map Pins", "integration", MAIL, READ_MAIL, 5)
    revoked_at = world.day(0.53, 13, 0)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "grant", grant=connection.grant, initiator="user")
    aftermath(connection, token, revocation, [60.0])
    refused_at = revoked_at + timedelta(seconds=200)
    world.refused_token(connection.grant, refused_at, connection.refresh, "refresh_token", "revoked")
    world.truth.forbid("REV-2", "refused issuance is none", **key(connection))


def reconsent(world: World) -> None:
    """Tell the story: revoked, and granted again under the same id."""
    world.truth.begin(
        "reconsent",
        "A fresh consent starts anew",
        "meet-notes is revoked, refused, and two days later consented to again. The provider reuses the grant id.",
    )
    connection = opened(world, "meet-notes", "Meet Notes", "integration", MAIL, READ_MAIL, 15)
    revoked_at = world.day(0.45, 9, 0)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "grant", grant=connection.grant, initiator="user")
    aftermath(connection, token, revocation, [60.0])
    again = revoked_at + timedelta(days=2)
    world.consent(connection.grant, again, connection.grant.scopes)
    connection.grant.ended = None
    connection.refresh = None
    connection.live(again + timedelta(minutes=1), world.end, 180, 2)
    world.truth.forbid("REV-2", "a consent lies in between", **key(connection))
    world.truth.forbid("REV-9", "whoever had given it had also ended it", client_id=connection.grant.client.client_id)


def taken_back(world: World) -> None:
    """Tell the story: an admin takes it away, and the person gives it again."""
    world.truth.begin(
        "taken_back",
        "An admin's revocation undone by a consent",
        "An admin ends the grant of form-filler, and its token is refused. Three hours later the person who had "
        "consented to it does so again, and it works on.",
    )
    connection = opened(world, "form-filler", "Form Filler", "integration", MAIL, READ_MAIL, 12)
    revoked_at = world.day(0.47, 11, 0)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "grant", grant=connection.grant, initiator="admin", reason="not approved")
    aftermath(connection, token, revocation, [60.0])
    again = revoked_at + timedelta(hours=3)
    world.consent(connection.grant, again, connection.grant.scopes)
    connection.grant.ended = None
    connection.refresh = None
    connection.live(again + timedelta(minutes=1), world.end, 180, 2)
    world.truth.expect("REV-9", "violation", **key(connection), revocation_event=revocation["event_id"])
    world.truth.forbid("REV-2", "a consent lies in between", **key(connection))


def exchanged_child(world: World) -> None:
    """Tell the story: the child of an exchange outlives its parent."""
    world.truth.begin(
        "exchanged_child",
        "A child by token exchange is never covered",
        "brief-writer exchanges its token for one of brief-search. Its own grant is revoked and refused; the child "
        "goes on. "
        "No standard says that it should stop: it is exposed, not in breach.",
    )
    parent = opened(world, "brief-writer", "Brief Writer", "agent", MAIL, READ_MAIL, 16, purpose="Write briefings")
    revoked_at = world.day(0.68, 10, 30)
    work(parent, revoked_at)
    token = at_work(parent, revoked_at)
    tool = Client(
        "brief-search",
        "Brief Search",
        "mcp_tool",
        purpose="Search for Brief Writer",
        approved=((TOOLS, "search_documents"), (TOOLS, "summarise_thread")),
    )
    before = revoked_at - timedelta(minutes=5)
    downstream, child = exchanged(world, token, tool, TOOLS, ("tools.search",), before, 3600.0)
    downstream.call(child, revoked_at - timedelta(minutes=4))
    revocation = world.revoke(revoked_at, "grant", grant=parent.grant)
    aftermath(parent, token, revocation, [60.0])
    for offset in (200, 420):
        downstream.call(child, revoked_at + timedelta(seconds=offset))
    world.truth.forbid("REV-1", "a child by exchange is never covered", token_id=child.token_id)


def failed_revocation(world: World) -> None:
    """Tell the story: a request to revoke that failed."""
    world.truth.begin(
        "failed_revocation",
        "A revocation that failed is none",
        "poll-maker's revocation request is refused by the authority; the connection goes on, rightly.",
    )
    connection = opened(world, "poll-maker", "Poll Maker", "integration", MAIL, READ_MAIL, 18)
    revoked_at = world.day(0.44, 16, 0)
    work(connection, revoked_at)
    token = at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "token", token=token, outcome="error", reason="request_missing_token")
    for offset in (60, 240):
        connection.call(token, revoked_at + timedelta(seconds=offset))
    for rule in ("REV-1", "REV-6"):
        world.truth.forbid(rule, "the revocation failed", revocation_event=revocation["event_id"])
    resume(connection, revoked_at)


def never_tested(world: World) -> None:
    """Tell the story: revoked, and nobody looked."""
    world.truth.begin(
        "never_tested",
        "An unverified revocation",
        "guest-list's grant is revoked while its tokens are alive, and nothing is ever tried again: nobody knows if "
        "it worked.",
    )
    connection = opened(
        world, "guest-list", "Guest List", "integration", CRM, ("crm.contacts.read", "offline_access"), 20
    )
    revoked_at = world.day(0.82, 12, 0)
    work(connection, revoked_at)
    at_work(connection, revoked_at)
    revocation = world.revoke(revoked_at, "grant", grant=connection.grant, reason="project ended")
    unverified(connection, revocation)


def old_sign_in(world: World) -> None:
    """Tell the story: all access of a person is revoked, and her session lives on."""
    incident = world.truth.begin(
        "old_sign_in",
        "New tokens on a sign-in from before",
        "All access of a person is revoked, and the tokens of both her connections are refused. Two days later she gives route-planner its access back: the "
        "authority does not have her sign in again, and hands out a token on the sign-in from the morning of the revocation. For wine-list she signs in.",
    )
    revoked_at = world.day(0.97, 14, 20)
    morning, again = revoked_at - timedelta(hours=6), revoked_at + timedelta(hours=50)
    person = Person("u-191-frida", "Frida Oyelaran-Holm")
    connections = [
        opened(world, slug, name, "integration", MAIL, ("mail.read",), person, since=morning)
        for slug, name in (("route-planner", "Route Planner"), ("wine-list", "Wine List"))
    ]
    tokens = [at_work(connection, revoked_at) for connection in connections]
    revocation = world.revoke(revoked_at, "subject", subject=person, reason="laptop lost")
    for connection, token in zip(connections, tokens, strict=True):
        aftermath(connection, token, revocation, [60.0])
    for connection, signed_in in zip(connections, (morning, again - timedelta(minutes=1)), strict=True):
        world.consent(connection.grant, again, connection.grant.scopes)
        connection.grant.ended = connection.refresh = None
        fresh = connection.access(again + timedelta(seconds=2))
        for row in world.issuance[-2:]:
            row["auth_time"] = signed_in
        connection.call(fresh, again + timedelta(seconds=9))
    who = {"subject_id": person.subject_id, "revocation_event": revocation["event_id"]}
    world.truth.expect("REV-12", "violation", client_id="route-planner", **who)
    world.truth.forbid("REV-12", "she signed in again", client_id="wine-list")
    world.truth.forbid("REV-2", "no token from before was used for it", client_id="route-planner")
    incident.facts = {"revocation_event": revocation["event_id"], "signed_in": iso(morning)}


ALL = (
    issued_after,
    in_flight,
    refused_refresh,
    reconsent,
    taken_back,
    exchanged_child,
    failed_revocation,
    never_tested,
)
