"""`grantlens demo`: from nothing to a report, in one command, with no network and no checkout."""

import json

from grantlens.cli.demo import REPORT


def test_it_prints_findings_and_names_a_report(run, tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine.txt").write_text("keep me")
    ran = run("demo", "--out", tmp_path / "demo")
    assert ran.code == 0
    page = tmp_path / "demo" / REPORT
    assert str(page) in ran.out
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "demo" / "mine.txt").read_text() == "keep me"
    assert {"OOS-1", "OOS-3", "PRV-1", "REV-1", "REV-4", "GOV-1"} <= set(ran.out.split())
    assert "critical" in ran.out
    assert "mailbox-mirror" in ran.out
    commands = [line[18:] for line in ran.out.splitlines() if line[18:].startswith("grantlens ")]
    assert len(commands) == 3
    for line in commands[:2]:
        assert run(*line.split()[1:]).code == 0


def test_again_it_says_the_same(run, tmp_path):
    first, second = (run("demo", "--out", tmp_path / "demo").out for _ in range(2))
    assert first == second


def test_the_demo_finds_what_was_planted(run, sample_file, samples):
    truth = json.loads((samples / "truth.json").read_text())
    period = ("--since", truth["period_from"], "--until", truth["until"], "--now", truth["now"])
    found = json.loads(run("detect", sample_file, *period, "--format", "json").out)
    fired = {(f["rule"], f["client_id"]) for f in found if f["verdict"] == "violation"}
    assert {
        ("OOS-3", "stagehand-coder"), ("REV-6", "chatrelay"), ("REV-4", "mailbox-mirror"), ("REV-2", "lead-scraper"),
        ("OOS-3", "sprint-exporter"),
    } <= fired  # fmt: skip
    assert ("OOS-1", "stagehand-coder") not in fired
