"""How fast a load is, beside a bare DuckDB `read_json(columns=...)` of the same file.

Each measurement runs in a process of its own, into a fresh store on disk; bare and load take turns,
so that both see the same machine. The load does everything: evidence, rejection, de-duplication,
dictionaries, coverage, the hash of the file.

    python -m benchmarks.bench_load --records 1000000 --shape native --rounds 3
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

GOAL = 1.0
FLOOR = 0.85
MEMORY_GIB = 2.5

AGENTS = ("python-requests/2.32.4", "node-fetch/3.3.2", "Go-http-client/2.0", "aiohttp/3.12.15", "curl/8.9.1")
PATHS = (
    "/v1.0/users/{}/messages",
    "/v1.0/users/{}/mailFolders/inbox/messages",
    "/v1.0/users/{}/events",
    "/v1.0/groups/{}/members",
    "/v1.0/drives/{}/root/children",
    "/v1.0/me/messages",
    "/v1.0/organization",
)


def native_columns() -> dict[str, str]:
    """Every usage column of a native file, as `read_json` takes it."""
    from grantlens.schema import LOGS
    from grantlens.schema.vocabulary import ENUMS

    columns = {c.name: "VARCHAR" if c.type in ENUMS else c.type for c in LOGS["usage"].columns}
    return {"log": "VARCHAR"} | {name: kind for name, kind in columns.items() if name not in ("batch_id", "line_no")}


GRAPH_COLUMNS = {
    "time": "TIMESTAMPTZ",
    "category": "VARCHAR",
    "operationName": "VARCHAR",
    "resultSignature": "VARCHAR",
    "callerIpAddress": "VARCHAR",
    "correlationId": "VARCHAR",
    "tenantId": "VARCHAR",
    "properties": "STRUCT(timeGenerated TIMESTAMPTZ, tokenIssuedAt TIMESTAMPTZ, requestId VARCHAR, appId VARCHAR, "
    "servicePrincipalId VARCHAR, userId VARCHAR, signInActivityId VARCHAR, sessionId VARCHAR, scopes VARCHAR, roles VARCHAR, "
    "wids VARCHAR, requestMethod VARCHAR, requestUri VARCHAR, responseStatusCode INTEGER, responseSizeBytes BIGINT, "
    "durationMs BIGINT, ipAddress VARCHAR, userAgent VARCHAR, clientRequestId VARCHAR, apiVersion VARCHAR)",
}


class Population:
    """Tokens that are used a few hundred times each, by clients and subjects that return."""

    def __init__(self, records: int, seed: int) -> None:
        self.chance = random.Random(seed)
        clients = [(self._guid(), f"Client {n}", self.chance.choice(AGENTS)) for n in range(60)]
        subjects = [(self._guid(), f"person{n}@example.com") for n in range(2_000)]
        self.objects = [self._guid() for _ in range(max(100, records // 100))]
        self.tokens = []
        for _ in range(max(10, records // 300)):
            client, subject = self.chance.choice(clients), self.chance.choice(subjects)
            address = f"10.{self.chance.randrange(256)}.{self.chance.randrange(256)}.{self.chance.randrange(1, 255)}"
            self.tokens.append((self._guid(), client, subject, address, self._guid()))
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def _guid(self) -> str:
        bits = f"{self.chance.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"

    def call(self) -> tuple:
        """One call: its time, event, token, path and status."""
        self.moment += timedelta(milliseconds=self.chance.randrange(1, 400))
        path = self.chance.choice(PATHS).format(self.chance.choice(self.objects))
        status = 200 if self.chance.random() < 0.97 else self.chance.choice((401, 403, 404, 429))
        return self.moment, self._guid(), self.chance.choice(self.tokens), path, status


def native_line(population: Population) -> str:
    moment, event, (token, client, subject, address, session), path, status = population.call()
    outcome = "success" if status < 300 else "denied" if status in (401, 403) else "error"
    return (
        f'{{"log":"usage","event_id":"{event}","used_at":"{moment:%Y-%m-%dT%H:%M:%S.%f}Z","outcome":"{outcome}","status":{status},'
        f'"token_id":"{token}","session_id":"{session}","client_id":"{client[0]}","client_name":"{client[1]}",'
        f'"subject_id":"{subject[0]}","subject_name":"{subject[1]}","token_scopes":["Mail.Read","User.Read","Files.Read.All"],'
        f'"resource_server":"graph.microsoft.com","method":"GET","target":"{path}","response_bytes":{status * 7},'
        f'"ip":"{address}","user_agent":"{client[2]}","tenant":"9f1c2a34-0000-4000-8000-000000000001","validation":"offline"}}\n'
    )


def graph_line(population: Population) -> str:
    moment, event, (guid, client, subject, address, session), path, status = population.call()
    token = urlsafe_b64encode(bytes.fromhex(guid.replace("-", ""))).decode().rstrip("=")  # as real calls carry it
    tenant, stamp = "9f1c2a34-0000-4000-8000-000000000001", f"{moment:%Y-%m-%dT%H:%M:%S.%f}1Z"
    return (
        f'{{"Level":4,"callerIpAddress":"{address}","category":"MicrosoftGraphActivityLogs","correlationId":"{event}",'
        f'"durationMs":{status * 3},"location":"West Europe","operationName":"Microsoft Graph Activity","operationVersion":"v1.0",'
        f'"properties":{{"apiVersion":"v1.0","appId":"{client[0]}","atContent":"","clientAuthMethod":"2","clientRequestId":"{event}",'
        f'"durationMs":{status * 3},"identityProvider":"https://sts.windows.net/{tenant}/","ipAddress":"{address}",'
        f'"location":"West Europe","operationId":"{event}","requestId":"{event}","requestMethod":"GET",'
        f'"requestUri":"https://graph.microsoft.com{path}?$select=id,subject","responseSizeBytes":{status * 7},'
        f'"responseStatusCode":{status},"roles":null,"scopes":"Mail.Read User.Read Files.Read.All","servicePrincipalId":null,'
        f'"sessionId":"{session}","signInActivityId":"{token}","tenantId":"{tenant}","timeGenerated":"{stamp}",'
        f'"tokenIssuedAt":"{moment:%Y-%m-%dT%H:00:00}Z","userAgent":"{client[2]}","userId":"{subject[0]}",'
        f'"wids":"62e90394-69f5-4237-9190-012177145e10"}},"resourceId":"/TENANTS/{tenant}/PROVIDERS/MICROSOFT.AADIAM",'
        f'"resultSignature":"{status}","tenantId":"{tenant}","time":"{stamp}"}}\n'
    )


SHAPES = {"native": (native_line, native_columns), "graph": (graph_line, lambda: GRAPH_COLUMNS)}


def write(path: Path, shape: str, records: int, seed: int = 7) -> None:
    """Write a log of a shape."""
    line, population = SHAPES[shape][0], Population(records, seed)
    with path.open("w") as file:
        for _ in range(records):
            file.write(line(population))


def bare(file: Path, shape: str, database: Path) -> int:
    """Read the file into one table, as plain DuckDB would."""
    import duckdb

    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in SHAPES[shape][1]().items()) + "}"
    connection = duckdb.connect(str(database))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute(
        f"CREATE TABLE t AS SELECT * FROM read_json('{file}', format = 'newline_delimited', columns = {columns})"
    )
    rows = connection.execute("SELECT count(*) FROM t").fetchall()[0][0]
    connection.close()
    return rows


def load(file: Path, shape: str, database: Path) -> int:
    """Load the file into a store."""
    from grantlens.store import Store

    with Store(database) as store:
        report = store.load(file)
        if report.failed or report.total("rejected"):
            raise SystemExit(f"{shape}: {report} {report.failed}")
        return report.total("usage")


def measured(what: str, file: Path, shape: str) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        command = [sys.executable, "-m", "benchmarks.bench_load", "--one", what, "--file", str(file), "--shape", shape]
        done = subprocess.run(
            [*command, "--database", f"{folder}/t.duckdb"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout) | {"size": os.path.getsize(f"{folder}/t.duckdb")}


def one(what: str, file: Path, shape: str, database: Path) -> None:
    """Do one measurement and print it as JSON."""
    import resource

    import duckdb  # noqa: F401 - not part of the measurement
    import numpy  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import grantlens.catalogue.matcher
    import grantlens.store  # noqa: F401
    from grantlens.loaders import loaders

    loaders()
    begun, busy = time.perf_counter(), time.process_time()
    rows = {"bare": bare, "load": load}[what](file, shape, database)
    seconds, busy = time.perf_counter() - begun, time.process_time() - busy
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "busy": busy, "mib": mib}))


def compare(shape: str, records: int, rounds: int, folder: Path) -> dict[str, float]:
    """Measure both in turns and return the ratio bare / load with what belongs to it."""
    file = folder / f"{shape}.ndjson"
    write(file, shape, records)
    try:
        runs = {"bare": [], "load": []}
        for _ in range(rounds):
            for what in runs:
                runs[what].append(measured(what, file, shape))
        seconds = {what: median(run["seconds"] for run in done) for what, done in runs.items()}
        busy = {what: median(run["busy"] for run in done) for what, done in runs.items()}
        assert {run["rows"] for done in runs.values() for run in done} == {records}
        return {
            "shape": shape,
            "records": records,
            "bytes": file.stat().st_size,
            "bare_s": seconds["bare"],
            "load_s": seconds["load"],
            "ratio": seconds["bare"] / seconds["load"],
            "busy_ratio": busy["bare"] / busy["load"],
            "peak_gib": max(run["mib"] for run in runs["load"]) / 1024,
            "bare_gib": max(run["mib"] for run in runs["bare"]) / 1024,
            "store_mib": runs["load"][0]["size"] / 2**20,
            "bare_mib": runs["bare"][0]["size"] / 2**20,
        }
    finally:
        file.unlink()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--one", choices=("bare", "load"))
    parser.add_argument("--file", type=Path)
    parser.add_argument("--database", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.one:
        one(chosen.one, chosen.file, chosen.shape[0], chosen.database)
        return 0
    worst = 10.0
    with tempfile.TemporaryDirectory() as folder:
        for shape in chosen.shape or SHAPES:
            result = compare(shape, chosen.records, chosen.rounds, Path(folder))
            worst = min(worst, result["ratio"])
            print(
                f"load {shape}: {result['records']:,} records, {result['bytes'] / 2**20:.0f} MiB; bare {result['bare_s']:.2f} s, "
                f"grantlens {result['load_s']:.2f} s, ratio {result['ratio']:.2f} (goal {GOAL}, floor {FLOOR}; of processor seconds "
                f"{result['busy_ratio']:.2f}); peak memory "
                f"{result['peak_gib']:.2f} GiB (limit {MEMORY_GIB}), bare {result['bare_gib']:.2f}; store {result['store_mib']:.0f} MiB, "
                f"bare {result['bare_mib']:.0f}",
                flush=True,
            )
    return 0 if worst >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
