"""Draws millions of calls at once with NumPy, and counts what is true of them.

The population is simpler than that of `generate`, but of the same kind: connections with tokens of an hour, calls
within their scopes, some connections that go beyond them, some scopes that nobody needs, some tokens that are revoked
half-way, a quarter of which works on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from grantlens.simulate.apis import CRM, DESK, FILES, LEDGER, MAIL, TOOLS, Operation, operation, operations_for
from grantlens.simulate.generate import END
from grantlens.simulate.population import PEOPLE

if TYPE_CHECKING:
    import numpy as np

LIFE_S = 3600
REVOKED_AFTER_S = 1200
CLEAR_S = 40
"""No call this close to a revocation."""


@dataclass(frozen=True)
class Kind:
    """What a connection of one kind holds, needs, and is not allowed.

    Parameters
    ----------
    spare
        A scope that some connections of the kind hold and never need.
    beyond
        An operation that no scope of the kind permits.
    """

    server: str
    scope: str
    spare: str
    beyond: Operation

    @property
    def ops(self) -> tuple[Operation, ...]:
        """Return what it calls."""
        return operations_for(self.server, self.scope)


KINDS = (
    Kind(MAIL, "mail.read", "mail.send", operation(MAIL, "DELETE /v1/users/{user}/messages/{message}")),
    Kind(FILES, "files.read", "files.export", operation(FILES, "DELETE /v1/files/{file}")),
    Kind(CRM, "crm.contacts.read", "crm.export", operation(CRM, "GET /v1/cases")),
    Kind(LEDGER, "ledger.read", "", operation(LEDGER, "POST /v1/entries")),
    Kind(DESK, "tickets.read", "", operation(DESK, "POST /v1/tickets/{ticket}/comments")),
    Kind(TOOLS, "tools.search", "", operation(TOOLS, "create_issue")),
)
OPS = tuple(dict.fromkeys(op for kind in KINDS for op in (*kind.ops, kind.beyond)))


@dataclass(frozen=True)
class Drawn:
    """The population and its calls as arrays; `call_*` are in order of time.

    Times are milliseconds since `begin`.
    """

    begin: datetime
    connections: int
    token_issued: "np.ndarray"
    token_revoked: "np.ndarray"
    call_time: "np.ndarray"
    call_token: "np.ndarray"
    call_op: "np.ndarray"
    call_ids: "np.ndarray"
    call_outcome: "np.ndarray"
    """0 success, 1 denied for its rate, 2 denied as revoked."""
    truth: dict

    @property
    def tokens(self) -> int:
        """How many tokens there are; token `n` belongs to connection `n % connections`."""
        return len(self.token_issued)

    def scopes(self, connection: int) -> list[str]:
        """Return what a connection was granted."""
        kind = KINDS[connection % len(KINDS)]
        return [kind.scope, kind.spare] if _has_spare(connection) else [kind.scope]


def _has_spare(connection: int) -> bool:
    return bool(KINDS[connection % len(KINDS)].spare) and connection % 5 == 0


def _goes_beyond(connection: "np.ndarray") -> "np.ndarray":
    return connection % 50 == 7


def draw(usage: int, *, seed: int = 7, days: int = 90) -> Drawn:
    """Draw a population and its calls.

    Parameters
    ----------
    usage
        How many calls.
        Every 5,000 are a connection's, and 60 connections are there at least.

    Examples
    --------
    >>> drawn = draw(1000, seed=1)
    >>> len(drawn.call_time), drawn.truth["usage"]
    (1000, 1000)
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    connections = max(60, usage // 5000)
    tokens = max(2 * connections, usage // 50)
    span = (days * 86400 - 2 * LIFE_S) * 1000
    issued = rng.integers(0, span, tokens)
    # Each connection begins early: its first token falls into the first day.
    issued[:connections] = rng.integers(0, 86_400_000, connections)
    revoked = np.arange(tokens) % 400 == 3
    works_on = np.arange(tokens) // 400 % 4 == 0

    token = rng.integers(0, tokens, usage)
    offset = rng.integers(15_000, (LIFE_S - 90) * 1000, usage)
    cut = REVOKED_AFTER_S * 1000
    near = np.abs(offset - cut) < CLEAR_S * 1000
    offset = np.where(near, offset + 2 * CLEAR_S * 1000, offset)
    connection = token % connections
    kind = connection % len(KINDS)
    number_of = {op: number for number, op in enumerate(OPS)}
    ops = np.zeros((len(KINDS), 8), dtype=np.int64)
    for row, one in enumerate(KINDS):
        ops[row] = [number_of[one.ops[column % len(one.ops)]] for column in range(8)]
    beyond = np.array([number_of[one.beyond] for one in KINDS])
    after = revoked[token] & (offset > cut)
    strays = _goes_beyond(connection) & (rng.random(usage) < 0.02) & ~after
    op = np.where(strays, beyond[kind], ops[kind, rng.integers(0, 8, usage)])
    outcome = np.where(rng.random(usage) < 0.01, 1, 0)
    outcome = np.where(after, np.where(works_on[token], 0, 2), outcome)
    outcome = np.where(strays, 0, outcome)

    time = issued[token] + offset
    order = np.argsort(time, kind="stable")
    late_success = after & (outcome == 0)
    truth = {
        "usage": usage,
        "issuance": connections + tokens,
        "revocation": int(revoked.sum()),
        "OOS-1": len(np.unique(connection[strays])),
        "PRV-1 unused": sum(map(_has_spare, range(connections))),
        "REV-1": len(np.unique(token[late_success])),
        "REV-6": int(revoked.sum()) - len(np.unique(token[after])),
    }
    return Drawn(
        begin=END - timedelta(days=days),
        connections=connections,
        token_issued=issued,
        token_revoked=revoked,
        call_time=time[order],
        call_token=token[order],
        call_op=op[order],
        call_ids=rng.integers(100_000, 9_000_000, (2, usage)),
        call_outcome=outcome[order],
        truth=truth,
    )


def client_id(connection: int) -> str:
    """Return the client of a connection."""
    return f"client-{connection:06d}"


def subject_id(connection: int) -> str:
    """Return whose connection it is."""
    return PEOPLE[connection % len(PEOPLE)].subject_id
