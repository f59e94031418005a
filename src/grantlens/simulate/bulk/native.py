"""Writes a bulk world in the native format."""

from collections.abc import Iterator
from pathlib import Path

from grantlens.simulate.bulk.drawn import KINDS, LIFE_S, OPS, REVOKED_AFTER_S, Drawn, client_id, subject_id
from grantlens.simulate.bulk.text import Clock, cut, moment, paths, save, stream
from grantlens.simulate.population import TENANT

_OUTCOME = (
    '"outcome":"success","status":200',
    '"outcome":"denied","status":429,"denial_reason":"rate"',
    '"outcome":"denied","status":401,"denial_reason":"token"',
)


def issuance(drawn: Drawn) -> Iterator[dict]:
    """Yield a consent for each connection and its tokens."""
    for connection in range(drawn.connections):
        yield {
            "log": "issuance",
            "issued_at": moment(drawn, int(drawn.token_issued[connection]) - 5000),
            "kind": "consent",
            "outcome": "success",
            "event_id": f"is-c{connection}",
            **_named(drawn, connection),
        }
    for token in range(drawn.tokens):
        issued = int(drawn.token_issued[token])
        yield {
            "log": "issuance",
            "issued_at": moment(drawn, issued),
            "kind": "token",
            "outcome": "success",
            "token_id": f"at-{token}",
            "token_kind": "access",
            "expires_at": moment(drawn, issued + LIFE_S * 1000),
            "event_id": f"is-t{token}",
            **_named(drawn, token % drawn.connections),
        }


def _named(drawn: Drawn, connection: int) -> dict:
    return {
        "grant_id": f"g-{connection}",
        "client_id": client_id(connection),
        "subject_id": subject_id(connection),
        "subject_kind": "user",
        "scopes": drawn.scopes(connection),
        "tenant": TENANT,
    }


def revocation(drawn: Drawn) -> Iterator[dict]:
    """Yield the tokens that are revoked half-way."""
    for token in drawn.token_revoked.nonzero()[0].tolist():
        connection = token % drawn.connections
        ended = int(drawn.token_issued[token]) + REVOKED_AFTER_S * 1000
        yield {
            "log": "revocation",
            "revoked_at": moment(drawn, ended),
            "kind": "revoke",
            "outcome": "success",
            "target_kind": "token",
            "token_id": f"at-{token}",
            "grant_id": f"g-{connection}",
            "client_id": client_id(connection),
            "subject_id": subject_id(connection),
            "initiator": "admin",
            "tenant": TENANT,
            "event_id": f"rv-{token}",
        }


def ndjson(folder: Path, drawn: Drawn, files: int) -> None:
    """Write the three logs in the native format."""
    save(folder / "issuance.ndjson", issuance(drawn))
    save(folder / "revocation.ndjson", revocation(drawn))
    pieces: list[tuple[str, ...]] = []
    for op in OPS:
        if op.is_tool:
            pieces.append((f'"operation":"{op.label}"',))
            continue
        piece = cut(op.template)
        piece[0] = f'"method":"{op.method}","target":"{piece[0]}'
        piece[-1] += '"'
        pieces.append(tuple(piece))
    callers = []
    for token in range(drawn.tokens):
        connection = token % drawn.connections
        server = KINDS[connection % len(KINDS)].server
        callers.append(
            f',"token_id":"at-{token}","client_id":"{client_id(connection)}",'
            f'"subject_id":"{subject_id(connection)}","resource_server":"{server}",'
        )
    clock = Clock(drawn.begin, int(drawn.call_time.max()) // 86_400_000 + 1)
    stream(
        folder,
        "usage",
        drawn,
        files,
        lambda calls, stamps: [
            f'{{"log":"usage","used_at":"{stamp}Z",{_OUTCOME[outcome]}{callers[token]}{path},'
            f'"ip":"192.0.2.{token % 250}","tenant":"{TENANT}","event_id":"us-{number}"}}\n'
            for number, stamp, outcome, token, path in zip(
                calls,
                stamps,
                drawn.call_outcome[calls.start : calls.stop].tolist(),
                drawn.call_token[calls.start : calls.stop].tolist(),
                paths(drawn, calls, pieces),
                strict=True,
            )
        ],
        clock,
    )
