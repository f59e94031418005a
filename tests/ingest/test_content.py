"""A log that is written to while it is read: its hash is of the bytes that gave the rows."""

import gzip
import hashlib
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grantlens.ingest import opening
from grantlens.ingest.pipeline import Pipeline
from grantlens.reading.one_file import Reading
from grantlens.store import Store

from .oracle import ndjson, usage


def _before(monkeypatch, where, name, happen):
    """Let something happen once, before a method is called."""
    method, left = getattr(where, name), [happen]

    def called(*given, **rest):
        if left:
            left.pop()()
        return method(*given, **rest)

    monkeypatch.setattr(where, name, called)


@pytest.fixture
def log(tmp_path):
    return ndjson(tmp_path / "a.ndjson", [usage(n) for n in range(20)])


@pytest.fixture
def more(tmp_path):
    return ndjson(tmp_path / "more.ndjson", [usage(n) for n in range(20, 30)]).read_bytes()


@pytest.mark.parametrize("packed", [False, True])
def test_what_comes_after_its_end_was_read_is_loaded_the_next_time(log, more, tmp_path, monkeypatch, packed):
    path, grown = log, more
    if packed:
        path, grown = tmp_path / "a.ndjson.gz", gzip.compress(more)
        path.write_bytes(gzip.compress(log.read_bytes()))
    first = path.read_bytes()
    _before(monkeypatch, Pipeline, "finish", lambda: path.write_bytes(first + grown))
    with Store(":memory:") as store:
        assert store.load(path).batches[0]["sha256"] == hashlib.sha256(first).hexdigest()
        assert store.load(path).total("usage") == 10
        assert store.verify() == []


def test_what_comes_after_it_was_opened_counts_in_its_size(log, more, monkeypatch):
    with Store(":memory:") as store:
        _before(monkeypatch, opening, "Reading", lambda: log.write_bytes(log.read_bytes() + more))
        assert store.load(log).total("usage") == 30
        assert store.verify() == []
        assert store.load(log).batches[0]["note"].startswith("already loaded")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="an open file has no name of its own here")
def test_a_parquet_file_that_is_replaced_gives_the_rows_of_its_hash(tmp_path, monkeypatch):
    path, new = tmp_path / "a.parquet", tmp_path / "new.parquet"
    for file, numbers in ((path, range(5)), (new, range(5, 12))):
        pq.write_table(pa.Table.from_pylist([usage(n) for n in numbers]), file)
    first = hashlib.sha256(path.read_bytes()).hexdigest()
    _before(monkeypatch, Reading, "_sample", lambda: new.replace(path))
    with Store(":memory:") as store:
        batch = store.load(path).batches[0]
        assert (batch["sha256"], batch["usage"]) == (first, 5)
        assert store.load(path).total("usage") == 7
