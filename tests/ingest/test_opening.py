"""A small file is opened while the one before it is written; nothing that is kept tells the difference."""

import gzip
import json
import os
import threading
from itertools import count

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grantlens.ingest import opening
from grantlens.ingest.beside import Beside
from grantlens.ingest.mapper import Mapper
from grantlens.reading import lines
from grantlens.store import Store

from .oracle import content, issuance, load_file, ndjson, revocation, usage


def _threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("cut", "map", "open"))]


@pytest.fixture
def folder(tmp_path):
    """Files of all shapes, good, bad, empty and twice the same."""
    place = tmp_path / "logs"
    place.mkdir()
    calls = [usage(n) for n in range(60)]
    ndjson(place / "a.ndjson", calls[:20])
    (place / "b.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [issuance(n) for n in range(9)]}).encode()))
    (place / "c.ndjson").write_text("no log at all\n")
    (place / "d.json").write_text(json.dumps(calls[15:40]))
    ndjson(place / "e.ndjson", calls[:20])
    (place / "f.ndjson").write_text("")
    pq.write_table(pa.Table.from_pylist(calls[30:]), place / "g.parquet")
    (place / "h.json.gz").write_bytes(gzip.compress(b"[" * 400)[:-9])
    ndjson(place / "i.ndjson", [*calls[50:], {"log": "usage"}])
    return place


def _content(store):
    tables = ("issuance", "usage", "rejected", "ignored", "coverage", "activity")
    told = {table: sorted(map(str, store.engine.rows(f"FROM {table}"))) for table in tables}
    batches = "SELECT batch_id, path, sha256, records, issuance, usage, duplicates, rejected, note FROM batch ORDER BY batch_id"
    return told | {"batch": store.engine.rows(batches)}


def _store(path):
    store = Store(path)
    store.engine.execute("UPDATE meta SET value = repeat('00', 32) WHERE name = 'token_key'")
    return store


def test_files_loaded_together_give_what_they_give_one_by_one(folder, tmp_path):
    with _store(tmp_path / "together.duckdb") as together, _store(tmp_path / "alone.duckdb") as alone:
        report = together.load(folder)
        failed = []
        for path in sorted(folder.iterdir()):
            failed += alone.load(path).failed
        assert _content(together) == _content(alone)
        assert report.failed == failed
        assert [path.rpartition("/")[2] for path, *_ in failed] == ["c.ndjson", "h.json.gz"]
        assert report.total("records") == 20 + 9 + 25 + 20 + 30 + 11
    assert not _threads()


def test_a_large_file_waits_for_its_turn(folder, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(opening, "SMALL", (folder / "d.json").stat().st_size - 1)
    monkeypatch.setattr(opening.Opener, "_open", _noted(opening.Opener._open, opened))
    with Store(tmp_path / "s.duckdb") as store:
        store.load(folder)
    by_thread = {paths[0].rpartition("/")[2]: thread for paths, thread in opened}
    assert by_thread["a.ndjson"] == by_thread["d.json"] == "MainThread"
    assert by_thread["b.json.gz"].startswith("open")


def _noted(open_, opened):
    def noted(self, paths, *, once=False):
        opened.append((paths, threading.current_thread().name))
        return open_(self, paths, once=once)

    return noted


def test_what_stops_a_load_ends_its_threads(folder, tmp_path):
    def stop(path, done, files, percent):
        if done == 1 and percent:
            raise KeyboardInterrupt

    with Store(tmp_path / "s.duckdb") as store:
        threads = store.engine.value("SELECT current_setting('threads')")
        with pytest.raises(KeyboardInterrupt):
            store.load(folder, progress=stop)
        assert not _threads()
        assert store.engine.value("SELECT count(*) FROM batch") == 1
        assert store.engine.value("SELECT current_setting('threads')") == threads
        assert load_file(store, folder / "b.json.gz")["issuance"] == 9


@pytest.mark.parametrize("mappers", [1, opening.MAPPERS])
def test_chunks_that_are_mapped_side_by_side_give_what_one_gives(tmp_path, monkeypatch, mappers):
    records = [issuance(n) if n % 3 else revocation(n) if n % 2 else usage(n) for n in range(300)]
    records[40:60] = [
        {**record, "strange": 1} for record in records[40:60]
    ]  # a whole chunk: the first alone decides for the file
    records[100] = {"log": "usage"}
    path = ndjson(tmp_path / "a.ndjson", records)
    with Store(":memory:") as store:
        whole = store.load(path).batches[0], content(store)
    monkeypatch.setattr(opening, "MAPPERS", mappers)
    monkeypatch.setattr(lines, "_size_for", lambda content: 2000)
    chunks = []
    map_ = Mapper.map
    monkeypatch.setattr(
        Mapper, "map", lambda self, chunk, *, first: chunks.append((self, first)) or map_(self, chunk, first=first)
    )
    with Store(":memory:") as store:
        assert (store.load(path).batches[0], content(store)) == whole
    assert len(chunks) > 20
    assert len({mapper for mapper, _ in chunks}) == mappers
    assert [first for _, first in chunks].count(True) == 1
    assert whole[0]["rejected"] == 21


def test_work_ahead_raises_where_the_piece_would_have_come_and_stops_when_told():
    def pieces():
        yield from (1, 2)
        raise ValueError("third")

    ahead, seen = Beside(pieces(), "map"), []
    with pytest.raises(ValueError, match="third"):
        seen.extend(ahead)
    ahead.close()
    endless = Beside(count(), "map")
    assert next(iter(endless)) == 0
    endless.close()
    assert seen == [1, 2]
    assert not _threads()


def test_the_rights_of_new_files_are_as_before(folder, tmp_path):
    before = os.umask(0o022)
    try:
        with Store(tmp_path / "s.duckdb") as store:
            store.load(folder)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
