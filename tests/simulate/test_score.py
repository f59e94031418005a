"""Precision and recall are counted by key and verdict."""

import json
from datetime import datetime

import pytest

from grantlens.simulate import build, score, score_grants
from grantlens.simulate.score import compare, compare_grants
from grantlens.simulate.truth import KEYS


def as_finding(row):
    """Return what a perfect detector would print for a row of the truth."""
    detail = {
        name: row[name]
        for name in (
            "revocation_event",
            "scope",
            "log",
            "state",
            "audience",
            "fault",
            "limit",
            "actors",
            "program",
            "own_tenant",
            "resource_tenant",
        )
        if row.get(name)
    }
    parts = ("client_id", "subject_id", "grant_id", "token_id", "resource_server", "operation", "source", "tenant")
    finding = {name: row.get(name) for name in parts}
    first, last = row.get("gap_from"), row.get("gap_until")
    return {
        **finding, "rule": row["rule"], "verdict": row["verdict"] or "violation", "detail": detail, "scopes": [],
        "first_seen": first, "last_seen": last,
    }  # fmt: skip


def truth_and_findings():
    truth = build(seed=5).truth.to_dict()
    return truth, [as_finding(row) for row in truth["expected"]]


def test_a_perfect_detector_scores_one_everywhere():
    truth, findings = truth_and_findings()
    table = {row["rule"]: row for row in score(truth, findings)}
    assert list(table) == list(KEYS)
    for row in table.values():
        assert (row["precision"], row["recall"]) == (1.0, 1.0)
        assert row["true_positives"] == row["expected"] > 0


def test_one_missing_finding_costs_recall_only():
    truth, findings = truth_and_findings()
    gone = next(i for i, finding in enumerate(findings) if finding["rule"] == "GOV-1")
    row = next(r for r in score(truth, findings[:gone] + findings[gone + 1 :]) if r["rule"] == "GOV-1")
    assert row["precision"] == 1.0
    assert row["recall"] == (row["expected"] - 1) / row["expected"]


def test_one_finding_too_many_costs_precision_only():
    truth, findings = truth_and_findings()
    extra = {**findings[0], "rule": "GOV-1", "client_id": "somebody-else", "verdict": "violation"}
    row = next(r for r in score(truth, [*findings, extra]) if r["rule"] == "GOV-1")
    assert row["recall"] == 1.0
    assert row["precision"] == row["expected"] / (row["expected"] + 1)


def test_the_wrong_verdict_is_no_hit():
    truth, findings = truth_and_findings()
    wrong = [{**f, "verdict": "indeterminate"} if f["rule"] == "GOV-1" else f for f in findings]
    row = next(r for r in score(truth, wrong) if r["rule"] == "GOV-1")
    assert (row["precision"], row["recall"]) == (0.0, 0.0)


def test_the_wrong_state_is_no_hit():
    truth, findings = truth_and_findings()
    number = next(i for i, f in enumerate(findings) if f["rule"] == "PRV-1" and f["detail"]["state"] == "unused")
    findings[number] = {**findings[number], "detail": {**findings[number]["detail"], "state": "used"}}
    result = compare(truth, findings)
    assert [f["rule"] for f in result["wrong"]] == ["PRV-1"]
    assert [row["state"] for row in result["missed"]] == ["unused"]


def test_what_is_left_open_counts_for_nothing():
    truth, findings = truth_and_findings()
    extra = [{**as_finding({**row, "verdict": "violation"})} for row in truth["open"]]
    assert score(truth, [*findings, *extra]) == score(truth, findings)


def test_a_detail_in_text_is_read_too():
    truth, findings = truth_and_findings()
    texts = [{**finding, "detail": json.dumps(finding["detail"])} for finding in findings]
    assert score(truth, texts) == score(truth, findings)


def test_a_star_in_the_truth_fits_any_id():
    truth = {
        "expected": [{"rule": "PRV-3", "verdict": "violation", "client_id": "c", "subject_id": "s", "grant_id": "*"}],
        "open": [],
    }
    finding = as_finding({**truth["expected"][0], "grant_id": "derived:17"})
    assert next(r for r in score(truth, [finding]) if r["rule"] == "PRV-3")["recall"] == 1.0
    other = {**finding, "client_id": "d"}
    assert next(r for r in score(truth, [other]) if r["rule"] == "PRV-3")["true_positives"] == 0


def listed(truth):
    """Return what a perfect list of grants would say."""
    return [
        {
            **row,
            "opened_at": datetime.fromisoformat(row["opened_at"]),
            "state": "live" if row["ended_at"] is None else "ended",
            "ended_at": row["ended_at"] and datetime.fromisoformat(row["ended_at"]),
        }
        for row in truth["grants"]
    ]


def test_a_perfect_list_of_grants_scores_one():
    truth = build(seed=5).truth.to_dict()
    table = score_grants(truth, listed(truth))
    assert (table["precision"], table["recall"]) == (1.0, 1.0)
    assert table["expected"] == table["true_positives"] > 100
    assert {row["use"] for row in truth["grants"]} == {"seen", "none seen", "not observable"}
    assert {row["ended_at"] is None for row in truth["grants"]} == {True, False}


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "live", "ended_at": None},
        {"ended_at": datetime.fromisoformat("2026-08-01T00:00:00Z")},
        {"opened_at": datetime.fromisoformat("2026-08-01T00:00:00Z")},
        {"use": "possible"},
        {"calls": 10_000},
        {"client_id": "somebody-else"},
    ],
)
def test_one_grant_told_otherwise_costs_both(wrong):
    truth = build(seed=5).truth.to_dict()
    rows = listed(truth)
    number = next(number for number, row in enumerate(rows) if row["state"] == "ended")
    rows[number] |= wrong
    result = compare_grants(truth, rows)
    assert [len(result[what]) for what in ("missed", "wrong")] == [1, 1]
    table = score_grants(truth, rows)
    assert table["precision"] == table["recall"] == (len(rows) - 1) / len(rows)


def test_a_grant_that_is_left_out_costs_recall_and_one_too_many_precision():
    truth = build(seed=5).truth.to_dict()
    rows = listed(truth)
    fewer, more = score_grants(truth, rows[1:]), score_grants(truth, [*rows, {**rows[0], "grant_id": "invented"}])
    assert (fewer["precision"], more["recall"]) == (1.0, 1.0)
    assert (fewer["recall"], more["precision"]) == ((len(rows) - 1) / len(rows), len(rows) / (len(rows) + 1))


def test_nothing_listed_has_no_precision():
    table = score_grants(build(seed=5).truth.to_dict(), [])
    assert (table["precision"], table["recall"]) == (None, 0.0)
