"""The charts of a review, drawn from its document."""

from __future__ import annotations

from typing import Any

from grantlens.report.figure import Figure


def review_figures(document: dict[str, Any]) -> dict[str, Figure | None]:
    """Return each chart of the page by name, None where there is nothing to draw."""
    return {
        "coverage": None,
        "out_of_scope": None,
        "clients": None,
        "lag": None,
        "privileges": None,
        "blind_spot": None,
    }
