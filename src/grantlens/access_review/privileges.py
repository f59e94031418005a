"""What to do about each granted scope: keep, remove, replace, ask or wait; one line for grants of a tenant that agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from grantlens.findings import smallest
from grantlens.rule.rule import SEVERITIES
from grantlens.rules import find
from grantlens.window import Window, format_time

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.view import View

ACTIONS = ("remove", "replace", "ask", "wait", "keep")
"""In the order in which somebody has to act."""


def proposals(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the proposals of PRV-1, grants of the same client that agree put together."""
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for finding in findings:
        if finding["rule"] == "PRV-1":
            detail = finding["detail"]
            key = (
                detail["action"], detail["state"], finding["source"], finding["tenant"], finding["client_id"], detail["scope"],
                detail["replacement"],
            )  # fmt: skip
            groups.setdefault(key, []).append(finding)
    rows = []
    for (action, state, source, tenant, client, scope, replacement), group in groups.items():
        details = [finding["detail"] for finding in group]
        chances = [detail["p_needed"] for detail in details if detail["p_needed"] is not None]
        exposures = [detail["exposure_days"] for detail in details]
        rows.append(
            {
                "action": action,
                "state": state,
                "source": source,
                "tenant": tenant,
                "client_id": client,
                "scope": scope,
                "replacement": [replacement] if replacement else None,
                "grants": len({finding["grant_id"] for finding in group}),
                "uses": sum(detail["uses"] for detail in details),
                "exposure_min": round(min(exposures), 1),
                "exposure_max": round(max(exposures), 1),
                "p_needed": max(chances) if chances else None,
                "basis": sorted({detail["basis"] for detail in details if detail["basis"]}),
                "severity": max((finding["severity"] for finding in group), key=SEVERITIES.index),
                "reason": _reason(action, state, details, replacement),
            }
        )
    return sorted(
        rows,
        key=lambda row: (
            ACTIONS.index(row["action"]), -SEVERITIES.index(row["severity"]), -row["grants"],
            row["client_id"] or "", row["scope"], row["source"], row["tenant"] or "", row["replacement"] or [],
        ),
    )  # fmt: skip


def _reason(action: str, state: str, details: list[dict[str, Any]], replacement: str | None) -> str:
    if action == "replace" and replacement and state == "used":
        return f"{replacement} would have permitted every call that was seen."
    reasons = {detail["reason"] for detail in details}
    if len(reasons) == 1:
        return reasons.pop()
    if state == "used":
        return (
            f"Used {sum(detail['uses'] for detail in details):,} times in the window, by all of these grants together."
        )
    unsure = max(details, key=lambda detail: (detail["p_needed"] or 0.0, -detail["exposure_days"]))
    return f"{unsure['reason']} Of these grants, this is the least sure."


def summary(findings: list[dict[str, Any]], rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many grants and scopes were judged, and with which result."""
    judged = [finding for finding in findings if finding["rule"] == "PRV-1"]
    counted = Counter(finding["detail"]["action"] for finding in judged)
    rule = next(rule for rule in rules if rule["id"] == "PRV-1")
    return {
        "grants": len({(finding["source"], finding["tenant"], finding["grant_id"]) for finding in judged}),
        "scopes": len(judged),
        "horizon_days": next(each["value"] for each in rule["parameters"] if each["name"] == "horizon_days"),
        "by_action": {action: counted.get(action, 0) for action in ACTIONS},
        "why_empty": rule["why_empty"],
    }


def enough(engine: Engine, window: Window) -> list[dict[str, Any]]:
    """Return for each client that held more than its calls needed the smallest scope set that would have permitted them."""
    rows = smallest.smallest_scopes(engine, window).table.to_pylist()
    return sorted(
        (row for row in rows if row["opens_enough"] < row["opens_held"]),
        key=lambda row: (row["opens_enough"] - row["opens_held"], row["source"], row["tenant"] or "", row["client_id"]),
    )


def tried(view: View, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how the advice of two thirds into the period fared with the calls of the last one; None if there was none to remove."""
    from grantlens.detect import backtest

    since, until = view.window.since, view.window.until
    at = since + (until - since) * 2 / 3
    if not since < at < until:
        return None
    names = {parameter.name for parameter in find("PRV-1").parameters} - {"horizon_days"}
    found = backtest(view, at, **{name: value for name, value in parameters.items() if name in names})
    removed, *_ = found.summary()
    return {"at": format_time(at), **removed, "said": repr(found)} if removed["scopes"] else None
