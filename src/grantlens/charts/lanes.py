"""Where things stand on a timeline: rows within a lane, and columns of time when marks are too many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from grantlens.charts.theme import WORDS
from grantlens.wording import duration

LANES = ("granted", "issued", "used", "decided", "revoked")
SELDOM = "decided"
"""The lane that is left out where it is empty: few organisations bring their decisions."""
OPEN = ("granted", "decided")
"""Lanes in which what has no end goes on."""
STATES = ("violation", "indeterminate", "narrowed", "denied", "normal")
"""What matters most comes first; on the chart it is drawn last, on top."""
STATE_WORDS = MappingProxyType({**WORDS, "violation": "worked after a revocation"})
"""A case shows what happened; whether the server was allowed to go on for that long, REV-1 says."""

BAR, GAP, ROWS, TALL, SPACE, COLUMNS = 15, 4, 8, 44, 14, 120


class Span(NamedTuple):
    """A stretch, or a moment (end equal to start), of one lane, in milliseconds since 1970."""

    lane: str
    start: float
    end: float
    state: str
    label: str
    count: float = 1
    open: bool = False


@dataclass(frozen=True)
class Box:
    """A rectangle: x in milliseconds, y in pixels from the top of its lane."""

    start: float
    end: float
    top: float
    bottom: float
    state: str
    label: str
    count: float


@dataclass(frozen=True)
class Lane:
    """One lane, laid out; `note` tells what its columns mean, if it has columns."""

    name: str
    top: float
    height: float
    boxes: tuple[Box, ...]
    note: str


def clip(spans: Sequence[Span], left: float, right: float) -> list[Span]:
    """Cut spans to a stretch of time; an open one goes on to its end.

    Examples
    --------
    >>> clip([Span("granted", 5, 5, "", "", open=True), Span("used", 30, 30, "", "")], 0, 20)
    [Span(lane='granted', start=5, end=20, state='', label='', count=1, open=True)]
    """
    shown = []
    for span in spans:
        end = right if span.open else span.end
        if end >= left and span.start <= right:
            shown.append(span._replace(start=max(span.start, left), end=min(end, right)))
    return sorted(shown, key=lambda span: (span.start, span.end, span.state, span.label))


def lay(spans: Sequence[Span], left: float, right: float, most: int) -> list[Lane]:
    """Lay the lanes out below each other; a lane with more than `most` marks is added up in columns."""
    lanes: list[Lane] = []
    top = 0.0
    for name in LANES:
        own = [span for span in spans if span.lane == name]
        if name == SELDOM and not own:
            continue
        lanes.append(_lane(name, own, top, left, right, most))
        top += lanes[-1].height + SPACE
    return lanes


def _lane(name: str, spans: list[Span], top: float, left: float, right: float, most: int) -> Lane:
    stretches = [span for span in spans if span.end > span.start]
    rows = pack(stretches, ROWS) if len(spans) <= most else None
    if rows is None:
        boxes = columns(spans, left, right, COLUMNS, TALL, STATES[::-1])
        sums: dict[float, float] = defaultdict(float)
        for box in boxes:
            sums[box.start] += box.count
        width = duration((right - left) / COLUMNS / 1000)
        note = f"Lane {name}: columns of {width}, the tallest stands for {max(sums.values()):,.0f}."
        return Lane(name, top, TALL, tuple(boxes), note)
    # Stretches below each other, moments in a row under them.
    boxes = [
        Box(span.start, span.end, row * (BAR + GAP), row * (BAR + GAP) + BAR, span.state, span.label, span.count)
        for span, row in zip(stretches, rows, strict=True)
    ]
    line = (max(rows, default=-1) + 1) * (BAR + GAP)
    moments = [span for span in spans if span.end <= span.start]
    for span in sorted(moments, key=lambda span: (-STATES.index(span.state), span.start, span.label)):
        more = 3 if span.state == "violation" else 0
        boxes.append(Box(span.start, span.start, line - more, line + 22, span.state, span.label, span.count))
    return Lane(name, top, max(line + 22 if moments else line - GAP, 22.0), tuple(boxes), "")


def pack(spans: Sequence[Span], rows: int) -> list[int] | None:
    """Give each stretch a row so that no two overlap; None where so many rows are not enough.

    Examples
    --------
    >>> spans = [Span("granted", start, end, "", "") for start, end in ((0, 10), (5, 8), (9, 12))]
    >>> pack(spans, 2), pack(spans, 1)
    ([0, 1, 1], None)
    """
    free_from: list[float] = []
    given = [0] * len(spans)
    for place in sorted(range(len(spans)), key=lambda place: (spans[place].start, -spans[place].end, place)):
        span = spans[place]
        row = next((row for row, free in enumerate(free_from) if free <= span.start), None)
        if row is None:
            if len(free_from) == rows:
                return None
            row = len(free_from)
            free_from.append(0.0)
        free_from[row] = span.end
        given[place] = row
    return given


def columns(
    spans: Sequence[Span], left: float, right: float, number: int, height: float, states: Sequence[str]
) -> list[Box]:
    """Add stretches and moments up in columns of time, stacked by state; the tallest column fills the lane.

    A stretch counts in each column that it touches, so a column says how many there were at that time.

    Examples
    --------
    >>> boxes = columns([Span("used", t, t, "normal", "") for t in (0, 1, 9)], 0, 10, 2, 40, ["normal"])
    >>> [(box.start, box.count, box.bottom - box.top) for box in boxes]
    [(0.0, 2.0, 40.0), (5.0, 1.0, 20.0)]
    """
    width = (right - left) / number
    # Changes at the edges, summed up afterwards: a year of long grants costs no more than a year of moments.
    change: dict[str, list[float]] = {state: [0.0] * (number + 1) for state in states}
    for span in spans:
        first = min(max(int((span.start - left) / width), 0), number - 1)
        last = min(max(int((span.end - left) / width), first), number - 1)
        change[span.state][first] += span.count
        change[span.state][last + 1] -= span.count
    alive: dict[str, list[float]] = {}
    for state, steps in change.items():
        running = 0.0
        alive[state] = [running := running + step for step in steps[:number]]
    most = max(sum(alive[state][column] for state in states) for column in range(number)) or 1.0
    boxes = []
    for column in range(number):
        floor, start = height, left + column * width
        for state in states:
            if alive[state][column] > 0:
                # A single call after a revocation must stay visible among thousands.
                top = max(floor - max(height * alive[state][column] / most, 2.0), 0.0)
                boxes.append(Box(start, start + width, top, max(floor, top + 2.0), state, "", alive[state][column]))
                floor = top
    return boxes
