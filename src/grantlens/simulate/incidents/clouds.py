"""The part of the company that lives with well-known providers, and one incident at each."""

from datetime import datetime, timedelta

from grantlens.simulate import entra, github, google, okta
from grantlens.simulate.apis import DRIVE, GITHUB, GMAIL, GOOGLE, GRAPH, OPERATIONS, operation
from grantlens.simulate.ids import guid, short
from grantlens.simulate.population import PEOPLE, Client, Grant, Person, Token
from grantlens.simulate.world import World

DAYS = 16
"""Their logs reach back this far: long enough to look at, short enough to stay small."""


def _begin(world: World) -> datetime:
    return world.end - timedelta(days=DAYS)


def cloud_client(world: World, client_id: str, name: str, *labels: str, registered: bool = True) -> Client:
    """Return a client that may call these operations, and that the register knows or does not."""
    approved = tuple((op.server, op.label) for op in OPERATIONS if op.label in labels)
    client = Client(client_id, name, purpose=f"What {name} is for", approved=approved, registered=registered)
    return world.clients.setdefault(client_id, client)


def okta_incident(world: World) -> None:
    """Tell the story: Okta's authority hands out a token although the refresh token was revoked."""
    incident = world.truth.begin(
        "okta_issued_after",
        "Okta: a token issued after its refresh token was revoked",
        "Sheet Importer's refresh token is revoked in the System Log, and a quarter of an hour later it still "
        "fetches an access "
        "token. Another client is in no register. What the tokens were used for, this log does not say.",
    )
    begin = _begin(world)
    scopes = ("sheets.read", "offline_access")
    people = [Person(short("00u", 20, "okta", n), PEOPLE[n].name) for n in (0, 2)]
    importer = cloud_client(world, short("0oa", 20, "sheet-importer"), "Sheet Importer")
    stranger = cloud_client(world, short("0oa", 20, "shadow"), "Handy Converter", registered=False)
    for client, person in ((importer, people[0]), (stranger, people[1])):
        grant_id = min(okta.consent_ids(client.client_id, person.subject_id, scopes))
        grant = world.grant(
            client, person, "sheets", scopes, begin + timedelta(hours=2), home="okta", grant_id=grant_id
        )
        grant.states = dict.fromkeys(scopes, "open")
        world.token(grant, begin + timedelta(hours=2, seconds=3), 3600.0)
        refresh = world.token(grant, begin + timedelta(hours=2, seconds=3), 90 * 86400.0, token_kind="refresh")
        for number in range(1, DAYS if client is importer else 5):
            moment = begin + timedelta(hours=2 + 23 * number)
            world.token(grant, moment, 3600.0, kind="refresh", grant_type="refresh_token", parent=refresh)
        if client is importer:
            revocation = world.revoke(world.end - timedelta(hours=20), "token", token=refresh, initiator="client")
            born = world.token(
                grant,
                revocation["revoked_at"] + timedelta(minutes=15),
                3600.0,
                kind="refresh",
                grant_type="refresh_token",
                parent=refresh,
            )
            world.truth.expect("REV-2", "violation", **grant.parties, token_id=born.token_id)
            world.truth.leave_open(
                "REV-6", "this log shows no use at all", source="okta", revocation_event=revocation["event_id"]
            )
            incident.facts = {"revocation_event": revocation["event_id"], "token_id": born.token_id}
        for rule in ("PRV-3", "PRV-4"):
            world.truth.leave_open(rule, "this log shows no use at all", **grant.parties)
    world.truth.expect("GOV-1", "violation", source="okta", client_id=stranger.client_id)


