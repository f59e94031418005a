"""`grantlens demo`: from nothing to a report, in one command, with no network and no checkout."""

import json
from collections import Counter

from grantlens.cli.demo import REPORT


def test_it_prints_findings_and_names_a_report(run, tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine.txt").write_text("keep me")
    ran = run("demo", "--out", tmp_path / "demo")
    assert ran.code == 0
    assert run("demo", "--out", tmp_path / "demo").out == ran.out, "again it says the same"
    page = tmp_path / "demo" / REPORT
    assert str(page) in ran.out
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "demo" / "mine.txt").read_text() == "keep me"
    assert {"OOS-1", "OOS-3", "PRV-1", "REV-1", "REV-4", "GOV-1"} <= set(ran.out.split())
    assert "critical" in ran.out
    assert any("Access of mailbox-mirror" in line and "11 h 29 min" in line for line in ran.out.splitlines())
    commands = [line[18:] for line in ran.out.splitlines() if line[18:].startswith("grantlens ")]
    assert len(commands) == 5
    for line in commands[:4]:
        assert run(*line.split()[1:]).code == 0
    detect = run(*commands[1].split()[1:], "--format", "ndjson")
    found = Counter(json.loads(line)["rule"] for line in detect.out.splitlines() if '"verdict": "violation"' in line)
    told = {row[0]: row[1] for line in ran.out.splitlines() if (row := line.split())[:1] and row[0] in found}
    assert told == {rule: str(count) for rule, count in found.items()}, "the command gives what the demo told"
