import json
from datetime import UTC, datetime, timedelta

import pytest

from grantlens.charts.lanes import COLUMNS
from grantlens.charts.moments import milliseconds, written
from grantlens.charts.theme import EDGE, PAPER
from grantlens.charts.timeline import timeline

START = datetime(2026, 8, 9, 11, 51, 13, tzinfo=UTC)


def after(seconds):
    return START + timedelta(seconds=seconds)


def use(seconds, state=None, label="GET /mail"):
    return {"lane": "used", "start": after(seconds), "label": label, "state": state}


def marks(chart):
    """Collect what was drawn in the lanes, in every panel."""
    found = []

    def visit(node):
        if isinstance(node, dict):
            values = node.get("data", {}).get("values") if isinstance(node.get("data"), dict) else None
            found.extend(value for value in values or [] if "lane" in value)
            for child in node.values():
                visit(child)
        elif isinstance(node, list):
            for child in node:
                visit(child)

    visit(chart.spec)
    return found


CASE = [
    {"lane": "granted", "start": START, "end": after(86400), "label": "mail.read"},
    {"lane": "issued", "start": START, "end": after(3600), "label": "token 1"},
    use(600),
    {"lane": "revoked", "start": after(86400), "label": "by admin"},
]


def test_every_event_is_drawn_once():
    drawn = marks(timeline(CASE))
    assert sorted(value["lane"] for value in drawn) == ["granted", "issued", "revoked", "used"]
    bars = {value["lane"]: value["end"] - value["start"] for value in drawn}
    assert bars["granted"] == 86_400_000
    assert bars["issued"] == 3_600_000
    assert bars["used"] == 0


@pytest.mark.parametrize(
    ("more", "title"),
    [
        ([], "copilot: 1 use; revoked 10 Aug 2026 11:51:13 UTC"),
        ([use(86430, "violation")], "copilot: 1 use after a revocation, the last one 30 s later"),
        (
            [use(86400 + 60, "violation"), use(86400 + 5400, "violation"), use(90000, "denied")],
            "copilot: 2 uses after a revocation, the last one 90 min later",
        ),
        ([use(700, "violation")], "copilot: 1 use after a revocation"),
        # Which of two revocations was to end it no title can tell: it came 40 minutes after one, and 30 seconds after the other.
        (
            [use(86400 + 2400, "violation"), CASE[3] | {"start": after(86400 + 2370)}],
            f"copilot: 1 use after revocations, the last one {written(milliseconds(after(88800)))} UTC",
        ),
    ],
)
def test_titles(more, title):
    assert timeline(CASE + more, case="copilot").title == title


def test_titles_without_revocation_or_use():
    assert timeline(CASE[:3]).title == "1 use; no revocation seen"
    assert timeline(CASE[:1]).title == "no use seen; no revocation seen"
    assert timeline([]).title == "Nothing of this case in this window"


def test_a_decision_that_was_not_carried_out_is_in_the_title_and_one_that_was_is_not():
    waiting = {"lane": "decided", "start": after(30), "label": "to be revoked"}
    assert timeline([*CASE[:3], waiting]).title == (
        "1 use; to be revoked since 9 Aug 2026 11:51:43 UTC, no revocation seen"
    )
    assert timeline([*CASE[:3], {**waiting, "end": after(90)}]).title == "1 use; no revocation seen"
    assert "to be revoked since" not in timeline([*CASE, waiting]).title


def test_a_refused_revocation_is_no_revocation():
    chart = timeline([*CASE[:3], {"lane": "revoked", "start": after(60), "state": "denied"}])
    assert chart.title == "1 use; no revocation succeeded"
    assert "Dashed" not in chart.subtitle


def test_violations_right_after_the_revocation_get_room():
    chart = timeline([*CASE, use(86430, "violation"), use(86460, "violation")])
    assert len(chart.spec["vconcat"]) == 2
    wrong = [value["start"] for value in marks(chart) if value["state"] == "worked after a revocation"]
    assert len(wrong) == 4
    wide = timeline([*CASE, use(86400 * 2, "violation")])
    assert "vconcat" not in wide.spec


def test_the_last_call_of_a_row_that_stands_for_many_is_at_its_end():
    many = {
        "lane": "used",
        "start": after(86430),
        "end": after(86460),
        "label": "9 calls",
        "state": "violation",
        "count": 9,
    }
    chart = timeline([*CASE, many])
    assert chart.title == "9 uses after a revocation, the last one 60 s later"
    near = next(value for value in marks(chart) if value["state"] == "worked after a revocation")
    assert near["end"] - near["start"] == 30_000  # the panel after the revocation shows it to its end


def test_many_events_are_added_up_without_loss(dice):
    uses = [use(dice.uniform(0, 86400), dice.choice(["normal", "denied"])) for _ in range(5000)]
    chart = timeline([*CASE, *uses], max_events=2000)
    drawn = [value for value in marks(chart) if value["lane"] == "used"]
    assert len(drawn) <= 2 * COLUMNS
    assert sum(value["count"] for value in drawn) == 5001
    assert "Lane used: columns of" in chart.subtitle


