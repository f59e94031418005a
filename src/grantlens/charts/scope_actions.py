"""Which client did what outside its scope: a heatmap by client and operation, bars where one of them is one."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from grantlens.charts.axis import columns_axis, names_axis, numbers_axis
from grantlens.charts.chart import Chart, blank, finish
from grantlens.charts.fold import FOLDED, Fold, fold
from grantlens.charts.label import clean, compact, shorten
from grantlens.charts.rows import number, rows
from grantlens.charts.theme import PALETTE, blend, on
from grantlens.wording import plural

NO_OPERATION = "(no catalogue knows it)"
NOUNS = ("client", "operation")


@dataclass(frozen=True)
class Calls:
    """Calls in violation, and calls that cannot be decided."""

    wrong: float = 0
    undecided: float = 0

    def __add__(self, other: Calls) -> Calls:
        return Calls(self.wrong + other.wrong, self.undecided + other.undecided)

    @property
    def number(self) -> str:
        """The number as it stands in a cell."""
        return compact(self.wrong) if self.wrong else f"{compact(self.undecided)} ?"

    @property
    def words(self) -> str:
        """The number as it stands in a sentence."""
        wrong = [plural(self.wrong, "call")] if self.wrong else []
        return ", ".join([*wrong, *([f"{self.undecided:,.0f} undecided"] if self.undecided else [])])


Cells = dict[tuple[str, str], Calls]


def scope_actions(
    table: Any,
    *,
    what: str = "no granted scope permitted",
    top_clients: int = 12,
    top_operations: int = 20,
) -> Chart:
    """Draw out-of-scope calls by client and operation.

    Parameters
    ----------
    table
        One row a finding: `client_id`, `operation`, `events` (1 if absent), `verdict` ("violation" if absent).
    what
        What was wrong with the calls, as in "12 calls that no granted scope permitted".
    top_clients, top_operations
        How many get a place of their own; the others are added up and counted in the last one.

    Examples
    --------
    >>> chart = scope_actions([{"client_id": "copilot", "operation": "GET /mail", "events": 3}])
    >>> chart.title
    'copilot made 3 calls that no granted scope permitted'
    """
    cells = _cells(rows(table))
    if not cells:
        return blank("No out-of-scope calls found in this window", f"Looked for calls that {what}.")
    sides = [_ranked(cells, side) for side in (0, 1)]
    title = _title(cells, sides[0], what)
    if len(sides[0]) == 1:
        return _bars(cells, 1, sides[1], top_operations + 4, title)
    if len(sides[1]) == 1:
        return _bars(cells, 0, sides[0], top_clients + 4, title)
    return _heatmap(cells, sides[0], sides[1], (top_clients, top_operations), title)


def _cells(found: list[dict]) -> Cells:
    cells: Cells = defaultdict(Calls)
    for row in found:
        verdict = row.get("verdict") or "violation"
        if verdict == "clear":
            continue
        operation = NO_OPERATION if row.get("operation") in (None, "") else clean(row["operation"])
        events = number(row, "events", 1)
        cells[clean(row.get("client_id")), operation] += Calls(events) if verdict == "violation" else Calls(0, events)
    return {key: cells[key] for key in sorted(cells)}


def _ranked(cells: Cells, side: int) -> list[str]:
    """Order clients (side 0) or operations (side 1): most violations first, then most undecided, then by name."""
    sums: dict[str, Calls] = defaultdict(Calls)
    for key, calls in cells.items():
        sums[key[side]] += calls
    return sorted(sums, key=lambda name: (-sums[name].wrong, -sums[name].undecided, name))


def _title(cells: Cells, clients: list[str], what: str) -> str:
    total = sum(cells.values(), Calls())
    if not total.wrong:
        return f"{plural(total.undecided, 'call')} of {plural(len(clients), 'client')} cannot be decided"
    by_client = Counter(dict.fromkeys(clients, 0.0))
    for (name, _), calls in cells.items():
        by_client[name] += calls.wrong
    guilty = sum(1 for calls in by_client.values() if calls)
    first, most = shorten(clients, 40)[clients[0]], by_client[clients[0]]
    if guilty == 1:
        return f"{first} made {plural(total.wrong, 'call')} that {what}"
    share = f"; {first} made {most:,.0f} of them" if most > max(1.5 / guilty, 0.1) * total.wrong else ""
    return f"{plural(guilty, 'client')} made {plural(total.wrong, 'call')} that {what}{share}"


def _subtitle(start: str, cells: Cells) -> str:
    undecided = sum(calls.undecided for calls in cells.values())
    if not undecided:
        return start
    return (
        f"{start} Yellow with a question mark: cannot be decided ({plural(undecided, 'call')}); that is no all-clear."
    )


def _alt(cells: Cells) -> str:
    worst = sorted(cells.items(), key=lambda item: (-item[1].wrong, -item[1].undecided, item[0]))[:3]
    return "Most calls: " + "; ".join(f"{key[0]}, {key[1]}: {calls.words}" for key, calls in worst) + "."


def _heatmap(cells: Cells, clients: list[str], operations: list[str], top: tuple[int, int], title: str) -> Chart:
    import altair as alt

    across = fold(clients, top[0], "clients", 28)
    down = fold(operations, top[1], "operations")
    base = alt.Chart(alt.Data(values=_spots(cells, across, down))).encode(
        x=alt.X("column:N", sort=across.order, axis=alt.Axis(**columns_axis("client"))),
        y=alt.Y("line:N", sort=down.order, axis=alt.Axis(**names_axis("operation"))),
        tooltip=[
            alt.Tooltip("client:N"),
            alt.Tooltip("operation:N"),
            alt.Tooltip("calls:Q", format=",d"),
            alt.Tooltip("undecided:Q", format=",d", title="undecided calls"),
        ],
    )
    drawing = alt.layer(
        base.mark_rect(stroke="white", strokeWidth=2).encode(color=alt.Color("shade:N", scale=None)),
        base.mark_text().encode(text="number:N", color=alt.Color("ink:N", scale=None)),
    ).properties(width=alt.Step(56), height=alt.Step(24))
    width = 56 * len(across.order) + 7 * max(len(line) for line in down.order)
    return finish(
        drawing,
        title=title,
        subtitle=_subtitle("Number of calls; the darker, the more.", cells),
        alt_text=_alt(cells),
        width=min(max(width, 600), 960),
    )


def _spots(cells: Cells, across: Fold, down: Fold) -> list[dict[str, Any]]:
    """Return what stands at each place of the heatmap, where those that have no line of their own are added up."""
    spots: Cells = defaultdict(Calls)
    names: dict[tuple[str, str], tuple[str, str]] = {}
    for key, calls in cells.items():
        spot = (across.label[key[0]], down.label[key[1]])
        spots[spot] += calls
        names[spot] = tuple(
            place if place == rest else name
            for place, rest, name in zip(spot, (across.rest, down.rest), key, strict=True)
        )
    single = [calls.wrong for (column, line), calls in spots.items() if column != across.rest and line != down.rest]
    most = max(single, default=1)
    values = []
    for (column, line), calls in spots.items():
        folded = column == across.rest or line == down.rest
        shade = FOLDED if folded else _shade(calls, most)
        client, operation = names[column, line]
        values.append(
            {
                "column": column,
                "line": line,
                "number": calls.number,
                "shade": shade,
                "ink": on(shade),
                "client": client,
                "operation": operation,
                "calls": calls.wrong,
                "undecided": calls.undecided,
            }
        )
    return values


def _shade(calls: Calls, most: float) -> str:
    if not calls.wrong:
        return blend(PALETTE["indeterminate"], 0.55)
    # The fourth root keeps one call visible beside a million.
    return blend(PALETTE["violation"], 0.15 + 0.85 * (calls.wrong / most) ** 0.25 if most > 1 else 0.6)


def _bars(cells: Cells, side: int, ranked: list[str], top: int, title: str) -> Chart:
    import altair as alt

    noun, fixed = NOUNS[side], NOUNS[1 - side]
    down = fold(ranked, top, noun + "s")
    sums: dict[str, Calls] = defaultdict(Calls)
    names: dict[str, str] = {}
    for key, calls in cells.items():
        spot = down.label[key[side]]
        sums[spot] += calls
        names[spot] = spot if spot == down.rest else key[side]
    values = [
        {
            "line": spot,
            "name": names[spot],
            "calls": calls.wrong or calls.undecided,
            # The rest may be longer than all bars together: it is told in words.
            "length": 0 if spot == down.rest else calls.wrong or calls.undecided,
            "number": f"{calls.number} in all" if spot == down.rest else calls.number,
            "shade": PALETTE["violation" if calls.wrong else "indeterminate"],
        }
        for spot, calls in sums.items()
    ]
    most = max(value["length"] for value in values)
    base = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y("line:N", sort=down.order, axis=alt.Axis(**names_axis(noun))),
        x=alt.X("length:Q", title="number of calls", axis=alt.Axis(**numbers_axis(most))),
        tooltip=[alt.Tooltip("name:N", title=noun), alt.Tooltip("calls:Q", format=",d")],
    )
    drawing = alt.layer(
        base.mark_bar(height={"band": 0.72}).encode(color=alt.Color("shade:N", scale=None)),
        base.mark_text(align="left", dx=5).encode(text="number:N"),
    ).properties(width=460, height=alt.Step(24))
    only = next(iter(cells))[1 - side]
    start = f"Calls by {noun}; the {fixed} is {shorten([only], 60).popitem()[1]}."
    if only == NO_OPERATION:
        start = f"Calls by {noun}; no catalogue in the store knows what they did."
    return finish(drawing, title=title, subtitle=_subtitle(start, cells), alt_text=_alt(cells))
