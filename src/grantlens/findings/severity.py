"""The violations among findings, by severity; what is undecided or clear never counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grantlens.errors import RuleError
from grantlens.rule.rule import SEVERITIES


def at_or_above(findings: Iterable[dict[str, Any]], level: str) -> list[dict[str, Any]]:
    """Return the violations of this severity or a higher one.

    Examples
    --------
    >>> low, high = ({"verdict": "violation", "severity": level} for level in ("low", "high"))
    >>> at_or_above([low, high, {"verdict": "clear", "severity": "high"}], "medium") == [high]
    True

    Raises
    ------
    RuleError
        If there is no such severity.
    """
    if level not in SEVERITIES:
        raise RuleError(f"There is no severity {level!r}.", f"Give one of {', '.join(SEVERITIES)}.")
    counted = SEVERITIES[SEVERITIES.index(level) :]
    return [finding for finding in findings if finding["verdict"] == "violation" and finding["severity"] in counted]


def worst(findings: Iterable[dict[str, Any]]) -> str | None:
    """Return the highest severity among the violations, None where there is none."""
    levels = [finding["severity"] for finding in at_or_above(findings, SEVERITIES[0])]
    return max(levels, key=SEVERITIES.index, default=None)
