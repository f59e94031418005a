"""How fast and how right paths find their operation, on synthetic calls whose template is known.

Calls are drawn from the templates of Microsoft Graph and Google, a few of them very often and most
of them rarely, with identifiers of five shapes, keys and functions of OData, drive paths, custom
verbs, v1.0 and beta, odd case, and query strings. The yardstick is a trie in plain Python, asked once
for each distinct path. "Wrong" must be 0. The paths come from the same templates, so that this shows
consistency and speed, not how well real logs are covered.

    python -m benchmarks.bench_matcher --targets 1500000
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import random
import re
import string
import sys
import time
from pathlib import Path

YARDSTICK_ROWS = 100_000
SLIP = re.compile(r"(root:/\{[^{}/]*\})/")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    shared = Path(os.environ.get("GRANTLENS_SHARED") or Path(__file__).parents[2] / "shared") / "catalogues"
    if not shared.is_dir():
        print(
            f"skipped: no catalogues at {shared}; set GRANTLENS_SHARED to the folder that holds them", file=sys.stderr
        )
        return 0
    figures = measure(options.targets, options.seed, shared)
    machine = platform.processor() or platform.machine()
    print(f"machine: {machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name, value in figures.items():
        print(f"{name:28} {value}")
    return 0 if figures["wrong template"] == 0 else 1


def measure(count: int, seed: int, shared: Path) -> dict[str, object]:
    """Build the catalogues, make the calls, match them, and ask the yardstick."""
    import pyarrow as pa

    from grantlens.catalogue.matcher import match_new
    from grantlens.catalogue.model import Catalogue
    from grantlens.engine.duckdb import Engine
    from grantlens.schema.migrations import prepare

    engine = Engine(":memory:")
    prepare(engine, read_only=False)
    figures: dict[str, object] = {}
    for source, folder in (("msgraph", "msgraph"), ("google", "google-discovery")):
        start = time.perf_counter()
        catalogue = Catalogue.build(source, shared / folder)
        figures[f"build {source}"] = (
            f"{time.perf_counter() - start:.1f} s, {catalogue.counts['cat_operation']:,} operations"
        )
        catalogue.write_to(engine)
    calls = make(engine, count, random.Random(seed))
    truth = pa.table(
        {"target_id": pa.array(range(len(calls)), pa.int32()), "op_id": pa.array([c[0] for c in calls], pa.int32())}
    )
    engine.register("truth", truth)
    rows = pa.table(
        {
            "target_id": truth["target_id"],
            "resource_server": [call[1] for call in calls],
            "method": [call[2] for call in calls],
            "target": [call[3] for call in calls],
        }
    )
    engine.register("calls", rows)
    engine.execute("INSERT INTO usage_target (target_id, resource_server, method, target) SELECT * FROM calls")
    start, busy = time.perf_counter(), time.process_time()
    match_new(engine)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    wrong, unmatched = engine.rows(
        "SELECT count(*) FILTER (u.operation_id <> t.op_id), count(*) FILTER (u.operation_id IS NULL) "
        "FROM usage_operation u JOIN truth t USING (target_id)"
    )[0]
    plain = yardstick(engine, calls)
    speed = len(calls) / busy
    return figures | {
        "distinct targets": f"{len(calls):,}",
        "matched in": f"{seconds:.2f} s, {busy:.2f} processor seconds",
        "targets a processor second": f"{speed:,.0f}",
        "the same of the yardstick": f"{plain:,.0f}",
        "ratio to the yardstick": f"{speed / plain:.1f}",
        "unmatched": f"{unmatched} ({unmatched / len(calls):.4%})",
        "wrong template": wrong,
    }


def make(engine, count: int, chance: random.Random) -> list[tuple[int, str, str, str]]:
    """Return (operation, server, method, path) of distinct calls."""
    operations = engine.rows(
        "SELECT op_id, host, method, template, catalogue FROM cat_operation "
        "WHERE method IS NOT NULL AND template NOT LIKE '%?%' ORDER BY op_id"
    )
    chance.shuffle(operations)
    calls = {}
    for _ in range(4 * count):  # templates without parameters repeat, so more than `count` are drawn
        op_id, host, method, template, catalogue = operations[
            int(math.exp(chance.random() * math.log(len(operations)))) - 1
        ]
        path = SLIP.sub(r"\1:/", template) if catalogue == "msgraph" else template
        path = re.sub(r"\{[^{}]*\}+", lambda _: identifier(chance), path)
        if catalogue == "msgraph":
            path = ("/beta" if chance.random() < 0.2 else "/v1.0") + (path.title() if chance.random() < 0.1 else path)
        if chance.random() < 0.05:
            path += "?$top=10"
        calls.setdefault((host, method, path), op_id)
        if len(calls) == count:
            break
    return [(op_id, host, method, path) for (host, method, path), op_id in calls.items()]


def identifier(chance: random.Random) -> str:
    """Return an identifier: GUID, number, base64-like, address, or slug."""
    shape = chance.random()
    if shape < 0.3:
        text = f"{chance.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    if shape < 0.5:
        return str(chance.randrange(10**9))
    if shape < 0.65:
        return "".join(chance.choices(string.ascii_letters + string.digits, k=40)) + "=="
    if shape < 0.85:
        return f"person{chance.randrange(10**6)}%40contoso.example"
    return f"proj-{chance.randrange(10**6)}-x"


def yardstick(engine, calls: list[tuple[int, str, str, str]]) -> float:
    """Return the speed of a plain Python trie, asked for each path."""
    from urllib.parse import unquote

    children: dict = {}
    for host, method, template in engine.rows(
        "SELECT host, method, template FROM cat_operation WHERE method IS NOT NULL"
    ):
        node = children.setdefault((host, method), {})
        for segment in template.lower().strip("/").split("/"):
            node = node.setdefault("{}" if segment.startswith("{") else segment, {})
        node["\0"] = True

    def find(node: dict, segments: list[str]) -> bool:
        if not segments:
            return "\0" in node
        first, rest = segments[0], segments[1:]
        return (first in node and find(node[first], rest)) or ("{}" in node and find(node["{}"], rest))

    sample = calls[:YARDSTICK_ROWS]
    start = time.process_time()
    for _, host, method, path in sample:
        path = path.split("?")[0].lower()
        path = path.removeprefix("/v1.0").removeprefix("/beta")
        segments = [unquote(segment) for segment in path.split("/") if segment]
        find(children.get((host, method), {}), segments)
    return len(sample) / (time.process_time() - start)


if __name__ == "__main__":
    sys.exit(main())
