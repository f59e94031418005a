"""What happens after a revocation, and what is true of it.

The server decides each attempt; what it decided is remembered and becomes the truth. Attempts keep clear of every
moment at which the clock model could be read in two ways, unless the undecidable is
the point.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from grantlens.simulate.apis import Operation
from grantlens.simulate.enforcement import EXPLANATION, SERVERS
from grantlens.simulate.life import Connection
from grantlens.simulate.population import Token

PROVEN_S = 15.0
"""From here on every reading agrees that a call was after the revocation (5 s and 5 s of error, 1 s of grid)."""
TOUCHING_S = 8.0
"""Up to here every reading agrees that the order is not proven."""


def aftermath(
    connection: Connection,
    token: Token,
    revocation: dict,
    offsets: Sequence[float],
    *,
    outcomes: str | None = None,
    cached_for_s: float = 20.0,
) -> list[tuple[float, str]]:
    """Try a revoked token again and again, log what the server says, and note what is true.

    Parameters
    ----------
    offsets
        Seconds after the revocation, ascending.
    outcomes
        One letter for each attempt, `s` success and `d` denial, where the server does not do what its kind does.
    """
    revoked_at = revocation["revoked_at"]
    left_s = (token.ends - revoked_at).total_seconds() if token.expires else math.inf
    op = connection.ops[0]
    server = SERVERS[op.server]
    seen: list[tuple[float, str]] = []
    for number, offset in enumerate(offsets):
        accepted = outcomes[number] == "s" if outcomes else server.accepts(offset, left_s, number, cached_for_s)
        row = connection.call(
            token,
            revoked_at + timedelta(seconds=offset),
            op,
            outcome="success" if accepted else "denied",
            denial=None if accepted else "token",
        )
        seen.append(((row["used_at"] - revoked_at).total_seconds(), "success" if accepted else "denied"))
    _note(connection, token, revocation, seen, op, left_s, server.allowed_s(left_s))
    return seen


def _note(
    connection: Connection,
    token: Token,
    revocation: dict,
    seen: list[tuple[float, str]],
    op: Operation,
    left_s: float,
    allowed_s: float | None,
) -> None:
    """Write down the truth about one (revocation, token, server)."""
    truth = connection.world.truth
    proven = [s for s, outcome in seen if outcome == "success" and s >= PROVEN_S]
    touching = [s for s, outcome in seen if outcome == "success" and s <= TOUCHING_S]
    denials = [s for s, outcome in seen if outcome == "denied" and s < left_s]
    for s, outcome in seen:
        clear = s <= TOUCHING_S or s >= PROVEN_S
        clear &= abs(s - left_s) >= PROVEN_S
        if outcome == "success" and allowed_s:
            clear &= abs(s - allowed_s) >= PROVEN_S
        if not clear:
            raise ValueError(f"an attempt {s} s after the revocation can be read in two ways")
    successes = proven + touching
    last = max(successes, default=None)
    after_last = [s for s in denials if last is None or s > last]
    detail = {
        "last_success_s": last,
        "first_denial_s": min(denials, default=None),
        "uses_after": len(proven),
        "censored": "left" if not successes else "no" if after_last else "right",
    }
    key = {
        "revocation_event": revocation["event_id"],
        "token_id": token.token_id if connection.keys == "token" else None,
        "resource_server": op.server,
        "client_id": connection.grant.client.client_id,
        "subject_id": connection.grant.subject_id,
        "grant_id": connection.grant.grant_id,
        "detail": detail,
        **({} if connection.grant.home == "native" else {"source": connection.grant.home}),
    }
    inside = bool(proven) and allowed_s is not None and max(proven) <= allowed_s
    explained = EXPLANATION.get(SERVERS[op.server].validation) if inside else None
    if proven:
        truth.expect("REV-1", "violation" if allowed_s is not None else "indeterminate", explained_by=explained, **key)
    elif touching:
        truth.expect("REV-1", "indeterminate", **key)
    is_refresh = revocation["target_kind"] == "token" and revocation["token_id"] != token.token_id
    if proven and (revocation["target_kind"] == "grant" or is_refresh) and not inside:
        truth.expect("REV-3", "violation" if allowed_s is not None else "indeterminate", **key)
    if proven and not denials:
        truth.expect("REV-4", "violation" if max(proven) >= 0.9 * left_s else "indeterminate", **key)
    if any(a < d < b for a in proven for d in denials if d >= PROVEN_S for b in proven):
        truth.expect("REV-5", "violation", **key)


def at_work(
    connection: Connection, revoked_at: datetime, *, minutes: float = 10.0, life_s: float | None = None
) -> Token:
    """Return a token that is in the middle of its work when it is revoked."""
    token = connection.access(revoked_at - timedelta(minutes=minutes), life_s=life_s)
    for share in (0.2, 0.5):
        connection.call(token, revoked_at - timedelta(minutes=minutes * (1 - share)))
    return token


def unverified(connection: Connection, revocation: dict, verdict: str = "violation") -> None:
    """Note that nobody tried what was revoked, though something was still alive (REV-6)."""
    grant = connection.grant
    connection.world.truth.expect(
        "REV-6",
        verdict,
        revocation_event=revocation["event_id"],
        client_id=grant.client.client_id,
        subject_id=grant.subject_id,
        grant_id=grant.grant_id,
        **({} if grant.home == "native" else {"source": grant.home}),
    )


def routine_revocation(connection: Connection, revoked_at: datetime, number: int) -> None:
    """End an ordinary connection, and try it now and then afterwards: these make the lag curve."""
    world = connection.world
    rng = world.rng("aftermath", connection.grant.holder)
    token = at_work(connection, revoked_at, life_s=3600.0)
    whole_grant = number % 2 == 0
    revocation = world.revoke(
        revoked_at,
        "grant" if whole_grant else "token",
        grant=connection.grant if whole_grant else None,
        token=None if whole_grant else token,
        reason="connection no longer needed",
    )
    left_s = (token.ends - revocation["revoked_at"]).total_seconds()
    allowed_s = SERVERS[connection.grant.server].allowed_s(left_s) or 0.0
    offsets: list[float] = []
    moment = rng.uniform(16, 60)
    tries = rng.randrange(2, 9)
    while len(offsets) < tries and moment < left_s - 60:
        near = abs(moment - allowed_s) < PROVEN_S + 1 or 0.84 * left_s < moment < 0.94 * left_s
        if not near:
            offsets.append(round(moment, 3))
        moment += 31 + rng.expovariate(1 / 240)
    aftermath(connection, token, revocation, offsets, cached_for_s=rng.uniform(0, 240))
