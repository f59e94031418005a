"""How many of each: bars, longest first, stacked by verdict where there is one."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from grantlens.charts.axis import names_axis, numbers_axis
from grantlens.charts.chart import Chart, blank, finish
from grantlens.charts.fold import fold
from grantlens.charts.label import clean, compact, shorten
from grantlens.charts.rows import number, rows
from grantlens.charts.theme import PALETTE, WORDS
from grantlens.wording import agree, plural

VERDICTS = ("violation", "indeterminate", "clear")


def tally(table: Any, *, by: str, value: str = "events", what: str = "finding", top: int = 20) -> Chart:
    """Draw the sum of `value` for each value of the column `by`.

    Parameters
    ----------
    table
        Rows with the column `by`; optionally `value` (each row counts 1 without it) and `verdict`.
    by
        Column to group by.
    value
        Column to add up.
    what
        The things counted, such as "findings".
    top
        How many bars; the others are added up.

    Examples
    --------
    >>> tally([{"rule": "REV-1", "events": 3}, {"rule": "OOS-1", "events": 9}], by="rule", what="event").title
    'OOS-1 has the most events: 9 of 12'
    """
    found = rows(table)
    what = what.removesuffix("s")
    heading = by.removesuffix("_id").replace("_", " ")
    if not found:
        return blank(f"No {what}s in this window")
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for row in found:
        verdict = row.get("verdict")
        sums[clean(_text(row.get(by)))][verdict if verdict in VERDICTS else ""] += number(row, value, 1)
    ranked = sorted(sums, key=lambda name: (-sum(sums[name].values()), name))
    total = sum(sum(parts.values()) for parts in sums.values())
    return _bars(sums, ranked, heading, _title(sums, ranked, heading, what, total), what, top)


def _text(value: Any) -> Any:
    """Return what a list or a structure holds as a reader would write it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items() if part is not None)
    return (", ".join(map(str, value)) or "none") if isinstance(value, (list, tuple)) else value


def _title(sums: dict[str, Counter[str]], ranked: list[str], heading: str, what: str, total: float) -> str:
    first = shorten(ranked[:1], 40)[ranked[0]]
    most = sum(sums[ranked[0]].values())
    if heading in ("verdict", "severity"):
        of = f"{most:,.0f} of {plural(total, what)}" if len(ranked) > 1 else plural(total, what)
        first = ("a violation" if most == 1 else "violations") if first == "violation" else first
        return f"{of} {agree(most, 'is', 'are')} {first}"
    if len(ranked) == 1:
        return f"{first} has {plural(most, what)}"
    if most == sum(sums[ranked[1]].values()):
        return f"{plural(total, what)} by {heading}; the most on one: {most:,.0f}"
    return f"{first} has the most {what}s: {most:,.0f} of {total:,.0f}"


def _bars(sums: dict[str, Counter[str]], ranked: list[str], heading: str, title: str, what: str, top: int) -> Chart:
    import altair as alt

    down = fold(ranked, top, f"{heading.removesuffix('s')}s", 48)
    parts: dict[tuple[str, str], float] = defaultdict(float)
    totals: Counter[str] = Counter()
    for name in ranked:
        for verdict, amount in sums[name].items():
            parts[down.label[name], verdict] += amount
            totals[down.label[name]] += amount
    full = {label: name for name, label in down.label.items() if label != down.rest}
    bars = [
        {
            "line": label,
            "name": full.get(label, label),
            "verdict": WORDS.get(verdict, what),
            "order": VERDICTS.index(verdict) if verdict else 3,
            "number": amount,
            "length": 0 if label == down.rest else amount,
        }
        for (label, verdict), amount in parts.items()
    ]
    ends = [
        {
            "line": label,
            "length": 0 if label == down.rest else amount,
            "text": f"{compact(amount)} in all" if label == down.rest else compact(amount),
        }
        for label, amount in totals.items()
    ]
    present = [verdict for verdict in VERDICTS if any(key[1] == verdict for key in parts)]
    domain = [WORDS[verdict] for verdict in present] + ([what] if any(not key[1] for key in parts) else [])
    colours = [PALETTE[verdict] for verdict in present] + [PALETTE["clear"]]
    legend = alt.Legend() if len(domain) > 1 else None
    most = max(end["length"] for end in ends)
    y = alt.Y("line:N", sort=down.order, axis=alt.Axis(**names_axis(heading)))
    x = alt.X("length:Q", title=f"number of {what}s", axis=alt.Axis(**numbers_axis(most)))
    stacked = (
        alt.Chart(alt.Data(values=bars))
        .mark_bar(height={"band": 0.72})
        .encode(
            y=y,
            x=x,
            color=alt.Color(
                "verdict:N", title=None, legend=legend, scale=alt.Scale(domain=domain, range=colours[: len(domain)])
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("name:N", title=heading),
                "verdict:N",
                alt.Tooltip("number:Q", title=f"{what}s", format=",d"),
            ],
        )
    )
    numbers = alt.Chart(alt.Data(values=ends)).mark_text(align="left", dx=5).encode(y=y, x=x, text="text:N")
    drawing = alt.layer(stacked, numbers).properties(width=460, height=alt.Step(24))
    said = "; ".join(f"{label}: {amount:,.0f}" for label, amount in totals.most_common(5))
    only = f"All of them: {domain[0]}." if len(domain) == 1 and present else ""
    return finish(drawing, title=title, subtitle=only, alt_text=f"By {heading}: {said}.")
