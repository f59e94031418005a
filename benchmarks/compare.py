"""Compare all findings of this checkout with those of another commit: the gate for a change that must not change an answer.

python -m benchmarks.compare                     # with HEAD: what the working tree changes
python -m benchmarks.compare --base main~3       # with another commit
python -m benchmarks.compare --write found.txt   # only write the findings of this checkout, sorted

It asks every rule of the samples, the rules' examples, the replayed incidents, the real logs (by folder and in one store), random logs
and simulated companies, and lists grants, lags and cases of the samples. Each finding is one line of JSON. The exit code is 1 if a line
differs. It takes about four minutes for each checkout on two cores; what another commit found is kept for the next comparison.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("GRANTLENS_SHARED", ROOT.parent / "shared"))
SEEDS = range(4)
COMPANIES = (101, 102)
CLIENTS = 5


def _lines(where: str, found: Iterable[dict[str, Any]]) -> Iterator[str]:
    for each in found:
        yield json.dumps([where, each], default=str, sort_keys=True)


def _asked(where: str, store: Any, **window: Any) -> Iterator[str]:
    from grantlens import detect

    for part in detect.run(store, **window):
        yield from _lines(f"{where}/{part.rule.id}", part.to_dicts())


def _reviewed(where: str, store: Any, **window: Any) -> Iterator[str]:
    import grantlens as gl
    from grantlens import detect

    yield from _asked(where, store, **window)
    yield from _lines(f"{where}/grants", gl.grants(store, **window).arrow().to_pylist())
    yield from _lines(f"{where}/lag", detect.revocation_lag(store).arrow().to_pylist())
    yield from _lines(f"{where}/unused", detect.unused_privileges(store).arrow().to_pylist())


def samples(folder: Path) -> Iterator[str]:
    """Ask the sample company, and take the cases of its busiest clients byte for byte."""
    import grantlens as gl
    from grantlens.bundled import samples as bundled
    from grantlens.cli.demo import load_samples

    load_samples(folder / "samples.duckdb", bundled())
    now = json.loads((bundled() / "truth.json").read_text())["now"]
    with gl.open(folder / "samples.duckdb") as store:
        yield from _reviewed("samples", store, now=now)
        busiest = store.engine.rows(
            "SELECT client_id FROM usage WHERE client_id IS NOT NULL GROUP BY ALL ORDER BY count(*) DESC, client_id LIMIT $most",
            {"most": CLIENTS},
        )
        for (client,) in busiest:
            pages = [
                path
                for path in gl.Case(store, client=client, now=now).write(folder / f"case of {client}")
                if path.name != "custody.json"
            ]
            (about,) = (json.loads(path.read_text()) for path in pages if path.suffix == ".json")
            for path in pages:
                yield from _lines(
                    f"case/{client}/{path.name}", ({"text": _anywhere(path.read_text(), about["manifest"])},)
                )


def _anywhere(page: str, manifest: dict[str, Any]) -> str:
    """Return the page without the hashes that follow from the folder in which its logs lie."""
    for digest in (manifest["sha256"], manifest["store_sha256"]):
        page = page.replace(digest, "SHA256").replace(digest[:16], "SHA256")
    return re.sub(r"style-src '[^']*'", "style-src", page)


def examples(folder: Path) -> Iterator[str]:
    """Ask each rule of its own examples."""
    from grantlens.rules import registry
    from tests.rules.together import Together

    for rule in registry().values():
        every = [each for kind in ("fires", "silent", "undecidable") for each in getattr(rule, kind)]
        together = Together(rule, every, _world(folder), folder)
        for example in every:
            yield from _lines(f"example/{rule.id}/{example.title}", together.found(example))


def replays(folder: Path) -> Iterator[str]:
    """Ask every rule of each replayed incident, as its test loads it."""
    import pytest

    from grantlens.store import Store

    lines: list[str] = []

    class Recorder:
        """Asks whatever a test loads."""

        test = ""

        def pytest_runtest_setup(self, item: pytest.Item) -> None:
            self.test = item.nodeid.removeprefix("tests/replays/")

    recorder, load = Recorder(), Store.load

    def load_and_ask(self: Store, *paths: Any, **how: Any) -> Any:
        report = load(self, *paths, **how)
        lines.extend(_asked(f"replay/{recorder.test}", self))
        return report

    Store.load = load_and_ask  # type: ignore[method-assign]
    with (folder / "replays.txt").open("w") as told, redirect_stdout(told):
        arguments = (
            "tests/replays",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "--basetemp",
            folder / "pytest",
        )
        pytest.main([*map(str, arguments)], plugins=[recorder])
    return iter(lines)


def real_logs(folder: Path) -> Iterator[str]:
    """Ask the real logs, each folder by itself and all in one store."""
    root = SHARED / "real-logs"
    if not root.is_dir():
        print(f"No real logs at {root}: left out. Name their folder in GRANTLENS_SHARED.", file=sys.stderr)
        return
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    for each in folders:
        yield from _real(f"real/{each.name}", folder / f"{each.name}.duckdb", [each])
    yield from _real("real", folder / "all.duckdb", folders)


def _real(where: str, path: Path, folders: list[Path]) -> Iterator[str]:
    import grantlens as gl

    logs = [log for each in folders for log in sorted(each.rglob("*")) if log.is_file() and log.suffix != ".txt"]
    with gl.open(path) as store:
        store.load(*logs, settings=gl.Settings(time_zone="UTC", unverified=True))
        yield from _reviewed(where, store)


def random_logs(folder: Path) -> Iterator[str]:
    """Ask the random logs of the rules' tests."""
    import grantlens as gl

    spec = importlib.util.spec_from_file_location("random_logs", "tests/rules/conftest.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    for seed in SEEDS:
        records = [*made.random_log(seed, calls=120), *made.random_log(seed, "helper"), *made.logs_kept_going()]
        log = folder / f"random-{seed}.ndjson"
        log.write_text("".join(json.dumps(record) + "\n" for record in records))
        with gl.open(":memory:") as store:
            store.add(*_world(folder))
            store.load(log)
            yield from _reviewed(f"random/{seed}", store)


def companies(folder: Path) -> Iterator[str]:
    """Ask simulated companies."""
    import grantlens as gl
    from grantlens.cli.demo import load_samples
    from grantlens.simulate.generate import generate

    for seed in COMPANIES:
        generate(folder / f"company-{seed}", seed, 90, 30)
        now = json.loads((folder / f"company-{seed}" / "truth.json").read_text())["now"]
        load_samples(folder / f"{seed}.duckdb", folder / f"company-{seed}")
        with gl.open(folder / f"{seed}.duckdb") as store:
            yield from _reviewed(f"company/{seed}", store, now=now)


def _world(folder: Path) -> tuple[Any, Any]:
    from grantlens.catalogue.model import Catalogue
    from grantlens.register.server import Servers
    from grantlens.rule.example import CATALOGUE, SERVERS
    from grantlens.schema.register import SERVER

    path = folder / "catalogue.toml"
    path.write_text(CATALOGUE)
    return Catalogue.build("toml", path), Servers(tuple(dict.fromkeys(SERVER.names) | row for row in SERVERS))


PARTS: dict[str, Callable[[Path], Iterator[str]]] = {
    part.__name__: part for part in (replays, examples, real_logs, samples, companies, random_logs)
}
"""What is asked; each part in a process of its own, the longest first."""


def _part(name: str, out: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        found = sorted(PARTS[name](Path(scratch)))
        here = str(Path.cwd())
        out.write_text("".join(line.replace(scratch, "SCRATCH").replace(here, "CHECKOUT") + "\n" for line in found))


def findings(checkout: Path, parts: Iterable[str]) -> list[str]:
    """Return all findings of a checkout as sorted lines; a part that fails is one line that says so."""
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:

        def ask(name: str) -> list[str]:
            out, begun = Path(scratch, name), time.perf_counter()
            command = [sys.executable, __file__, "--part", name, "--write", str(out)]
            there = {
                **os.environ,
                "PYTHONPATH": f"{checkout / 'src'}{os.pathsep}{checkout}",
                "GRANTLENS_SHARED": str(SHARED),
            }
            done = subprocess.run(command, cwd=checkout, env=there, capture_output=True, text=True, check=False)
            print(f"{checkout.name}: {name} {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
            if done.returncode:
                print(done.stderr[-2000:], file=sys.stderr)
                return [f'["{name}", "failed: {done.stderr.strip().splitlines()[-1:]}"]']
            return out.read_text().splitlines()

        return sorted(line for part in pool.map(ask, parts) for line in part)


def findings_of(commit: str, parts: Iterable[str]) -> list[str]:
    """Return all findings of another commit, as this file asks for them."""
    sha = subprocess.run(
        ["git", "rev-parse", commit], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    key = hashlib.sha256(f"{Path(__file__).read_text()} {sha} {SHARED} {sorted(parts)}".encode()).hexdigest()[:16]
    kept = Path(tempfile.gettempdir(), f"grantlens-compare-{os.getuid()}", f"{key}.txt")
    if not kept.is_file():
        with _worktree(sha) as checkout:
            found = findings(checkout, parts)
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        kept.write_text("".join(f"{line}\n" for line in found))
    return kept.read_text().splitlines()


@contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "base"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", path, commit], cwd=ROOT, check=True)
        try:
            yield path
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", path], cwd=ROOT, check=True)


def without(lines: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the lines without these fields of a finding or of its detail: what a change adds on purpose."""
    kept = []
    for line in lines:
        where, found = json.loads(line)
        if isinstance(found, dict):
            for part in (found, found.get("detail")):
                for name in names if isinstance(part, dict) else ():
                    part.pop(name, None)
        kept.append(json.dumps([where, found], sort_keys=True))
    return kept


def differences(base: Iterable[str], ours: Iterable[str], most: int) -> int:
    """Print how two lists of findings differ; return 1 if they do, or if there are none to compare."""
    before, now = Counter(base), Counter(ours)
    differing = [(line, "-") for line in (before - now).elements()] + [
        (line, "+") for line in (now - before).elements()
    ]
    for line, sign in sorted(differing)[:most]:
        print(f"{sign} {line if len(line) <= 1500 else f'{line[:1500]} ...'}")
    if len(differing) > most:
        print(f"... and {len(differing) - most} lines more; --most prints more of them.")
    print(f"{before.total()} lines before, {now.total()} now: {len(differing)} differ.")
    return int(bool(differing) or not now)


def main(arguments: list[str] | None = None) -> int:
    """Write the findings of this checkout, or print how they differ from another commit's."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", default="HEAD", help="commit to compare with; HEAD if left out")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to ask; all if left out")
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="FIELD", help="fields of findings, or of their detail, to leave out"
    )
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the findings of this checkout and compare nothing"
    )
    parser.add_argument("--most", type=int, default=40, help="differing lines to print")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.part:
        _part(given.part, given.write)
        return 0
    ours = findings(ROOT, given.only)
    if given.write:
        given.write.write_text("".join(f"{line}\n" for line in ours))
        print(f"{len(ours)} lines written to {given.write}.")
        return 0
    base = findings_of(given.base, given.only)
    return differences(without(base, given.without), without(ours, given.without), given.most)


if __name__ == "__main__":
    sys.exit(main())
