"""A review as one offline HTML page."""

from __future__ import annotations

from typing import Any

from grantlens.report import accepted, change, outline
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
    before, taken = document["baseline"], document.get("accepted")
    rules = outline.by_rule(document, outline.PAGE)
    worst = outline.worst_shown(rules, outline.PAGE)
    return render(
        "review.html.j2",
        document=document,
        rules=rules,
        worst=worst,
        worst_heading=outline.worst_heading(len(worst), document),
        clients={row["client_id"]: row for row in document["clients"]},
        clocks=outline.clocks(document),
        decisions=outline.decisions(document),
        several=outline.several(document),
        many_sources=len({row["source"] for row in document["coverage"]}) > 1,
        figures=review_figures(document),
        limits=outline.PAGE,
        meanings=GLOSSARY,
        accepted=taken and {"counted": accepted.counted(taken), "again": accepted.since_then(taken)},
        change=before and {"counted": change.counted(before), "cautions": change.cautions(before)},
    )
