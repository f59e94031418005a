"""Every benchmark, one after the other: `make bench`. Each prints its machine, its ratios and its goal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARTS = ("bench_load", "bench_matcher", "bench_questions", "bench_case")


def main() -> int:
    """Run each part in a process of its own; the exit code is 1 if one failed or missed its goal."""
    failed = []
    for part in PARTS:
        print(f"\n== {part}\n", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{part}"], check=False, cwd=Path(__file__).parents[1])
        if done.returncode:
            failed.append(part)
    print(
        f"\n{len(PARTS) - len(failed)} of {len(PARTS)} benchmarks met their goals{': not ' + ', '.join(failed) if failed else ''}."
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
