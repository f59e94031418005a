"""The page of the samples: what it sends readers to shows what it says."""

import json
import re

import pytest

PLACE = re.compile(r"- Look at: `grantlens (case|detect) STORE ([^`]*)`(?:, at (\S+))?")


@pytest.fixture(scope="module")
def incidents(samples):
    """Return (title, {rule: verdicts}, [(command, arguments, client)]) of each planted incident."""
    parts = (samples / "README.md").read_text().split("\n### ")[1:]
    found = []
    for part in parts:
        fires: dict[str, set[str]] = {}
        for line in re.findall("- Fires: (.*)", part):
            for rule, verdict in re.findall(r"([A-Z]+-\d+) \((\w+)", line):
                fires.setdefault(rule, set()).add(verdict)
        found.append((part.splitlines()[0], fires, PLACE.findall(part)))
    return found


def test_every_incident_that_fires_has_a_place_to_look_at(incidents):
    assert len(incidents) > 30
    for title, fires, places in incidents:
        assert bool(fires) == bool(places), title
        assert {verdict for verdicts in fires.values() for verdict in verdicts} <= {
            "violation",
            "indeterminate",
            "clear",
        }


def test_what_it_sends_to_detect_is_found_there(incidents, detected):
    findings = json.loads(detected)
    for title, fires, places in incidents:
        for command, arguments, client in places:
            if command == "case":
                continue
            rules = re.findall(r"[A-Z]+-\d+", arguments)
            rest = arguments.removeprefix(" ".join(rules))
            assert rest in (" --now 2026-10-01", " --now 2026-10-01 --format json"), title
            for rule in rules:
                verdicts = {f["verdict"] for f in findings if f["rule"] == rule}
                assert fires[rule] <= verdicts, (title, rule)
                assert "clear" not in fires[rule] or rest.endswith("json"), (title, rule)
            assert any(f["rule"] in rules and (f["client_id"] or "") == client for f in findings), title


def test_what_it_sends_to_a_case_is_told_there(incidents, run, sample_file):
    for title, fires, places in incidents:
        elsewhere = {rule for command, arguments, _ in places if command == "detect" for rule in arguments.split()}
        named: set[str] = set()
        for command, arguments, _ in places:
            if command == "case":
                ran = run("case", sample_file, *arguments.split())
                assert ran.code == 0, title
                told = ran.out.split("Which rules did it break?")[1].split("\n\n")[0]
                named |= set(re.findall(r"([A-Z]+-\d+): ", told))
        assert named >= set(fires) - elsewhere, title
