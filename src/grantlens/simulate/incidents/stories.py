"""The three stories that people know: a purge, a stolen integration, an agent that no review ever saw."""

from datetime import timedelta

from grantlens.simulate.aftermath import aftermath
from grantlens.simulate.apis import CLOUD, CRM, FILES, operation
from grantlens.simulate.incidents.opening import key, opened, where, work
from grantlens.simulate.truth import iso
from grantlens.simulate.world import World


def pocket_purge(world: World) -> None:
    """Tell the story: a coding agent deletes volumes and backups in nine seconds, and its token allows it."""
    incident = world.truth.begin(
        "pocket_purge",
        "Permitted, but without purpose: a deletion within seconds (PocketOS-like)",
        "stagehand-coder is registered to manage domains. Its grant holds account.all. In nine seconds it lists the "
        "volumes "
        "and deletes volumes and backups. Every call is permitted by its scope, none is part of its purpose.",
    )
    domains = ("GET /v2/domains", "POST /v2/domains/{domain}/records")
    connection = opened(
        world,
        "stagehand-coder",
        "Stagehand Coder",
        "agent",
        CLOUD,
        ("account.all",),
        3,
        style="agent",
        life_s=86400.0,
        purpose="Manage the domains of staging",
        approved=tuple((CLOUD, label) for label in domains),
        ops=[operation(CLOUD, label) for label in domains],
    )
    work(connection, world.day(0.26), every_h=120)
    begun = world.day(0.28, 21, 14) + timedelta(seconds=3)
    token = connection.access(begun - timedelta(minutes=22))
    connection.call(token, begun - timedelta(minutes=21))
    deeds = (
        (0.0, "GET /v2/volumes"),
        (2.4, "DELETE /v2/volumes/{volume}"),
        (3.9, "DELETE /v2/volumes/{volume}"),
        (5.6, "DELETE /v2/backups/{backup}"),
        (7.2, "DELETE /v2/backups/{backup}"),
        (9.0, "DELETE /v2/backups/{backup}"),
    )
    for offset, label in deeds:
        connection.call(token, begun + timedelta(seconds=offset), operation(CLOUD, label))
    for label in sorted({label for _, label in deeds}):
        world.truth.expect(
            "OOS-3", "violation", **key(connection), operation=label, events=sum(x == label for _, x in deeds)
        )
        world.truth.forbid("OOS-1", "account.all permits it", **key(connection), operation=label)
    revocation = world.revoke(
        begun + timedelta(minutes=35), "token", token=token, reason="production volumes deleted", decided_min=20
    )
    aftermath(connection, token, revocation, [120.0])
    world.decide(begun + timedelta(minutes=15), "compromise", "INC-0409", token_id=token.token_id)
    world.truth.expect("REV-10", "clear", client_id=connection.grant.client.client_id, token_id=token.token_id)
    world.truth.expect("PRV-4", "violation", **key(connection), scope="account.all")
    incident.facts = {
        **where(world, connection, begun - timedelta(seconds=1)),
        "seconds": 9.0,
        "volumes_deleted": 2,
        "backups_deleted": 3,
        "revocation_event": revocation["event_id"],
        "token_id": token.token_id,
    }
    resumed = world.day(0.4)
    connection.live(resumed, world.end, 200, 2)


