"""How resource servers enforce a revocation: at once, after a cache, only at expiry, or unevenly."""

from dataclasses import dataclass, field

from grantlens.simulate.apis import ARCHIVE, CLOUD, CRM, DESK, FILES, GITHUB, GRAPH, LEDGER, MAIL, METRICS, TOOLS


@dataclass(frozen=True)
class Server:
    """A resource server.

    Parameters
    ----------
    validation
        How it checks tokens: introspection, cached, offline or push.
    cache_s
        How long a cached introspection answer lives.
    bound_s
        The documented bound for a revocation to take effect.
    node_delays_s
        For uneven enforcement: when each node learns of a revocation, in seconds after it. A call lands on
        node `call number modulo nodes`.
    documented
        False where servers.toml has no row.

    Examples
    --------
    >>> Server("x", "cached", cache_s=300).accepts(offset_s=120.0, left_s=3000.0, call=0, cached_for_s=60.0)
    True
    >>> Server("x", "introspection").accepts(offset_s=30.0, left_s=3000.0, call=0)
    False
    """

    name: str
    validation: str
    cache_s: float | None = None
    bound_s: float | None = None
    leeway_s: float = 60.0
    node_delays_s: tuple[float, ...] = field(default=())
    documented: bool = True

    def accepts(self, offset_s: float, left_s: float, call: int, cached_for_s: float = 0.0) -> bool:
        """Say if a call is let in.

        Parameters
        ----------
        offset_s
            Seconds since the revocation.
        left_s
            Seconds from the revocation to the token's expiry.
        call
            Number of the call since the revocation, from 0.
        cached_for_s
            Age of the cached introspection answer at the revocation.
        """
        if offset_s >= left_s:
            return False
        if self.node_delays_s:
            return offset_s < self.node_delays_s[call % len(self.node_delays_s)]
        if self.validation == "offline":
            return True
        if self.validation == "cached":
            return offset_s < (self.cache_s or 0.0) - cached_for_s
        return False

    def allowed_s(self, left_s: float) -> float | None:
        """Return the window in which a success after a revocation is documented, None where nobody documented one."""
        if not self.documented:
            return None
        if self.validation == "offline":
            return left_s
        if self.validation == "cached":
            return min(self.cache_s or 0.0, left_s)
        return self.bound_s or 0.0


SERVERS = {
    server.name: server
    for server in (
        Server(MAIL, "introspection"),
        Server(FILES, "cached", cache_s=300, bound_s=300),
        Server(CRM, "introspection"),
        Server(LEDGER, "offline", bound_s=3600),
        Server(CLOUD, "introspection"),
        Server(DESK, "push", bound_s=60, node_delays_s=(45.0, 700.0, 130.0)),
        Server(TOOLS, "introspection"),
        Server(METRICS, "introspection"),
        Server(GRAPH, "push", bound_s=900),
        Server(GITHUB, "introspection"),
        Server("s3.amazonaws.com", "push", bound_s=60),
        Server("dynamodb.amazonaws.com", "push", bound_s=60),
        Server(ARCHIVE, "offline", documented=False),
    )
}
EXPLANATION = {"cached": "cache", "offline": "offline_jwt", "push": "propagation"}
"""What explains a success inside the allowed window."""
