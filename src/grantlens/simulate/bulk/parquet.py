"""Writes a bulk world in the native format as Parquet."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.simulate.bulk.drawn import KINDS, OPS, Drawn, client_id, subject_id
from grantlens.simulate.bulk.native import issuance, revocation
from grantlens.simulate.bulk.text import STATUS, cut, parts
from grantlens.simulate.population import TENANT

if TYPE_CHECKING:
    import pyarrow as pa


def parquet(folder: Path, drawn: Drawn, files: int) -> None:
    """Write the three logs in the native format as Parquet."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for log, rows in {"issuance": issuance(drawn), "revocation": revocation(drawn)}.items():
        some = list(rows)
        names = dict.fromkeys(name for row in some for name in row)
        table = pa.table({name: [row.get(name) for row in some] for name in names})
        pq.write_table(_with_times(table), folder / f"{log}.parquet", compression="zstd")
    connections = range(drawn.connections)
    epoch_us = round(drawn.begin.timestamp() * 1_000_000)
    tokens = pa.array([f"at-{token}" for token in range(drawn.tokens)])
    servers = pa.array([KINDS[n % len(KINDS)].server for n in connections])
    clients, subjects = pa.array(map(client_id, connections)), pa.array(map(subject_id, connections))
    cuts = [[""] if op.is_tool else cut(op.template) for op in OPS]
    pieces = [pa.array([piece[place] if place < len(piece) else "" for piece in cuts]) for place in range(3)]
    places = np.array([len(piece) - 1 for piece in cuts])
    methods, operations = (
        pa.array([op.method or None for op in OPS]),
        pa.array([op.label if op.is_tool else None for op in OPS]),
    )
    outcomes, reasons = pa.array(["success", "denied", "denied"]), pa.array([None, "rate", "token"])

    def table_of(calls: range) -> "pa.Table":
        chunk = slice(calls.start, calls.stop)
        op, token, outcome = drawn.call_op[chunk], drawn.call_token[chunk], drawn.call_outcome[chunk]
        texts = [pc.cast(pa.array(drawn.call_ids[place][chunk]), pa.string()) for place in range(2)]
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
            "used_at": pa.array(drawn.call_time[chunk] * 1000 + epoch_us).cast(pa.timestamp("us", "UTC")),
            "outcome": outcomes.take(pa.array(outcome)),
            "status": pa.array(np.array(STATUS, dtype=np.int16)[outcome]),
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

    for number, chunks in groupby(parts(drawn, files), key=lambda part: part[0]):
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
