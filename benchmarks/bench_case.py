"""How long a case takes to lay out and to answer, for clients of different weight in one large store.

python -m benchmarks.bench_case --calls 10000000 --clients 5
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks import world
from benchmarks.machine import machine

GOAL_S = 1.0


def measure(folder: Path, calls: int, clients: int) -> bool:
    """Open a case on several clients and one token, print the times, and return if the goal is met."""
    from grantlens import Case
    from grantlens import open as open_store

    seconds = {}
    with open_store(folder / "store.duckdb", read_only=True) as store:
        known = store.sql(
            "SELECT client_id FROM usage_caller GROUP BY client_id ORDER BY md5(client_id) LIMIT $n", n=clients
        )
        token = store.sql("SELECT min(token_id) AS token_id FROM revocation")["token_id"][0].as_py()
        about = [{"client": client} for client in known["client_id"].to_pylist()] + [{"token": token}]
        Case(store, **about[0]).answers()  # imports are not part of the latency
        for one in about:
            begun = time.perf_counter()
            answers = Case(store, **one).answers()
            seconds[next(iter(one.values()))] = time.perf_counter() - begun
            assert answers, one
    typical, longest = median(seconds.values()), max(seconds.values())
    met = longest < GOAL_S
    print(
        f"{calls:>12,}  case: median {typical:.2f} s, longest {longest:.2f} s of {len(seconds)} "
        f"(goal: under {GOAL_S:.0f} s, {'met' if met else 'MISSED'})",
        flush=True,
    )
    return met


def main(arguments: list[str] | None = None) -> int:
    """Build a store and measure cases on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--clients", type=int, default=5)
    given = parser.parse_args(arguments)
    print(machine())
    with world.loaded(given.calls) as (folder, _):
        return 0 if measure(folder, given.calls, given.clients) else 1


if __name__ == "__main__":
    sys.exit(main())
