"""Progress: seen by people, not by pipes."""

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios

import grantlens as gl
from grantlens.cli import progress
from tests.cli.conftest import drained


def test_a_terminal_sees_a_bar_on_stderr_and_nothing_of_it_in_the_result(command, tmp_path):
    name = "usage \x1b[31m.ndjson"
    log = tmp_path / name
    line = '{"log": "usage", "used_at": "2026-07-01", "outcome": "success", "client_id": "c", "event_id": "%d"}\n'
    log.write_text("".join(line % number for number in range(2000)))
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [*command, "load", tmp_path / "s.duckdb", log, "--json"], stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    out, _ = process.communicate(timeout=60)
    seen = drained(mine)
    assert process.returncode == 0
    assert "100%" in seen or "0%" in seen
    assert "(1 of 1)" in seen
    assert "\x1b[31m" not in seen
    assert out.startswith(b"{")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_who_waits_for_an_answer_is_told_what_is_worked_out(monkeypatch):
    monkeypatch.setattr(progress, "_SOON", 0)
    for stderr in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stderr)
        with gl.open(":memory:") as store:
            with progress.watched(store.engine):
                gl.detect.run(store, since="2026-07-01", until="2026-07-02")
            assert store.engine.tell is None
        seen = stderr.getvalue()
        steps = ("Working out grant_state", "Working out OOS-1", "Working out PRV-3", "Working out the evidence")
        assert [step in seen for step in steps] == [stderr.isatty()] * len(steps)
        assert seen[-1:] in ("", "\r")  # nothing of it is left
