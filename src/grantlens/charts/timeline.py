"""The timeline of a case: what was granted, issued, used, to be revoked and revoked, and what was used after that."""

from __future__ import annotations

from collections import Counter
from typing import Any

from grantlens.charts.chart import Chart, blank, finish
from grantlens.charts.label import clean, short, wrap
from grantlens.charts.lanes import LANES, OPEN, SELDOM, STATE_WORDS, STATES, Lane, Span, clip, lay
from grantlens.charts.moments import milliseconds, written
from grantlens.charts.rows import Row, number, rows
from grantlens.charts.timeline_panel import panel
from grantlens.wording import duration, plural

CLOSE = 0.06
"""Uses after the revocation that fill less than this share of the axis get a panel of their own."""


def timeline(
    table: Any,
    *,
    case: str | None = None,
    until: Any = None,
    max_events: int = 2000,
) -> Chart:
    """Draw a case as lanes over time: granted, issued, used, revoked; and decided, where a decision to revoke is known.

    Parameters
    ----------
    table
        One row a stretch or an event: `lane` (granted, issued, used, decided or revoked), `start`, `end` (None for an event;
        a grant without an end is still open, a decision without one was not carried out), `label`, `state` (normal,
        violation - it worked after a revocation -, indeterminate, denied, or narrowed - of its scopes alone -), `count`.
        Times are datetimes or ISO texts; without a zone they are UTC.
    case
        Whose case it is, for the title.
    until
        The end of the time that was looked at: a decision that was not carried out is drawn up to here.
    max_events
        Above so many marks in a lane they are added up in columns of time.

    Examples
    --------
    >>> chart = timeline([
    ...     {"lane": "granted", "start": "2026-03-01T09:00:00Z", "end": "2026-03-02T09:00:00Z", "label": "mail.read"},
    ...     {"lane": "revoked", "start": "2026-03-02T09:00:00Z", "label": "by admin"},
    ...     {"lane": "used", "start": "2026-03-02T09:00:30Z", "label": "GET /mail", "state": "violation"},
    ... ], case="copilot")
    >>> chart.title
    'copilot: 1 use after a revocation, the last one 30 s later'
    """
    import altair as alt

    every = _read(rows(table))
    name = short(clean(case), 60) if case else None
    if not every:
        return blank(f"Nothing about {name} in this window" if name else "Nothing of this case in this window")
    left, right = min(span.start for span in every), max(span.end for span in every)
    if any(span.open for span in every if span.lane == SELDOM):
        right = max(right, milliseconds(until) or right)
    start, end = _margin(left, right)
    spans = clip(every, start, end)
    lanes = lay(spans, start, end, max_events)
    revoked = sorted(span.start for span in spans if span.lane == "revoked" and span.state in ("normal", "violation"))
    states = {span.state for span in spans if span.state != "normal" or span.lane == "used"}
    drawing = panel(lanes, revoked, start, end, states)
    notes = _notes(lanes)
    near = _near(spans, revoked, start, end)
    if near:
        zoomed = lay(clip(every, *near), *near, max_events)
        above = panel(zoomed, revoked, *near, states).properties(
            title=_heading("After the last revocation" if len(revoked) > 1 else "After the revocation", _notes(zoomed))
        )
        drawing = alt.vconcat(above, drawing.properties(title=_heading("The whole time", notes)), spacing=18)
        drawing, notes = drawing.resolve_scale(color="shared"), ""
    long = right - left > 5 * 86_400_000
    said = [
        f"{written(left, not long)} to {written(right, not long)} UTC." if right > left else f"{written(left)} UTC."
    ]
    said += ["Dashed: revocation."] if revoked else []
    said += ["Triangle: worked after a revocation."] if "violation" in states else []
    subtitle = " ".join([*said, notes]).strip()
    return finish(drawing, title=_title(spans, revoked, name), subtitle=subtitle, alt_text=_alt(spans, revoked))


def _notes(lanes: list[Lane]) -> str:
    return " ".join(lane.note for lane in lanes if lane.note)


