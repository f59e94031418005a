"""The charts of a review, drawn from its document, and each as a picture inside the page: SVG in a data address, where no script of
it can run.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grantlens.charts.chart import Chart

_SIZE = re.compile(r'<svg\b[^>]*?\bwidth="([\d.]+)"[^>]*?\bheight="([\d.]+)"', re.DOTALL)


@dataclass(frozen=True)
class Figure:
    """One picture with its caption, and the text that says the same to those who cannot see it."""

    svg: str
    alt: str
    caption: str

    @cached_property
    def uri(self) -> str:
        """The picture as an address that needs no network."""
        from markupsafe import Markup

        # Only base64 letters: marked as such, so that it is not cut like a name that never ends.
        return Markup("data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode())

    @property
    def width(self) -> int:
        """Width in pixels, as drawn."""
        return round(float(self._size[0]))

    @property
    def height(self) -> int:
        """Height in pixels, as drawn."""
        return round(float(self._size[1]))

    @cached_property
    def _size(self) -> tuple[str, str]:
        match = _SIZE.search(self.svg)
        return (match[1], match[2]) if match else ("600", "300")


def review_figures(document: dict[str, Any]) -> dict[str, Figure | None]:
    """Return each chart of the page by name, None where there is nothing to draw."""
    return {
        "out_of_scope": _out_of_scope(document),
        "lag": _lag(document),
        "privileges": _privileges(document),
    }


def as_figure(chart: Chart, caption: str) -> Figure:
    """Return a chart as a picture of the page; its own sentence is the text alternative."""
    return Figure(svg=chart.svg(), alt=chart.alt, caption=caption)


def _out_of_scope(document: dict[str, Any]) -> Figure | None:
    from grantlens.charts.scope_actions import scope_actions

    calls: Counter[tuple[str | None, str]] = Counter()
    for finding in document["findings"]:
        if finding["rule"] in ("OOS-1", "OOS-3") and finding["verdict"] == "violation":
            calls[finding["client_id"], finding["operation"] or "(unknown)"] += finding["events"]
    rows = [
        {"client_id": client, "operation": operation, "events": count} for (client, operation), count in calls.items()
    ]
    if not rows:
        return None
    chart = scope_actions(rows, what="no granted scope permitted, or the registered purpose does not name")
    return as_figure(chart, "Rules OOS-1 and OOS-3 together; the lists below tell them apart.")


def _lag(document: dict[str, Any]) -> Figure | None:
    from grantlens.analysis.survival import curve
    from grantlens.charts.lag_curve import lag_curve

    lag = document["lag"]
    if not lag["n"]:
        return None
    lower, upper = ([case[side] for case in lag["intervals"]] for side in ("lower", "upper"))
    # Two tenants may have revocations of one id. A review of before says no time.
    revocations = [(case["source"], case["revocation_event"], case.get("revoked_at")) for case in lag["intervals"]]
    chart = lag_curve(
        curve(lower, upper, cluster=revocations),
        n=lag["n"],
        events=lag["events"],
        right_share=lag["right_share"],
        left_share=lag["left_share"],
        untried_share=lag["untried"] / lag["n"],
        bounds={row["tau"]: (row["lower"], row["upper"]) for row in lag["quantiles"]},
    )
    return as_figure(
        chart, "The truth lies between the two steps, whatever happened between the attempts that were logged."
    )


def _privileges(document: dict[str, Any]) -> Figure | None:
    from grantlens.charts.used_granted import used_granted

    names = ("scope", "state", "uses", "action")
    rows = [
        {"client_id": finding["client_id"], **{name: finding["detail"][name] for name in names}}
        for finding in document["findings"]
        if finding["rule"] == "PRV-1"
    ]
    return as_figure(used_granted(rows), "Held scopes by client; what was used, and what to do.") if rows else None
