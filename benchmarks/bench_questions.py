"""The three main questions - out of scope, unused privileges, revocation lag - beside the same questions by hand.

Everyone answers in a process of its own, in turns, from logs that are loaded already; the answers must agree with the
planted truth. Finding the operation of a path is part of grantlens's load and part of the yardsticks' question. What
grantlens gives beyond the yardsticks - coverage, evidence down to file and line, clock errors, the chance of need,
verdicts of nine rules - is inside its time.

    python -m benchmarks.bench_questions --calls 1000000 10000000 --rounds 3
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import world
from benchmarks.machine import machine, peak_gib

GOAL = 0.5
ASKERS = ("grantlens", "duckdb", "polars", "pandas")
HEAD = (
    "Loaded logs are asked; a path finds its operation at load with grantlens, inside the question with the others.\n"
    "time, memory: grantlens as a share of that row; growth: seconds against the smallest size.\n"
    f"{'calls':>12}  {'who':<10}{'seconds':>9}{'processor':>11}{'peak GiB':>10}{'time':>8}{'memory':>8}{'growth':>8}"
)


def of_grantlens(folder: Path) -> Callable[[], dict[str, float]]:
    """Return what answers the questions, everything it needs imported and open."""
    import pyarrow  # noqa: F401
    import scipy.special  # noqa: F401

    from grantlens import detect
    from grantlens import open as open_store
    from grantlens.analysis import need  # noqa: F401
    from grantlens.findings.intervals import NEEDS, intervals

    view = open_store(folder / "store.duckdb", read_only=True).between()
    rules = ("OOS-1", "PRV-1", "REV-1", "REV-2", "REV-3", "REV-4", "REV-5", "REV-6")

    def ask() -> dict[str, float]:
        with detect.asked(view, rules, also=NEEDS) as found:  # together, as a review asks them
            lag = intervals(view.store.engine, {**view.window.parameters(), "every_call": False})[0]
        verdicts, calls = (found[0].table[name].to_pylist() for name in ("verdict", "events"))
        beyond = [events for verdict, events in zip(verdicts, calls, strict=True) if verdict == "violation"]
        return {
            "out_of_scope": len(beyond),
            "out_of_scope_calls": sum(beyond),
            "unused_scopes": sum('"uses": 0,' in text for text in found[1].table["detail"].to_pylist()),
            "tried_after": sum(attempts > 0 for attempts in lag["attempts"].to_pylist()),
            "worked_after": lag.num_rows - lag["last_success_s"].null_count,
            "refused_after": lag.num_rows - lag["first_denial_s"].null_count,
        }

    return ask


def of_yardstick(who: str, folder: Path) -> Callable[[], dict[str, float]]:
    """Return what answers the questions by hand."""
    import importlib

    yardstick = importlib.import_module(f"benchmarks.yardstick_{who}")
    given = yardstick.read(folder)
    return lambda: yardstick.ask(given)


def one(who: str, folder: Path) -> None:
    """Answer, and print seconds, processor seconds, peak memory and counts as JSON."""
    ask = of_grantlens(folder) if who == "grantlens" else of_yardstick(who, folder)
    begun, busy = time.perf_counter(), time.process_time()
    answer = ask()
    seconds, busy = time.perf_counter() - begun, time.process_time() - busy
    print(json.dumps({"seconds": seconds, "busy": busy, "gib": peak_gib(), "answer": answer}))


def measured(who: str, folder: Path, truth: dict[str, int]) -> dict[str, float]:
    """Let one answer in a process of its own, and check the answer."""
    command = [sys.executable, "-m", "benchmarks.bench_questions", "--one", who, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise SystemExit(done.stderr)
    result = json.loads(done.stdout)
    assert result["answer"] == truth, f"{who} answers {result['answer']}, the truth is {truth}"
    return result


def compare(
    folder: Path, truth: dict[str, int], rounds: int, askers: tuple[str, ...] = ASKERS
) -> dict[str, dict[str, float]]:
    """Let everyone answer in turns; return the median seconds and the greatest memory of each."""
    runs: dict[str, list[dict[str, float]]] = {who: [] for who in askers}
    for number in range(rounds):
        for who in askers:
            if number == 0 or who != "pandas":  # once is enough to see what it is
                runs[who].append(measured(who, folder, truth))
    return {
        who: {
            "seconds": median(run["seconds"] for run in done),
            "busy": median(run["busy"] for run in done),
            "gib": max(run["gib"] for run in done),
        }
        for who, done in runs.items()
    }


def table(calls: int, results: dict[str, dict[str, float]], smallest: dict[str, dict[str, float]] | None) -> str:
    """Return the lines of one size; time and memory are grantlens's as a share of the other's."""
    own, lines = results["grantlens"], []
    for who, result in results.items():
        growth = f"{result['seconds'] / smallest[who]['seconds']:8.1f}" if smallest else f"{'':8}"
        shares = (
            f"{own['seconds'] / result['seconds']:8.2f}{own['gib'] / result['gib']:8.2f}"
            if who != "grantlens"
            else f"{'':16}"
        )
        lines.append(
            f"{calls:>12,}  {who:<10}{result['seconds']:9.2f}{result['busy']:11.2f}{result['gib']:10.2f}{shares}{growth}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure each size, print the table, and say whether the goal is met at the largest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", nargs="*", choices=ASKERS[1:], default=[], help="yardsticks to leave out")
    parser.add_argument("--one", choices=ASKERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        one(given.one, given.folder)
        return 0
    print(machine())
    print(HEAD)
    askers = tuple(who for who in ASKERS if who not in given.without)
    smallest = None
    for calls in sorted(given.calls):
        with world.loaded(calls) as (folder, truth):
            smallest, met = measure(folder, truth, calls, given.rounds, askers, smallest)
    return 0 if met else 1


def measure(
    folder: Path,
    truth: dict[str, int],
    calls: int,
    rounds: int,
    askers: tuple[str, ...] = ASKERS,
    smallest: dict[str, dict[str, float]] | None = None,
) -> tuple[dict[str, dict[str, float]], bool]:
    """Measure one size and print its rows; return the results of the smallest size so far, and if the goal is met."""
    results = compare(folder, truth, rounds, askers)
    print(table(calls, results, smallest), flush=True)
    if "duckdb" not in results:
        return smallest or results, True
    own, plain = results["grantlens"], results["duckdb"]
    time_share, memory_share = own["seconds"] / plain["seconds"], own["gib"] / plain["gib"]
    met = time_share < GOAL and memory_share <= 1
    print(
        f"{calls:>12,}  goal {'met' if met else 'MISSED'}: {time_share:.2f} of DuckDB's time (goal: under {GOAL}), "
        f"{memory_share:.2f} of its memory (goal: at most 1)",
        flush=True,
    )
    return smallest or results, met


if __name__ == "__main__":
    sys.exit(main())
