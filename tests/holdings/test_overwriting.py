"""Nothing that grantlens writes replaces a log that was loaded."""

import os
from pathlib import Path

import pytest

from grantlens.case import Case
from grantlens.errors import GrantlensError
from grantlens.store import Store
from tests.ingest.oracle import ndjson, usage


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store("acme.duckdb") as store:
        yield store


def evidence(store, name):
    path = ndjson(Path(name).absolute(), [usage(1), usage(2)])
    assert not store.load(name).failed
    return path


@pytest.mark.parametrize("written", ["log.ndjson", "./log.ndjson", "{folder}/log.ndjson", "linked.ndjson"])
def test_an_export_does_not_replace_what_was_loaded(store, tmp_path, written):
    log = evidence(store, "log.ndjson")
    before = log.read_bytes()
    os.symlink(log, tmp_path / "linked.ndjson")
    with pytest.raises(GrantlensError, match="was loaded into this store") as caught:
        store.export(written.format(folder=tmp_path))
    assert caught.value.remedy == "Name another file to write."
    assert log.read_bytes() == before
    assert store.verify() == []
    assert store.export(tmp_path / "other.ndjson")


def test_an_export_as_parquet_does_not(store, tmp_path):
    log = ndjson(tmp_path / "usage.parquet", [usage(1)])
    store.load(log)
    with pytest.raises(GrantlensError, match="was loaded"):
        store.export(tmp_path, parquet=True)
    assert store.verify() == []
    assert not (tmp_path / "issuance.parquet").exists()


def test_a_case_does_not(store, tmp_path):
    evidence(store, "evidence.ndjson")
    case = Case(store, client="c1")
    with pytest.raises(GrantlensError, match="was loaded"):
        case.write(tmp_path)
    assert store.verify() == []
    assert sorted(path.name for path in case.write(tmp_path / "case")) == sorted(os.listdir(tmp_path / "case"))


def test_an_export_does_not_replace_its_store(tmp_path):
    with Store(tmp_path / "a.duckdb"):
        pass
    path = (tmp_path / "a.duckdb").rename(tmp_path / "a.json")
    with Store(path) as store, pytest.raises(GrantlensError, match="is the store itself"):
        store.export(path)


@pytest.mark.parametrize("path", ["a\0b", "a" * 5000, "/dev/zero"])
def test_a_path_that_no_load_left_behind_stops_nothing(store, tmp_path, path):
    """A store that somebody sent may hold any text as the path of a file."""
    evidence(store, "log.ndjson")
    store.engine.execute("UPDATE batch SET path = $path", {"path": path})
    assert len(store.verify()) == 1
    assert store.export(tmp_path / "other.ndjson")
