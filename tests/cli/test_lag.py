"""`grantlens lag`: a line for each resource server, and the numbers of the report behind it."""

import csv
import io
import json

import pytest

import grantlens as gl
from grantlens.wording import duration

WINDOW = ("--since", "2026-07-03", "--until", "2026-10-01", "--now", "2026-10-01")


@pytest.fixture(scope="module")
def reported(sample_file):
    """Return what a review says of the lag."""
    with gl.open(sample_file, read_only=True) as store:
        return gl.review(store.between("2026-07-03", "2026-10-01", now="2026-10-01")).to_dict()["lag"]


def test_the_table_is_that_of_the_report(run, sample_file, reported):
    table, _, sentence = run("lag", sample_file, *WINDOW).out.partition("\n\n")
    head, *lines = table.splitlines()
    assert head.startswith("resource server")
    assert len(lines) == len(reported["by_server"]) > 5
    for line, server in zip(lines, reported["by_server"], strict=True):
        assert line.startswith(f"{server['resource_server']} ")
        assert f"at least {duration(server['median_lower'])} " in line
        assert server["median_upper"] is None or f" {duration(server['median_upper'])} " in line
        assert line.endswith(f" {server['right']}")
    assert sentence.strip() == reported["sentence"]


def test_programs_get_every_case(run, sample_file, reported):
    rows = json.loads(run("lag", sample_file, *WINDOW, "--format", "json").out)
    assert [(row["revocation_event"], row["lag_lower_s"], row["lag_upper_s"]) for row in rows] == [
        (case["revocation_event"], case["lower"], case["upper"]) for case in reported["intervals"]
    ]
    assert any(not row["attempts"] for row in rows), "what nobody tried is among them"
    told = list(csv.DictReader(io.StringIO(run("lag", sample_file, *WINDOW, "--format", "csv").out)))
    assert list(told[0]) == list(rows[0])
    assert len(told) == len(rows)


@pytest.mark.parametrize(
    ("calls", "says"),
    [
        (
            (),
            "No call in the logs held put a revocation to the test. No usage log covers any of this period, so whether anybody tried is not known.",
        ),
        (("2026-07-01T10:00:00Z",), "(not named in the log)"),
    ],
)
def test_what_was_not_tried_and_what_no_log_names_is_said(run, tmp_path, calls, says):
    ids = {"client_id": "app", "subject_id": "ann", "token_id": "t1", "outcome": "success"}
    records = [
        {"log": "issuance", "issued_at": "2026-07-01T08:00:00Z", "kind": "token", "expires_at": "2026-07-01T20:00:00Z", **ids},
        {"log": "revocation", "revoked_at": "2026-07-01T09:00:00Z", "kind": "revoke", "target_kind": "token", **ids},
        *({"log": "usage", "used_at": at, "operation": "read", **ids} for at in calls),
    ]  # fmt: skip
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    run("load", tmp_path / "s.duckdb", tmp_path / "log.ndjson")
    ran = run("lag", tmp_path / "s.duckdb", "--now", "2026-07-03")
    assert ran.code == 0
    assert says in ran.out
    assert "Of 1 case (1 revocation) 1 has no refusal of the token after the last success" in ran.out


@pytest.fixture
def usage_only(run, tmp_path):
    (tmp_path / "log.ndjson").write_text(
        '{"log": "usage", "used_at": "2026-07-01T00:00:00Z", "outcome": "success", "client_id": "a"}\n'
    )
    run("load", tmp_path / "s.duckdb", tmp_path / "log.ndjson")
    return tmp_path / "s.duckdb"


def test_no_revocation_is_said(run, usage_only):
    (usage_only.parent / "ends.ndjson").write_text(
        '{"log": "revocation", "revoked_at": "2026-07-01T01:00:00Z", "kind": "signal", "target_kind": "client", "client_id": "a", "outcome": "success"}\n'
    )
    run("load", usage_only, usage_only.parent / "ends.ndjson")
    ran = run("lag", usage_only, "--now", "2026-07-03")
    assert ran.code == 0
    assert ran.out.startswith("No revocation that ended access is recorded in the logs held for this period.")
    assert run("lag", usage_only, "--now", "2026-07-03", "--format", "ndjson").out == ""


@pytest.mark.parametrize("form", ["table", "ndjson"])
def test_without_a_log_of_revocations_there_is_no_answer(run, usage_only, form):
    """It said that no revocation is recorded, and ended with 0, as if there were a log in which one could be."""
    ran = run("lag", usage_only, "--now", "2026-07-03", "--format", form)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "Too thin to judge: no revocation log covers any of this period, so how long revoked access went on working is not known.\n"
    )
