"""`python -m grantlens.simulate OUT --seed 7 --days 90 --connections 30`, and `--usage 10000000` for bulk mode."""

import argparse
from collections.abc import Sequence

from grantlens.simulate.bulk import bulk
from grantlens.simulate.generate import generate


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and write a world."""
    parser = argparse.ArgumentParser(
        prog="python -m grantlens.simulate", description="Write simulated logs with their truth."
    )
    parser.add_argument("out", help="directory to write to")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=int, default=90, help="length of the period, at least 80")
    parser.add_argument("--connections", type=int, default=30)
    parser.add_argument("--usage", type=int, help="bulk mode: how many calls, for benchmarks")
    parser.add_argument(
        "--form", choices=("ndjson", "parquet", "graph"), default="ndjson", help="bulk mode: what to write"
    )
    parser.add_argument("--files", type=int, default=1, help="bulk mode: over how many files the calls are spread")
    given = parser.parse_args(arguments)
    if given.usage is None:
        generate(given.out, given.seed, given.days, given.connections)
    else:
        bulk(given.out, given.usage, seed=given.seed, days=given.days, form=given.form, files=given.files)


if __name__ == "__main__":
    main()
