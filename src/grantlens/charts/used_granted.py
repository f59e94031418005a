"""Used against granted: a matrix of who holds which scope, and whether anybody ever needed it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from grantlens.charts.axis import columns_axis, names_axis
from grantlens.charts.chart import Chart, blank, finish
from grantlens.charts.label import clean, compact, shorten
from grantlens.charts.rows import number, rows
from grantlens.charts.theme import PALETTE, WORDS, on
from grantlens.wording import plural

STATES = ("used", "unused", "insufficient_evidence", "not_observable")
ACTIONS = ("remove", "replace", "ask", "wait", "keep")


@dataclass
class _Held:
    """One scope in the hands of one client: how many grants are in which state, and what to do."""

    states: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    uses: float = 0

    @property
    def state(self) -> str:
        """A scope that one grant used is used; a silent one is unused as soon as one grant shows that."""
        return next((state for state in STATES if self.states[state]), "not_observable")

    @property
    def advice(self) -> str:
        return next((action for action in ACTIONS if self.actions[action]), "")

    @property
    def mixed(self) -> bool:
        """True where some grants used it and others did not: the number of uses alone would hide those."""
        return 0 < self.states["used"] < self.states.total()

    @property
    def text(self) -> str:
        if self.mixed:
            return f"{self.states['used']:,} of {self.states.total():,}"
        if self.state == "used":
            return compact(self.uses) if self.uses else "used"
        return self.advice or "?"


def used_granted(table: Any, *, top_columns: int = 14, top_scopes: int = 24) -> Chart:
    """Draw the granted scopes of each client with what the logs say about their use.

    Parameters
    ----------
    table
        One row a granted scope: `client_id`, `scope`, `state` (used, unused, insufficient_evidence or
        not_observable), `uses`, `action`.
    top_columns, top_scopes
        How many are shown: those with most scopes of which no use was seen. The subtitle says how many are not.

    Examples
    --------
    >>> chart = used_granted([{"client_id": "copilot", "scope": "mail.send", "state": "unused", "action": "remove"}])
    >>> chart.title
    'No use was seen of 1 of 1 granted scope'
    """
    found = [row for row in rows(table) if row.get("scope") is not None]
    if not found:
        return blank("No granted scopes in this window")
    held: dict[tuple[str, str], _Held] = defaultdict(_Held)
    for row in found:
        state = row.get("state")
        cell = held[clean(row.get("client_id")), clean(row["scope"])]
        cell.states[state if state in STATES else "not_observable"] += 1
        cell.uses += number(row, "uses")
        cell.actions[row.get("action") or ""] += 1
    columns = _ranked(held, 0)
    shown = set(columns[:top_columns])
    scopes = _ranked({key: cell for key, cell in held.items() if key[0] in shown}, 1)
    hidden = [
        plural(len(columns) - top_columns, "client") if len(columns) > top_columns else "",
        plural(len(_ranked(held, 1)) - top_scopes, "scope") if len(_ranked(held, 1)) > top_scopes else "",
    ]
    return _matrix(held, columns[:top_columns], scopes[:top_scopes], [each for each in hidden if each])


def _ranked(held: dict[tuple[str, str], _Held], side: int) -> list[str]:
    """Order by granted scopes without a use, then by those that cannot be judged, by scopes held, by name."""
    unused: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    granted: Counter[str] = Counter()
    for key, cell in held.items():
        unused[key[side]] += cell.states["unused"]
        unsure[key[side]] += cell.states.total() - cell.states["unused"] - cell.states["used"]
        granted[key[side]] += 1
    return sorted(granted, key=lambda name: (-unused[name], -unsure[name], -granted[name], name))


def _words(held: dict[tuple[str, str], _Held]) -> tuple[str, str]:
    """Say the finding, and what could not be judged."""
    total: Counter[str] = Counter()
    for cell in held.values():
        total.update(cell.states)
    grants = sum(total.values())
    unused = total["unused"]
    if unused:
        title = f"No use was seen of {unused:,} of {plural(grants, 'granted scope')}"
    elif total["used"] == grants:
        title = f"All {plural(grants, 'granted scope')} were used" if grants > 1 else "The 1 granted scope was used"
    else:
        title = f"Of {plural(grants, 'granted scope')}, none can be shown to be unused"
    open_ = total["insufficient_evidence"] + total["not_observable"]
    return title, f"{open_:,} cannot be judged yet: that is not the same as unused." if open_ else ""


def _cell(column: str, scope: str, cell: _Held) -> dict[str, Any]:
    return {
        "holder": column,
        "scope": scope,
        "state": WORDS[cell.state],
        "text": cell.text,
        "advice": cell.advice,
        "ink": on(PALETTE[cell.state]),
        "uses": cell.uses,
        "grants": cell.states.total(),
        "grants that used it": cell.states["used"],
    }


def _matrix(held: dict[tuple[str, str], _Held], columns: list[str], scopes: list[str], hidden: list[str]) -> Chart:
    import altair as alt

    column_label, scope_label = shorten(columns, 28), shorten(scopes, 48)
    values = [
        {"column": column_label[column], "line": scope_label[scope], **_cell(column, scope, cell)}
        for (column, scope), cell in sorted(held.items())
        if column in column_label and scope in scope_label
    ]
    present = [state for state in STATES if WORDS[state] in {value["state"] for value in values}]
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("column:N", sort=[column_label[name] for name in columns], axis=alt.Axis(**columns_axis("client"))),
        y=alt.Y("line:N", sort=[scope_label[name] for name in scopes], axis=alt.Axis(**names_axis("granted scope"))),
        tooltip=[
            alt.Tooltip("holder:N", title="client"),
            "scope:N",
            "state:N",
            "advice:N",
            alt.Tooltip("uses:Q", format=",d"),
            alt.Tooltip("grants:Q", format=",d"),
            alt.Tooltip("grants that used it:Q", format=",d"),
        ],
    )
    colour = alt.Color(
        "state:N",
        title=None,
        scale=alt.Scale(domain=[WORDS[state] for state in present], range=[PALETTE[state] for state in present]),
    )
    drawing = alt.layer(
        base.mark_rect(stroke="white", strokeWidth=2).encode(color=colour),
        base.mark_text().encode(text="text:N", color=alt.Color("ink:N", scale=None)),
    ).properties(width=alt.Step(56), height=alt.Step(24))
    title, unsure = _words(held)
    some = " “1 of 2”: so many of its grants used it;" if any(cell.mixed for cell in held.values()) else ""
    subtitle = f"Number in a cell: uses;{some} word: what to do. Empty: not granted."
    if hidden:
        subtitle += f" Not shown: {' and '.join(hidden)}."
    worst = [
        f"{name} ({sum(cell.states['unused'] for (column, _), cell in held.items() if column == name)})"
        for name in columns[:3]
    ]
    width = 56 * len(columns) + 7 * max(len(label) for label in scope_label.values())
    return finish(
        drawing,
        title=title,
        subtitle=f"{unsure} {subtitle}".strip(),
        alt_text=f"Most granted scopes without a use, by client: {', '.join(worst)}.",
        width=min(max(width, 600), 960),
    )
