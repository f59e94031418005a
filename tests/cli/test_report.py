"""`grantlens report`: files, baselines, gates."""

import json
import shutil

import pytest

PERIOD = ("--since", "2026-07-03", "--until", "2026-10-01", "--now", "2026-10-01")


@pytest.mark.parametrize("ending", ["html", "json", "md"])
def test_two_runs_are_byte_equal(run, sample_file, tmp_path, ending):
    one, other = tmp_path / f"one.{ending}", tmp_path / f"other.{ending}"
    ran = run("report", sample_file, "-o", one, *PERIOD)
    assert (ran.code, ran.out, ran.err) == (0, f"{one}\n", "")
    run("report", sample_file, "-o", other, *PERIOD)
    assert one.read_bytes() == other.read_bytes()
    assert b"mailbox-mirror" in one.read_bytes()


def test_the_same_store_in_another_place_gives_the_same_report(run, sample_file, tmp_path):
    copy = shutil.copy(sample_file, tmp_path / "copy.duckdb")
    for store, name in ((sample_file, "one.json"), (copy, "other.json")):
        run("report", store, "-o", tmp_path / name, *PERIOD)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()


def test_with_a_baseline_only_what_is_new_counts(run, sample_file, tmp_path):
    before = tmp_path / "before.json"
    assert run("report", sample_file, "-o", before, *PERIOD, "--fail-on", "high").code == 1
    again = run(
        "report", sample_file, "-o", tmp_path / "after.json", *PERIOD, "--baseline", before, "--fail-on", "high"
    )
    assert again.code == 0
    fewer = json.loads(before.read_text())
    dropped = next(f for f in fewer["findings"] if f["verdict"] == "violation" and f["severity"] == "critical")
    fewer["findings"].remove(dropped)
    before.write_text(json.dumps(fewer))
    gated = run(
        "report", sample_file, "-o", tmp_path / "third.json", *PERIOD, "--baseline", before, "--fail-on", "high"
    )
    assert gated.code == 1
    assert gated.err == "1 violations are high or worse.\n"


def test_a_report_over_nothing_is_too_thin(run, sample_file, tmp_path):
    ran = run("report", sample_file, "-o", tmp_path / "r.md", "--since", "2020-Q1", "--now", "2026-10-01")
    assert ran.code == 2
    assert "Too thin to judge" in ran.err
