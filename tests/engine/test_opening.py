"""Opening a store: what is no store is refused and not touched, whatever DuckDB could read of it."""

import gzip
import json
import os
import subprocess
import sys
from contextlib import closing

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grantlens.engine.duckdb import Engine
from grantlens.errors import GrantlensError, StoreError
from grantlens.store import Store

LINES = b"".join(json.dumps({"log": "usage", "client_id": f"c{number}"}).encode() + b"\n" for number in range(3))


def logs(folder):
    """Write one file of every kind that DuckDB opens as a database in memory, and some that it does not."""
    for name in ("a.ndjson", "a.json", "a.jsonl", "issuance.ndjson", "a.log", "a.txt", "a.duckdb", "A.JSON"):
        (folder / name).write_bytes(LINES)
    for name in ("a.csv", "a.tsv"):
        (folder / name).write_text("client_id,target\nc,/v1\n".replace(",", "\t" if name == "a.tsv" else ","))
    for name in ("a.json.gz", "a.csv.gz"):
        (folder / name).write_bytes(gzip.compress(LINES if "json" in name else b"a,b\n1,2\n"))
    pq.write_table(pa.table({"client_id": ["c"]}), folder / "a.parquet")
    (folder / "half.json").write_text('{"log":')
    (folder / "empty.json").touch()
    (folder / "noise.csv").write_bytes(os.urandom(3000))
    return sorted(folder.iterdir())


@pytest.mark.parametrize("read_only", [False, True])
def test_a_log_is_no_store(tmp_path, read_only):
    files = logs(tmp_path)
    before = {file: file.read_bytes() for file in files}
    for file in files:
        with pytest.raises(StoreError, match="is no store: it is no DuckDB file") as caught:
            Engine(file, read_only=read_only)
        assert f"grantlens load acme.duckdb {file}" in caught.value.remedy
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "name", ["new.ndjson", "new.json", "new.CSV", "new.parquet", "new.json.gz", "new.zst", "new.log"]
)
def test_a_new_store_is_not_named_like_a_log(tmp_path, name):
    with pytest.raises(StoreError, match="ends like a log's") as caught:
        Engine(tmp_path / name)
    assert "The first argument is the store" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_not_there_is_not_made_for_reading(tmp_path):
    with pytest.raises(StoreError, match=r"There is no store at .*acme\.duckdb\.") as caught:
        Engine(tmp_path / "acme.duckdb", read_only=True)
    assert "without read_only=True a new one is made" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["store.json", "store.log"])
def test_a_store_that_has_the_name_of_a_log_opens(tmp_path, name):
    with Store(tmp_path / "store.duckdb"):
        pass
    (tmp_path / "store.duckdb").rename(tmp_path / name)
    with Store(tmp_path / name) as store:
        assert store.engine.value("SELECT count(*) FROM usage") == 0


