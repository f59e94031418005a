"""How many of the calls with revoked access were still accepted, minute by minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantlens.charts.axis import shares_axis, ticks
from grantlens.charts.chart import WIDTH, Chart, blank, finish
from grantlens.charts.label import clean, percent, short
from grantlens.charts.rows import rows
from grantlens.charts.theme import PALETTE
from grantlens.wording import plural

if TYPE_CHECKING:
    import altair as alt


def acceptance(table: Any, *, where: str | None = None) -> Chart:
    """Draw the share of accepted calls in each minute after a revocation, with its interval.

    Parameters
    ----------
    table
        Columns `minute`, `calls`, `accepted`, `share`, `low`, `high`, see `grantlens.analysis.acceptance`.
    where
        Resource server, if it is about one.

    Examples
    --------
    >>> row = {"minute": 0, "calls": 8, "accepted": 2, "share": 0.25, "low": 0.1, "high": 0.6}
    >>> acceptance([row]).title
    'Of 8 calls with revoked access in the first minute, 25 % were still accepted'
    """
    minutes = _in_order(table)
    if not minutes:
        return blank(sentence(table, where))
    return finish(
        _drawing(minutes),
        title=sentence(table, where),
        subtitle="Dot: share of the calls of that minute. Bar: 95 % interval, wide where few revocations stand behind the calls. "
        "Minutes without a dot had no call.",
        alt_text="By minute: "
        + "; ".join(f"{_minute(row)}, {percent(row['share'])} of {row['calls']:,}" for row in _few(minutes))
        + ".",
    )


def sentence(table: Any, where: str | None = None) -> str:
    """Say what the rows say, see `acceptance`.

    Examples
    --------
    >>> sentence([], "api.example")
    'No call with revoked access at api.example in the hour after a revocation'
    """
    place = f" at {short(clean(where), 60)}" if where else ""
    minutes = _in_order(table)
    if not minutes:
        return f"No call with revoked access{place} in the hour after a revocation"
    first, *others = minutes
    start = (
        f"The one call with revoked access{place} in {_minute(first)} was {'still accepted' if first['accepted'] else 'refused'}"
        if first["calls"] == 1
        else f"Of {first['calls']:,} calls with revoked access{place} in {_minute(first)}, {percent(first['share'])} were still accepted"
    )
    calls, accepted = (sum(row[name] for row in others) for name in ("calls", "accepted"))
    return (
        f"{start}; of {plural(calls, 'call')} in the rest of the hour, {percent(accepted / calls)}" if calls else start
    )


def _in_order(table: Any) -> list[dict[str, Any]]:
    return sorted(rows(table), key=lambda row: row["minute"])


def _minute(row: dict[str, Any]) -> str:
    return "the first minute" if row["minute"] == 0 else f"minute {row['minute'] + 1}"


def _few(minutes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a handful of minutes, the first and the last among them."""
    step = max(1, len(minutes) // 5)
    return [*minutes[:-1:step], minutes[-1]]


def _drawing(minutes: list[dict[str, Any]]) -> alt.LayerChart:
    import altair as alt

    end = max(5, minutes[-1]["minute"] + 1)
    names = ("calls", "accepted", "share", "low", "high")
    values = [
        {"at": row["minute"] + 0.5, "words": _minute(row)} | {name: row[name] for name in names} for row in minutes
    ]
    x = alt.X(
        "at:Q",
        scale=alt.Scale(domain=[0, end], nice=False),
        axis=alt.Axis(values=ticks(end, 12), format="d", grid=False),
        title="minutes since the revocation was acknowledged",
    )
    share = alt.Axis(**shares_axis())
    scale, title = alt.Scale(domain=[0, 1], nice=False), "share of calls still accepted"
    tips = [
        alt.Tooltip("words:N", title="when"),
        alt.Tooltip("calls:Q", format=",d"),
        alt.Tooltip("accepted:Q", format=",d"),
        alt.Tooltip("share:Q", format=".1%"),
    ]
    base = alt.Chart(alt.Data(values=values)).encode(x=x, tooltip=tips)
    bar = base.mark_rule(color=PALETTE["bound"], strokeWidth=2).encode(
        y=alt.Y("low:Q", scale=scale, axis=share, title=title), y2="high:Q"
    )
    dot = base.mark_circle(color=PALETTE["clear"], size=48, opacity=1).encode(
        y=alt.Y("share:Q", scale=scale, axis=share, title=title)
    )
    return alt.layer(bar, dot).properties(width=WIDTH - 60, height=220)
