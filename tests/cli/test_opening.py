"""Commands that only read leave the store as it is, and several of them may read it at once."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import grantlens as gl
from grantlens.cli.opening import existing
from grantlens.errors import StoreError
from grantlens.rule.example import consent, revoked, token, use
from grantlens.schema import VIEWS
from grantlens.store import Store

NOW = ("--now", "2026-10-01")
READING = {
    "detect": lambda path, out: ("detect", path, *NOW),
    "report": lambda path, out: ("report", path, "-o", out / "report.html", *NOW),
    "case": lambda path, out: ("case", path, "--client", "mail-copilot", "-o", out / "case"),
    "coverage": lambda path, out: ("coverage", path),
    "coverage explained": lambda path, out: ("coverage", path, "--explain"),
    "verify": lambda path, out: ("verify", path),
    "export": lambda path, out: ("export", path, "-o", out / "all.ndjson"),
    "export to Parquet": lambda path, out: ("export", path, "-o", out / "lake", "--parquet"),
}

HOLD = """
import sys
from pathlib import Path
from grantlens.store import Store

with Store(sys.argv[1], read_only=sys.argv[2] == "read"):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    """Return a store of a few records, since what is opened, written and locked is the same of many; copy it."""
    folder = tmp_path_factory.mktemp("acme")
    who = {"client_id": "mail-copilot"}
    records = (
        consent("10 09:00", ["mail.read"], **who),
        token("10 09:05", "t1", ["mail.read"], "10 18:00", **who),
        use("10 09:10", "GET /v1/messages/7", **who),
        revoked("10 12:00", **who),
        use("10 13:00", "GET /v1/messages/7", **who),
    )
    log = folder / "log.ndjson"
    log.write_text("".join(json.dumps({"event_id": f"e{n}", **row}) + "\n" for n, row in enumerate(records)))
    with Store(folder / "acme.duckdb") as store:
        assert store.load(log).total("rejected") == 0
    return folder / "acme.duckdb"


@pytest.fixture
def path(acme, tmp_path):
    """Return a copy of the store in a folder of its own."""
    (tmp_path / "store").mkdir()
    return Path(shutil.copy(acme, tmp_path / "store" / "acme.duckdb"))


@pytest.fixture
def held(path):
    """Return a function that lets another process hold the store open."""
    processes = []

    def hold(how):
        arguments = [sys.executable, "-c", HOLD, str(path), how]
        process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "open\n"

    yield hold
    for process in processes:
        process.communicate("", timeout=60)


@pytest.mark.parametrize("command", READING)
def test_a_reading_command_runs_beside_another_reader_and_changes_nothing(run, held, path, tmp_path, command):
    held("read")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    ran = run(*READING[command](path, tmp_path))
    assert "held open" not in ran.err
    assert ran.code == (2 if command == "verify" and "whole" in ran.err else 0), ran.err
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert {each.name for each in path.parent.iterdir()} == {path.name, f"{path.name}.tmp"}, (
        "the folder is the other reader's"
    )


def test_a_writing_command_waits_for_no_reader_and_says_so(run, held, path, tmp_path):
    held("read")
    (tmp_path / "register.toml").write_text('[[client]]\nclient_id = "mail-copilot"\n')
    ran = run("register", "add", path, tmp_path / "register.toml")
    assert ran.failed_well()
    assert "held open by another process" in ran.err


def test_a_reader_beside_a_writer_says_who_holds_the_store(run, held, path):
    held("write")
    ran = run("detect", path, *NOW)
    assert ran.failed_well()
    assert "held open by another process" in ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="this user may write everything")
def test_a_store_that_may_not_be_written_can_be_read(run, path):
    path.chmod(0o444)
    assert run("coverage", path).code == 0


