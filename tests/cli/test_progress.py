"""Progress: seen by people, not by pipes."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

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
