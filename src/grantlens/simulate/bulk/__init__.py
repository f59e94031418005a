"""Bulk mode: millions of calls for benchmarks, with the counts that are true of them."""

import json
from pathlib import Path

from grantlens.simulate import side_files
from grantlens.simulate.bulk.drawn import KINDS, client_id, draw
from grantlens.simulate.bulk.graph import graph
from grantlens.simulate.bulk.native import ndjson
from grantlens.simulate.bulk.parquet import parquet
from grantlens.simulate.population import Client

WRITERS = {"ndjson": ndjson, "parquet": parquet, "graph": graph}


def bulk(
    out: str | Path,
    usage: int,
    *,
    seed: int = 7,
    days: int = 90,
    form: str = "ndjson",
    files: int = 1,
) -> dict:
    """Write a bulk world: native logs, the side files, and `truth.json` with the counts that are true.

    Parameters
    ----------
    out
        Directory to write to.
    usage
        How many calls.
    form
        "ndjson", "parquet", or "graph" (calls and sign-ins as Microsoft Entra logs them).
    files
        Over how many files the calls are spread, in order of time.

    Returns
    -------
    dict
        The counts: rows of each log, and findings of OOS-1, PRV-1 (state unused), REV-1 and REV-6.
    """
    out = Path(out)
    drawn = draw(usage, seed=seed, days=days)
    (out / "logs").mkdir(parents=True, exist_ok=True)
    WRITERS[form](out / "logs", drawn, files)
    clients = [Client(client_id(n), f"Connection {n}", approved=_approved(n)) for n in range(drawn.connections)]
    texts = {
        "catalogue.toml": side_files.catalogue_toml(),
        "register.toml": side_files.register_toml(clients, drawn.begin.date(), ()),
        "servers.toml": side_files.servers_toml(),
        "truth.json": json.dumps(drawn.truth, indent=1) + "\n",
    }
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    return drawn.truth


def _approved(connection: int) -> tuple[tuple[str, str], ...]:
    return tuple((op.server, op.label) for op in KINDS[connection % len(KINDS)].ops)
