"""How long revoked access went on working: the share still accepted, against time on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantlens.charts.axis import shares_axis
from grantlens.charts.chart import WIDTH, Chart, blank, finish
from grantlens.charts.label import clean, percent, short
from grantlens.charts.rows import rows
from grantlens.charts.theme import FAINT, PALETTE, SOFT
from grantlens.wording import duration, plural

if TYPE_CHECKING:
    import altair as alt

BANDS = (
    (5.0, "excellent"),
    (60.0, "good"),
    (900.0, "fair"),
    (5400.0, "by expiry"),
    (float("inf"), "failed"),
)
"""Classes of enforcement, each up to so many seconds: 5 s, 60 s, 15 min (continuous access evaluation), and 90 min,
the life of an access token."""

LOG_TICKS = (1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1, 10, 60, 900, 3600, 21600, 86400, 604800, 2592000, 31536000)
"""Where a logarithmic time axis has its ticks, in seconds."""

LOG_LABELS = (
    "1 µs",
    "10 µs",
    "0.1 ms",
    "1 ms",
    "10 ms",
    "0.1 s",
    "1 s",
    "10 s",
    "1 min",
    "15 min",
    "1 h",
    "6 h",
    "1 d",
    "7 d",
    "30 d",
    "1 y",
)


@dataclass(frozen=True)
class _Step:
    t: float
    low: float
    high: float
    likely: float | None


def lag_curve(
    curve: Any,
    *,
    n: int | None = None,
    events: int | None = None,
    right_share: float | None = None,
    left_share: float | None = None,
    untried_share: float | None = None,
    bounds: Mapping[float, tuple[float, float | None]] | None = None,
    where: str | None = None,
) -> Chart:
    """Draw the survival curve of revoked access with its assumption-free band.

    Parameters
    ----------
    curve
        Columns `t` (seconds since the revocation), `survival_low`, `survival_high`, and `npmle` (may be null).
    n, events
        Number of (token, server) pairs, and of revocations behind them.
    right_share, left_share, untried_share
        Share not denied after the last success, share denied without a success after the revocation, and share never
        tried, which is part of the first.
    bounds
        Bounds of the quantiles 0.5, 0.9 and 0.95; read off the curve if absent, whose steps may have been thinned out.
    where
        Resource server, if it is about one.

    Examples
    --------
    >>> chart = lag_curve({"t": [0, 60], "survival_low": [0.5, 0], "survival_high": [1, 0], "npmle": [None, None]})
    >>> chart.title
    'Half of the revoked access had ended within 60 s'
    """
    steps = [
        _Step(float(row["t"]), float(row["survival_low"]), float(row["survival_high"]), row.get("npmle"))
        for row in rows(curve)
    ]
    place = f" at {short(clean(where), 60)}" if where else ""
    if not steps:
        return blank(f"No revocation{place} in this window can be timed")
    steps.sort(key=lambda step: step.t)
    drawing = _drawing(steps)
    likely = any(step.likely is not None for step in steps)
    subtitle = [
        "Shaded: where the share must lie, whatever happened between two calls."
        + (" Line: the likeliest course (Turnbull)." if likely else " Too few revocations for an estimate within it.")
    ]
    facts = []
    if n is not None:
        facts.append(f"n={n:,}" + (f" from {plural(events, 'revocation')}" if events not in (None, n) else ""))
    if right_share:
        untried = f", or no call logged afterwards ({percent(untried_share)})" if untried_share else ""
        facts.append(f"{percent(right_share)} not denied after the last success{untried} (right-censored)")
    if left_share:
        facts.append(f"{percent(left_share)} denied, with no success after the revocation (left-censored)")
    if facts:
        subtitle.append("; ".join(facts) + ".")
    bounds = bounds or {share: _quantile(steps, share) for share in (0.5, 0.9, 0.95)}
    said = [f"{percent(share)} ended by {_by(*bounds[share])}" for share in (0.5, 0.9, 0.95)]
    return finish(
        drawing,
        title=_one(*bounds[0.5], place, left_share == 1, untried_share == 1) if n == 1 else _title(*bounds[0.5], place),
        subtitle=" ".join(subtitle),
        alt_text=f"Assumption-free bounds: {'; '.join(said)}.",
    )


def _quantile(steps: list[_Step], share: float) -> tuple[float, float | None]:
    """Return the assumption-free bounds of the time by which `share` had ended."""
    rest = 1 - share + 1e-9
    low = next((step.t for step in steps if step.low <= rest), steps[-1].t)
    return low, next((step.t for step in steps if step.high <= rest), None)


def _by(low: float, high: float | None) -> str:
    return f"{duration(low)} at the earliest, {'not bounded' if high is None else duration(high)} at the latest"


def _title(low: float, high: float | None, place: str) -> str:
    if high is None:
        start = f"At least half of the revoked access{place} still worked after {duration(low)}" if low > 0 else ""
        return start or f"How long revoked access{place} went on working cannot be bounded from these logs"
    if low > 0 and high > low:
        return f"Half of the revoked access{place} had ended between {duration(low)} and {duration(high)}"
    if low > 0:
        return f"Half of the revoked access{place} still worked for {duration(low)}"
    return f"Half of the revoked access{place} had ended within {duration(high)}"


def _one(low: float, high: float | None, place: str, left: bool, untried: bool) -> str:
    if untried:
        return f"The revoked access{place} was not used again after the revocation, so far as the logs show"
    if high is None and low > 0:
        return f"The revoked access{place} was not denied after its last success, {duration(low)} or more after the revocation"
    if high is None:
        return f"How long the revoked access{place} went on working cannot be bounded from these logs"
    if low > 0:
        return f"The revoked access{place} ended between {duration(low)} and {duration(high)} after the revocation"
    seen = "; no success was seen after the revocation" if left else ""
    return f"The revoked access{place} ended within {duration(high)}{seen}"


def _drawing(steps: list[_Step]) -> alt.LayerChart:
    import altair as alt

    finite = [step.t for step in steps if step.t > 0]
    shortest = min([*finite, 1.0])
    left = max((tick for tick in LOG_TICKS if tick <= shortest), default=LOG_TICKS[0])
    right = 1.6 * max([*finite, 60.0])
    begun = [step for step in steps if step.t <= left]
    shown = ([begun[-1]] if begun else [_Step(left, 1.0, 1.0, 1.0)]) + [step for step in steps if step.t > left]
    values = [{"t": max(step.t, left), "low": step.low, "high": step.high, "likely": step.likely} for step in shown]
    values.append(values[-1] | {"t": right})
    ticks = [(tick, label) for tick, label in zip(LOG_TICKS, LOG_LABELS, strict=True) if left <= tick <= right]
    names = ", ".join(f"'{tick}': '{label}'" for tick, label in ticks)
    x = alt.X(
        "t:Q",
        scale=alt.Scale(type="log", domain=[left, right], nice=False),
        title="time since the revocation was acknowledged (logarithmic)",
        axis=alt.Axis(values=[tick for tick, _ in ticks], labelExpr=f"({{{names}}})[datum.value]", grid=False),
    )
    share = alt.Axis(**shares_axis())
    y = alt.Scale(domain=[0, 1], nice=False)
    title = "share of revoked access still accepted"
    tips = [
        alt.Tooltip("t:Q", title="seconds", format=",.1f"),
        alt.Tooltip("low:Q", title="at least", format=".1%"),
        alt.Tooltip("high:Q", title="at most", format=".1%"),
    ]
    base = alt.Chart(alt.Data(values=values))
    layers = [
        base.mark_area(interpolate="step-after", color="#CFE0EE").encode(
            x=x, y=alt.Y("high:Q", scale=y, axis=share, title=title), y2="low:Q", tooltip=tips
        ),
        *(
            base.mark_line(interpolate="step-after", color=PALETTE["bound"], strokeWidth=1).encode(x=x, y=f"{side}:Q")
            for side in ("high", "low")
        ),
    ]
    if any(value["likely"] is not None for value in values):
        layers.append(
            base.mark_line(interpolate="step-after", color=PALETTE["clear"], strokeWidth=2.5).encode(
                x=x, y=alt.Y("likely:Q", scale=y, axis=share, title=title)
            )
        )
    return alt.layer(*_bands(left, right, x), *layers).properties(width=WIDTH - 60, height=300)


def _bands(left: float, right: float, x: alt.X) -> list[alt.Chart]:
    """Draw the limits of the classes as light rules, with their names above the plot."""
    import math

    import altair as alt

    rules, names = [], []
    start = left
    across = math.log(right / left)
    for limit, name in BANDS:
        end = min(limit, right)
        if end > start:
            if limit < right:
                rules.append({"t": limit})
            words = name if math.isinf(limit) else f"{name}, to {duration(limit)}"
            room = (WIDTH - 60) * math.log(end / start) / across
            fitting = next((each for each in (words, name) if len(each) * 6 < room), None)
            if fitting:
                names.append({"t": math.sqrt(start * end), "name": fitting})
            start = end
    rule = alt.Chart(alt.Data(values=rules)).mark_rule(color=FAINT, strokeDash=[4, 3]).encode(x=x)
    text = (
        alt.Chart(alt.Data(values=names))
        .mark_text(baseline="bottom", fontSize=11, color=SOFT)
        .encode(x=x, y=alt.value(-5), text="name:N")
    )
    return [rule, text]
