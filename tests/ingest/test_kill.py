"""A load killed at any instant leaves whole files only, and loading again completes it."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import pytest

from grantlens.errors import StoreError
from grantlens.ingest import coverage, load
from grantlens.store import Store

from .oracle import content, issuance, ndjson, revocation, usage

KILLS = int(os.environ.get("GRANTLENS_KILLS", "5"))
"""How often; the benchmark kills 20 times."""

LOAD = """
import sys
from grantlens.store import Store
with Store(sys.argv[1]) as store:
    print("open", flush=True)
    store.load(sys.argv[2])
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    for number in range(6):
        first = number * 3000
        records = [usage(n, event_id=f"u{n}", target=f"/v1/things/{n}") for n in range(first, first + 3000)]
        records += [issuance(n) for n in range(first, first + 200)] + [revocation(n) for n in range(first, first + 50)]
        ndjson(folder / f"{number}.ndjson", [*records, "{broken"])
    return folder


@pytest.fixture(scope="module")
def undisturbed(logs, tmp_path_factory):
    with Store(tmp_path_factory.mktemp("whole") / "s.duckdb") as store:
        store.load(logs)
        return _state(store)


def _state(store):
    """Everything but when it was loaded."""
    batches = store.engine.rows("SELECT * EXCLUDE (loaded_at) FROM batch ORDER BY batch_id")
    others = {
        name: sorted(map(str, store.engine.rows(f"SELECT * FROM {name}")))
        for name in (
            "rejected",
            "ignored",
            "coverage",
            "clock",
            "activity",
            "usage_row",
            "usage_caller",
            "usage_target",
        )
    }
    return content(store), batches, others


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("turn", range(KILLS))
def test_killed_at_a_random_instant(logs, undisturbed, tmp_path, turn):
    path = tmp_path / "s.duckdb"
    process = subprocess.Popen([sys.executable, "-c", LOAD, path, logs], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "open\n"
    time.sleep(random.Random(turn).uniform(0.0, 1.5))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with Store(path) as store:
        whole = dict(store.engine.rows("SELECT batch_id, usage + issuance + revocation FROM batch"))
        found = {}
        for log in ("usage", "issuance", "revocation"):
            for batch, rows in store.engine.rows(f"SELECT batch_id, count(*) FROM {log} GROUP BY 1"):
                found[batch] = found.get(batch, 0) + rows
        assert found == whole
        assert all(rows == 3250 for rows in whole.values())
        assert store.engine.value("SELECT count(*) FROM rejected") == len(whole)
        store.load(logs)
        state = _state(store)
    assert state[0] == undisturbed[0]
    assert state[1] == undisturbed[1]
    assert state[2] == undisturbed[2]


def test_an_interrupt_rolls_back_and_the_store_goes_on(logs, tmp_path):
    def stop(path, done, files, percent):
        if done == 2 and percent > 0:
            raise KeyboardInterrupt

    with Store(tmp_path / "s.duckdb") as store:
        with pytest.raises(KeyboardInterrupt):
            store.load(logs, progress=stop)
        assert store.engine.value("SELECT count(*) FROM batch") == 2
        assert store.engine.value("SELECT max(batch_id) FROM usage_row") == 2
        assert store.load(logs).total("usage") == 4 * 3000


def test_coverage_that_a_killed_load_left_due_is_worked_out_at_the_next_opening(
    logs, undisturbed, tmp_path, monkeypatch
):
    path = tmp_path / "s.duckdb"
    with Store(path) as store, monkeypatch.context() as killed:
        killed.setattr(load, "coverage_refreshed", lambda engine: nullcontext())
        store.load(logs)
        assert len(store.coverage()) == 0
    with pytest.raises(StoreError, match="stopped before its coverage was worked out"):
        Store(path, read_only=True)
    with Store(path) as store:
        assert _state(store) == undisturbed


def test_an_interrupt_leaves_no_coverage_due(logs, tmp_path):
    def stop(path, done, files, percent):
        if done == 2:
            raise KeyboardInterrupt

    with Store(tmp_path / "s.duckdb") as store:
        with pytest.raises(KeyboardInterrupt):
            store.load(logs, progress=stop)
        assert not coverage.coverage_is_due(store.engine)
        assert store.engine.value("SELECT sum(records) FROM coverage WHERE log = 'usage'") == 2 * 3000


def test_coverage_is_worked_out_once_for_all_files_of_a_load(logs, tmp_path, monkeypatch):
    asked = []
    with Store(tmp_path / "s.duckdb") as store:
        execute = store.engine.execute
        monkeypatch.setattr(store.engine, "execute", lambda sql, *rest: asked.append(sql) or execute(sql, *rest))
        store.load(logs)
    assert len([sql for sql in asked if sql.lstrip().startswith("INSERT INTO coverage")]) == 1