def entra_incident(world: World) -> None:
    """Tell the story: a Graph grant is removed and works on, and another reads mail for no purpose."""
    incident = world.truth.begin(
        "entra_graph",
        "Microsoft Entra: a removed grant works for forty minutes, another reads mail without purpose",
        "Trip Desk's delegated grant is removed; its token reads calendars forty minutes later (15 minutes are "
        "documented) and is "
        "refused after seventy. Deck Builder may read mail by its scopes, but is registered for files only.",
    )
    begin = _begin(world)
    plan = (
        ("Mailroom", 3, ("Mail.Read",), ("GET /v1.0/me/messages",), ("GET /v1.0/me/messages",)),
        (
            "Deck Builder",
            5,
            ("Files.Read", "Mail.Read"),
            ("GET /v1.0/me/drive/root/children",),
            ("GET /v1.0/me/drive/root/children",),
        ),
        ("Trip Desk", 7, ("Calendars.Read",), ("GET /v1.0/me/events",), ("GET /v1.0/me/events",)),
    )
    grants: dict[str, tuple[Grant, Token]] = {}
    for name, number, scopes, approved, labels in plan:
        client = cloud_client(world, guid("app", name), name, *approved)
        person = Person(guid("person", number), PEOPLE[number].mail)
        grant_id = entra.grant_id(client.client_id, person.subject_id)
        grant = world.grant(
            client,
            person,
            GRAPH,
            scopes,
            begin + timedelta(hours=1 + number),
            home="microsoft_entra",
            grant_id=grant_id,
        )
        steps = 2 * DAYS if name == "Mailroom" else DAYS // 2
        for step in range(steps):
            moment = begin + timedelta(hours=2 + number + step * (12 if name == "Mailroom" else 40), minutes=7 * number)
            if moment > world.end - timedelta(hours=30):
                break
            token = world.token(grant, moment, None, kind="token" if step == 0 else "refresh")
            for label in labels:
                world.call(token, moment + timedelta(seconds=41), operation(GRAPH, label), response_bytes=4096 + step)
            grants[name] = grant, token
    grant, token = grants["Deck Builder"]
    for number in range(4):
        world.call(token, token.issued + timedelta(minutes=3 + 2 * number), operation(GRAPH, "GET /v1.0/me/messages"))
    world.truth.expect("OOS-3", "violation", **grant.parties, operation="GET /v1.0/me/messages", events=4)
    grant, token = grants["Trip Desk"]
    revocation = world.revoke(token.issued + timedelta(minutes=5), "grant", grant=grant, scopes_removed=grant.scopes)
    calls = []
    for minutes, accepted in ((40, True), (70, False)):
        calls.append(
            world.call(
                token,
                revocation["revoked_at"] + timedelta(minutes=minutes),
                operation(GRAPH, "GET /v1.0/me/events"),
                outcome="success" if accepted else "denied",
                denial=None if accepted else "token",
            )
        )
    for rule in ("REV-1", "REV-3"):
        world.truth.expect(
            rule,
            "violation",
            **grant.parties,
            revocation_event=revocation["event_id"],
            token_id=token.token_id,
            resource_server=GRAPH,
            detail={"last_success_s": 2400.0, "first_denial_s": 4200.0, "uses_after": 1, "censored": "no"},
        )
    incident.facts = {"revocation_event": revocation["event_id"], "lag_interval_s": [2400.0, 4200.0]}


