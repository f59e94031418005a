"""How fast each provider's log is loaded, beside a bare DuckDB `read_json(columns=...)` of the same file.

The files are grown from the real records that the tests read (see `grown`), at least 200 MB each. Bare reads every column of
the records into a table, in the types that DuckDB sees in them, which is not counted. The two take turns, each in a
process of its own, from opening a new database on disk until it is closed; what either imports is there before. Where
other work shares the cores, the ratio of processor seconds says more than that of the clock.

    python -m benchmarks.bench_loaders --mib 200 --rounds 3 --loader okta
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.grown import grown, own_name, real_lines
from grantlens.loaders import Settings
from grantlens.store import Store

GOAL = 0.7
SETTINGS = Settings(time_zone="UTC", unverified=True)
PAGE = 8 << 20
"""Bytes of records in one CloudTrail page before it is packed."""
SHARED = Path(os.environ.get("GRANTLENS_SHARED", Path(__file__).parents[2] / "shared"))
HEAD = f"{'log':24} {'MB':>5} {'records':>9} {'bare s':>7} {'load s':>7} {'ratio':>6} {'MB/s':>6} {'GiB':>5} {'bare cpu':>7} {'cpu':>7} {'ratio':>6}"


def sources() -> dict[str, list[Path]]:
    """Return the real files of each loader, told by content."""
    from grantlens.errors import LoadError
    from grantlens.ingest.recognise import recognises
    from grantlens.loaders import loaders
    from grantlens.reading.content import Content
    from grantlens.reading.one_file import Reading

    found: dict[str, list[Path]] = {}
    for path in sorted((SHARED / "real-logs").rglob("*")):
        if path.suffix not in (".json", ".ndjson", ".log", ".gz"):
            continue
        try:
            reading = Reading(Content(str(path)))
        except LoadError:
            continue
        for sample in (reading.sample, reading.unwrapped_sample()):
            name = next((each.name for each in loaders().values() if sample and recognises(each, sample)), None)
            if name:
                found.setdefault(name, []).append(path)
                break
    return found


def write(name: str, paths: list[Path], size: int, folder: Path) -> Path:
    """Write a grown log and return the path to load."""
    with Store(":memory:") as store:
        if failed := store.load(*paths, loader=name, settings=SETTINGS).failed:
            raise SystemExit(f"{name}: {failed}")
        known = store.engine.rows(
            "SELECT event_id FROM issuance UNION SELECT event_id FROM usage UNION SELECT event_id FROM revocation"
        )
    lines = [line for path in paths if path.suffix != ".gz" for line in real_lines(path)]
    events = {name for (event,) in known for name in [own_name(event, lines)] if name}
    if name != "aws_cloudtrail":
        file = folder / f"{name}.ndjson"
        with file.open("w") as out:
            out.writelines(line + "\n" for line in grown(lines, events, size))
        return file
    held: list[str] = []
    pages = 0
    (folder / name).mkdir()
    for line in [*grown(lines, events, size), None]:
        if line is None or (sum(map(len, held[-1:])) and len(held) * 2000 > PAGE):
            pages += 1
            with gzip.open(folder / name / f"{pages:04}.json.gz", "wt", compresslevel=5) as out:
                out.write('{"Records":[' + ",".join(held) + "]}")
            held = []
        if line is not None:
            held.append(line)
    return folder / name


def bare(path: Path, database: Path) -> tuple[int, float, float]:
    """Read the log into one table, as plain DuckDB would: every column, in the type that DuckDB sees in the first records.

    Of a log that is text nothing is parsed: its lines are all that plain DuckDB can read.
    """
    import duckdb

    pages = path.is_dir()
    if pages or _is_json(path):
        source = f"'{path}/*.json.gz', format = 'unstructured'" if pages else f"'{path}', format = 'newline_delimited'"
        options = f"ignore_errors = {not pages}, maximum_object_size = {PAGE * 4}"
        first = sorted(path.iterdir())[0] if pages else path
        with duckdb.connect() as other:
            seen = other.execute(f"DESCRIBE FROM read_json('{first}', {options})").fetchall()
        columns = ", ".join(f"{_quoted(column)}: {_quoted(kind)}" for column, kind, *_ in seen)
        read = f"read_json({source}, {options}, columns = {{{columns}}})"
    else:
        read = f"read_csv('{path}', header = false, delim = '\x01', quote = '', escape = '', columns = {{'line': 'VARCHAR'}})"
    wanted = "unnest(Records, recursive := true)" if pages else "*"
    begun, busy = time.perf_counter(), time.process_time()
    connection = duckdb.connect(str(database))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"CREATE TABLE t AS SELECT {wanted} FROM {read}")
    rows = connection.execute("SELECT count(*) FROM t").fetchall()[0][0]
    connection.close()
    return rows, time.perf_counter() - begun, time.process_time() - busy


def _is_json(path: Path) -> bool:
    with path.open() as file:
        return all(line.startswith("{") for _, line in zip(range(1000), file, strict=False))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def load(name: str, path: Path, database: Path) -> tuple[int, float, float]:
    """Load the log into a new store."""
    begun, busy = time.perf_counter(), time.process_time()
    with Store(database) as store:
        report = store.load(path, loader=name, settings=SETTINGS)
        if report.failed:
            raise SystemExit(f"{name}: {report.failed}")
    return report.total("records"), time.perf_counter() - begun, time.process_time() - busy


def one(what: str, name: str, path: Path, database: Path) -> None:
    """Do one measurement and print it as JSON."""
    import duckdb  # noqa: F401 - imports are not part of the measurement
    import numpy.ma  # noqa: F401
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401

    import grantlens.catalogue.matcher  # noqa: F401
    from benchmarks.machine import peak_gib
    from grantlens.loaders import loaders
    from grantlens.relations import registry

    loaders(), registry()
    rows, seconds, busy = bare(path, database) if what == "bare" else load(name, path, database)
    print(json.dumps({"rows": rows, "seconds": seconds, "busy": busy, "gib": peak_gib()}))


def measured(what: str, name: str, path: Path, folder: Path) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        command = [
            sys.executable,
            "-m",
            "benchmarks.bench_loaders",
            "--one",
            what,
            "--loader",
            name,
            "--file",
            str(path),
        ]
        command += ["--database", f"{inner}/t.duckdb"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout)


def compare(name: str, paths: list[Path], size: int, rounds: int) -> float:
    """Measure both in turns, print the line of the table, and return bare / load."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = write(name, paths, size, folder)
        runs: dict[str, list[dict[str, float]]] = {"bare": [], "load": []}
        for _ in range(rounds):
            for what, done in runs.items():
                done.append(measured(what, name, path, folder))
        seconds = {what: median(run["seconds"] for run in done) for what, done in runs.items()}
        busy = {what: median(run["busy"] for run in done) for what, done in runs.items()}
        ratio = seconds["bare"] / seconds["load"]
        print(
            f"{name:24} {size / 1e6:5.0f} {runs['load'][0]['rows']:9,} {seconds['bare']:7.2f} {seconds['load']:7.2f} {ratio:6.2f} "
            f"{size / 1e6 / seconds['load']:6.0f} {max(run['gib'] for run in runs['load']):5.2f} "
            f"{busy['bare']:7.2f} {busy['load']:7.2f} {busy['bare'] / busy['load']:6.2f}",
            flush=True,
        )
        return ratio


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loader", action="append")
    parser.add_argument("--one", choices=("bare", "load"))
    parser.add_argument("--file", type=Path)
    parser.add_argument("--database", type=Path)
    given = parser.parse_args(arguments)
    if given.one:
        one(given.one, given.loader[0], given.file, given.database)
        return 0
    found = sources()
    if not found:
        print("No real logs are beside this checkout, so there is nothing to grow; see GRANTLENS_SHARED.")
        return 0
    absent = [name for name in given.loader or () if name not in found]
    if absent:
        print(
            f"No file below {SHARED / 'real-logs'} holds records that {', '.join(absent)} reads, so there is nothing to grow. "
            f"There are records of {', '.join(sorted(found))}.",
            file=sys.stderr,
        )
        return 2
    print(HEAD, flush=True)
    ratios = {name: compare(name, found[name], given.mib << 20, given.rounds) for name in given.loader or found}
    missed = [name for name, ratio in ratios.items() if ratio < GOAL]
    print(f"Goal {GOAL}; {f'missed by {len(missed)}: ' + ', '.join(missed) if missed else 'met by all'}.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
