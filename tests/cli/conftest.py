"""Running commands: inside this process where only words matter, as a real process where the process matters."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from grantlens.cli import main
from grantlens.store import Store


def drained(terminal: int) -> str:
    """Return what stands on a terminal that nobody writes to any more, and close it."""
    read = b""
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 65536):
            read += part
    os.close(terminal)
    return read.decode()


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def failed_well(self) -> bool:
        """Tell whether it failed as it should: exit 2, one line on stderr, no result, no traceback."""
        return (
            self.code == 2
            and self.out == ""
            and self.err.startswith("grantlens: ")
            and self.err.count("\n") == 1
            and "Traceback" not in self.err
            and "unexpected" not in self.err
        )


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs one command inside this process."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("GRANTLENS_DEBUG", raising=False)

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def command() -> list[str]:
    """Return the words that start grantlens as a process of its own."""
    return [str(Path(sys.executable).parent / "grantlens")]


@pytest.fixture
def shell(command):
    """Return a function that runs one command as a real process."""

    def call(*arguments: object, **options: object) -> Ran:
        environment = {**os.environ, "COLUMNS": "80", **options.pop("env", {})}
        environment.pop("GRANTLENS_DEBUG", None)
        done = subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment, **options
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def detected(command, sample_file) -> str:
    """Return the JSON that `grantlens detect` prints of every rule on the samples; asked once, for it takes seconds."""
    arguments = ["detect", str(sample_file), "--now", "2026-10-01", "--format", "json"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def evidence(tmp_path):
    """Return a store and the file that it loaded."""
    log = tmp_path / "usage.ndjson"
    log.write_text(
        '{"log": "usage", "used_at": "2026-07-01T09:00:00Z", "outcome": "success", "client_id": "c", "event_id": "u"}\n'
    )
    with Store(tmp_path / "acme.duckdb") as store:
        store.load(log)
    return tmp_path / "acme.duckdb", log
