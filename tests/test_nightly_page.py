"""The page on nightly runs: its script says 0, 1 and 2 when the page says so."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "nightly.md"
TIMES = {"revocation": "revoked_at", "usage": "used_at", "issuance": "issued_at"}
ABOUT = {
    "issuance": {"kind": "token", "scopes": ["a"], "grant_id": "g"},
    "usage": {"grant_id": "g", "resource_server": "r", "method": "GET", "target": "/x"},
    "revocation": {"kind": "revoke", "target_kind": "token"},
}


def record(log, moment, **other):
    about = {"outcome": "success", "client_id": "c", "token_id": f"t{moment}", "event_id": f"{log}{moment}"}
    return {"log": log, TIMES[log]: moment.isoformat(), **about, **ABOUT[log], **other}


def write(path, records):
    path.write_text("".join(json.dumps(each) + "\n" for each in records))


@pytest.fixture
def night(tmp_path):
    """Return a function that runs the script of the page, in a folder that holds a quiet week of logs."""
    script = re.search(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    (tmp_path / "night.sh").write_text(script.replace("/srv/grantlens", "."))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run():
        return subprocess.run(
            ["sh", "night.sh"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run


def test_the_script_tells_what_is_new_and_what_is_missing(night, tmp_path):
    logs, reports = tmp_path / "logs", tmp_path / "reports"
    logs.mkdir()
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    quiet = [record(log, now - timedelta(hours=hour)) for hour in range(3, 9 * 24) for log in TIMES]
    write(logs / "week.ndjson", quiet)
    assert night().returncode == 0
    (first,) = reports.glob("*.json")
    assert first.with_suffix(".html").exists()
    first = first.rename(reports / "2020-01-01.json")  # some other day's

    revoked = record("revocation", now - timedelta(hours=2), target_kind="grant", grant_id="g", token_id=None)
    write(logs / "new.ndjson", [revoked, record("issuance", now - timedelta(hours=1))])
    for _ in range(2):  # the job may be repeated
        ran = night()
        assert (ran.returncode, "1 violation is high or worse, and new" in ran.stderr) == (1, True)
    (second,) = set(reports.glob("*.json")) - {first}
    second.rename(reports / "2020-01-02.json")
    assert night().returncode == 0

    (logs / "half.ndjson.gz").write_bytes(b"\x1f\x8b\x08\0half")
    ran = night()
    assert ran.returncode == 2
    assert "half.ndjson.gz" in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if "store" in path.name or "acme" in path.name) == [
        "acme.duckdb",
        "store.tar",
    ]
