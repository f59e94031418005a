"""An incident about rich authorization details: OOS-8."""

from datetime import timedelta

from grantlens.simulate.apis import DESK, operation
from grantlens.simulate.population import TENANT
from grantlens.simulate.world import World

TYPE = {
    "type": "ticket_access",
    "absent_actions": "none",
    "absent_locations": "any",
    "absent_datatypes": "any",
    "absent_identifier": "none",
}
"""What the register says of the type, beside the operation below."""
CLAIMED = {"operation": "GET /v1/tickets/case-*", "action": "read"}


def other_ticket(world: World) -> None:
    """Tell the story: a token for one ticket reads another one."""
    world.truth.begin(
        "other_ticket",
        "Another ticket than the granted one",
        "The group reader gets a token whose authorization details name two tickets, and what may be done with each. It reads the first, as it may, and "
        "then the second, which it may only close: the scope permits both.",
    )
    grant = next(grant for grant in world.grants if grant.client.client_id == "group-reader")
    moment = grant.tokens[-1].issued + timedelta(hours=1)
    token = world.token(grant, moment, 600.0)
    world.issuance[-1]["authorization_details"] = [
        {"type": TYPE["type"], "actions": [action], "identifier": ticket, "locations": [f"https://{DESK}/"]}
        for action, ticket in (("read", "case-4711"), ("close", "case-4712"))
    ]
    read = operation(DESK, "GET /v1/tickets/{ticket}")
    for seconds, ticket in ((2, "case-4711"), (4, "case-4712")):
        call = world.call(token, moment + timedelta(seconds=seconds), read, path=f"/v1/tickets/{ticket}")
        call |= {"resource_id": ticket, "resource_tenant": TENANT}
    party = {"client_id": grant.client.client_id, "subject_id": grant.subject_id, "grant_id": grant.grant_id}
    world.truth.expect("OOS-8", "violation", **party, operation=read.label, events=2)
    world.truth.forbid("OOS-1", "the scope permits both", **party, operation=read.label)
