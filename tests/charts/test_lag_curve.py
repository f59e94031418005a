import numpy as np
import pytest

from grantlens.analysis.survival import curve, quantile_bounds
from grantlens.charts.lag_curve import BANDS, lag_curve
from grantlens.wording import duration


def layers(chart):
    return {layer["mark"]["type"]: layer for layer in chart.spec["layer"]}


def simulate(n, seed=1):
    generator = np.random.default_rng(seed)
    lag = generator.lognormal(4, 1, n)
    lower = np.maximum(0, lag - generator.exponential(60, n))
    upper = lag + generator.exponential(60, n)
    upper[generator.random(n) < 0.1] = np.inf
    return lower, upper


def test_the_title_quotes_the_assumption_free_bounds():
    lower, upper = simulate(250)
    (bound,) = quantile_bounds(lower, upper, (0.5,))
    chart = lag_curve(curve(lower, upper, points=10_000))
    assert chart.title == (
        f"Half of the revoked access had ended between {duration(bound.lower)} and {duration(bound.upper)}"
    )


@pytest.mark.parametrize(
    ("lower", "upper", "n", "title"),
    [
        ([12.5], [13], 1, "The revoked access ended between 12.5 s and 13 s after the revocation"),
        (
            [3600],
            [None],
            1,
            "The revoked access was not denied after its last success, 60 min or more after the revocation",
        ),
        ([None], [60], 1, "The revoked access ended within 60 s"),
        ([0, 0], [9, 30], 2, "Half of the revoked access had ended within 9 s"),
        ([600, 700], [None, None], 2, "At least half of the revoked access still worked after 10 min"),
        ([0, 0], [None, None], 2, "How long revoked access went on working cannot be bounded from these logs"),
        ([], [], 0, "No revocation in this window can be timed"),
    ],
)
def test_titles(lower, upper, n, title):
    assert lag_curve(curve(lower, upper), n=n).title == title


def test_a_curve_with_many_steps_is_told_by_its_bounds_and_drawn_around_the_truth():
    lower, upper = simulate(5000)
    (bound,) = quantile_bounds(lower, upper, (0.5,))
    thin, whole = curve(lower, upper), curve(lower, upper, points=10**9)
    assert len(thin["t"]) < len(whole["t"])
    bounds = dict.fromkeys((0.5, 0.9, 0.95), (bound.lower, bound.upper))
    chart = lag_curve(thin, bounds=bounds)
    assert f"between {duration(bound.lower)} and {duration(bound.upper)}" in chart.title
    assert f"{duration(bound.lower)} at the earliest, {duration(bound.upper)} at the latest" in chart.alt
    held = np.searchsorted(thin["t"], whole["t"], side="right") - 1  # the drawn step that each true one falls into
    assert (np.array(thin["survival_low"])[held] <= np.array(whole["survival_low"])).all()
    assert (np.array(thin["survival_high"])[held] >= np.array(whole["survival_high"])).all()


def test_lags_below_a_tenth_of_a_second_are_drawn():
    drawn = layers(lag_curve(curve([0.002, 0.02], [0.003, 0.03])))["area"]["data"]["values"]
    assert {0.002, 0.003, 0.02, 0.03} <= {value["t"] for value in drawn}


def test_censoring_is_told():
    chart = lag_curve(
        curve(*simulate(50)), n=50, events=40, right_share=0.1, left_share=0.345, untried_share=0.04, where="mail"
    )
    assert "n=50 from 40 revocations" in chart.subtitle
    assert (
        "10 % not denied after the last success, or no call logged afterwards (4 %) (right-censored)" in chart.subtitle
    )
    assert "34 % denied, with no success after the revocation (left-censored)" in chart.subtitle
    assert "at mail" in chart.title
    none = lag_curve(curve(*simulate(50)), n=50, right_share=0, left_share=0)
    assert "censored" not in none.subtitle, "of what there is none nothing is told"


def test_few_have_a_band_but_no_line():
    few, many = lag_curve(curve([1, 2], [3, 4])), lag_curve(curve(*simulate(30)))
    drawn = [
        {
            layer["encoding"].get("y", {}).get("field")
            for layer in chart.spec["layer"]
            if layer["mark"]["type"] == "line"
        }
        for chart in (few, many)
    ]
    assert drawn == [{"high", "low"}, {"high", "low", "likely"}]
    assert "Too few" in few.subtitle


def test_axis_holds_every_time_and_has_human_ticks():
    lower, upper = [0.2, 100_000.0], [0.4, 500_000.0]
    x = layers(lag_curve(curve(lower, upper)))["area"]["encoding"]["x"]
    left, right = x["scale"]["domain"]
    assert left <= 0.2
    assert right >= 500_000
    assert all(left <= tick <= right for tick in x["axis"]["values"])
    for tick, label in ((1, "1 s"), (60, "1 min"), (900, "15 min"), (3600, "1 h"), (86400, "1 d")):
        assert tick in x["axis"]["values"]
        assert f"'{tick}': '{label}'" in x["axis"]["labelExpr"]


def test_steps_on_the_chart_are_those_of_the_table():
    table = curve(*simulate(40))
    values = layers(lag_curve(table))["area"]["data"]["values"] if "data" in layers(lag_curve(table))["area"] else None
    values = values or lag_curve(table).spec["data"]["values"]
    drawn = {round(value["t"], 6): (value["low"], value["high"]) for value in values}
    for t, low, high in zip(table["t"], table["survival_low"], table["survival_high"], strict=True):
        if t > 0.1:
            assert drawn[round(t, 6)] == (low, high)


def test_classes_of_enforcement_are_words_that_need_no_explanation():
    assert [name for _, name in BANDS if not name.replace(" ", "").islower()] == []