def test_one_violation_among_thousands_can_be_seen(dice):
    uses = [use(dice.gauss(40000, 10)) for _ in range(50_000)]
    chart = timeline([*uses, use(40000, "violation"), use(0), use(86400)])
    (wrong,) = [value for value in marks(chart) if value["state"] == "worked after a revocation"]
    assert wrong["y2"] - wrong["y"] >= 2


def test_an_open_grant_goes_on():
    drawn = marks(timeline([{"lane": "granted", "start": START, "label": "x"}, use(50), use(100)]))
    (grant,) = [value for value in drawn if value["lane"] == "granted"]
    assert grant["end"] >= after(100).timestamp() * 1000


def test_overlapping_stretches_stand_below_each_other(dice):
    grants = [{"lane": "granted", "start": after(n), "end": after(n + 30), "label": f"g{n}"} for n in range(0, 40, 10)]
    drawn = [value for value in marks(timeline(grants)) if value["lane"] == "granted"]
    for one in drawn:
        for other in drawn:
            if one is not other and one["start"] < other["end"] and other["start"] < one["end"]:
                assert one["y2"] <= other["y"] or other["y2"] <= one["y"]


@pytest.mark.parametrize("start", [None, "yesterday", float("nan"), 5])
def test_rows_without_a_time_or_a_lane_are_left_out(start):
    table = [*CASE, {"lane": "used", "start": start}, {"lane": "other", "start": START}]
    assert marks(timeline(table)) == marks(timeline(CASE))


def test_times_with_and_without_zone_are_utc():
    texts = ["2026-08-09T11:51:13Z", "2026-08-09T13:51:13+02:00", datetime(2026, 8, 9, 11, 51, 13)]
    starts = {marks(timeline([{"lane": "used", "start": text}]))[0]["start"] for text in texts}
    assert starts == {START.timestamp() * 1000}


def test_scopes_that_were_taken_away_end_no_access():
    chart = timeline([*CASE[:3], {"lane": "revoked", "start": after(60), "state": "narrowed"}])
    assert chart.title == "1 use; scopes taken away 9 Aug 2026 11:52:13 UTC"
    assert "Dashed" not in chart.subtitle
    assert "scopes taken away" in json.dumps(chart.spec)
    revoked = timeline([*CASE, {"lane": "revoked", "start": after(60), "state": "narrowed"}])
    assert "revoked" in revoked.title


def test_one_moment_still_has_an_axis():
    chart = timeline([use(0)])
    assert chart.subtitle == "9 Aug 2026 11:51:13 UTC."
    assert '"type": "utc"' in json.dumps(chart.spec)
    assert chart.svg()


def test_alternative_text_counts_everything():
    chart = timeline([*CASE, use(86430, "violation"), use(86500, "denied")])
    for part in (
        "granted 1",
        "used 3",
        "worked after a revocation 1",
        "refused or failed 1",
        "in order 1",
        "First revocation: 10 Aug 2026",
    ):
        assert part in chart.alt


def test_the_axis_names_only_days_on_which_something_happened():
    table = [{"lane": "used", "start": f"2026-08-01T0{hour}:00:00Z"} for hour in range(2)]
    assert '"time (UTC) on 1 Aug 2026"' in json.dumps(timeline(table).spec)


def test_a_short_bar_bears_no_piece_of_a_long_name():
    long = {"lane": "granted", "start": after(0), "end": after(60), "label": "mail.read offline_access (g-0023)"}
    brief = {"lane": "granted", "start": after(200), "end": after(260), "label": "mail.read"}
    spec = json.dumps(timeline([long, brief, use(580)]).spec, ensure_ascii=False)
    assert "…" not in spec
    assert spec.count('"label": "mail.read"') == 2, "the bar, and the word on it"
    assert "…" in json.dumps(timeline([long, use(200)]).spec, ensure_ascii=False)


def test_an_undecided_use_has_a_dark_edge_and_no_other_has():
    undecided, denied = (timeline([use(0), use(9, state)]).spec["layer"] for state in ("indeterminate", "denied"))
    dark = [
        [len(layer["data"]["values"]) for layer in layers if layer["mark"].get("color") == EDGE]
        for layers in (undecided, denied)
    ]
    assert dark == [[1], [0]]


def test_what_worked_after_a_revocation_is_told_without_colour():
    """Its red and the blue of the others have one lightness: in grey only the sign tells them apart."""
    revoked = {"lane": "revoked", "start": after(300), "label": "by admin"}
    chart = timeline([use(0), use(200), revoked, use(400, "violation"), use(700, "denied"), use(900, "violation")])
    (signs,) = [layer for layer in chart.spec["layer"] if layer["mark"].get("shape") == "triangle-down"]
    assert [value["start"] for value in signs["data"]["values"]] == [
        after(seconds).timestamp() * 1000 for seconds in (400, 900)
    ]
    assert "Triangle: worked after a revocation." in chart.subtitle
    assert "Triangle" not in timeline([use(0), revoked, use(400, "denied")]).subtitle


def test_words_of_an_empty_lane_are_not_crossed_by_a_revocation():
    layers = timeline([{"lane": "revoked", "start": after(0)}]).spec["layer"]
    behind, words = (layer["mark"] for layer in layers[-2:])
    assert (behind["type"], words["type"], behind["stroke"]) == ("text", "text", PAPER)
