"""How long one waits before anything is read: for the help, and for each view of a small store, which is planned through all that it is made of.

python -m benchmarks.bench_start
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.machine import machine

if TYPE_CHECKING:
    from collections.abc import Callable

GOAL_S = {"help": 0.5, "views": 1.0}


def child_seconds() -> float:
    """Return the processor seconds that ended children took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def least(act: Callable[[], object], clock: Callable[[], float], rounds: int) -> float:
    """Return the least that this clock counts while something is done, of several rounds."""
    seconds = []
    for _ in range(rounds):
        begun = clock()
        act()
        seconds.append(clock() - begun)
    return min(seconds)


def views(rounds: int) -> dict[str, float]:
    """Return the processor seconds that a first look at each view of a store with the samples takes."""
    from grantlens import open as open_store
    from grantlens import relations
    from grantlens.bundled import samples

    with open_store(":memory:") as store:
        store.load(samples())
        names = [name for name, relation in relations.registry().items() if not relation.windowed]
        return {name: least(partial(store.sql, f"FROM {name}"), time.process_time, rounds) for name in names}


def main(arguments: list[str] | None = None) -> int:
    """Print both, and tell by the exit code if the goals were met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    print(machine())
    command = [sys.executable, "-m", "grantlens", "--help"]
    seen = views(given.rounds)
    slowest = max(seen, key=seen.__getitem__)
    seconds = {
        "help": least(lambda: subprocess.run(command, check=True, capture_output=True), child_seconds, given.rounds),
        "views": seen[slowest],
    }
    for what, took in seconds.items():
        told = f"{what}, of which {slowest} is the slowest" if what == "views" else what
        goal = "met" if took < GOAL_S[what] else "MISSED"
        print(f"{told}: {took:.2f} s of processor time (goal: under {GOAL_S[what]} s, {goal})")
    return 0 if all(took < GOAL_S[what] for what, took in seconds.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