def google_incident(world: World) -> None:
    """Tell the story: an app that may read sends, and an app that was allowed everything is in no register."""
    incident = world.truth.begin(
        "google_send",
        "Google Workspace: mail sent with a read scope, and an office suite that was allowed everything",
        "Merge Helper was granted gmail.readonly, yet the log shows it sending. Allow-all Office was granted three "
        "broad scopes "
        "by one employee, is in no register, and an admin ends it after twelve days.",
    )
    begin = _begin(world)
    plan = (
        ("Slide Polisher", 1, ("drive.readonly",), ((DRIVE, "drive.files.list"),), 9, True),
        (
            "Merge Helper",
            4,
            ("gmail.readonly",),
            ((GMAIL, "gmail.users.messages.list"), (GMAIL, "gmail.users.messages.get")),
            35,
            True,
        ),
        (
            "Allow-all Office",
            6,
            ("gmail.readonly", "gmail.send", "drive"),
            ((GMAIL, "gmail.users.messages.list"),),
            31,
            False,
        ),
    )
    grants = {}
    for name, number, short_scopes, called, every_h, registered in plan:
        client_id = f"{100200300400 + number}-{short('', 8, name).lower()}.apps.googleusercontent.com"
        client = cloud_client(world, client_id, name, *(label for _, label in called), registered=registered)
        person = Person(PEOPLE[number].mail, PEOPLE[number].name)
        scopes = tuple(GOOGLE + scope for scope in short_scopes)
        grant_id = google.grant_id(client_id, person.subject_id)
        grant = world.grant(
            client, person, GMAIL, scopes, begin + timedelta(hours=number), home="google_workspace", grant_id=grant_id
        )
        grants[name] = grant
        moment = begin + timedelta(hours=number, minutes=9)
        until = begin + timedelta(days=12 if not registered else DAYS)
        step = 0
        while moment < until - timedelta(hours=2):
            server, label = called[step % len(called)]
            nothing = Token("", "access", grant, scopes, moment, None)
            world.call(nothing, moment, operation(server, label), keys="pair", response_bytes=700 + step)
            moment += timedelta(hours=every_h)
            step += 1
    helper = grants["Merge Helper"]
    for number in range(3):
        nothing = Token("", "access", helper, helper.scopes, begin, None)
        world.call(
            nothing,
            begin + timedelta(days=9, hours=3, seconds=40 * number),
            operation(GMAIL, "gmail.users.messages.send"),
            keys="pair",
            because=False,
        )
    world.truth.expect("OOS-1", "violation", **helper.parties, operation="gmail.users.messages.send", events=3)
    office = grants["Allow-all Office"]
    world.truth.expect("GOV-1", "violation", source="google_workspace", client_id=office.client.client_id)
    world.truth.expect("PRV-5", "violation", source="google_workspace", client_id=office.client.client_id)
    world.revoke(begin + timedelta(days=12), "grant", grant=office)
    world.truth.leave_open(
        "REV-6",
        "this log knows no refusals",
        source="google_workspace",
        client_id=office.client.client_id,
        revocation_event="*",
    )
    incident.facts = {"clients": sorted(grant.client.client_id for grant in grants.values())}


def github_incident(world: World) -> None:
    """Tell the story: a destroyed personal access token lists pull requests four minutes later."""
    incident = world.truth.begin(
        "github_token",
        "GitHub: a destroyed token works for four minutes more",
        "The token ci-cache is destroyed. Four minutes later a call with the same hash succeeds, after nine one is "
        "refused. "
        "The record of its end names no token, only the person and the token's name.",
    )
    begin = _begin(world)
    pulls = operation(GITHUB, "GET /repos/{owner}/{repo}/pulls")
    for name, person in (("release-notes", Person("4101", "ada-l")), ("ci-cache", Person("4102", "ravi-d"))):
        grant_id = github.grant_id(person.subject_id, name)
        client = cloud_client(world, grant_id, name, pulls.label)
        made = begin + timedelta(hours=3, minutes=int(person.subject_id) - 4100)
        grant = world.grant(client, person, GITHUB, ("repo",), made, home="github", grant_id=grant_id)
        grant.states = {"repo": "open"}
        token = world.token(grant, made, None)
        until = world.end if name == "release-notes" else begin + timedelta(days=11)
        moment = made + timedelta(minutes=5)
        while moment < until - timedelta(hours=3):
            world.call(token, moment, pulls, path=pulls.template)
            moment += timedelta(hours=11)
        if name == "release-notes":
            continue
        revocation = world.revoke(until, "grant", grant=grant)
        for minutes, accepted in ((4, True), (9, False)):
            world.call(
                token,
                revocation["revoked_at"] + timedelta(minutes=minutes),
                pulls,
                path=pulls.template,
                outcome="success" if accepted else "denied",
                denial=None if accepted else "token",
            )
        for rule in ("REV-1", "REV-3"):
            world.truth.expect(
                rule,
                "violation",
                **grant.parties,
                revocation_event=revocation["event_id"],
                token_id=token.token_id,
                resource_server=GITHUB,
                detail={"last_success_s": 240.0, "first_denial_s": 540.0, "uses_after": 1, "censored": "no"},
            )
        incident.facts = {"revocation_event": revocation["event_id"], "lag_interval_s": [240.0, 540.0]}


ALL = (okta_incident, entra_incident, google_incident, github_incident)
