"""`grantlens grants`: a table for people, everything for programs."""

import csv
import io
import json

import pytest


@pytest.fixture
def asked(run, sample_file):
    return lambda *more: run(
        "grants", sample_file, "--since", "2026-07-03", "--until", "2026-10-01", "--now", "2026-10-01", *more
    )


def test_the_table_says_what_no_log_could_show(asked):
    ran = asked()
    assert ran.code == 0
    (row,) = [line for line in ran.out.splitlines() if "0oaLLA8CAVH5qveTrLpE" in line]
    assert row.endswith("not observable")
    assert ran.err.splitlines()[-1].endswith("not observable of 2.")


def test_live_grants_are_those_without_an_end(asked):
    rows, live = (json.loads(asked("--format", "json", *more).out) for more in ((), ("--live",)))
    assert live == [row for row in rows if row["state"] == "live"]
    assert {row["ended_at"] for row in live} == {None}
    assert len(live) < len(rows)


def test_programs_get_every_column(asked):
    rows = json.loads(asked("--format", "json").out)
    told = list(csv.DictReader(io.StringIO(asked("--format", "csv").out)))
    assert [row["grant_id"] for row in told] == [row["grant_id"] for row in rows]
    assert list(told[0]) == list(rows[0])
    assert {"grant_id", "consent_kind", "watched", "ended_by"} <= set(told[0])


def test_no_grant_is_said(asked, run, tmp_path):
    ran = run("grants", tmp_path / "none.duckdb")
    assert (ran.code, ran.out) == (2, "")
    (tmp_path / "log.ndjson").write_text(
        '{"log": "usage", "used_at": "2026-07-01T00:00:00Z", "outcome": "success", "client_id": "a"}\n'
    )
    assert run("load", tmp_path / "s.duckdb", tmp_path / "log.ndjson").code == 0
    ran = run("grants", tmp_path / "s.duckdb", "--live")
    window = "2026-07-01 to 2026-07-01T00:00:00.000001Z"
    assert (ran.code, ran.out) == (2, f"No live grant is in the logs held from {window}.\n")
    assert ran.err.endswith(
        f"Too thin to judge: no issuance log covers any of {window}, so who holds access is not known.\n"
    )
    (tmp_path / "refused.ndjson").write_text(
        '{"log": "issuance", "issued_at": "2026-07-01T00:00:00Z", "kind": "consent", "outcome": "denied", "client_id": "a"}\n'
    )
    run("load", tmp_path / "s.duckdb", tmp_path / "refused.ndjson")
    assert run("grants", tmp_path / "s.duckdb", "--live").code == 0
