"""A world, written once, and its logs as plain dictionaries."""

import json
import tomllib
from datetime import datetime, timedelta

import pytest

from grantlens.simulate import generate

SEEDS = (7, 8, 2026)


class Written:
    """What a reader finds in the directory, without any knowledge of how it was made."""

    def __init__(self, path):
        self.path = path
        self.logs = {"issuance": [], "usage": [], "revocation": []}
        for file in sorted((path / "logs" / "native").iterdir()):
            for line in file.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.logs[row["log"]].append(row)
        self.truth = json.loads((path / "truth.json").read_text(encoding="utf-8"))
        (self.wrong_clock,) = [row["facts"] for row in self.truth["incidents"] if row["name"] == "clock_behind"]
        # One clock is wrong: whoever judges the calls sets its stamps right.
        self.as_logged = self.logs
        self.logs = {**self.logs, "usage": [self._right(row) for row in self.logs["usage"]]}
        self.catalogue = tomllib.loads((path / "catalogue.toml").read_text(encoding="utf-8"))
        self.register = tomllib.loads((path / "register.toml").read_text(encoding="utf-8"))
        self.servers = {
            row["resource_server"]: row
            for row in tomllib.loads((path / "servers.toml").read_text(encoding="utf-8"))["server"]
        }

    def _right(self, row):
        if row["tenant"] != self.wrong_clock["tenant"]:
            return row
        moment = datetime.fromisoformat(row["used_at"]) + timedelta(seconds=self.wrong_clock["behind_s"])
        return {**row, "used_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")}

    def expected(self, rule):
        return [row for row in self.truth["expected"] if row["rule"] == rule and row.get("source") in (None, "native")]


@pytest.fixture(scope="session", params=SEEDS)
def written(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(f"world{request.param}")
    generate(path, seed=request.param)
    return Written(path)