def quiet_drift(world: World) -> None:
    """Tell the story: a chat integration goes quiet, then its stolen tokens read everything from a new place."""
    incident = world.truth.begin(
        "quiet_drift",
        "A long quiet grant, a sudden bulk read from a new place, a mass revocation (Drift-like)",
        "chatrelay kept five people's contacts in step and then went quiet. In September two of its refresh tokens "
        "are used "
        "from addresses never seen before: a probe, a look around, counts, a bulk export, and the export job deleted. "
        "Then the vendor revokes every token of the client at once, and nobody tests whether it worked.",
    )
    scopes = ("crm.contacts.write", "crm.cases.read", "crm.export", "offline_access")
    labels = ("GET /v1/contacts/{contact}", "POST /v1/contacts/{contact}/notes")
    connections = [
        opened(
            world,
            "chatrelay",
            "ChatRelay",
            "integration",
            CRM,
            scopes,
            person,
            purpose="Show chats beside contacts",
            approved=tuple((CRM, label) for label in labels),
            ops=[operation(CRM, label) for label in labels],
            since=world.start + timedelta(hours=4 + person),
            rotate=True,
        )
        for person in (0, 4, 7, 12, 17)
    ]
    for connection in connections:
        work(connection, world.day(0.22), every_h=140)
    begun = world.day(0.76, 11, 51)
    python = "python-requests/2.32.4"
    ladder = {
        0: (
            (0, "GET /v1/contacts/{contact}", "probe"),
            (3680, "GET /v1/objects/{object}/describe", None),
            (86400, "GET /v1/cases/count", None),
            (86412, "GET /v1/cases", None),
            (432000, "POST /v1/bulk/jobs", None),
            (432190, "GET /v1/bulk/jobs/{job}/results", 48_213_004),
            (432230, "DELETE /v1/bulk/jobs/{job}", None),
        ),
        1: (
            (90000, "GET /v1/objects/{object}/describe", None),
            (90030, "GET /v1/cases/count", None),
            (433000, "POST /v1/bulk/jobs", None),
            (433200, "GET /v1/bulk/jobs/{job}/results", 21_990_411),
            (433224, "DELETE /v1/bulk/jobs/{job}", None),
        ),
    }
    for victim, steps in ladder.items():
        connection = connections[victim]
        token, address = None, None
        for offset, label, extra in steps:
            moment = begun + timedelta(seconds=offset)
            address = "203.0.113.109" if offset < 400000 else "198.51.100.90"
            if token is None or moment > token.ends - timedelta(minutes=5):
                token = connection.access(moment - timedelta(seconds=40))
                for row in world.issuance[-2:]:
                    row.update(ip=address, user_agent=python)
            probe = extra == "probe"
            connection.call(
                token,
                moment,
                operation(CRM, label),
                ip=address,
                agent=python,
                outcome="error" if probe else "success",
                status=404 if probe else None,
                response_bytes=None if probe else extra,
            )
        for label in sorted({label for _, label, extra in steps if extra != "probe"}):
            world.truth.expect("OOS-3", "violation", **key(connection), operation=label)
            world.truth.forbid("OOS-1", "the grant holds the scope", **key(connection), operation=label)
    revocation = world.revoke(
        world.day(0.84, 15, 20),
        "client",
        client=connections[0].grant.client,
        initiator="system",
        reason="all tokens of the app revoked by the vendor",
        decided_min=2900,
    )
    world.decide(revocation["revoked_at"] - timedelta(minutes=2900), "compromise", "INC-0431", client_id="chatrelay")
    world.truth.expect("REV-10", "violation", client_id="chatrelay")
    world.truth.expect("REV-6", "violation", revocation_event=revocation["event_id"], client_id="chatrelay")
    world.truth.expect("GOV-2", "indeterminate", client_id="chatrelay")  # let in on the day on which the logs begin
    incident.facts = {
        **where(world, connections[0], begun - timedelta(seconds=1)),
        "grants": len(connections),
        "grants_misused": 2,
        "rows_read_bytes": 48_213_004 + 21_990_411,
        "revocation_event": revocation["event_id"],
    }


def between_reviews(world: World) -> None:
    """Tell the story: an agent is let in, exports files and is gone, all within 38 minutes."""
    incident = world.truth.begin(
        "between_reviews",
        "An agent whose whole life fell between two reviews",
        "sprint-exporter is granted access, reads and exports files, and is revoked 38 minutes later. The reviews "
        "before and after it list nothing. The export was never part of its purpose.",
    )
    begun = world.day(0.46, 14, 2)
    reads = ("GET /v1/files", "GET /v1/files/{file}/content")
    connection = opened(
        world,
        "sprint-exporter",
        "Sprint Exporter",
        "agent",
        FILES,
        ("files.read", "files.export"),
        9,
        style="agent",
        life_s=3600.0,
        purpose="Summarise the files of a sprint",
        approved=tuple((FILES, label) for label in reads),
        ops=[operation(FILES, label) for label in reads],
        since=begun,
    )
    token = connection.access(begun + timedelta(seconds=4))
    for number in range(24):
        connection.call(token, begun + timedelta(seconds=20 + 45 * number), response_bytes=80_000 + 977 * number)
    for number in range(3):
        connection.call(
            token,
            begun + timedelta(minutes=25, seconds=70 * number),
            operation(FILES, "POST /v1/exports"),
            response_bytes=3_400_000,
        )
    world.truth.expect("OOS-3", "violation", **key(connection), operation="POST /v1/exports", events=3)
    revocation = world.revoke(
        begun + timedelta(minutes=38), "grant", grant=connection.grant, initiator="client", reason="task finished"
    )
    aftermath(connection, token, revocation, [360.0])
    incident.facts = {
        **where(world, connection),
        "granted": iso(begun),
        "revoked": iso(revocation["revoked_at"]),
        "minutes": 38,
        "seen_by_a_quarterly_review": False,
    }


ALL = (pocket_purge, quiet_drift, between_reviews)