@contextlib.contextmanager
def not_to_be_written(folder):
    """Let nothing be made in a folder: to the superuser its mode says nothing, so another user takes his place."""
    superuser = os.geteuid() == 0
    folder.chmod(0o555)
    if superuser:
        os.seteuid(65534)
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_store_in_a_folder_that_may_not_be_written_is_no_mistake_of_grantlens(tmp_path):
    """DuckDB makes a file beside the store at the first commit: who may write the store alone was told of a mistake in grantlens."""
    Store(tmp_path / "acme.duckdb").close()
    with Store(tmp_path / "acme.duckdb") as store:
        with (
            not_to_be_written(tmp_path),
            pytest.raises(StoreError, match="The folder of the store may not be written to"),
        ):
            store.add(gl.Register(({"client_id": "app"},)))
        store.add(gl.Register(({"client_id": "app"},)))


@pytest.mark.parametrize("command", [("coverage",), ("load", "LOG")])
def test_an_empty_file_is_no_store_and_no_log(run, tmp_path, command):
    empty = tmp_path / "acme.duckdb"
    empty.touch()
    ran = run(command[0], empty, *command[1:])
    assert ran.failed_well()
    assert (
        "is no store: it is empty, and so no DuckDB file. Remove it, and load logs into a store of that name" in ran.err
    )


@pytest.mark.parametrize(
    "age",
    [
        "DROP VIEW token",
        "DELETE FROM declared",
        "CREATE OR REPLACE VIEW caller_segment AS SELECT 1 AS of_before",
        "DELETE FROM coverage; INSERT INTO meta VALUES ('coverage_due_from_batch', '1')",
    ],
)
def test_a_store_of_an_older_version_is_brought_up_to_date_by_a_reading_command(run, path, age):
    with Store(path) as store:
        store.engine.execute(age)
    expected = run("coverage", path, "--explain").out
    with Store(path, read_only=True) as store:
        assert store.up_to_date()
    assert run("coverage", path, "--explain").out == expected


def test_what_was_not_written_to_its_place_is_read_too(run, path, tmp_path):
    """A process that was killed leaves a write-ahead log."""
    script = (
        "import os, sys; from grantlens.store import Store; s = Store(sys.argv[1]); s.load(sys.argv[2]); os._exit(9)"
    )
    log = tmp_path / "late.ndjson"
    log.write_text(
        '{"log": "usage", "used_at": "2026-07-01", "outcome": "success", "client_id": "late", "event_id": "1"}\n'
    )
    subprocess.run([sys.executable, "-c", script, str(path), str(log)], check=False, timeout=60)
    assert path.with_name(f"{path.name}.wal").exists()
    run("export", path, "-o", tmp_path / "all.ndjson")
    assert '"late"' in (tmp_path / "all.ndjson").read_text()


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("age", ["SELECT 1", "DROP VIEW token"])
def test_commands_open_no_other_file_through_the_store(path, tmp_path, read_only, age):
    (tmp_path / "secret.txt").write_text("a private key")
    with duckdb.connect(path) as connection:
        connection.execute(age)
    reading = f"SELECT content FROM read_text('{tmp_path}/secret.txt')"
    with existing(path, read_only=read_only) as store, pytest.raises(StoreError, match="read and write no other file"):
        store.sql(reading)
    with existing(path, read_only=read_only, confined=False) as store:
        assert store.sql(reading).to_pylist() == [{"content": "a private key"}]


@pytest.mark.parametrize("command", READING)
def test_a_view_that_reads_a_file_gives_nothing_away(run, path, tmp_path, command):
    (tmp_path / "secret.txt").write_text("a private key")
    with duckdb.connect(path) as connection:
        connection.execute(
            "CREATE OR REPLACE VIEW usage AS SELECT * REPLACE ("
            f"(SELECT content FROM read_text('{tmp_path}/secret.txt')) AS client_id) FROM ({VIEWS['usage']})"
        )
        connection.execute("CREATE OR REPLACE VIEW named_caller AS FROM usage")
    ran = run(*READING[command](path, tmp_path))
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file.name != "secret.txt"]
    assert b"a private key" not in b"".join([ran.out.encode(), ran.err.encode(), *written])
    assert "unexpected" not in ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="this user may write everything")
def test_a_store_with_other_views_that_may_not_be_written_says_so(run, path):
    with duckdb.connect(path) as connection:
        connection.execute("DROP VIEW token")
    path.chmod(0o444)
    ran = run("coverage", path)
    assert ran.failed_well()
    assert "holds other views than this version of grantlens writes" in ran.err
