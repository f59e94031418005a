import json
import tomllib

import pytest

CALL = {
    "log": "usage",
    "used_at": "2026-07-01T10:00:00Z",
    "outcome": "success",
    "client_id": "mail-copilot",
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


def test_a_register_is_begun_filled_in_and_added(filled, tmp_path, run):
    ran = run("register", "draft", str(filled), *NOW)
    assert (ran.code, ran.err) == (
        0,
        f"1 client without an entry. Write owners and purposes, then: grantlens register add {filled} FILE\n",
    )
    (entry,) = tomllib.loads(ran.out)["client"]
    assert entry == {"client_id": "mail-copilot", "owner": "", "purpose": ""}
    file = tmp_path / "connections.toml"
    file.write_text(ran.out.replace('""', '"jo"'))
    assert run("register", "add", str(filled), str(file)).code == 0
    again = run("register", "draft", str(filled), *NOW)
    assert (again.code, again.out) == (0, "")
    assert again.err.startswith("No client from 2026-07-01T10:00:00Z to ")
    assert again.err.endswith(
        f"lacks an entry. Whether each names an owner and a purpose: grantlens detect {filled} GOV-1\n"
    )
    assert "Nothing" in run("detect", str(filled), "GOV-1", *NOW).out


def test_where_no_log_covers_the_time_nobody_is_said_to_have_an_entry(filled, run):
    ran = run("register", "draft", str(filled), "--since", "2026-08", *NOW)
    assert (ran.code, ran.out) == (2, "")
    assert "Too thin to judge: no log of issuance or usage covers any time from 2026-08-01" in ran.err
