"""`grantlens detect` on the samples: formats, windows, exit codes."""

import csv
import io
import json
from collections import Counter

import pytest

from grantlens.access_review.accepted import MARKS
from grantlens.cli.detect import _nothing
from grantlens.store import Store
from tests.findings.test_findings import KEYS

NOW = ("--now", "2026-10-01")


def findings(ran):
    return json.loads(ran.out)


def test_every_finding_has_every_key_and_its_evidence(detected):
    found = json.loads(detected)
    assert len({finding["rule"] for finding in found}) > 10
    for finding in found:
        assert list(finding) == [*KEYS, *MARKS]
        assert finding["accepted"] is None
        assert set(finding["coverage"]) == {"from", "until", "share"}
        assert finding["verdict"] in ("violation", "indeterminate", "clear")
        assert len(finding["evidence"]) <= 20
        for pointer in finding["evidence"]:
            assert set(pointer) == {"file", "sha256", "line", "event_id"}
    unproven = {finding["rule"] for finding in found if finding["verdict"] == "violation" and not finding["evidence"]}
    assert unproven <= {"INT-5"}, "only a silence has no event to point to"


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_a_rule_that_could_not_look_is_not_passed_over_in_silence(run, tmp_path, form):
    log = tmp_path / "log.ndjson"
    record = {
        "issued_at": "2026-07-01T08:00:00Z",
        "kind": "consent",
        "outcome": "success",
        "client_id": "c",
        "scopes": ["s"],
    }
    used = {"log": "usage", "used_at": "2026-07-01T09:00:00Z", "outcome": "success", "client_id": "c", "operation": "o"}
    log.write_text(json.dumps({"log": "issuance", **record}) + "\n" + json.dumps(used) + "\n")
    with Store(tmp_path / "s.duckdb") as store:
        store.load(log)
    ran = run("detect", tmp_path / "s.duckdb", "OOS-3", "INT-5", *NOW, "--format", form)
    assert ran.code == 0
    assert ran.out.strip() in ("[]", "", ",".join(csv.DictReader(io.StringIO(ran.out)).fieldnames or ()))
    (told,) = ran.err.splitlines()
    assert told.startswith(
        "OOS-3 could not look: No catalogue is in the store: make one with `grantlens catalogue build`, then `grantlens catalogue add`."
    )


def test_all_evidence_is_at_least_the_few(run, sample_file):
    few = findings(run("detect", sample_file, "OOS-1", "OOS-3", *NOW, "--format", "json"))
    every = findings(run("detect", sample_file, "OOS-1", "OOS-3", *NOW, "--format", "json", "--evidence", "all"))
    assert [finding["title"] for finding in few] == [finding["title"] for finding in every]
    for short, whole in zip(few, every, strict=True):
        pointers = [tuple(pointer.items()) for pointer in whole["evidence"]]
        assert {tuple(pointer.items()) for pointer in short["evidence"]} <= set(pointers)
        assert len(pointers) >= len(short["evidence"])


def test_the_formats_say_the_same(run, sample_file):
    whole = findings(run("detect", sample_file, "REV-1", *NOW, "--format", "json"))
    lines = run("detect", sample_file, "REV-1", *NOW, "--format", "ndjson").out.splitlines()
    assert [json.loads(line) for line in lines] == whole
    rows = list(csv.DictReader(io.StringIO(run("detect", sample_file, "REV-1", *NOW, "--format", "csv").out)))
    assert [(row["client_id"], int(row["events"])) for row in rows] == [(f["client_id"], f["events"]) for f in whole]
    table = run("detect", sample_file, "REV-1", *NOW).out.splitlines()
    assert len(table) == 1 + sum(finding["verdict"] != "clear" for finding in whole)


def test_what_is_clear_is_counted_where_the_table_is_empty(run, sample_file):
    clear = findings(run("detect", sample_file, "OOS-12", *NOW, "--format", "json"))
    assert [finding["verdict"] for finding in clear] == ["clear"] * 4
    ran = run("detect", sample_file, "OOS-12", *NOW)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("No violation was found from 2026-")
    assert ran.out.endswith("; 4 findings are clear: --format json lists them.\n")
    assert "; 1 finding is clear: " in _nothing([], "a window", 1)


def test_csv_has_the_same_columns_without_findings(run, sample_file):
    with_some, without = (
        run("detect", sample_file, "REV-1", *window, "--format", "csv").out.splitlines()
        for window in (NOW, ("--since", "1999-01-01", "--until", "1999-01-02"))
    )
    assert len(with_some) > len(without) == 1
    assert with_some[0] == without[0]
    assert without[0].split(",") == [*KEYS, *MARKS]


