import json
import tomllib

import pytest

CALL = {
    "log": "usage",
    "used_at": "2026-07-01T10:00:00Z",
    "outcome": "success",
    "client_id": "mail-copilot",
    "resource_server": "mail.example",
    "event_id": "1",
}
NOW = ("--now", "2026-07-02")


@pytest.fixture
def filled(tmp_path, run):
    """Return the path of a store with a call."""
    log = tmp_path / "log.ndjson"
    log.write_text(json.dumps(CALL) + "\n")
    assert run("load", str(tmp_path / "s.duckdb"), str(log)).code == 0
    return tmp_path / "s.duckdb"


def test_the_servers_file_is_begun_filled_in_and_added(filled, tmp_path, run):
    ran = run("server", "draft", str(filled), *NOW)
    assert (ran.code, ran.err) == (
        0,
        f"1 server without an entry. Write how each checks tokens, then: grantlens server add {filled} FILE\n",
    )
    assert tomllib.loads(ran.out) == {"server": [{"resource_server": "mail.example"}]}
    file = tmp_path / "servers.toml"
    file.write_text(ran.out.replace('# validation = ""', 'validation = "offline"'))
    assert run("server", "add", str(filled), str(file)).code == 0
    again = run("server", "draft", str(filled), *NOW)
    assert (again.code, again.out) == (0, "")
    assert again.err.startswith("No call from 2026-07-01T10:00:00Z to ")
    assert again.err.endswith("names a server that lacks an entry.\n")


def test_where_no_log_covers_the_time_no_server_is_said_to_have_an_entry(filled, run):
    ran = run("server", "draft", str(filled), "--since", "2026-08", *NOW)
    assert (ran.code, ran.out) == (2, "")
    assert "Too thin to judge: no log of usage covers any time from 2026-08-01" in ran.err
