"""A case as one offline HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantlens.report.environment import render
from grantlens.report.figures import as_figure
from grantlens.report.glossary import GLOSSARY
from grantlens.report.outline import PAGE, facts, order, several

if TYPE_CHECKING:
    from grantlens.charts.chart import Chart


def case_page(document: dict[str, Any], chart: Chart | None) -> str:
    """Return the page of a case.

    Parameters
    ----------
    document
        What `Case.to_dict()` gives.
    chart
        The timeline, drawn.
    """
    open_ones = sorted((f for f in document["findings"] if f["verdict"] != "clear"), key=order)
    return render(
        "case.html.j2",
        document=document,
        clients={},
        several=several(document),
        findings=[{**finding, "is_new": False, "facts": facts(finding)} for finding in open_ones[: PAGE.rows]],
        found=len(open_ones),
        remedies={rule["id"]: rule["remedy"] for rule in document["rules"]},
        timeline=as_figure(chart, _caption(document)) if chart else None,
        limits=PAGE,
        meanings=GLOSSARY,
    )


def _caption(document: dict[str, Any]) -> str:
    decided = any(row["lane"] == "decided" for row in document["timeline"])
    brought = ", but for the decisions, which the organisation brought" if decided else ""
    return f"Each mark is a logged event{brought}; a dashed line is a revocation."