def test_two_runs_are_byte_equal(run, sample_file, detected):
    ran = run("detect", sample_file, *NOW, "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == detected


def test_a_rule_may_be_named_or_numbered_in_any_case(run, sample_file):
    by_id = run("detect", sample_file, "oos-3", *NOW, "--format", "json")
    assert findings(by_id)
    assert {finding["rule"] for finding in findings(by_id)} == {"OOS-3"}


def test_the_window_decides(run, sample_file):
    july = findings(run("detect", sample_file, "REV-1", "--since", "2026-07", *NOW, "--format", "json"))
    quarter = findings(run("detect", sample_file, "REV-1", "--since", "2026-Q3", *NOW, "--format", "json"))
    assert len(july) < len(quarter)


def test_without_now_the_clock_is_named_on_stderr(run, sample_file):
    ran = run("detect", sample_file, "OOS-1", "--format", "json")
    assert ran.err.startswith("Now is 20")
    assert json.loads(ran.out) is not None


@pytest.mark.parametrize("level", ["info", "critical"])
def test_fail_on_is_1_where_something_is_that_bad(run, sample_file, detected, level):
    found = [finding for finding in json.loads(detected) if finding["rule"] == "OOS-1"]
    assert any(finding["severity"] == "critical" and finding["verdict"] == "violation" for finding in found)
    ran = run("detect", sample_file, "OOS-1", *NOW, "--fail-on", level)
    assert ran.code == 1
    assert f"violations are {level} or worse" in ran.err


def test_fail_on_is_0_where_nothing_is_that_bad(run, sample_file, detected):
    found = [finding for finding in json.loads(detected) if finding["rule"] == "GOV-1"]
    assert all(finding["severity"] != "critical" for finding in found)
    ran = run("detect", sample_file, "GOV-1", *NOW, "--fail-on", "critical")
    assert (ran.code, ran.err) == (0, "6 violations.\n")


@pytest.mark.parametrize(
    "period", [("--now", "2026-10-20"), ("--since", "2026-09-01", "--until", "2026-10-20", "--now", "2026-11-01")]
)
def test_a_period_of_which_the_logs_show_too_little_is_no_silent_0(run, sample_file, period):
    assert run("detect", sample_file, "GOV-1", *period).code == 0
    ran = run("detect", sample_file, "GOV-1", *period, "--fail-on", "critical")
    assert ran.code == 2
    assert (
        "the usage log of github (brightwater) ends 2026-09-30, 19 days before the end of the period (2026-10-20)."
        in ran.err
    )


@pytest.mark.parametrize("options", [(), ("--fail-on", "low")])
def test_a_window_without_logs_is_too_thin_to_judge(run, sample_file, options):
    ran = run("detect", sample_file, "OOS-1", "--since", "2020-Q1", *NOW, *options)
    assert ran.code == 2
    assert "no usage log covers any of 2020-01-01 to 2020-04-01" in ran.err
    assert "Nothing was found" in ran.out


def test_an_empty_store_is_too_thin_to_judge(run, tmp_path):
    with Store(tmp_path / "empty.duckdb"):
        pass
    ran = run("detect", tmp_path / "empty.duckdb", *NOW)
    assert ran.code == 2
    assert "holds no event" in ran.err
    assert "OOS-1: The store holds no log." in ran.out


def test_a_store_without_revocations_is_too_thin_for_a_gate_only(run, tmp_path):
    log = tmp_path / "usage.ndjson"
    record = {
        "log": "usage",
        "used_at": "2026-07-01T09:00:00Z",
        "outcome": "success",
        "client_id": "c",
        "event_id": "u1",
    }
    log.write_text(
        json.dumps(record) + "\n" + json.dumps({**record, "used_at": "2026-07-02T09:00:00Z", "event_id": "u2"}) + "\n"
    )
    store = tmp_path / "thin.duckdb"
    assert run("load", store, log).code == 0
    assert run("detect", store, "OOS-1", *NOW).code == 0
    ran = run("detect", store, "OOS-1", *NOW, "--fail-on", "high")
    assert ran.code == 2
    assert "no revocation log covers" in ran.err


def test_a_table_ends_with_what_it_holds(run, sample_file):
    ran = run("detect", sample_file, "REV-1", "OOS-12", *NOW)
    assert ran.err.splitlines()[-1] == "20 violations; 2 indeterminate; 4 clear, which only the other formats list."
    assert all(name in ran.out for name in ("token id", "resource server"))
    assert "Access of mailbox-mirror was used after its revocation" in ran.out
    assert "last success 11 h 29 min after" in ran.out, "the table answers for how long"
    assert run("detect", sample_file, "OOS-12", *NOW).err == ""
    assert run("detect", sample_file, "REV-1", *NOW, "--format", "csv").err == ""


def accept(run, sample_file, path, rule, chosen):
    """Write reason and end into rows of the list that the command prints, as somebody does in a spreadsheet."""
    rows = list(csv.DictReader(io.StringIO(run("detect", sample_file, rule, *NOW, "--format", "csv").out)))
    for row in filter(chosen, rows):
        row.update(accepted="known, TICKET-7", accepted_until="2026-12-31")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return [row for row in rows if row["accepted"]]


def test_the_list_with_reasons_written_into_it_leaves_out_what_is_accepted(run, sample_file, tmp_path):
    path = tmp_path / "accepted.csv"
    accepted = accept(run, sample_file, path, "REV-1", lambda row: row["client_id"] == "mailbox-mirror")
    assert len(accepted) == 1
    ran = run("detect", sample_file, "REV-1", "OOS-12", *NOW, "--accepted", path)
    assert "mailbox-mirror" not in ran.out
    assert ran.err.splitlines()[0] == "1 violation is accepted."
    told = "19 violations; 2 indeterminate; 4 clear and 1 accepted, which only the other formats list."
    assert ran.err.splitlines()[-1] == told
    held = findings(run("detect", sample_file, "REV-1", *NOW, "--accepted", path, "--format", "json"))
    (again,) = (finding for finding in held if finding["accepted"])
    assert [again[name] for name in MARKS] == [
        accepted[0]["fingerprint"], "known, TICKET-7", "2026-12-31T00:00:00Z", None, accepted[0]["last_seen"],
    ]  # fmt: skip
    ran = run("detect", sample_file, "REV-1", "--now", "2027-01-01", "--accepted", path)
    assert "mailbox-mirror" in ran.out
    assert "1 finding was accepted until a time that has passed, and counts again." in ran.err


def test_where_all_is_accepted_it_is_not_said_that_nothing_is_there(run, sample_file, tmp_path):
    path = tmp_path / "accepted.csv"
    accepted = accept(run, sample_file, path, "OOS-4", lambda row: row["verdict"] != "clear")
    assert accepted
    ran = run("detect", sample_file, "OOS-4", *NOW, "--accepted", path, "--fail-on", "info")
    assert (ran.code, ran.out.split(" was found ")[1].endswith(" but what is accepted.\n")) == (0, True), ran
    assert run("detect", sample_file, "OOS-4", *NOW, "--fail-on", "info").code == 1


def test_a_store_after_the_rule_is_told_where_it_stands(run, sample_file):
    ran = run("detect", "OOS-1", sample_file)
    assert ran.failed_well()
    assert f"The store comes first: grantlens detect {sample_file} OOS-1" in ran.err


def test_without_rules_the_worst_comes_first_and_what_is_undecided_is_counted_by_reason(run, sample_file, detected):
    found = json.loads(detected)
    listed, _, undecided = run("detect", sample_file, *NOW).out.partition("\n\n")
    violations = [line.split()[:3] for line in listed.splitlines()[1:]]
    assert all(verdict == "violation" for _, verdict, _ in violations)
    levels = [severity for _, _, severity in violations]
    assert levels == sorted(levels, key=("critical", "high", "medium", "low", "info").index)
    assert sorted(rule for rule, _, _ in violations) == sorted(f["rule"] for f in found if f["verdict"] == "violation")
    heading, columns, *rows = undecided.splitlines()
    assert heading.endswith("add a rule to the command, such as OOS-1.")
    assert columns.split() == ["rule", "undecided", "reason"]
    counted = Counter(f["rule"] for f in found if f["verdict"] == "indeterminate")
    told = Counter()
    for row in rows:
        rule, count, _ = row.split(maxsplit=2)
        told[rule] += int(count)
    assert told == counted
    assert "OOS-1          14  no catalogue knows the operation" in rows
    assert "other reasons" in undecided


def test_a_store_of_which_nothing_can_be_decided_says_so_by_reason(run, tmp_path):
    log = tmp_path / "log.ndjson"
    used = {"log": "usage", "used_at": "2026-07-01T09:00:00Z", "outcome": "success", "client_id": "c", "operation": "o"}
    log.write_text("".join(json.dumps(used | {"client_id": f"c{number}"}) + "\n" for number in range(20)))
    with Store(tmp_path / "s.duckdb") as store:
        store.load(log)
    ran = run("detect", tmp_path / "s.duckdb", *NOW)
    assert (ran.code, ran.out.splitlines()[0][:24]) == (0, "No violation was found f")
    assert "GOV-1         20  no register was brought\n" in ran.out
    assert "No violation; " in ran.err.splitlines()[-1]
    ran = run("detect", tmp_path / "s.duckdb", "GOV-1", *NOW)
    assert sum(line.startswith("GOV-1 ") for line in ran.out.splitlines()) == 20
    assert "Not decided" not in ran.out
