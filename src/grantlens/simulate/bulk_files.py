"""Writes a bulk world fast: text is put together from ready pieces, one per token and operation, not field by field."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.simulate import bulk, ids
from grantlens.simulate.population import TENANT, TENANTS
from grantlens.simulate.truth import iso

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.simulate.bulk import Drawn

CHUNK = 500_000
_OUTCOME = (
    '"outcome":"success","status":200',
    '"outcome":"denied","status":429,"denial_reason":"rate"',
    '"outcome":"denied","status":401,"denial_reason":"token"',
)
_STATUS = (200, 429, 401)


def _moment(drawn: "Drawn", offset_ms: int) -> str:
    return iso(drawn.begin + timedelta(milliseconds=int(offset_ms)))


def _native_issuance(drawn: "Drawn") -> Iterator[dict]:
    for connection in range(drawn.connections):
        yield {
            "log": "issuance",
            "issued_at": _moment(drawn, int(drawn.token_issued[connection]) - 5000),
            "kind": "consent",
            "outcome": "success",
            "event_id": f"is-c{connection}",
            **_named(drawn, connection),
        }
    for token in range(drawn.tokens):
        issued = int(drawn.token_issued[token])
        yield {
            "log": "issuance",
            "issued_at": _moment(drawn, issued),
            "kind": "token",
            "outcome": "success",
            "token_id": f"at-{token}",
            "token_kind": "access",
            "expires_at": _moment(drawn, issued + bulk.LIFE_S * 1000),
            "event_id": f"is-t{token}",
            **_named(drawn, token % drawn.connections),
        }


def _named(drawn: "Drawn", connection: int) -> dict:
    return {
        "grant_id": f"g-{connection}",
        "client_id": bulk.client_id(connection),
        "subject_id": bulk.subject_id(connection),
        "subject_kind": "user",
        "scopes": drawn.scopes(connection),
        "tenant": TENANT,
    }


def _native_revocation(drawn: "Drawn") -> Iterator[dict]:
    for token in drawn.token_revoked.nonzero()[0].tolist():
        connection = token % drawn.connections
        moment = int(drawn.token_issued[token]) + bulk.REVOKED_AFTER_S * 1000
        yield {
            "log": "revocation",
            "revoked_at": _moment(drawn, moment),
            "kind": "revoke",
            "outcome": "success",
            "target_kind": "token",
            "token_id": f"at-{token}",
            "grant_id": f"g-{connection}",
            "client_id": bulk.client_id(connection),
            "subject_id": bulk.subject_id(connection),
            "initiator": "admin",
            "tenant": TENANT,
            "event_id": f"rv-{token}",
        }


def _save(path: Path, rows: Iterator[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)


class _Clock:
    """Text of times, from tables."""

    def __init__(self, begin: datetime, days: int) -> None:
        self.days = [f"{begin + timedelta(days=day):%Y-%m-%dT}" for day in range(days)]
        self.seconds = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}." for s in range(86400)]
        self.milliseconds = [f"{ms:03d}" for ms in range(1000)]

    def texts(self, offsets_ms: "np.ndarray") -> list[str]:
        """Return the times of a chunk, without zone."""
        seconds, milliseconds = offsets_ms // 1000, offsets_ms % 1000
        days, of_day, ms = self.days, self.seconds, self.milliseconds
        return [
            days[day] + of_day[s] + ms[m]
            for day, s, m in zip(
                (seconds // 86400).tolist(), (seconds % 86400).tolist(), milliseconds.tolist(), strict=True
            )
        ]


def _cut(template: str) -> list[str]:
    """Cut a path template where ids belong: three pieces, the last two perhaps empty."""
    return re.split(r"\{\w+\}", template)


def _parts(drawn: "Drawn", files: int) -> Iterator[tuple[int, range]]:
    """Yield (file number, calls) in chunks."""
    total = len(drawn.call_time)
    for number in range(files):
        first, last = total * number // files, total * (number + 1) // files
        for start in range(first, last, CHUNK):
            yield number, range(start, min(start + CHUNK, last))


def _paths(drawn: "Drawn", calls: range, pieces: list[tuple[str, ...]]) -> list[str]:
    """Return the piece of text that says what was called, for each call of a chunk."""
    cut = slice(calls.start, calls.stop)
    first, second = drawn.call_ids[0][cut].tolist(), drawn.call_ids[1][cut].tolist()
    text = []
    for op, a, b in zip(drawn.call_op[cut].tolist(), first, second, strict=True):
        piece = pieces[op]
        if len(piece) == 1:
            text.append(piece[0])
        elif len(piece) == 2:
            text.append(f"{piece[0]}{a}{piece[1]}")
        else:
            text.append(f"{piece[0]}{a}{piece[1]}{b}{piece[2]}")
    return text


def ndjson(folder: Path, drawn: "Drawn", files: int) -> None:
    """Write the three logs in the native format."""
    _save(folder / "issuance.ndjson", _native_issuance(drawn))
    _save(folder / "revocation.ndjson", _native_revocation(drawn))
    pieces: list[tuple[str, ...]] = []
    for op in bulk.OPS:
        if op.is_tool:
            pieces.append((f'"operation":"{op.label}"',))
            continue
        cut = _cut(op.template)
        cut[0] = f'"method":"{op.method}","target":"{cut[0]}'
        cut[-1] += '"'
        pieces.append(tuple(cut))
    callers = []
    for token in range(drawn.tokens):
        connection = token % drawn.connections
        server = bulk.KINDS[connection % len(bulk.KINDS)].server
        callers.append(
            f',"token_id":"at-{token}","client_id":"{bulk.client_id(connection)}",'
            f'"subject_id":"{bulk.subject_id(connection)}","resource_server":"{server}",'
        )
    clock = _Clock(drawn.begin, int(drawn.call_time.max()) // 86_400_000 + 1)
    _stream(
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
                _paths(drawn, calls, pieces),
                strict=True,
            )
        ],
        clock,
    )


def _stream(
    folder: Path,
    name: str,
    drawn: "Drawn",
    files: int,
    lines: Callable[[range, list[str]], list[str]],
    clock: _Clock,
) -> None:
    """Write the calls chunk by chunk."""
    for number, chunks in groupby(_parts(drawn, files), key=lambda part: part[0]):
        with (folder / f"{name}-{number:03d}.ndjson").open("w", encoding="utf-8", newline="\n") as file:
            for _, calls in chunks:
                file.write("".join(lines(calls, clock.texts(drawn.call_time[calls.start : calls.stop]))))


GRAPH_TEMPLATES = (
    "/v1.0/me/messages",
    "/v1.0/users/{user}/messages",
    "/v1.0/users/{user}/messages/{message}",
    "/v1.0/users/{user}/calendar/events",
    "/v1.0/users/{user}/drive/items/{item}",
    "/v1.0/groups/{group}/members",
    "/v1.0/sites/{site}/lists",
    "/v1.0/me/drive/root/children",
    "/v1.0/users/{user}",
    "/beta/users/{user}/manager",
)


def graph(folder: Path, drawn: "Drawn", files: int) -> None:
    """Write the calls as Microsoft Graph activity, and the tokens as sign-ins; operations are Graph's, in turn."""
    tenant = str(TENANTS["microsoft_entra"])
    names = [ids.token_id("microsoft_entra", "access", "bulk", token) for token in range(drawn.tokens)]
    apps = [ids.guid("app", connection) for connection in range(drawn.connections)]
    people = {
        bulk.subject_id(connection): ids.guid(bulk.subject_id(connection)) for connection in range(drawn.connections)
    }
    scopes = "Calendars.Read Files.Read Group.Read.All Mail.Read User.Read.All"
    head = f'"tenantId":"{tenant}","resourceId":"/tenants/{tenant}/providers/Microsoft.aadiam"'
    _save(folder / "signins.ndjson", _sign_ins(drawn, names, apps, people, scopes, tenant))
    pieces: list[tuple[str, ...]] = []
    for number in range(len(bulk.OPS)):
        cut = _cut(GRAPH_TEMPLATES[number % len(GRAPH_TEMPLATES)])
        cut[0] = f'"requestMethod":"GET","requestUri":"https://graph.microsoft.com{cut[0]}'
        cut[-1] += '"'
        pieces.append(tuple(cut))
    callers = []
    for token in range(drawn.tokens):
        connection = token % drawn.connections
        callers.append(
            f',"appId":"{apps[connection]}","userId":"{people[bulk.subject_id(connection)]}","servicePrincipalId":null,'
            f'"scopes":"{scopes}","roles":null,"signInActivityId":"{names[token]}"'
        )
    clock = _Clock(drawn.begin, int(drawn.call_time.max()) // 86_400_000 + 1)
    _stream(
        folder,
        "graph-activity",
        drawn,
        files,
        lambda calls, stamps: [
            f'{{"time":"{stamp}0000Z","category":"MicrosoftGraphActivityLogs",'
            f'"operationName":"Microsoft Graph Activity",'
            f'"operationVersion":"v1.0","resultSignature":"{_STATUS[outcome]}",{head},"properties":{{"timeGenerated":'
            f'"{stamp}0000Z","requestId":"00000000-0000-4000-8000-{number:012x}","apiVersion":"v1.0",{path}'
            f'{callers[token]},"responseStatusCode":{_STATUS[outcome]},"responseSizeBytes":912,"tenantId":"{tenant}",'
            f'"ipAddress":"198.51.100.{token % 250}","userAgent":"python-httpx/0.28"}}}}\n'
            for number, stamp, outcome, token, path in zip(
                calls,
                stamps,
                drawn.call_outcome[calls.start : calls.stop].tolist(),
                drawn.call_token[calls.start : calls.stop].tolist(),
                _paths(drawn, calls, pieces),
                strict=True,
            )
        ],
        clock,
    )


def _sign_ins(
    drawn: "Drawn", names: list[str], apps: list[str], people: dict[str, str], scopes: str, tenant: str
) -> Iterator[dict]:
    for token, name in enumerate(names):
        connection = token % drawn.connections
        time = _moment(drawn, int(drawn.token_issued[token]))
        yield {
            "time": time,
            "category": "NonInteractiveUserSignInLogs",
            "operationName": "Sign-in activity",
            "tenantId": tenant,
            "properties": {
                "id": f"10000000-0000-4000-8000-{token:012x}",
                "createdDateTime": time,
                "appId": apps[connection],
                "appDisplayName": f"Connection {connection}",
                "userId": people[bulk.subject_id(connection)],
                "uniqueTokenIdentifier": name,
                "incomingTokenType": "refreshToken",
                "status": {"errorCode": 0},
                "authenticationProcessingDetails": [{"key": "Oauth Scope Info", "value": json.dumps(scopes.split())}],
            },
        }


def parquet(folder: Path, drawn: "Drawn", files: int) -> None:
    """Write the three logs in the native format as Parquet."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for log, rows in {"issuance": _native_issuance(drawn), "revocation": _native_revocation(drawn)}.items():
        some = list(rows)
        names = dict.fromkeys(name for row in some for name in row)
        table = pa.table({name: [row.get(name) for row in some] for name in names})
        pq.write_table(_with_times(table), folder / f"{log}.parquet", compression="zstd")
    connections = range(drawn.connections)
    epoch_us = round(drawn.begin.timestamp() * 1_000_000)
    tokens = pa.array([f"at-{token}" for token in range(drawn.tokens)])
    servers = pa.array([bulk.KINDS[n % len(bulk.KINDS)].server for n in connections])
    clients, subjects = pa.array(map(bulk.client_id, connections)), pa.array(map(bulk.subject_id, connections))
    cuts = [[""] if op.is_tool else _cut(op.template) for op in bulk.OPS]
    pieces = [pa.array([cut[place] if place < len(cut) else "" for cut in cuts]) for place in range(3)]
    places = np.array([len(cut) - 1 for cut in cuts])
    methods, operations = (
        pa.array([op.method or None for op in bulk.OPS]),
        pa.array([op.label if op.is_tool else None for op in bulk.OPS]),
    )
    outcomes, reasons = pa.array(["success", "denied", "denied"]), pa.array([None, "rate", "token"])

    def table_of(calls: range) -> "pa.Table":
        cut = slice(calls.start, calls.stop)
        op, token, outcome = drawn.call_op[cut], drawn.call_token[cut], drawn.call_outcome[cut]
        texts = [pc.cast(pa.array(drawn.call_ids[place][cut]), pa.string()) for place in range(2)]
        inner = [pc.if_else(pa.array(places[op] > place), texts[place], "") for place in range(2)]
        path = pc.binary_join_element_wise(
            pieces[0].take(pa.array(op)),
            inner[0],
            pieces[1].take(pa.array(op)),
            inner[1],
            pieces[2].take(pa.array(op)),
            "",
        )
        connection = pa.array(token % drawn.connections)
        numbers = pc.cast(pa.array(np.arange(calls.start, calls.stop)), pa.string())
        return pa.table({
            "log": pa.array(["usage"]).take(pa.array(np.zeros(len(calls), dtype=np.int64))),
            "used_at": pa.array(drawn.call_time[cut] * 1000 + epoch_us).cast(pa.timestamp("us", "UTC")),
            "outcome": outcomes.take(pa.array(outcome)),
            "status": pa.array(np.array(_STATUS, dtype=np.int16)[outcome]),
            "denial_reason": reasons.take(pa.array(outcome)),
            "token_id": tokens.take(pa.array(token)),
            "client_id": clients.take(connection),
            "subject_id": subjects.take(connection),
            "resource_server": servers.take(connection),
            "method": methods.take(pa.array(op)),
            "target": pc.if_else(pc.equal(path, ""), None, path),
            "operation": operations.take(pa.array(op)),
            "tenant": pa.array([TENANT]).take(pa.array(np.zeros(len(calls), dtype=np.int64))),
            "event_id": pc.binary_join_element_wise("us-", numbers, ""),
        })  # fmt: skip

    for number, chunks in groupby(_parts(drawn, files), key=lambda part: part[0]):
        tables = (table_of(calls) for _, calls in chunks)
        first = next(tables)
        with pq.ParquetWriter(folder / f"usage-{number:03d}.parquet", first.schema, compression="zstd") as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)


def _with_times(table: "pa.Table") -> "pa.Table":
    """Turn the columns of times into real ones."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in ("issued_at", "expires_at", "revoked_at"):
        if name in table.column_names:
            parsed = pc.strptime(pc.utf8_slice_codeunits(table[name], 0, 19), format="%Y-%m-%dT%H:%M:%S", unit="us")
            fraction = pc.cast(pc.utf8_slice_codeunits(table[name], 20, 23), pa.int64())
            exact = pc.add(pc.cast(parsed, pa.int64()), pc.multiply(fraction, 1000))
            stamped = pc.cast(pc.cast(exact, pa.timestamp("us")), pa.timestamp("us", "UTC"))
            table = table.set_column(table.column_names.index(name), name, stamped)
    return table
