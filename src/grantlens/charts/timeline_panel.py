"""One panel of a timeline: laid-out lanes turned into marks."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from grantlens.charts.chart import WIDTH
from grantlens.charts.label import short
from grantlens.charts.lanes import SPACE, STATE_WORDS, STATES, Box, Lane
from grantlens.charts.moments import axis_format, written
from grantlens.charts.theme import EDGE, PALETTE, PAPER, SOFT

if TYPE_CHECKING:
    import altair as alt

MARGIN = 0.015 / 1.03
"""Share of the axis that is margin, at either end."""

OWN = ("granted", "issued", "decided", "revoked")
"""Lanes whose normal marks have a colour of their own; the legend explains the others."""


def panel(
    lanes: list[Lane], revoked: list[float], left: float, right: float, states: Collection[str]
) -> alt.LayerChart:
    """Draw lanes over the time from `left` to `right` (milliseconds), with a legend of `states`."""
    import altair as alt

    height = lanes[-1].top + lanes[-1].height
    bars, marks, words = _drawn(lanes, (right - left) / WIDTH)
    silent = [
        {"start": left, "y": lane.top + lane.height / 2, "label": "none seen"} for lane in lanes if not lane.boxes
    ]
    amber = [
        {name: value[name] for name in ("start", "y", "y2")}
        for value in marks
        if value["kind"] == STATE_WORDS["indeterminate"]
    ]
    # Red and blue are one grey in print: what worked after a revocation bears a sign of its own.
    signs = [
        {"start": (value["start"] + value["end"]) / 2, "y": value["y"]}
        for value in (*bars, *marks)
        if value["kind"] == STATE_WORDS["violation"]
    ]
    x, y = _time(left, right), alt.Y("y:Q", scale=alt.Scale(domain=[height, 0], nice=False), axis=None)
    colour = _colour(states)
    tips = [
        "lane:N",
        alt.Tooltip("label:N", title="what"),
        alt.Tooltip("when:N", title="when (UTC)"),
        "state:N",
        alt.Tooltip("count:Q", format=",d"),
    ]
    edges = [{"y": lane.top + lane.height + SPACE / 2} for lane in lanes[:-1]]
    names = [{"y": lane.top + lane.height / 2, "name": lane.name} for lane in lanes]
    layers = [
        _rows(edges).mark_rule(color="#E4E8EC").encode(y=y),
        _rows(names).mark_text(align="right", dx=-10, fontSize=12).encode(x=alt.value(0), y=y, text="name:N"),
        _rows(bars).mark_rect().encode(x=x, x2="end:T", y=y, y2="y2:Q", color=colour, tooltip=tips),
        *_revocations([moment for moment in revoked if left <= moment <= right], x),
        # Amber alone is too light for a thin line.
        _rows(amber).mark_rule(strokeWidth=4, color=EDGE).encode(x=x, y=y, y2="y2:Q"),
        _rows(marks).mark_rule(strokeWidth=2).encode(x=x, y=y, y2="y2:Q", color=colour, tooltip=tips),
        _rows(signs)
        .mark_point(shape="triangle-down", filled=True, size=45, opacity=1, yOffset=-4, color=PALETTE["violation"])
        .encode(x=x, y=y),
        _rows(words).mark_text(align="left", dx=4).encode(x=x, y=y, text="label:N"),
        # Under the words the line of a revocation is left out.
        *(
            _rows(silent).mark_text(align="left", dx=4, **look).encode(x=x, y=y, text="label:N")
            for look in ({"stroke": PAPER, "strokeWidth": 4}, {"color": SOFT})
        ),
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=height)


def _drawn(lanes: list[Lane], pixel: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what lasted as bars, what happened at once as marks, and the words that have room in a bar; `pixel` is in milliseconds."""
    bars, marks, words = [], [], []
    for lane in lanes:
        for box in lane.boxes:
            value = _value(lane, box)
            if box.end <= box.start:
                marks.append(value)
                continue
            # Even a short life is drawn two pixels wide.
            bars.append(value | {"end": max(box.end, box.start + 2 * pixel)})
            room = int((box.end - box.start) / pixel / 6.4) - 1
            # Of a long name a few letters tell nothing.
            if box.label and room >= min(len(box.label), 16):
                middle = lane.top + (box.top + box.bottom) / 2
                words.append({"start": box.start, "y": middle, "label": short(box.label, room)})
    return bars, marks, words


def _rows(values: list[dict[str, Any]]) -> alt.Chart:
    import altair as alt

    return alt.Chart(alt.Data(values=values))


def _value(lane: Lane, box: Box) -> dict[str, Any]:
    own = box.state == "normal" and lane.name in OWN
    return {
        "start": box.start,
        "end": box.end,
        "y": lane.top + box.top,
        "y2": lane.top + box.bottom,
        "kind": lane.name if own else STATE_WORDS[box.state],
        "when": written(box.start) + (f" to {written(box.end)}" if box.end > box.start else ""),
        "state": STATE_WORDS[box.state],
        "label": box.label,
        "count": box.count,
        "lane": lane.name,
    }


def _time(left: float, right: float) -> alt.X:
    import altair as alt

    pattern = axis_format(right - left)
    # The margins may reach into a day on which nothing happened.
    inner = (round(left + MARGIN * (right - left)), round(right - MARGIN * (right - left)))
    days = dict.fromkeys(written(moment, precise=False) for moment in inner)
    day = "" if "%b" in pattern or "%Y" in pattern else f" on {' and '.join(days)}"
    axis = alt.Axis(format=pattern, tickCount=7, labelOverlap=True, labelSeparation=8, labelFlush=False)
    return alt.X(
        "start:T", scale=alt.Scale(type="utc", domain=[left, right], nice=False), title=f"time (UTC){day}", axis=axis
    )


def _colour(states: Collection[str]) -> alt.Color:
    import altair as alt

    domain = [*OWN, *(STATE_WORDS[state] for state in STATES)]
    colours = [PALETTE[kind] for kind in (*OWN, *STATES)]
    present = [STATE_WORDS[state] for state in reversed(STATES) if state in states]
    legend = alt.Legend(title=None, values=present) if present else None
    return alt.Color("kind:N", scale=alt.Scale(domain=domain, range=colours), legend=legend)


def _revocations(revoked: list[float], x: alt.X) -> list[alt.Chart]:
    """Draw revocations through all lanes, behind the uses; more than 40 would hide them."""
    import altair as alt

    lines = _rows([{"start": moment} for moment in revoked[:40]])
    first = _rows([{"start": moment, "name": "revoked"} for moment in revoked[:1]])
    return [
        lines.mark_rule(color=PALETTE["revoked"], strokeDash=[5, 3], strokeWidth=1.2).encode(x=x),
        first.mark_text(baseline="bottom", color=SOFT).encode(x=x, y=alt.value(-4), text="name:N"),
    ]
