"""A review as one offline HTML page."""

from __future__ import annotations

from typing import Any

from grantlens.report import change, outline
from grantlens.report.environment import render
from grantlens.report.figures import review_figures
from grantlens.report.glossary import GLOSSARY


def review_page(document: dict[str, Any]) -> str:
    """Return the page of a review.

    Parameters
    ----------
    document
        What `Review.to_dict()` gives, or what a review JSON holds.
    """
    return render(
        "review.html.j2",
        document=document,
        rules=outline.by_rule(document, outline.PAGE),
        clients={row["client_id"]: row for row in document["clients"]},
        clocks=outline.clocks(document),
        decisions=outline.decisions(document),
        several=outline.several(document),
        figures=review_figures(document),
        limits=outline.PAGE,
        meanings=GLOSSARY,
        change=_change(document["baseline"]),
    )


def _change(baseline: dict[str, Any] | None) -> dict[str, Any] | None:
    return baseline and {"counted": change.counted(baseline), "cautions": change.cautions(baseline)}
