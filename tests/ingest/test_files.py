"""Which files a load means: what can be read as a log, and nothing that would let it wait for ever."""

import errno
import os
import socket
import subprocess
import sys

import pytest

from grantlens.errors import LoadError
from grantlens.ingest.files import expand
from grantlens.store import Store

from .oracle import load_file, ndjson, usage


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with a log, a pipe, a socket and a broken link."""
    made = tmp_path / "logs"
    made.mkdir()
    ndjson(made / "b.ndjson", [usage(1)])
    os.mkfifo(made / "a.fifo")
    (made / "c.link").symlink_to(made / "gone")
    monkeypatch.chdir(made)  # the name of a socket may be only a hundred letters long
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("d.socket")
        yield made


def test_a_folder_is_read_without_its_pipes_and_sockets(folder):
    with Store(":memory:") as store:
        report = store.load(folder)
        assert [batch["path"] for batch in report] == [str(folder / "b.ndjson")]
        ((path, message, _),) = report.failed
        assert path == str(folder / "c.link")
        assert "No such file" in message


@pytest.mark.parametrize(
    ("name", "says"),
    [("a.fifo", "a.fifo is a pipe"), ("d.socket", "d.socket is a socket"), ("/dev/zero", "is a device")],
)
def test_what_is_no_file_is_named_if_it_is_asked_for(folder, name, says):
    with Store(":memory:") as store:
        with pytest.raises(LoadError, match=says) as caught:
            load_file(store, name)
        assert "file" in caught.value.remedy


def test_the_output_of_another_program_is_to_be_written_to_a_file_first(folder):
    script = "from grantlens.cli import main; import sys; sys.exit(main(['load', 'x.duckdb', '/dev/stdin', 'b.ndjson', '--json']))"
    text = (folder / "b.ndjson").read_text()
    done = subprocess.run(
        [sys.executable, "-c", script], input=text, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert '"path": "b.ndjson"' in done.stdout
    assert done.stderr.startswith(
        "grantlens: /dev/stdin is a pipe, no file. Write what comes out of it to a file first"
    )


def test_a_folder_of_nothing_but_pipes_holds_no_file(tmp_path):
    os.mkfifo(tmp_path / "a")
    with Store(":memory:") as store:
        ((_, message, _),) = store.load(tmp_path).failed
        assert message == f"{tmp_path} holds no file."


@pytest.mark.parametrize("name", ["acme.duckdb", "link.duckdb"])
def test_a_store_among_its_own_logs_is_none_of_them(tmp_path, name):
    ndjson(tmp_path / "a.ndjson", [usage(1)])
    (tmp_path / "link.duckdb").symlink_to(tmp_path / "acme.duckdb")
    for loaded in (1, 0):
        with Store(tmp_path / name) as store:
            store.engine.execute(f"INSERT INTO meta VALUES ('test {loaded}', '')")
            assert os.path.exists(tmp_path / "acme.duckdb.wal")
            (tmp_path / "acme.duckdb.tmp" / "spilled").touch()
            report = store.load(tmp_path)
            assert report.failed == []
            assert (len(report), report.total("usage")) == (1, loaded)


def test_another_store_among_the_logs_is_named(tmp_path):
    Store(tmp_path / "other.duckdb").close()
    ndjson(tmp_path / "a.ndjson", [usage(1)])
    with Store(":memory:") as store:
        report = store.load(tmp_path)
        assert len(report) == 1
        assert [path for path, _, _ in report.failed] == [str(tmp_path / "other.duckdb")]


def test_a_folder_that_is_not_there_is_told_with_the_nearest(tmp_path):
    (tmp_path / "logs").mkdir()
    _, errors = expand([tmp_path / "log", f"{tmp_path}/lgos/", tmp_path / "other"])
    assert [error.remedy for error in errors.values()] == [
        *[f"Did you mean {tmp_path / 'logs'}?"] * 2,
        "Check the path.",
    ]


def test_an_empty_name_is_not_the_current_folder(folder):
    with Store(":memory:") as store:
        report = store.load("")
    assert report.batches == []
    ((_, message, remedy),) = report.failed
    assert "An empty name" in message
    assert "'.'" in remedy


def test_a_folder_that_may_not_be_read_is_named_and_the_rest_loads(tmp_path, monkeypatch):
    for name in ("open", "shut"):
        (tmp_path / name).mkdir()
        ndjson(tmp_path / name / "a.ndjson", [usage(1)])
    scan = os.scandir

    def guarded(path):
        if str(path).endswith("shut"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    for given, loaded in ((tmp_path, 1), (tmp_path / "shut", 0)):
        with Store(":memory:") as store:
            report = store.load(given)
        assert report.total("usage") == loaded
        ((path, message, remedy),) = report.failed
        assert path == str(tmp_path / "shut")
        assert "shut cannot be read: Permission denied." in message
        assert remedy == "Check its permissions."
