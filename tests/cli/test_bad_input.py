"""Every bad input of the issue: one clear sentence with its remedy, exit 2, no traceback, nothing half-written."""

import contextlib
import gzip
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys

import duckdb
import pytest

from grantlens.schema.migrations import VERSION
from grantlens.store import Store

RECORD = {"log": "usage", "used_at": "2026-07-01T09:00:00Z", "outcome": "success", "client_id": "c", "event_id": "u1"}

READING = {
    "coverage": (), "detect": (), "verify": (), "case": ("--client", "c"),
    "report": ("-o", "out.html"), "export": ("-o", "out.ndjson"),
}  # fmt: skip
"""The commands that read a store, with what else they need."""


@pytest.fixture
def store_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "acme.duckdb"
    with Store(path):
        pass
    return path


def rows(path):
    with Store(path) as store:
        return [
            store.engine.value(f"SELECT count(*) FROM {table}")
            for table in ("batch", "issuance", "usage", "revocation")
        ]


def lines(count: int) -> bytes:
    return b"".join(json.dumps({**RECORD, "event_id": f"u{number}"}).encode() + b"\n" for number in range(count))


def half_a_gzip(path):
    whole = gzip.compress(os.urandom(200_000).hex().encode() + lines(5000))
    path.write_bytes(whole[: len(whole) // 2])


def binary(path):
    path.write_bytes(os.urandom(100_000))


def picture(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(5000))


def log_nobody_knows(path):
    path.write_text('{"colour": "green", "shape": "round"}\n' * 10)


def plain_words(path):
    path.write_text("Jul  1 09:00:00 gateway sshd[17]: Accepted publickey for root\n" * 10)


def not_utf8(path):
    path.write_bytes(lines(1).replace(b'"c"', b'"caf\xe9"') + "é".encode("utf-16"))


def half_a_record(path):
    path.write_bytes(lines(3)[:-20])


@pytest.mark.parametrize("make", [half_a_gzip, binary, picture, log_nobody_knows, plain_words])
def test_a_file_that_is_no_log(run, store_path, tmp_path, make):
    path = tmp_path / f"{make.__name__}.ndjson{'.gz' if make is half_a_gzip else ''}"
    make(path)
    ran = run("load", store_path, path)
    assert ran.failed_well(), ran
    assert path.name in ran.err
    assert rows(store_path) == [0, 0, 0, 0]


@pytest.mark.parametrize("make", [not_utf8, half_a_record])
def test_a_file_with_a_broken_part_is_refused_or_the_part_is_set_aside(run, store_path, tmp_path, make):
    path = tmp_path / f"{make.__name__}.ndjson"
    make(path)
    ran = run("load", store_path, path, "--json")
    if ran.code == 2:
        assert path.name in ran.err
        assert rows(store_path) == [0, 0, 0, 0]
    else:
        assert json.loads(ran.out)["batches"][0]["rejected"] >= 1


@pytest.mark.parametrize("text", ["no JSON", "[" * 100_000], ids=["words", "deep"])
def test_a_key_set_that_is_none(run, store_path, tmp_path, text):
    (tmp_path / "jwks.json").write_text(text)
    ran = run("load", store_path, tmp_path, "--jwks", tmp_path / "jwks.json")
    assert ran.failed_well(), ran
    assert "jwks.json is no JSON. Save the issuer's jwks_uri as it is." in ran.err


def test_a_missing_file(run, store_path):
    ran = run("load", store_path, "logs/gone.ndjson")
    assert ran.failed_well()
    assert "logs/gone.ndjson" in ran.err


def test_a_load_that_finds_nothing_makes_no_store(run, tmp_path):
    ran = run("load", tmp_path / "new.duckdb", tmp_path / "gone.ndjson")
    assert ran.failed_well()
    assert list(tmp_path.iterdir()) == []


def test_lines_of_text_are_named_where_a_file_is_no_log(run, store_path, tmp_path):
    assert "lines of text" in " ".join(run("load", "--help").out.split())
    for make in (picture, plain_words):
        make(tmp_path / make.__name__)
        assert "lines of text" in run("load", store_path, tmp_path / make.__name__).err


def test_a_loader_that_does_not_exist(run, store_path, tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_bytes(lines(1))
    ran = run("load", store_path, path, "--loader", "octa")
    assert ran.failed_well()
    assert "okta" in ran.err


def test_a_line_of_fifty_megabytes(run, store_path, tmp_path):
    path = tmp_path / "long.ndjson"
    with path.open("wb") as file:
        file.write(lines(1))
        file.write(json.dumps({**RECORD, "event_id": "long", "client_name": "x" * 50_000_000}).encode() + b"\n")
    ran = run("load", store_path, path)
    assert ran.failed_well(), ran.err[:400]
    assert "long.ndjson" in ran.err
    assert "line" in ran.err
    assert len(ran.err) < 400
    assert rows(store_path) == [0, 0, 0, 0]


@pytest.mark.parametrize("words", READING)
def test_no_store_there(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    ran = run(words, "nowhere.duckdb", *READING[words])
    assert ran.code == 2
    assert ran.err.startswith("grantlens: There is no store"), "not even what the clock said"
    assert "There is no store at nowhere.duckdb. Make it by loading logs: grantlens load nowhere.duckdb LOGS" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_store_with_a_name_mistyped(run, store_path):
    ran = run("coverage", "acne.duckdb")
    assert ran.failed_well()
    assert "Did you mean acme.duckdb?" in ran.err


@pytest.mark.parametrize("words", ["coverage", "load"])
@pytest.mark.parametrize("kind", ["words", "sqlite", "folder", "other-duckdb", "other-meta"])
def test_a_file_that_is_no_store(run, tmp_path, words, kind):
    path = tmp_path / "notes.duckdb"
    if kind == "words":
        path.write_text("not a database\n" * 1000)
    elif kind == "sqlite":
        path.write_bytes(b"SQLite format 3\x00" + bytes(4096))
    elif kind == "folder":
        path.mkdir()
    else:
        with contextlib.closing(duckdb.connect(path)) as connection:
            connection.execute(
                "CREATE TABLE meta (name VARCHAR, value VARCHAR)" if kind == "other-meta" else "CREATE TABLE t (a INT)"
            )
    before = path.read_bytes() if path.is_file() else None
    log = tmp_path / "a.ndjson"
    log.write_bytes(lines(1))
    ran = run(words, path, *([log] if words == "load" else []))
    assert ran.failed_well(), ran
    assert "notes.duckdb" in ran.err
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("name", ["okta.ndjson", "issuance.ndjson", "okta.json", "okta.csv"])
@pytest.mark.parametrize("words", [*READING, "load"])
def test_a_log_that_stands_where_the_store_belongs(run, store_path, words, name):
    taken = store_path.with_name(name)
    taken.write_bytes(lines(2))
    log = store_path.with_name("other.ndjson")
    log.write_bytes(lines(1))
    ran = run(words, name, *READING.get(words, (log,)))
    assert ran.code == 2
    assert ran.out == ""
    assert f"grantlens: {name} is no store: it is no DuckDB file. The first argument is the store" in ran.err
    assert f"grantlens load acme.duckdb {name}\n" in ran.err
    assert "unexpected" not in ran.err
    assert taken.read_bytes() == lines(2)
    assert sorted(path.name for path in store_path.parent.iterdir()) == sorted(["acme.duckdb", name, "other.ndjson"])


def test_a_log_that_is_not_there_makes_no_store(run, store_path):
    log = store_path.with_name("other.ndjson")
    log.write_bytes(lines(1))
    ran = run("load", "gone.ndjson", log)
    assert ran.failed_well(), ran
    assert "The first argument is the store" in ran.err
    ran = run("verify", "gone.ndjson")
    assert "There is no store at gone.ndjson. Make it by loading logs: grantlens load acme.duckdb LOGS" in ran.err
    assert sorted(path.name for path in store_path.parent.iterdir()) == ["acme.duckdb", "other.ndjson"]


def test_a_store_that_is_named_after_its_logs_is_told_the_order(run, store_path):
    logs = store_path.with_name("logs")
    logs.mkdir()
    ran = run("load", logs, "new.duckdb")
    assert ran.failed_well(), ran
    assert f"{logs} is a folder, not a store. The store comes first: grantlens load new.duckdb {logs}\n" in ran.err
    assert not any(logs.iterdir())


@pytest.mark.parametrize("words", READING)
def test_a_folder_tells_a_reading_command_the_stores_in_it(run, store_path, words):
    ran = run(words, ".", *READING[words])
    assert ran.code == 2
    assert "grantlens: . is a folder, not a store. Name a file in it: acme.duckdb\n" in ran.err
    store_path.unlink()
    ran = run(words, ".", *READING[words])
    assert ". is a folder, not a store, and holds no *.duckdb file. Make a store by loading logs: " in ran.err
    assert "grantlens load grants.duckdb LOGS\n" in ran.err


def test_no_command_that_reads_advises_a_new_file(run, store_path):
    (store_path.parent / "notes.duckdb").write_text("no database\n" * 1000)
    with contextlib.closing(duckdb.connect(store_path.parent / "strange.duckdb")) as connection:
        connection.execute("CREATE TABLE t (a INT)")
    for words, more in READING.items():
        for name in ("notes.duckdb", "strange.duckdb"):
            ran = run(words, name, *more)
            assert (ran.code, ran.out) == (2, "")
            assert "new file" not in ran.err
            assert "grantlens load acme.duckdb " in ran.err


@pytest.mark.parametrize("words", READING)
def test_a_store_from_a_newer_version(run, store_path, words):
    with Store(store_path) as store:
        store.engine.execute(
            "UPDATE meta SET value = $value WHERE name = 'schema_version'", {"value": str(VERSION + 1)}
        )
    before = store_path.read_bytes()
    ran = run(words, store_path, *READING[words])
    assert ran.code == 2
    assert "newer" in ran.err
    assert "Traceback" not in ran.err
    assert store_path.read_bytes() == before


@pytest.mark.parametrize("words", ["coverage", "load"])
def test_a_store_held_open_by_another_process(run, store_path, tmp_path, words):
    program = (
        f"import duckdb, sys; c = duckdb.connect({str(store_path)!r}); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        log = tmp_path / "a.ndjson"
        log.write_bytes(lines(1))
        ran = run(words, store_path, *([log] if words == "load" else []))
        assert ran.failed_well()
        assert "held open by another process" in ran.err
    finally:
        holder.communicate("")


@pytest.mark.parametrize("rule", ["OOS-99", "REV1", "everything"])
def test_a_rule_that_does_not_exist(run, store_path, rule):
    for ran in (run("detect", store_path, rule, "--now", "2026-10-01"), run("sql", rule)):
        assert ran.failed_well()
        assert "OOS-1" in ran.err


@pytest.mark.parametrize("option", ["--since", "--until", "--now"])
def test_a_time_that_is_none(run, store_path, option):
    ran = run("detect", store_path, option, "yesterdayish")
    assert ran.code == 2
    assert "yesterdayish" in ran.err
    assert "2026-07-01" in ran.err


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))


@pytest.fixture
def tiny_disk(tmp_path):
    """Return a folder on a disk of four megabytes, where this user may make one."""
    with disk_of(tmp_path / "tiny", "4m") as folder:
        yield folder


@contextlib.contextmanager
def disk_of(folder, size):
    folder.mkdir()
    if (
        not shutil.which("mount")
        or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]).returncode
    ):
        pytest.skip("making a small disk needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def big_log(tmp_path):
    return log_of(tmp_path / "big.ndjson", 60_000)


def log_of(path, records):
    with path.open("w") as file:
        for _ in range(records):
            file.write(
                json.dumps({**RECORD, "event_id": os.urandom(16).hex(), "resource_id": os.urandom(60).hex()}) + "\n"
            )
    return path


def test_a_full_disk(shell, tiny_disk, big_log):
    store_path = tiny_disk / "acme.duckdb"
    with Store(store_path):
        pass
    ran = shell("load", store_path, big_log)
    assert ran.failed_well(), ran
    assert "disk is full" in ran.err or "no room" in ran.err
    assert rows(store_path) == [0, 0, 0, 0]


def test_a_disk_that_is_full_at_the_commit(shell, tmp_path):
    log = log_of(tmp_path / "large.ndjson", 150_000)
    told = []
    for size in range(14, 40):  # where all rows fit at last, what the commit writes of them needs a little more
        with disk_of(tmp_path / f"disk{size}", f"{size}m") as folder:
            ran = shell("load", folder / "acme.duckdb", log)
            if ran.code == 0:
                break
            assert ran.failed_well(), ran
            assert "disk is full" in ran.err
            whole = "as a whole or not at all" in ran.err
            # Read where there is room: whoever opens it next works out what the full disk left undone.
            kept = shutil.copytree(folder, tmp_path / f"kept{size}") / "acme.duckdb"
            assert rows(kept) in ([[0, 0, 0, 0], [1, 0, 150_000, 0]] if whole else [[0, 0, 0, 0]])
            told.append(whole)
    assert ran.code == 0
    assert any(told)


def test_a_file_that_may_not_grow(shell, store_path, big_log):
    ran = shell("load", store_path, big_log, preexec_fn=limit_file_size)
    assert ran.failed_well(), ran
    assert rows(store_path) == [0, 0, 0, 0]


def test_a_report_that_cannot_be_written(run, store_path):
    for out in ("report.pdf", "nowhere/report.html"):
        ran = run("report", store_path, "-o", out, "--now", "2026-10-01")
        assert ran.failed_well()


@pytest.mark.parametrize("command", [("notebooks", "copy"), ("demo", "-o"), ("case", "{store}", "--client", "c", "-o")])
def test_a_file_where_a_folder_is_needed_gets_a_next_step(run, evidence, command):
    store, log = evidence
    before = log.read_bytes()
    ran = run(*(word.format(store=store) for word in command), log)
    assert ran.code == 2
    assert "Name another" in ran.err
    assert "unexpected" not in ran.err
    assert log.read_bytes() == before


@pytest.mark.parametrize(
    "given",
    [
        ("load", "my store.duckdb", "half a line.ndjson"),
        ("load", "my store.duckdb", "unknown log; touch owned.json"),
        ("load", "my store.duckdb", "no log; touch owned.txt"),
        ("load", "my store.duckdb", "wrong form.ndjson", "--loader", "okta"),
        ("coverage", "no such store; touch owned.duckdb"),
        ("coverage", "half a line.ndjson"),
        ("verify", "empty store.duckdb"),
        ("report", "empty store.duckdb", "-o", "no such; touch owned/x.html"),
        ("export", "empty store.duckdb", "-o", "no such; touch owned/x.ndjson"),
        ("load", "no such; touch owned/acme.duckdb", "half a line.ndjson"),
    ],
)
def test_a_command_that_is_proposed_can_be_pasted_whatever_a_file_is_called(run, tmp_path, monkeypatch, given):
    """Names of files come from strangers too: a blank broke the command that was proposed, and a semicolon began another."""
    monkeypatch.chdir(tmp_path)
    with Store("empty store.duckdb"):
        pass
    (tmp_path / "half a line.ndjson").write_bytes(lines(3)[:-20])
    (tmp_path / "wrong form.ndjson").write_bytes(lines(3))
    (tmp_path / "unknown log; touch owned.json").write_text('{"a": 1, "b": "x"}\n' * 3)
    (tmp_path / "no log; touch owned.txt").write_text("this is no log\nof any kind\n")
    said = run(*given).err
    proposed = re.search(r"(?:grantlens|mkdir) .*", said.removeprefix("grantlens: "))
    assert proposed, said
    words = shlex.split(proposed[0].rstrip("."))
    named = [word for word in words if " " in word]
    assert named, said
    assert set(named) <= {*given, *(os.path.dirname(name) for name in given)}, said


BY_HAND = {
    "register": '[[client]]\nclient_id = "app"\n',
    "server": '[[server]]\nresource_server = "mail.example"\nvalidation = "introspection"\n',
    "clock": '[[clock]]\nsource = "okta"\nerror_seconds = 1\n',
    "identities": '[[identity]]\nkind = "client"\nsame_as = "App"\nsource = "okta"\nid = "app"\n',
    "decision": '[[decision]]\nclient_id = "app"\ndecision = "revoke"\ndecided_at = 2026-07-01\n',
    "catalogue": '[catalogue]\nname = "c"\nversion = "1"\nlicence = "CC0-1.0"\nretrieved = "2026-07-01"\n'
    '[[operation]]\nmethod = "GET"\npath = "/"\nrequires = [["read"]]\n',
}


@pytest.mark.parametrize("held", BY_HAND)
def test_a_file_of_another_kind_is_told_by_the_command_that_takes_it(run, store_path, tmp_path, held):
    """The remedy was to leave its tables out, which is all there is."""
    path = tmp_path / "file.toml"
    path.write_text(BY_HAND[held])
    for asked in set(BY_HAND) - {held}:
        ran = run(asked, "add", store_path, path)
        assert ran.failed_well()
        assert ran.err.endswith(f"Add such a file by: grantlens {held} add STORE FILE\n"), ran.err
    assert run(held, "add", store_path, path).code == 0
