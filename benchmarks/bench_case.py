"""How long an investigator waits for a case, and how that grows with the store.

Each case is opened in a process of its own; the clock runs from opening the store to the answers and the timeline.
The goal of the design: under a second on a hundred million calls.

    python -m benchmarks.bench_case --calls 1000000 10000000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import world
from benchmarks.machine import machine, peak_gib

KINDS = ("client", "token", "subject", "grant")

_ASKED = """
SELECT client_id, subject_id, grant_id, token_id FROM revocation
WHERE token_id IS NOT NULL AND outcome = 'success' ORDER BY md5(token_id) LIMIT $rounds
"""


def one(folder: Path, kind: str, name: str) -> None:
    """Answer one case, and print seconds and memory as JSON."""
    from grantlens import Case
    from grantlens import open as open_store

    begun = time.perf_counter()
    with open_store(folder / "store.duckdb", read_only=True) as store:
        case = Case(store, **{kind: name})
        answers, marks = len(case.answers()), len(list(case.timeline()))
    print(json.dumps({"seconds": time.perf_counter() - begun, "gib": peak_gib(), "answers": answers, "marks": marks}))


def asked(folder: Path, rounds: int) -> list[dict[str, str]]:
    """Return what to open cases about: tokens that were revoked, with their clients, subjects and grants."""
    from grantlens import open as open_store

    with open_store(folder / "store.duckdb", read_only=True) as store:
        return store.sql(_ASKED, rounds=rounds).to_pylist()


def measured(folder: Path, kind: str, name: str) -> dict[str, float]:
    """Open one case in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bench_case", "--one", kind, name, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def main() -> int:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.folder, *given.one)
        return 0
    print(machine())
    print(f"{'calls':>12}  {'case':<8}{'median s':>10}{'slowest s':>11}{'GiB':>7}")
    for calls in sorted(given.calls):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            world.write(folder, calls)
            world.load(folder)
            subjects = asked(folder, given.rounds)
            for kind in KINDS:
                names = [row[f"{kind}_id"] for row in subjects if row[f"{kind}_id"]]
                if not names:
                    continue
                runs = [measured(folder, kind, name) for name in names]
                seconds = [run["seconds"] for run in runs]
                gib = max(run["gib"] for run in runs)
                print(f"{calls:>12,}  {kind:<8}{median(seconds):>10.2f}{max(seconds):>11.2f}{gib:>7.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
