"""What a log costs that comes in many small files, beside the same records in one: to load it, and to load the folder again.

python -m benchmarks.bench_files --files 1000 --records 40
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from benchmarks.grown import grown, real_lines
from benchmarks.machine import machine

GOALS = {"apart": 10.0, "again": 0.2}
"""How many times the processor seconds of one file a load of small ones may take, and what part of theirs a second load."""


def write(folder: Path, files: int, records: int) -> tuple[Path, Path]:
    """Write the records of the samples' Okta log again and again: in one packed file, and in many."""
    from grantlens.bundled import samples

    known = [line for path in sorted((samples() / "logs" / "okta").iterdir()) for line in real_lines(path)]
    lines = grown(known, set(), 1 << 40)
    one, many = folder / "one", folder / "many"
    one.mkdir()
    many.mkdir()
    with gzip.open(one / "log.ndjson.gz", "wt", compresslevel=3) as whole:
        for number in range(files):
            text = "".join(line + "\n" for line in islice(lines, records))
            whole.write(text)
            (many / f"{number:06}.ndjson.gz").write_bytes(gzip.compress(text.encode(), 3))
    return one, many


def main(arguments: list[str] | None = None) -> int:
    """Print the three, and tell by the exit code if the goals were met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--records", type=int, default=40, help="records of each file")
    given = parser.parse_args(arguments)
    from grantlens.store import Store

    print(machine())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        one, many = write(folder, given.files, given.records)
        busy = {}
        for what, path, store in (("one", one, "one"), ("apart", many, "many"), ("again", many, "many")):
            begun = time.process_time()
            with Store(folder / f"{store}.duckdb") as opened:
                report = opened.load(path)
            busy[what] = time.process_time() - begun
            if report.failed or report.total("records") != given.files * given.records:
                raise SystemExit(f"{what}: {report}")
    ratios = {"apart": busy["apart"] / busy["one"], "again": busy["again"] / busy["apart"]}
    met = all(ratios[what] < goal for what, goal in GOALS.items())
    each = 1000 / given.files
    print(
        f"{given.files * given.records:,} records: in one file {busy['one']:.2f} s of processor time, in {given.files:,} files "
        f"{busy['apart']:.2f} s ({busy['apart'] * each:.1f} ms a file, {ratios['apart']:.1f} times as much; goal: under {GOALS['apart']:.0f}), "
        f"loaded again {busy['again']:.2f} s ({busy['again'] * each:.2f} ms a file, {ratios['again']:.2f} of it; goal: under {GOALS['again']}): "
        f"{'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
