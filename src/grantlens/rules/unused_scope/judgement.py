"""The judgement of each granted scope: what PRV-1 adds to its SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

IN_PART_REASON = "The usage log shows only some of the calls: that it shows no use of this scope proves nothing."


def conclude(rows: list[dict[str, Any]], parameters: Mapping[str, Any]) -> None:
    """Judge each granted scope: the need model is fitted over all grants that hold it."""
    from grantlens.analysis import need

    facts = [json.loads(row["detail"]) for row in rows]
    learnable = [
        index
        for index, fact in enumerate(facts)
        if fact["unobservable"] is None and fact["exposure_days"] >= parameters["learn_days"]
    ]
    # The rows come in no order, and the sums of a fit depend on it in their last digits.
    learnable.sort(key=lambda index: (facts[index]["scope"], facts[index]["exposure_days"], facts[index]["uses"]))
    models = need.fit_by_class(
        [facts[index]["scope"] for index in learnable],
        [facts[index]["exposure_days"] for index in learnable],
        [facts[index]["uses"] for index in learnable],
    )
    first_use: dict[str, tuple[list[float | None], list[float]]] = {}
    for index in learnable:
        times, exposures = first_use.setdefault(facts[index]["scope"], ([], []))
        times.append(facts[index].pop("first_use_days"))
        exposures.append(facts[index]["exposure_days"])
    p95 = {
        scope: need.time_to_first_use_p95(times, exposures)
        for scope, (times, exposures) in first_use.items()
        if len(times) >= need.MIN_WAITS
    }
    for row, fact in zip(rows, facts, strict=True):
        _judge(row, fact, models.get(fact["scope"]), p95.get(fact["scope"]), parameters)


def _judge(
    row: dict[str, Any], fact: dict[str, Any], model: Any, first_use_p95: float | None, parameters: Mapping[str, Any]
) -> None:
    """Set verdict, severity, title and detail of one granted scope."""
    from grantlens.analysis import need

    used = fact["uses"] > 0
    p_needed = None
    if model is not None and not used and fact["unobservable"] is None:
        p_needed = float(need.probability_needed(model, fact["exposure_days"], parameters["horizon_days"]))
    decision = need.decide(
        uses=fact["uses"],
        p_needed=p_needed,
        horizon_days=parameters["horizon_days"],
        exposure_days=fact["exposure_days"],
        sessions=fact["sessions"],
        coverage_share=fact["coverage_share"],
        map_share=fact["map_share"],
        unobservable=fact["unobservable"],
        sensitive=fact["rank"] >= 3,
        accepted=fact["exception"],
        held_until=fact["held_until"],
        maybe_over=fact["maybe_over"],
        floor_days=parameters["floor_days"],
        first_use_p95=first_use_p95,
        floor_sessions=parameters["floor_sessions"],
        min_coverage=parameters["min_coverage"],
        min_map=parameters["min_map"],
        break_even=parameters["break_even"],
    )
    action = "replace" if used and fact["replacement"] and _seen_enough(fact, parameters) else decision.action
    row["verdict"] = (
        "clear"
        if used
        else "violation"
        if decision.state == "unused" and action in ("remove", "replace")
        else "indeterminate"
    )
    row["severity"] = "info" if used else "high" if fact["rank"] >= 3 else "medium"
    name, scope = row["title"], fact["scope"]
    client = name or "An unnamed client"
    silence_accepted = decision.state == "insufficient_evidence" and fact["exception"] is not None
    row["explained_by"] = "exception" if silence_accepted else None
    row["title"] = {
        "used": f"{client} uses {scope}",
        "unused": f"{client} was not seen to need {scope}",
        "insufficient_evidence": f"{client} may be silent about {scope}: the register accepts it"
        if silence_accepted
        else f"{client} has not been watched long enough to judge {scope}",
        "not_observable": f"Nothing held here can show whether {name or 'an unnamed client'} needs {scope}",
    }[decision.state]
    row["detail"] = json.dumps(
        {
            "scope": fact["scope"],
            "state": decision.state,
            "exposure_days": round(fact["exposure_days"], 6),
            "uses": fact["uses"],
            "p_needed": None if p_needed is None else round(p_needed, 6),
            "action": action,
            "replacement": fact["replacement"],
            "reason": _in_part(fact["lacks"]) if fact["in_part"] and not used else decision.reason,
            "sessions": fact["sessions"],
            "coverage_share": round(fact["coverage_share"], 6),
            "in_part": fact["in_part"],
            "map_share": round(fact["map_share"], 6),
            "calls": fact["calls"],
            "ambiguous_credit": fact["ambiguous_uses"] > 0,
            "risk_rank": fact["rank"],
            "basis": None if p_needed is None or model is None else model.basis,
        },
        ensure_ascii=False,
    )


def _in_part(lacks: str | None) -> str:
    """Say why nothing is seen, and what is missing where that is known."""
    return f"{IN_PART_REASON[:-1]}; {lacks}." if lacks else IN_PART_REASON


def _seen_enough(fact: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Tell whether it was watched for so long, and is known so well, that no call it was needed for can have been missed."""
    watched = fact["exposure_days"] >= parameters["floor_days"] or fact["sessions"] >= parameters["floor_sessions"]
    known = fact["coverage_share"] >= parameters["min_coverage"] and fact["map_share"] >= parameters["min_map"]
    still_held = fact["held_until"] is None and not fact["maybe_over"] and fact["unobservable"] is None
    return watched and known and not fact["in_part"] and still_held