def _heading(text: str, notes: str) -> dict[str, Any]:
    style = {"fontSize": 12, "fontWeight": "bold", "anchor": "start", "frame": "group", "offset": 20}
    return {"text": text, **({"subtitle": wrap(notes, 118)} if notes else {}), **style}


def _read(found: list[Row]) -> list[Span]:
    spans = []
    for row in found:
        start, end, lane = milliseconds(row.get("start")), milliseconds(row.get("end")), row.get("lane")
        if start is None or lane not in LANES:
            continue
        state = row.get("state")
        spans.append(
            Span(
                lane=lane,
                start=start,
                end=start if end is None else max(start, end),
                state=state if state in STATES else "normal",
                label=clean(row["label"]) if row.get("label") else "",
                count=number(row, "count", 1),
                open=end is None and lane in OPEN,
            )
        )
    return spans


def _margin(left: float, right: float) -> tuple[float, float]:
    """Leave room at both ends, so that no mark sits on the edge; one moment still needs an axis."""
    room = (right - left) * 0.015 if right > left else 30_000.0
    return left - room, right + room


def _near(spans: list[Span], revoked: list[float], left: float, right: float) -> tuple[float, float] | None:
    """Return the stretch around the uses after the last revocation before them, if it is lost in the whole."""
    # A row may stand for many calls: the last of them is at its end.
    wrong = [span.end for span in spans if span.lane == "used" and span.state == "violation"]
    if not revoked or not wrong:
        return None
    before = [moment for moment in revoked if moment <= max(wrong)]
    if not before:
        return None
    start, end = max(before), max(wrong)
    if end == start or end - start > CLOSE * (right - left):
        return None
    # Denials shortly after belong to the story.
    later = [span.start for span in spans if span.lane == "used" and end < span.start <= end + (end - start)]
    end = max([end, *later])
    return start - 0.12 * (end - start), end + 0.08 * (end - start)


def _title(spans: list[Span], revoked: list[float], name: str | None) -> str:
    start = f"{name}: " if name else ""
    uses = [span for span in spans if span.lane == "used"]
    wrong = [span for span in uses if span.state == "violation"]
    if wrong:
        text = f"{start}{plural(sum(span.count for span in wrong), 'use')} after a revocation"
        last = max(span.end for span in wrong)
        before = [moment for moment in revoked if moment <= last]
        # After several, nothing here tells which of them the use was to have been ended by.
        if len(before) > 1:
            return f"{start}{plural(sum(span.count for span in wrong), 'use')} after revocations, the last one {written(last)} UTC"
        return f"{text}, the last one {duration((last - before[-1]) / 1000)} later" if before else text
    done = plural(sum(span.count for span in uses if span.state != "denied"), "use") if uses else "no use seen"
    return f"{start}{done}; {_ended(spans, revoked)}"


def _ended(spans: list[Span], revoked: list[float]) -> str:
    """Say how the access ended, as far as the logs tell."""
    if revoked:
        return f"revoked {written(revoked[0])} UTC"
    waiting = [span.start for span in spans if span.lane == SELDOM and span.open]
    since = f"to be revoked since {written(min(waiting))} UTC, " if waiting else ""
    tried = [span for span in spans if span.lane == "revoked"]
    narrowed = [span.start for span in tried if span.state == "narrowed"]
    if narrowed:
        return f"{since}scopes taken away {written(min(narrowed))} UTC"
    return f"{since}no revocation {'succeeded' if tried else 'seen'}"


def _alt(spans: list[Span], revoked: list[float]) -> str:
    total: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for span in spans:
        total[span.lane] += span.count
        if span.lane == "used":
            states[span.state] += span.count
    lanes = [lane for lane in LANES if lane != SELDOM or total[lane]]
    said = f"Numbers: {', '.join(f'{lane} {total[lane]:,.0f}' for lane in lanes)}."
    if states:
        uses = [f"{STATE_WORDS[state]} {states[state]:,.0f}" for state in STATES if states[state]]
        said += f" Of the uses: {', '.join(uses)}."
    return f"{said} First revocation: {written(revoked[0])} UTC." if revoked else said
