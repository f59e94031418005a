"""Whatever happens, a person gets a sentence and a program gets an exit code."""

import json
import os
import signal
import subprocess
import time

import pytest

from grantlens.cli import app, guard
from grantlens.errors import GrantlensError
from grantlens.store import Store


@pytest.fixture
def raising(monkeypatch):
    """Return a function that lets every command end in this exception."""

    def arrange(error: BaseException) -> None:
        def fail(arguments):
            raise error

        monkeypatch.setattr(app, "run", fail)

    return arrange


def test_an_error_of_ours_is_its_message_and_its_remedy(raising, run):
    raising(GrantlensError("The store is green.", "Paint it."))
    ran = run("anything")
    assert ran.failed_well()
    assert ran.err == "grantlens: The store is green. Paint it.\n"


def test_an_error_nobody_expected_is_one_line(raising, run):
    raising(ZeroDivisionError("division by zero"))
    ran = run("anything")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "ZeroDivisionError" in ran.err
    assert "GRANTLENS_DEBUG=1" in ran.err


def test_it_shows_where_it_came_from_on_request(raising, run, monkeypatch):
    raising(ZeroDivisionError())
    monkeypatch.setenv("GRANTLENS_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        guard.guarded(["anything"])


def test_an_interrupt_says_what_was_kept(raising, run):
    raising(KeyboardInterrupt())
    ran = run("load", "a.duckdb", "logs")
    assert ran.code == 130
    assert ran.err == "\nInterrupted: a file is kept whole or not at all. Run it again; it adds nothing twice.\n"
    assert run("detect", "a.duckdb").err == "\nInterrupted.\n"


@pytest.mark.parametrize(
    ("closed", "code"), [("2>&-", 2), (">&-", 2), (">&- 2>&-", 2), ("<&- >&- 2>&-", 2), ("2>&-", 0), (">&-", 0)]
)
def test_a_stream_that_the_shell_closed_takes_what_is_written_to_it(command, tmp_path, closed, code):
    log = tmp_path / "a.ndjson"
    log.write_text(
        '{"log": "usage", "used_at": "2026-07-01", "outcome": "success", "client_id": "c", "event_id": "1"}\n'
    )
    paths = [str(log)] if code == 0 else [str(log), str(tmp_path / "gone.ndjson")]
    arguments = [*command, "load", str(tmp_path / "s.duckdb"), *paths, "--json"]
    ran = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *arguments], capture_output=True, text=True, timeout=60)
    assert ran.returncode == code
    assert ran.stdout == "" if ">&-" in closed.replace("2>&-", "") else json.loads(ran.stdout)["batches"]
    assert ran.stderr == "" if "2>&-" in closed or code == 0 else ran.stderr.startswith("grantlens: ")
    with Store(tmp_path / "s.duckdb") as opened:
        assert opened.engine.value("SELECT count(*) FROM usage") == 1


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (FileNotFoundError(2, "No such file", "a.json"), "does not exist"),
        (PermissionError(13, "Permission denied", "a.json"), "may not be"),
        (IsADirectoryError(21, "Is a directory", "a.json"), "is a folder"),
        (NotADirectoryError(20, "Not a directory", "a.json"), "not a folder"),
        (OSError(5, "Input/output error", "a.json"), "Input/output error"),
        (OSError(28, "No space left on device", "bundled.ipynb", None, "a.json"), "no room left"),
    ],
)
def test_an_error_of_the_system_names_the_file(raising, run, error, word):
    raising(error)
    ran = run("anything")
    assert ran.failed_well()
    assert "a.json" in ran.err
    assert word in ran.err


def test_control_characters_in_a_message_do_not_reach_the_terminal(raising, run):
    raising(GrantlensError("No client \x1b[2J\u202egnp.exe."))
    assert "\x1b" not in run("anything").err


def test_a_name_in_a_message_cannot_forge_a_second_one(raising, run):
    raising(GrantlensError("No client x\ngrantlens: all is well. occurs in the logs."))
    assert run("anything").err == "grantlens: No client x⟨U+000A⟩grantlens: all is well. occurs in the logs.\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_is_json_whatever_letters_the_other_end_of_a_pipe_takes(command, tmp_path, encoding):
    """In a code page of Windows a picture in a name was escaped as Python does it, and an é in ASCII: no parser takes either."""
    log, store, name = tmp_path / "a.ndjson", tmp_path / "s.duckdb", "Zoë 🐍"
    log.write_text(
        json.dumps({"log": "usage", "used_at": "2026-07-01", "outcome": "success", "tenant": name, "event_id": "1"})
    )
    with Store(store) as opened:
        opened.load(log)
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [*command, "coverage", str(store), "--json"], capture_output=True, env=environment, timeout=60
    )
    assert json.loads(done.stdout.decode(encoding))["coverage"][0]["tenant"] == name


def test_a_closed_pipe_is_no_drama(command):
    process = subprocess.Popen([*command, "sql", "REV-1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_told(command):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*command, "sql", "REV-1"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2
    assert (
        done.stderr
        == "grantlens: There is no room left to write the output. Free some space, then run the same command again.\n"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [("coverage", "nosuch.duckdb"), ("register", "add", "nosuch.duckdb", "/dev/null")])
def test_a_failure_that_cannot_be_told_is_not_the_code_of_findings(command, words):
    """The disk of a nightly log is full: Python ended with 1, which says that a rule is broken."""
    with open("/dev/full", "w") as full:
        assert subprocess.run([*command, *words], stderr=full, timeout=60).returncode == 2
    process = subprocess.Popen([*command, *words], stderr=subprocess.PIPE)
    process.stderr.close()
    assert process.wait(60) == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_control_c_and_the_end_of_a_job_during_a_load(command, tmp_path, number, code):
    path, store = tmp_path / "usage.ndjson", tmp_path / "store.duckdb"
    line = '{"log": "usage", "used_at": "2026-07-01", "outcome": "success", "client_id": "c", "event_id": "%d"}\n'
    with path.open("w") as file:
        file.writelines(line % number for number in range(1_000_000))
    process = subprocess.Popen(
        [*command, "load", str(store), str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not store.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.7)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, ""), err
    assert "a file is kept whole or not at all" in err
    assert "Traceback" not in err
    with Store(store) as opened:
        assert opened.engine.value("SELECT count(*) FROM batch") == 0
        assert opened.engine.value("SELECT count(*) FROM usage") == 0
