"""Precision and recall of every rule, and of the list of grants, on simulated truth, as a table: `make score`.

Each seed is another company with the same kinds of planted incidents at other places and times. What the
truth leaves open - what only chance decides - counts neither for nor against a rule.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import grantlens as gl
from grantlens import detect
from grantlens.cli.demo import load_samples
from grantlens.cli.output import write_table
from grantlens.simulate.generate import generate
from grantlens.simulate.score import compare, compare_grants, score, score_grants
from grantlens.store import Store

SUMS = ("expected", "found", "true_positives")


def answers(folder: Path, truth: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Load one simulated company, ask every rule, and list its grants."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "scored.duckdb"
        load_samples(path, folder)
        with Store(path) as store:
            # The truth speaks of all that the logs cover, run-in included.
            found = detect.run(store, now=truth["now"])
            listed = gl.grants(store, now=truth["now"]).arrow().to_pylist()
            return [finding for result in found for finding in result.to_dicts()], listed


def main() -> int:
    """Score the given seeds and print one table; exit with 1 where a rule missed or invented something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.score", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--show", action="store_true", help="print what was missed and what was wrong")
    given = parser.parse_args()
    totals: dict[str, Counter[str]] = {}
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            generate(folder, seed, 90, 30)
            truth = json.loads((folder / "truth.json").read_text())
            found, listed = answers(folder, truth)
        for row in [*score(truth, found), score_grants(truth, listed)]:
            totals.setdefault(row["rule"], Counter()).update({name: row[name] for name in SUMS})
        if given.show:
            for what, result in product(("missed", "wrong"), (compare(truth, found), compare_grants(truth, listed))):
                for each in result[what]:
                    print(f"seed {seed} {what}: {json.dumps(each, default=str)[:400]}", file=sys.stderr)
    table = [
        {
            "rule": rule,
            **{name: counts[name] for name in SUMS},
            "precision": counts["true_positives"] / counts["found"] if counts["found"] else None,
            "recall": counts["true_positives"] / counts["expected"] if counts["expected"] else None,
        }
        for rule, counts in totals.items()
    ]
    print(f"{len(given.seeds)} simulated companies, seeds {', '.join(map(str, given.seeds))}")
    write_table(table, ("rule", *SUMS, "precision", "recall"))
    return int(any(row[share] not in (None, 1.0) for row in table for share in ("precision", "recall")))


if __name__ == "__main__":
    sys.exit(main())