@pytest.mark.parametrize("name", ["acme.duckdb", "acme.db", "acme", "acme.v2", "md:acme", "https:acme.duckdb"])
def test_other_names_are_free(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with closing(Engine(name)) as engine:
        engine.execute("CREATE TABLE t AS SELECT 1 AS a")
    (tmp_path / name).unlink()
    with closing(Engine(tmp_path / name)) as engine:
        engine.execute("CREATE TABLE t AS SELECT 1 AS a")
    assert (tmp_path / name).read_bytes()[8:12] == b"DUCK"


def test_a_file_that_duckdb_itself_holds_open_in_this_process_is_told(tmp_path):
    path = tmp_path / "acme.duckdb"
    with closing(Engine(path)) as engine:
        engine.execute("CREATE TABLE t AS SELECT 1 AS a")
    with (
        duckdb.connect(str(path)),
        pytest.raises(StoreError, match="by a connection of DuckDB that is not grantlens's") as caught,
    ):
        Engine(path)
    assert "Close the other one" in caught.value.remedy
    with (
        closing(Engine(path, read_only=True)),
        pytest.raises(StoreError, match="in another way: one of the two only reads"),
    ):
        Engine(path)
    with closing(Engine(path)), closing(Engine(path)) as second:
        assert second.value("SELECT a FROM t") == 1


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    with pytest.raises(StoreError, match="has a name that is not UTF-8"):
        Engine(tmp_path / os.fsdecode(b"acme\xff.duckdb"))


def test_nothing_is_fetched_from_the_network(tmp_path):
    """A store that somebody sent may hold any view, and DuckDB would fetch and run what the view needs."""
    (tmp_path / "notes.db").write_bytes(b"SQLite format 3\x00" + bytes(4096))
    with pytest.raises(StoreError, match="is no store: it is no DuckDB file"):
        Engine(tmp_path / "notes.db")
    with closing(Engine(tmp_path / "acme.duckdb")) as engine:
        allowed = (
            "SELECT current_setting('autoinstall_known_extensions') OR current_setting('autoload_known_extensions')"
        )
        assert engine.value(allowed) is False


def damaged(path, change):
    """Make a store, and change its bytes."""
    Store(path).close()
    path.write_bytes(change(bytearray(path.read_bytes())))


def with_version(content, number):
    """Give a database file another number of storage, and the checksum of its header that belongs to it."""
    content[12:20] = number.to_bytes(8, "little")
    checksum = 5381
    for start in range(8, 4096, 8):
        checksum ^= int.from_bytes(content[start : start + 8], "little") * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    content[:8] = checksum.to_bytes(8, "little")
    return content


@pytest.mark.parametrize(
    ("change", "says", "remedy"),
    [
        (lambda content: content[:20], "is damaged or cut short", "a copy that is whole"),
        (lambda content: content[: len(content) // 2], "is damaged or cut short", "a copy that is whole"),
        (lambda content: content[:-1000], "cut short", "a copy that is whole"),
        (lambda content: content[:200] + b"\xff" * 3000 + content[3200:], "is damaged", "a copy that is whole"),
        (lambda content: content[:12288] + bytes(len(content) - 12288), "damaged", "a copy that is whole"),
        (lambda content: with_version(content, 2000), "is of another version of DuckDB", "pip install -U duckdb"),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_not_whole_or_not_of_this_duckdb_is_told(tmp_path, change, says, remedy, read_only):
    damaged(tmp_path / "acme.duckdb", change)
    with pytest.raises(GrantlensError, match=says) as caught:
        Store(tmp_path / "acme.duckdb", read_only=read_only)
    assert "acme.duckdb" in caught.value.message
    assert remedy in caught.value.remedy


def test_damage_that_is_met_later_is_told(tmp_path):
    with closing(Engine(tmp_path / "acme.duckdb")) as engine:
        engine.execute("CREATE TABLE t AS SELECT md5(range::VARCHAR) AS a FROM range(200_000)")
    content = bytearray((tmp_path / "acme.duckdb").read_bytes())
    for start in range(12288 + 1000, len(content), 262144):  # one byte in each block
        content[start] ^= 255
    (tmp_path / "acme.duckdb").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"), closing(Engine(tmp_path / "acme.duckdb")) as engine:
        engine.rows("FROM t")


def test_an_encrypted_file_is_told(tmp_path):
    with duckdb.connect() as connection:
        connection.execute("SET force_mbedtls_unsafe = true")
        connection.execute(f"ATTACH '{tmp_path}/acme.duckdb' AS e (ENCRYPTION_KEY 'k')")
        connection.execute("CREATE TABLE e.t (a INTEGER)")
    with pytest.raises(StoreError, match="is encrypted") as caught:
        Engine(tmp_path / "acme.duckdb")
    assert "without encryption" in caught.value.remedy


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX")
def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "acme.duckdb")
    for path in (tmp_path / "acme.duckdb", "/dev/null", "/dev/zero"):
        for read_only in (True, False):
            with pytest.raises(StoreError, match="is a pipe, a socket or a device, not a file"):
                Engine(path, read_only=read_only)


def test_a_folder_names_the_stores_in_it(tmp_path):
    with pytest.raises(StoreError, match=r"holds no \*.duckdb file") as caught:
        Engine(tmp_path)
    assert caught.value.remedy == f"Make a store by loading logs: grantlens load {tmp_path / 'grants.duckdb'} LOGS"
    for name in ("b.duckdb", "a.duckdb"):
        Engine(tmp_path / name).close()
    with pytest.raises(StoreError, match="is a folder, not a store") as caught:
        Engine(tmp_path)
    assert caught.value.remedy == f"Name a file in it: {tmp_path / 'a.duckdb'}, {tmp_path / 'b.duckdb'}"


def test_opening_twice_in_one_process_keeps_the_lock(tmp_path):
    """Whoever reads the first bytes of a file by itself and closes it gives the lock of the whole process away."""
    path = tmp_path / "acme.duckdb"
    with closing(Engine(path)), closing(Engine(path)):
        code = "import duckdb, sys; duckdb.connect(sys.argv[1])"
        other = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert "lock" in other.stderr
    duckdb.connect(str(path)).close()


@pytest.mark.parametrize("read_only", [False, True])
def test_what_does_not_fit_into_memory_is_for_its_owner_only(tmp_path, read_only):
    path, link, before = tmp_path / "s.duckdb", tmp_path / "link.duckdb", os.umask(0o022)
    link.symlink_to(path)
    try:
        Store(path).close()
        with Store(link, read_only=read_only, memory_limit="60MB") as store:
            store.engine.execute("CREATE TEMP TABLE much AS SELECT md5(i::VARCHAR) AS text FROM range(3_000_000) t(i)")
            (spill,) = (each for each in tmp_path.iterdir() if each.is_dir())
            assert list(spill.iterdir())
            assert spill.stat().st_mode & 0o077 == 0
    finally:
        os.umask(before)
    assert {each.name for each in tmp_path.iterdir()} == {"s.duckdb", "link.duckdb"}


@pytest.mark.parametrize("left", [False, True])
def test_a_store_that_nobody_closed_leaves_no_folder(tmp_path, left):
    if left:
        (tmp_path / "s.duckdb.tmp").mkdir()  # by a process that was killed
    script = "import sys; from grantlens.store import Store; store = Store(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "s.duckdb")], check=True, timeout=60)
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == []
