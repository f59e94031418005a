"""`grantlens forget`: what it says beforehand, what it does, and what it refuses."""

import json
import shutil

import pytest


@pytest.fixture
def path(sample_file, tmp_path):
    return shutil.copy(sample_file, tmp_path / "s.duckdb")


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run, path):
    before = path.read_bytes()
    dry = run("forget", path, "--before", "2026-08-15", "--dry-run")
    assert (dry.code, dry.err) == (0, "")
    assert path.read_bytes() == before
    done = run("forget", path, "--before", "2026-08-15")
    assert (done.code, done.err) == (0, "Writing the store anew.\n")
    assert done.out == dry.out.replace("would be forgotten", "were forgotten").replace("would be kept", "are kept")
    assert done.out.startswith("1,")
    again = run("forget", path, "--before", "2026-08-15", "--json")
    assert (again.code, again.err, json.loads(again.out)["calls"]) == (0, "", 0)


def test_coverage_verify_and_reports_tell_so(run, path, tmp_path):
    run("forget", path, "--before", "2026-08-15")
    assert "calls before it were forgotten" in run("coverage", path).out
    assert "The load of" not in run("verify", path).out
    page = tmp_path / "page.html"
    assert run("report", path, "--now", "2026-10-01", "-o", page).code == 0
    assert "Calls before 2026-08-15 were taken out of the store" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--before is missing"),
        (("--before", "last year"), "'last year' is no date or time"),
        (("--before", "2027-01-01"), "Name an earlier time"),
    ],
)
def test_what_is_no_time_or_would_leave_nothing_is_refused(run, path, arguments, said):
    ran = run("forget", path, *arguments)
    assert ran.failed_well()
    assert said in ran.err


def test_a_store_that_is_not_there_is_not_made(run, tmp_path):
    ran = run("forget", tmp_path / "none.duckdb", "--before", "2026-08-15")
    assert ran.failed_well()
    assert not (tmp_path / "none.duckdb").exists()
