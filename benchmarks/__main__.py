"""All benchmarks, one after the other, in about ten minutes on two cores and half an hour more for the providers' logs: `make bench`.

python -m benchmarks --load 1000000 --mib 200 --targets 500000 --calls 1000000 10000000 --rounds 3
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import bench_case, bench_questions, world
from benchmarks.machine import machine


def main() -> int:
    """Run each benchmark; the exit code says whether every goal was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", type=int, default=1_000_000, help="records of a load")
    parser.add_argument("--mib", type=int, default=200, help="size of each provider's log; 0 leaves them out")
    parser.add_argument("--targets", type=int, default=500_000, help="distinct targets to match")
    parser.add_argument(
        "--calls", type=int, nargs="+", default=[1_000_000, 10_000_000], help="calls that are asked about"
    )
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    begun = time.perf_counter()
    print(machine(), flush=True)
    print("\n# What one waits for before anything is read", flush=True)
    met = [apart("bench_start")]
    print("\n# Load, beside a bare read_json of the same file", flush=True)
    met += [apart("bench_load", "--records", given.load, "--rounds", given.rounds)]
    print("\n# Many small files, beside one", flush=True)
    met.append(apart("bench_files"))
    if given.mib:
        print("\n# Each provider's log, beside a bare read_json of the same file", flush=True)
        met.append(apart("bench_loaders", "--mib", given.mib, "--rounds", given.rounds))
    print("\n# Which operation a path is", flush=True)
    met.append(apart("bench_matcher", "--targets", given.targets))
    print("\n# What grows faster than what it is given", flush=True)
    apart("bench_growth")
    print(f"\n# The three main questions\n{bench_questions.HEAD}", flush=True)
    smallest, largest = None, max(given.calls)
    for calls in sorted(given.calls):
        with world.loaded(calls) as (folder, truth):
            smallest, reached = bench_questions.measure(folder, truth, calls, given.rounds, smallest=smallest)
            if calls == largest:
                print("\n# One case", flush=True)
                met += [reached, bench_case.measure(folder, calls, clients=5)]
    print(f"\n{'Every goal was met' if all(met) else 'NOT every goal was met'}; {time.perf_counter() - begun:.0f} s.")
    return 0 if all(met) else 1


def apart(name: str, *arguments: object) -> bool:
    """Run a benchmark in a process of its own; return if it met its goal."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]
    return subprocess.run(command, check=False, cwd=Path(__file__).parents[1]).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
