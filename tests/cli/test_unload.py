"""`grantlens unload`: what it says beforehand, what it does, and what it refuses."""

import json

import pytest

CALL = {"log": "usage", "used_at": "2026-07-01T10:00:00Z", "outcome": "success", "client_id": "c"}


@pytest.fixture
def filled(tmp_path, run, monkeypatch):
    """Return the path of a store with two files, in the folder in which they are."""
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        (tmp_path / f"{name}.ndjson").write_text(json.dumps({**CALL, "event_id": name}) + "\n")
    assert run("load", "s.duckdb", "a.ndjson", "b.ndjson").code == 0
    return tmp_path / "s.duckdb"


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run, filled):
    before = filled.read_bytes()
    dry = run("unload", filled, "a.ndjson", "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert filled.read_bytes() == before
    done = run("unload", filled, "a.ndjson")
    assert (done.code, done.err) == (0, "Writing the store anew.\n")
    assert done.out == dry.out.replace("would be", "was") == "1 load of 1 record was taken out, and 1 row with it.\n"
    assert "a.ndjson" not in run("verify", filled).out
    assert json.loads(run("unload", filled, "b.ndjson", "--json").out) == {
        "paths": ["b.ndjson"],
        "rows": 1,
        "records": 1,
    }


def test_what_was_never_loaded_is_refused(run, filled):
    ran = run("unload", filled, "c.ndjson")
    assert ran.failed_well()
    assert "c.ndjson was not loaded into this store" in ran.err
    assert "Did you mean a.ndjson?" in ran.err or "Did you mean b.ndjson?" in ran.err


def test_a_load_with_another_loader_leads_to_it(run, filled):
    ran = run("load", filled, "a.ndjson", "--loader", "github")
    assert "grantlens unload" in ran.err + ran.out


def test_a_load_with_another_time_zone_leads_to_it(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = '2026-07-01 10:00:00,000 WARN  [org.keycloak.events] (x) type="LOGIN_ERROR", realmId="r", clientId="app", error="x"\n'
    (tmp_path / "server.log").write_text(line)
    assert run("load", "s.duckdb", "server.log", "--time-zone", "UTC").err == ""
    assert run("load", "s.duckdb", "server.log", "--time-zone", "UTC").out.rstrip().endswith("nothing was changed")
    assert "it was read as of UTC: to read it as of Europe/Berlin, take it out first (grantlens unload)" in (
        run("load", "s.duckdb", "server.log", "--time-zone", "Europe/Berlin").out
    )
    run("unload", "s.duckdb", "server.log")
    assert "already" not in run("load", "s.duckdb", "server.log", "--time-zone", "Europe/Berlin").out
