"""A bad file is one clear error; nothing of it is kept, and the others load."""

import errno
import gzip
import json
import os

import pyarrow as pa
import pytest

from grantlens.errors import LoadError, StoreError
from grantlens.reading import content as content_module
from grantlens.reading import lines
from grantlens.reading.one_file import Reading
from grantlens.reading.tabular import CsvRows
from grantlens.store import Store

from .oracle import load_file, ndjson, usage

GOOD = "".join(json.dumps(usage(n)) + "\n" for n in range(5)).encode()


def _half_zstd():
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(GOOD * 200)
    data = sink.getvalue().to_pybytes()
    return data[: len(data) // 2]


def _bomb():
    line = json.dumps(usage(1)).encode() + b"\n"
    return gzip.compress(line * 40_000, 9)


BAD = {
    "half a gzip": (gzip.compress(GOOD * 50)[:-20], "only part of a gzip"),
    "damaged gzip": (gzip.compress(GOOD)[:12] + b"\xff" * 40, "damaged gzip"),
    "half a zstd": (_half_zstd(), "zstd"),
    "zip": (b"PK\x03\x04" + b"x" * 50, "zip archive"),
    "binary": (bytes(range(256)) * 10, "binary"),
    "UTF-16": ('{"log": "usage"}\n'.encode("utf-16"), "UTF-16"),
    "UTF-32": ('{"log": "usage"}\n'.encode("utf-32"), "UTF-32"),
    "UTF-32, large end first": (b"\0\0\xfe\xff" + '{"log": "usage"}\n'.encode("utf-32-be"), "UTF-32"),
    "no UTF-8": (
        GOOD + b'{"log":"usage","used_at":"2026-01-01T00:00:00Z","outcome":"success","client_id":"\xff\xfe"}\n',
        "line 6: not UTF-8",
    ),
    "plain text": (b"hello there, this is no log: {}\n" * 3, "neither JSON nor CSV"),
    "a register": (b'# ours\n[[client]]\nclient_id = "a"\n', "looks like TOML that people write, no log"),
    "a register without a comment": (b'[[client]]\nclient_id = "a"\n', "looks like TOML that people write, no log"),
    "a mapping": (b'name = "x"\n\n[usage]\nused_at = "t"\n', "looks like TOML that people write, no log"),
    "unknown log": (
        b'{"colour": "red", "size": 3}\n',
        "no loader knows these records; the first has the keys colour, size",
    ),
    "taken apart by Elastic": (
        b'{"_source": {"ecs": {"version": "8.11.0"}, "data_stream": {"dataset": "cisco_duo.auth"}, "event": {"action": "x"}, "cisco_duo": {}}}\n',
        "Elastic's integration took these records of cisco_duo.auth apart, and kept no original",
    ),
    "error of a server": (
        b'{"error": {"code": "Expired", "message": "gone"}}\n',
        'holds an error that a server answered with, and no records: {"error": {"code": ',
    ),
    "cut array": (json.dumps([usage(1), usage(2)]).encode()[:-30], "only part of the file"),
    "broken array": (b'[{"log": "usage"},\n {"log": "usage"} oops]', "record 2: no valid JSON at line 2"),
    "CSV cut in a quoted cell": (
        b'log,used_at,outcome,client_id\nusage,2026-07-01T00:00:00Z,success,"a\nusage,2026-07-01T00:00:00Z,success,b\n',
        "ends inside a quoted cell of the row that begins at line 2",
    ),
    "deep nesting": (b"[" * 100_000, "nested too deeply"),
    "damaged parquet": (b"PAR1" + b"\0" * 200, "damaged Parquet"),
    "bomb": (_bomb(), "decompression bomb"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_one_error_and_the_others_load(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(content_module, "RATIO_FREE", 1 << 20)
    monkeypatch.setattr(content_module, "MAX_RATIO", 100)
    data, says = BAD[kind]
    (tmp_path / "a.ndjson").write_bytes(GOOD)
    (tmp_path / "b").write_bytes(data)
    ndjson(tmp_path / "c.ndjson", [usage(77)])
    with Store(":memory:") as store:
        report = store.load(tmp_path)
        assert [batch["path"] for batch in report] == [str(tmp_path / "a.ndjson"), str(tmp_path / "c.ndjson")]
        ((path, message, remedy),) = report.failed
        assert path == str(tmp_path / "b")
        assert says in message
        assert remedy
        assert store.engine.value("SELECT count(*) FROM usage") == 6
        assert store.engine.value("SELECT count(*) FROM batch") == 2


def test_an_error_late_in_a_file_keeps_nothing_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "_size_for", lambda content: 2000)
    path = tmp_path / "a.ndjson"
    path.write_bytes(GOOD * 10 + b"\xff\xfe\n")
    with Store(":memory:") as store:
        with pytest.raises(LoadError, match="line 51: not UTF-8"):
            load_file(store, path)
        tables = ("usage_row", "usage_caller", "usage_target", "batch", "rejected", "event_key", "activity", "coverage")
        assert all(store.engine.value(f"SELECT count(*) FROM {name}") == 0 for name in tables)
        path.write_bytes(GOOD)
        assert load_file(store, path)["usage"] == 5


def test_a_header_of_very_many_names_is_read_at_once():
    """Each name compared with all others, as it was, this takes hours."""
    names = [f"c{number}" for number in range(300_000)]
    assert CsvRows("wide.csv", [",".join(names).encode()]).header == names


def test_a_line_that_is_too_long_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE", 1000)
    path = ndjson(tmp_path / "a.ndjson", [usage(1), usage(2, client_name="x" * 2000), usage(3)])
    with Store(":memory:") as store, pytest.raises(LoadError, match="line 2: longer than"):
        load_file(store, path)


def test_missing_paths_are_named_and_the_rest_loads(tmp_path):
    good = ndjson(tmp_path / "a.ndjson", [usage(1)])
    (tmp_path / "empty folder").mkdir()
    with Store(":memory:") as store:
        report = store.load(tmp_path / "none.json", tmp_path / "*.gz", tmp_path / "empty folder", good)
        assert [message.split(str(tmp_path))[-1] for _, message, _ in report.failed] == [
            "/none.json does not exist.",
            "/*.gz.",
            "/empty folder holds no file.",
        ]
        assert report.total("usage") == 1


def test_a_loader_that_does_not_exist_is_named_with_the_nearest(tmp_path):
    path = ndjson(tmp_path / "a.ndjson", [usage(1)])
    with Store(":memory:") as store:
        with pytest.raises(LoadError, match="no loader 'nativ'") as caught:
            load_file(store, path, "nativ")
        assert caught.value.remedy == "Did you mean 'native'?"


def test_globs_and_folders_are_read_in_order_and_once(tmp_path):
    for number, name in enumerate(["b.ndjson", "a.ndjson", "deep/c.ndjson", ".hidden"]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        ndjson(tmp_path / name, [usage(number)])
    with Store(":memory:") as store:
        report = store.load(tmp_path, tmp_path / "*.ndjson")
        names = [batch["path"].removeprefix(str(tmp_path) + "/") for batch in report]
        assert names == ["a.ndjson", "b.ndjson", "deep/c.ndjson"]


def test_a_name_that_is_not_utf8_is_one_error_and_the_others_load(tmp_path):
    ndjson(tmp_path / "a.ndjson", [usage(1)])
    name = os.fsencode(tmp_path / "b") + b"\xff.ndjson"
    try:
        with open(name, "wb") as file:
            file.write(GOOD)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    ndjson(tmp_path / "c.ndjson", [usage(2)])
    with Store(":memory:") as store:
        report = store.load(tmp_path)
        assert [os.path.basename(batch["path"]) for batch in report] == ["a.ndjson", "c.ndjson"]
        ((path, message, remedy),) = report.failed
        assert os.fsencode(path) == name
        assert "not UTF-8" in message
        assert "Rename it" in remedy


@pytest.fixture
def failing(tmp_path, monkeypatch):
    """Return a function that lets the second of three files end in an error, and loads them."""
    monkeypatch.delenv("GRANTLENS_DEBUG", raising=False)
    for number, name in enumerate("abc"):
        ndjson(tmp_path / f"{name}.ndjson", [usage(number)])
    hollow = Reading.hollow

    def load(store, error):
        def fail(reading):
            if reading.path.endswith("b.ndjson"):
                raise error
            return hollow(reading)

        monkeypatch.setattr(Reading, "hollow", fail)
        return store.load(tmp_path)

    return load


def test_a_mistake_of_ours_is_named_and_the_other_files_load(failing):
    with Store(":memory:") as store:
        report = failing(store, ZeroDivisionError("Bearer abcdefghijkl\nmore"))
        assert [os.path.basename(batch["path"]) for batch in report] == ["a.ndjson", "c.ndjson"]
        ((path, message, remedy),) = report.failed
        assert path.endswith("b.ndjson")
        assert message == "Something unexpected happened: ZeroDivisionError: Bearer ***."
        assert "a mistake in grantlens" in remedy


def test_a_file_that_the_disk_does_not_give_is_named(failing):
    with Store(":memory:") as store:
        ((_, message, _),) = failing(store, OSError(errno.EIO, os.strerror(errno.EIO))).failed
        assert message == f"It cannot be read: {os.strerror(errno.EIO)}."


@pytest.mark.parametrize("error", [StoreError("full"), OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_what_concerns_all_files_ends_the_load(failing, error):
    with Store(":memory:") as store:
        with pytest.raises(type(error)):
            failing(store, error)
        kept = store.engine.value("SELECT count(*) FROM batch")
        assert kept == (0 if isinstance(error, KeyboardInterrupt) else 1)  # it is not waited for what is read together


def test_a_mistake_of_ours_shows_where_it_came_from_on_request(failing, monkeypatch):
    monkeypatch.setenv("GRANTLENS_DEBUG", "1")
    with Store(":memory:") as store, pytest.raises(ZeroDivisionError):
        failing(store, ZeroDivisionError())
