"""Progress: seen by people, not by pipes."""

import fcntl
import os
import pty
import struct
import subprocess
import termios


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
    seen = b""
    while True:
        try:
            part = os.read(mine, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(mine)
    assert process.returncode == 0
    assert b"100%" in seen or b"0%" in seen
    assert b"(1 of 1)" in seen
    assert b"\x1b[31m" not in seen
    assert out.startswith(b"{")
