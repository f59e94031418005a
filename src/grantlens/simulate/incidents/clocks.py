"""An incident about a clock that is wrong: INT-6, and what other rules make of times that are set right."""

from datetime import timedelta

from grantlens.simulate.apis import MAIL
from grantlens.simulate.life import Connection
from grantlens.simulate.population import PEOPLE, TENANT, Client, every_operation_of
from grantlens.simulate.world import World

LABS = f"{TENANT}-labs"
BEHIND_S = 190.0


def clock_behind(world: World) -> None:
    """Tell the story: the gateway of a subsidiary has a clock that is three minutes behind."""
    incident = world.truth.begin(
        "clock_behind",
        "A usage log whose clock is three minutes behind",
        "The gateway of the labs, a tenant of its own, stamps each call 190 seconds too early, so that all tokens seem to be used before they were "
        "issued. bench-reader's token is revoked there: a minute before it still works, 75 seconds later it does, too, and after 200 seconds it is "
        "refused. By the stamps as they stand the late call was before the revocation. A clock that runs ahead would show in no order of events.",
    )
    world.ahead[LABS] = timedelta(seconds=-BEHIND_S)
    client = Client(
        "bench-reader",
        "Bench Reader",
        "service",
        PEOPLE[7].mail,
        "Read the mailbox of the test bench",
        every_operation_of(MAIL, ("mail.read",)),
    )
    rng = world.rng("clock_behind")
    begin = world.start + timedelta(minutes=10)
    grant = world.grant(client, None, MAIL, ("mail.read",), begin, consent=None)
    grant.branch = LABS
    connection = Connection(world, grant, "service")
    # From the first day to the last, so that the logs of the labs reach as far as those of the others.
    for hour in (begin, *(world.day(share) for share in (0.2, 0.45, 0.7, 0.9)), world.end - timedelta(hours=1)):
        for number in range(7):
            token = connection.access(hour + timedelta(minutes=8 * number), life_s=900.0)
            connection.call(token, token.issued + timedelta(seconds=rng.uniform(4, 12)))
    token = connection.access(world.day(0.97, 10, 5))
    connection.call(token, token.issued + timedelta(seconds=rng.uniform(4, 12)))
    revocation = world.revoke(token.issued + timedelta(minutes=9), "token", token=token, reason="bench is taken down")
    for seconds, outcome in ((-60, "success"), (75, "success"), (200, "denied")):
        moment = revocation["revoked_at"] + timedelta(seconds=seconds)
        connection.call(token, moment, outcome=outcome, denial="token" if outcome == "denied" else None)
    who = {"client_id": client.client_id, "subject_id": None, "grant_id": grant.grant_id}
    world.truth.expect("INT-6", "violation", source="native", tenant=LABS, log="usage")
    what = {"revocation_event": revocation["event_id"], "token_id": token.token_id, "resource_server": MAIL}
    world.truth.expect("REV-1", "violation", **who, **what)
    for rule, why in (
        ("INT-2", "each token was used after its issue"),
        ("REV-6", "it was tried, and refused in the end"),
        ("REV-4", "it was refused after 200 seconds"),
    ):
        world.truth.forbid(rule, why, client_id=client.client_id)
    world.truth.forbid("INT-6", "the other clocks are right", source="native", tenant=TENANT)
    incident.facts = {"tenant": LABS, "behind_s": BEHIND_S, "lag_interval_s": [75.0, 200.0]}


ALL = (clock_behind,)
