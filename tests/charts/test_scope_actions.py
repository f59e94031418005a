import pytest

from grantlens.charts.scope_actions import NO_OPERATION, scope_actions


def values(chart):
    return (
        chart.spec["layer"][0]["data"]["values"] if "data" in chart.spec["layer"][0] else chart.spec["data"]["values"]
    )


def test_every_call_is_on_the_chart_however_many_are_folded(dice):
    found = [
        {
            "client_id": f"client {dice.randint(1, 60)}",
            "operation": f"GET /{dice.randint(1, 90)}",
            "events": dice.randint(1, 500),
            "verdict": dice.choice(["violation", "violation", "indeterminate", "clear"]),
        }
        for _ in range(5000)
    ]
    shown = values(scope_actions(found, top_clients=5, top_operations=7))
    assert len({value["column"] for value in shown}) == 6
    assert len({value["line"] for value in shown}) == 8
    for verdict, column in (("violation", "calls"), ("indeterminate", "undecided")):
        assert sum(value[column] for value in shown) == sum(row["events"] for row in found if row["verdict"] == verdict)
    assert "55 more clients" in {value["column"] for value in shown}
    assert "83 more operations" in {value["line"] for value in shown}


def test_the_worst_clients_keep_their_names(dice):
    found = [{"client_id": f"c{n}", "operation": f"o{k}", "events": n * 10 + k} for n in range(20) for k in range(3)]
    shown = values(scope_actions(found, top_clients=4))
    assert {value["column"] for value in shown} == {"c19", "c18", "c17", "c16", "16 more clients"}


def test_folded_cells_do_not_outshine_single_ones():
    found = [{"client_id": f"c{n}", "operation": f"o{k}", "events": 1} for n in range(90) for k in range(2)]
    found.append({"client_id": "c0", "operation": "o0", "events": 5})
    shown = values(scope_actions(found, top_clients=2))
    shades = {value["column"]: value["shade"] for value in shown if value["line"] == "o1"}
    worst = next(value["shade"] for value in shown if value["client"] == "c0" and value["line"] == "o0")
    assert shades["88 more clients"] not in (worst, shades["c0"])


@pytest.mark.parametrize(
    ("found", "title"),
    [
        ([("a", "x", 1, None)], "a made 1 call that no granted scope permitted"),
        ([("a", "x", 7, None), ("a", "y", 2, None)], "a made 9 calls that no granted scope permitted"),
        ([("a", "x", 5, None), ("b", "x", 5, None)], "2 clients made 10 calls that no granted scope permitted"),
        (
            [("a", "x", 50, None), ("b", "y", 5, None)],
            "2 clients made 55 calls that no granted scope permitted; a made 50 of them",
        ),
        (
            [("a", "x", 5, None), *((f"c{n}", "x", 1, None) for n in range(95))],
            "96 clients made 100 calls that no granted scope permitted",
        ),
        ([("a", "x", 5, "indeterminate")], "5 calls of 1 client cannot be decided"),
        ([("a", "x", 5, "clear")], "No out-of-scope calls found in this window"),
        ([], "No out-of-scope calls found in this window"),
    ],
)
def test_the_title_says_the_finding(found, title):
    table = [{"client_id": a, "operation": b, "events": c, "verdict": d} for a, b, c, d in found]
    assert scope_actions(table).title == title


def test_undecided_is_never_shown_as_clear_or_as_violation():
    table = [
        {"client_id": "a", "operation": None, "events": 4, "verdict": "indeterminate"},
        {"client_id": "b", "operation": "GET /x", "events": 2},
        {"client_id": "a", "operation": "GET /x", "events": 2},
    ]
    chart = scope_actions(table)
    cell = next(value for value in values(chart) if value["line"] == NO_OPERATION)
    assert cell["number"] == "4 ?"
    assert cell["shade"] != next(value["shade"] for value in values(chart) if value["line"] == "GET /x")
    assert "no all-clear" in chart.subtitle
    assert "undecided" in chart.alt or "cannot be decided" in chart.alt


def test_one_client_becomes_bars_and_the_rest_is_told_in_words():
    chart = scope_actions([{"client_id": "a", "operation": f"GET /{n:02d}", "events": n + 1} for n in range(40)])
    bars = values(chart)
    rest = next(bar for bar in bars if bar["line"] == "16 more operations")
    assert rest["length"] == 0
    assert rest["number"] == f"{sum(range(1, 17))} in all"
    assert max(bar["length"] for bar in bars) == 40


def test_another_question_about_the_same_calls():
    chart = scope_actions([{"client_id": "a", "operation": "x"}], what="were outside the registered purpose")
    assert chart.title == "a made 1 call that were outside the registered purpose"


def test_where_no_catalogue_knows_an_operation_that_is_the_sentence():
    chart = scope_actions([{"client_id": name, "operation": None, "verdict": "indeterminate"} for name in "ab"])
    assert chart.subtitle.startswith("Calls by client; no catalogue in the store knows what they did.")
    named = scope_actions([{"client_id": name, "operation": "GET /x", "verdict": "indeterminate"} for name in "ab"])
    assert named.subtitle.startswith("Calls by client; the operation is GET /x.")
