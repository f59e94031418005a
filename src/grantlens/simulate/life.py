"""What happens to a connection in ordinary times: sign-in, refresh or mint, a few calls, and so on."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from grantlens.simulate.apis import Operation, operations_for
from grantlens.simulate.population import HEARTBEAT, Client, Grant, Person, Token, closure, ordinary
from grantlens.simulate.world import World

REFRESH_LIFE_S = 180 * 86400.0
LIFE_S = {"refresh": 3600.0, "agent": 300.0, "service": 3600.0}
GRANT_TYPE = {
    "refresh": "refresh_token",
    "agent": "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "service": "client_credentials",
}


class Connection:
    """One grant in use.

    Parameters
    ----------
    style
        refresh (rotating refresh token, access tokens of an hour), agent (tokens of five minutes), service.
    ops
        What it calls, in turn. By default everything that its scopes are meant for.
    keys
        What its usage log names, see `World.call`.
    """

    def __init__(
        self,
        world: World,
        grant: Grant,
        style: str,
        *,
        ops: Sequence[Operation] | None = None,
        keys: str = "token",
        rotate: bool = True,
        life_s: float | None = None,
    ) -> None:
        self.world = world
        self.grant = grant
        self.style = style
        self.keys = keys
        self.rotate = rotate
        self.life_s = life_s or LIFE_S[style]
        self.refresh: Token | None = None
        self.ops = tuple(ops) if ops is not None else _ops_of(grant)
        self._turn = 0

    def access(self, moment: datetime, *, life_s: float | None = None, scopes: tuple[str, ...] | None = None) -> Token:
        """Get an access token as this style of connection does."""
        world, grant, life_s = self.world, self.grant, life_s or self.life_s
        if self.style != "refresh":
            return world.token(grant, moment, life_s, grant_type=GRANT_TYPE[self.style], scopes=scopes)
        if self.refresh is None:
            first = world.token(grant, moment, life_s, scopes=scopes)
            self.refresh = world.token(grant, moment, REFRESH_LIFE_S, token_kind="refresh")
            return first
        parent = self.refresh
        fresh = world.token(
            grant, moment, life_s, kind="refresh", grant_type="refresh_token", parent=parent, scopes=scopes
        )
        if self.rotate:
            self.refresh = world.token(
                grant,
                moment,
                REFRESH_LIFE_S,
                token_kind="refresh",
                kind="refresh",
                grant_type="refresh_token",
                parent=parent,
            )
        return fresh

    def call(self, token: Token, moment: datetime, op: Operation | None = None, **how: Any) -> dict:
        """Call the next operation in turn, or the one given."""
        if op is None:
            op = self.ops[self._turn % len(self.ops)]
            self._turn += 1
        return self.world.call(token, moment, op, keys=self.keys, **how)

    def refresh_token(self) -> Token:
        """Return the refresh token that it holds now."""
        if self.refresh is None:
            raise ValueError(f"{self.grant.client.client_id} holds no refresh token")
        return self.refresh

    def session(self, moment: datetime, calls: int) -> Token:
        """One working session: a token and some calls, all well inside its life."""
        rng = self.world.rng("session", self.grant.holder, len(self.grant.tokens))
        token = self.access(moment)
        step = self.life_s * 0.7 / max(calls, 1)
        for number in range(calls):
            self.call(token, moment + timedelta(seconds=2 + number * step + rng.uniform(0, step * 0.8)))
        return token

    def live(self, since: datetime, until: datetime, every_h: float, calls: int) -> None:
        """Work from time to time, and stop in good time before `until`."""
        rng = self.world.rng("life", self.grant.holder)
        moment = since + timedelta(hours=rng.uniform(0.5, 3))
        first = True
        while moment < until - timedelta(hours=3):
            # The first session goes through everything it can do, so that no scope waits long for its first use.
            self.session(moment, max(calls, len(self.ops)) if first else calls)
            first = False
            moment += timedelta(hours=every_h * rng.uniform(0.6, 1.4))


def _ops_of(grant: Grant) -> tuple[Operation, ...]:
    """Operations of the grant's own scopes first, then of the scopes that they include."""
    own = [op for scope in grant.scopes for op in operations_for(grant.server, scope)]
    included = [
        op for scope in closure(grant.scopes) if scope not in grant.scopes for op in operations_for(grant.server, scope)
    ]
    return tuple(own + included)


def connect(
    world: World,
    client: Client,
    subject: Person | None,
    server: str,
    scopes: tuple[str, ...],
    since: datetime,
    *,
    style: str = "refresh",
    **how: Any,
) -> Connection:
    """Open a connection: a grant (with a consent, except for services), ready to be used."""
    consent = {"refresh": "user", "agent": "policy", "service": None}[style]
    actors = (f"agent:{client.client_id}",) if style == "agent" and subject else ()
    grant = world.grant(client, subject, server, scopes, since, consent=consent, actors=actors)
    return Connection(world, grant, style, **how)


def ordinary_connection(world: World, number: int) -> Connection:
    """Let one ordinary connection live through the whole log."""
    archetype, client, person = ordinary(number)
    rng = world.rng("ordinary", number)
    since = world.start + timedelta(hours=rng.uniform(2, 60))
    scopes = archetype.scopes + archetype.spare
    needed = [op for scope in closure(archetype.scopes) for op in operations_for(archetype.server, scope)]
    connection = connect(world, client, person, archetype.server, scopes, since, style=archetype.style, ops=needed)
    rough = world.day(rng.uniform(0.1, 0.8), hour=rng.randrange(24), minute=rng.randrange(60))
    connection.live(since, rough, archetype.every_h * 1.8, archetype.calls)
    _rough_edges(connection, rough)
    connection.live(rough + timedelta(hours=5), world.end, archetype.every_h * 1.8, archetype.calls)
    return connection


def _rough_edges(connection: Connection, moment: datetime) -> None:
    """Refusals that mean nothing for any rule: an expired token, a rate limit, a policy, a server error."""
    token = connection.access(moment)
    for number, (outcome, status, denial) in enumerate(
        (("denied", 429, "rate"), ("error", 503, None), ("denied", 403, "policy"))
    ):
        connection.call(
            token, moment + timedelta(seconds=5 + number * 9), outcome=outcome, status=status, denial=denial
        )
    late = moment + timedelta(seconds=connection.life_s + 240)
    connection.call(token, late, outcome="denied", status=401, denial="token")


def heartbeat(world: World) -> None:
    """Let a service call at a steady pace, so that a silence of the log is no chance."""
    grant = world.grant(HEARTBEAT, None, "metrics.brightwater.example", ("metrics.write",), world.start, consent=None)
    connection = Connection(world, grant, "service", life_s=86400.0)
    rng = world.rng("heartbeat")
    moment = world.start + timedelta(minutes=4)
    token = None
    while moment < world.end:
        if token is None or moment > token.ends - timedelta(hours=1):
            token = connection.access(moment - timedelta(seconds=30))
        connection.call(token, moment + timedelta(seconds=rng.uniform(0, 20)))
        moment += timedelta(hours=6)
