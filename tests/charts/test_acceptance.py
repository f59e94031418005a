import pytest

from grantlens.charts.acceptance import acceptance


def row(minute, calls, accepted, low=0.0, high=1.0):
    share = accepted / calls
    return {"minute": minute, "calls": calls, "accepted": accepted, "share": share, "low": low, "high": high}


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ([], "No call with revoked access in the hour after a revocation"),
        ([row(0, 1, 1)], "The one call with revoked access in the first minute was still accepted"),
        ([row(1, 1, 0)], "The one call with revoked access in minute 2 was refused"),
        (
            [row(29, 40, 2), row(0, 1200, 948), row(4, 5, 3)],
            "Of 1,200 calls with revoked access in the first minute, 79 % were still accepted; of 45 calls in the rest of the hour, 11 %",
        ),
        ([row(3, 10_000, 9_999)], "Of 10,000 calls with revoked access in minute 4, above 99 % were still accepted"),
    ],
)
def test_titles(rows, title):
    assert acceptance(rows).title == title


def test_a_minute_stands_in_its_middle_with_its_interval():
    chart = acceptance([row(0, 4, 1, 0.1, 0.6), row(7, 4, 4, 0.5, 1.0)], where="api.example\x1b[2J")
    bar, dot = chart.spec["layer"]
    assert bar["mark"]["type"] == "rule"
    values = chart.spec["data"]["values"] if "data" in chart.spec else dot["data"]["values"]
    assert [(value["at"], value["share"], value["low"], value["high"]) for value in values] == [
        (0.5, 0.25, 0.1, 0.6),
        (7.5, 1.0, 0.5, 1.0),
    ]
    assert dot["encoding"]["x"]["scale"]["domain"] == [0, 8]
    assert "at api.example⟨U+001B⟩[2J in the first minute" in chart.title
    assert chart.svg().startswith("<svg")


def test_the_text_alternative_names_a_handful_of_minutes():
    chart = acceptance([row(minute, 10, 10 - minute // 6) for minute in range(60)])
    assert chart.alt.count(";") <= 8
    assert "the first minute, 100 % of 10" in chart.alt
    assert "minute 60, 10 % of 10" in chart.alt
