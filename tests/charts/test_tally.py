import pytest

from grantlens.charts.tally import tally


def bars(chart):
    return chart.spec["layer"][0]["data"]["values"]


def test_sums_by_verdict():
    chart = tally(
        [
            {"rule": "REV-1", "events": 3, "verdict": "violation"},
            {"rule": "REV-1", "events": 2, "verdict": "violation"},
            {"rule": "REV-1", "events": 1, "verdict": "indeterminate"},
            {"rule": "OOS-1", "events": 2, "verdict": "clear"},
        ],
        by="rule",
        what="event",
    )
    assert {(bar["line"], bar["verdict"]): bar["number"] for bar in bars(chart)} == {
        ("REV-1", "violation"): 5,
        ("REV-1", "cannot be decided"): 1,
        ("OOS-1", "clear"): 2,
    }
    assert chart.title == "REV-1 has the most events: 6 of 8"
    assert chart.spec["layer"][0]["encoding"]["y"]["sort"] == ["REV-1", "OOS-1"]


def test_rows_count_one_without_a_value():
    chart = tally([{"client_id": name} for name in "aab"], by="client_id", value="missing")
    assert {bar["line"]: bar["number"] for bar in bars(chart)} == {"a": 2, "b": 1}
    assert chart.title == "a has the most findings: 2 of 3"


def test_long_tables_are_folded_without_loss():
    chart = tally([{"client_id": f"c{n % 300}"} for n in range(9000)], by="client_id", top=10)
    assert sum(bar["number"] for bar in bars(chart)) == 9000
    assert len({bar["line"] for bar in bars(chart)}) == 11
    assert chart.title == "9,000 findings by client; the most on one: 30"


@pytest.mark.parametrize(
    ("table", "title"),
    [
        ([], "No findings in this window"),
        ([{"client_id": "a", "events": 1}], "a has 1 finding"),
        ([{"client_id": None, "events": 2}], "(not in the log) has 2 findings"),
    ],
)
def test_titles(table, title):
    assert tally(table, by="client_id").title == title


@pytest.mark.parametrize(
    ("verdicts", "title"),
    [
        (["violation"], "1 finding is a violation"),
        (["violation"] * 3, "3 findings are violations"),
        (["indeterminate"] * 2 + ["violation"], "2 of 3 findings are indeterminate"),
    ],
)
def test_a_tally_by_verdict_is_a_sentence(verdicts, title):
    assert tally([{"verdict": verdict} for verdict in verdicts], by="verdict").title == title


def test_things_may_be_named_in_the_plural():
    assert tally([{"a": 1}], by="a", what="findings").title == tally([{"a": 1}], by="a", what="finding").title


def test_one_verdict_needs_no_legend():
    chart = tally([{"rule": "a", "verdict": "violation"}, {"rule": "b", "verdict": "violation"}], by="rule")
    assert chart.spec["layer"][0]["encoding"]["color"]["legend"] is None
    assert "All of them: violation." in chart.subtitle


def test_lists_and_structures_are_named_as_a_reader_would_write_them():
    rows = [{"scopes": scopes} for scopes in (["mail.read", "mail.send"], [], None)]
    assert {bar["line"] for bar in bars(tally(rows, by="scopes"))} == {
        "mail.read, mail.send",
        "none",
        "(not in the log)",
    }
    (bar,) = bars(tally([{"coverage": {"from": "2026-07-01", "until": None, "share": 0.5}}], by="coverage"))
    assert bar["line"] == "from 2026-07-01, share 0.5"


def test_what_is_folded_of_a_column_in_the_plural_is_named_once():
    chart = tally([{"scopes": [f"s{n}"]} for n in range(30)], by="scopes", top=5)
    assert "25 more scopes" in {bar["line"] for bar in bars(chart)}
