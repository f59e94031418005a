"""`grantlens report`: files, baselines, gates."""

import json
import shutil
import subprocess

import pytest

PERIOD = ("--since", "2026-07-03", "--until", "2026-10-01", "--now", "2026-10-01")


@pytest.fixture(scope="module")
def both(sample_file, tmp_path_factory, command):
    """Return a report of the samples as a page and as JSON, and what the command that wrote both said."""
    folder = tmp_path_factory.mktemp("report")
    page, text = folder / "before.html", folder / "before.json"
    arguments = [*command, "report", sample_file, "-o", page, "-o", text, *PERIOD]
    return page, text, subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def before(both):
    """Return a report of the samples as JSON."""
    return both[1]


def test_two_runs_are_byte_equal(run, sample_file, both, tmp_path):
    one = tmp_path / "one.html"
    ran = run("report", sample_file, "-o", one, *PERIOD)
    assert (ran.code, ran.out, ran.err) == (0, f"{one}\n", "")
    assert one.read_bytes() == both[0].read_bytes()
    assert b"mailbox-mirror" in one.read_bytes()


def test_one_answer_is_written_in_several_forms(run, sample_file, both, tmp_path):
    page, text, told = both
    assert told == f"{page}\n{text}\n"
    assert b"mailbox-mirror" in page.read_bytes()
    for other in (tmp_path / "none" / "r.md", tmp_path / "r.pdf"):
        ran = run("report", sample_file, "-o", tmp_path / "new.html", "-o", other, *PERIOD)
        assert ran.failed_well()
        assert not (tmp_path / "new.html").exists(), "all are looked at before any is written"


def test_the_same_store_in_another_place_gives_the_same_report(run, sample_file, before, tmp_path):
    copy = shutil.copy(sample_file, tmp_path / "copy.duckdb")
    run("report", copy, "-o", tmp_path / "other.json", *PERIOD)
    assert (tmp_path / "other.json").read_bytes() == before.read_bytes()


def test_a_report_does_not_replace_what_was_loaded(run, tmp_path):
    record = {"log": "usage", "used_at": "2026-07-05T09:00:00Z", "outcome": "success", "client_id": "c"}
    log = tmp_path / "usage.json"
    log.write_text(json.dumps(record) + "\n")
    run("load", tmp_path / "s.duckdb", log)
    ran = run("report", tmp_path / "s.duckdb", "-o", log, *PERIOD)
    assert ran.failed_well(), ran
    assert f"{log} was loaded into this store: it is evidence, and is not written over." in ran.err
    assert json.loads(log.read_text()) == record


def test_with_a_baseline_only_what_is_new_counts(run, sample_file, before, tmp_path):
    gate = (*PERIOD, "--fail-on", "high", "--baseline")
    ran = run("report", sample_file, "-o", tmp_path / "same.md", *gate, before)
    assert (ran.code, ran.err) == (0, "")
    assert "mailbox-mirror" in (tmp_path / "same.md").read_text()
    fewer = json.loads(before.read_text())
    broken = [f for f in fewer["findings"] if f["verdict"] == "violation" and f["severity"] in ("high", "critical")]
    fewer["findings"].remove(broken[0])
    (tmp_path / "fewer.json").write_text(json.dumps(fewer))
    ran = run("report", sample_file, "-o", tmp_path / "new.json", *gate, tmp_path / "fewer.json")
    told = f"1 violation is high or worse, and new or worse than in the baseline.\n  {broken[0]['severity']} {broken[0]['rule']}: "
    assert (ran.code, ran.err) == (1, f"{told}{broken[0]['title']}\n")


def test_what_is_accepted_is_told_and_does_not_count(run, sample_file, before, tmp_path):
    open_ones = [f for f in json.loads(before.read_text())["findings"] if f["verdict"] == "violation"]
    lines = ["fingerprint,verdict,severity,accepted,accepted_until"]
    lines += [f"{f['fingerprint']},{f['verdict']},{f['severity']},a drill,2026-12-31" for f in open_ones]
    (tmp_path / "accepted.csv").write_text("\n".join(lines))
    told = ("report", sample_file, *PERIOD, "--accepted", tmp_path / "accepted.csv", "--fail-on", "info", "-o")
    ran = run(*told, tmp_path / "r.html")
    assert (ran.code, ran.err) == (0, f"{len(open_ones)} violations are accepted.\n")
    assert f"{len(open_ones)} violations are accepted by the organisation" in (tmp_path / "r.html").read_text()
    (tmp_path / "accepted.csv").write_text("\n".join(lines[:-1]))
    ran = run(*told, tmp_path / "r.html")
    assert (ran.code, "1 violation is info or worse." in ran.err) == (1, True)
    assert run(*told[:-4], "--accepted", tmp_path / "none.csv", "-o", tmp_path / "r.html").failed_well()


def test_of_many_violations_the_worst_are_named(run, sample_file, tmp_path):
    told = run("report", sample_file, "-o", tmp_path / "r.json", *PERIOD, "--fail-on", "high").err.splitlines()
    assert [line.split()[0] for line in told] == ["72", *["critical"] * 5, "and"]
    assert told[-1] == "  and 67 more"


def test_the_first_night_is_told_that_it_has_no_baseline(run, sample_file, tmp_path):
    ran = run("report", sample_file, "-o", tmp_path / "r.json", *PERIOD, "--baseline", tmp_path / "none.json")
    assert ran.failed_well()
    assert ran.err.endswith("none.json does not exist. The first time there is none: leave --baseline out.\n")
    (tmp_path / "nine.json").touch()
    ran = run("report", sample_file, "-o", tmp_path / "r.json", *PERIOD, "--baseline", tmp_path / "none.json")
    assert ran.err.endswith(f"Did you mean {tmp_path / 'nine.json'}?\n")


def test_a_log_that_the_baseline_had_is_not_missed_in_silence(run, sample_file, before, tmp_path):
    former = json.loads(before.read_text())
    former["coverage"] += [row | {"source": "salesforce"} for row in former["coverage"] if row["source"] == "okta"]
    (tmp_path / "former.json").write_text(json.dumps(former))
    told = ("report", sample_file, "-o", tmp_path / "r.json", *PERIOD, "--baseline", tmp_path / "former.json")
    assert run(*told).code == 0, "nothing is gated"
    ran = run(*told, "--fail-on", "high")
    assert ran.code == 2
    assert ran.err.splitlines()[0] == (
        "Too thin to judge: no issuance log of salesforce covers any of 2026-07-03 to 2026-10-01, and one covered the period of "
        "the baseline."
    )


def test_a_report_over_nothing_is_too_thin(run, sample_file, tmp_path):
    ran = run("report", sample_file, "-o", tmp_path / "r.md", "--since", "2020-Q1", "--now", "2026-10-01")
    assert ran.code == 2
    assert "Too thin to judge" in ran.err
