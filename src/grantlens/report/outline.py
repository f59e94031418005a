"""What of a review goes on a page: findings by rule and client, the worst first, cut where a page would burst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from grantlens.findings.severity import at_or_above, worst
from grantlens.report.accepted import seen_again
from grantlens.report.labels import explained
from grantlens.rule.rule import SEVERITIES, VERDICTS
from grantlens.visible import visible
from grantlens.window import in_time
from grantlens.wording import agree, chance, day, duration, first_few, number, plural

LEVELS = tuple(reversed(SEVERITIES))
"""Severities, the worst first."""

_RANK = {level: rank for rank, level in enumerate(LEVELS)}
_VERDICT = {verdict: rank for rank, verdict in enumerate(reversed(VERDICTS))}


@dataclass(frozen=True)
class Limits:
    """How many rows of each kind a page shows; the JSON always has all."""

    findings: int = 25
    clients: int = 12
    reasons: int = 3
    rows: int = 100
    files: int = 200
    evidence: int = 20
    timeline: int = 300
    worst: int = 12


PAGE = Limits()
"""What an HTML page shows."""

TICKET = Limits(findings=10, worst=10)
"""What a Markdown text shows."""


def by_rule(document: dict[str, Any], limits: Limits) -> list[dict[str, Any]]:
    """Return each rule with its findings counted, grouped by client, and the first of them to show."""
    found: dict[str, list[dict]] = {rule["id"]: [] for rule in document["rules"]}
    for finding in document["findings"]:
        found[finding["rule"]].append(finding)
    among = several(document)
    fresh, worse_ones = _fresh(document, "new_findings"), _fresh(document, "worse")
    outlined = []
    for rule in document["rules"]:
        everything = found[rule["id"]]
        open_ones = sorted((f for f in everything if f["verdict"] != "clear"), key=lambda f: (is_accepted(f), order(f)))
        shown = open_ones[: limits.findings]
        outlined.append(
            {
                **rule,
                "title": rule["name"].replace("_", " "),
                "findings": open_ones,
                "shown": [
                    {
                        **finding,
                        "anchor": f"{rule['id']}.{number}",
                        "is_new": id(finding) in fresh,
                        "is_worse": id(finding) in worse_ones,
                        "facts": facts(finding),
                    }
                    for number, finding in enumerate(shown, 1)
                ],
                "hidden_clear": len(everything) - len(open_ones),
                "counts": {v: sum(f["verdict"] == v for f in everything) for v in _VERDICT},
                "worst": worst(open_ones),
                "new": sum(id(f) in fresh for f in open_ones),
                "clients": _clients(open_ones, among),
                "undecided": undecided(open_ones, limits.reasons),
                "grouped": 1 < len({(f["client_id"], whose_tenant(f, among)) for f in open_ones}) < len(open_ones),
            }
        )
    return outlined


def worst_shown(rules: list[dict[str, Any]], limits: Limits) -> list[dict[str, Any]]:
    """Return the worst violations, whatever the rule; `rules` is `by_rule`, which shows no fewer of each one."""
    return worst_first(finding for rule in rules for finding in rule["shown"] if not is_accepted(finding))[
        : limits.worst
    ]


def worst_heading(shown: int, document: dict[str, Any]) -> str:
    """Return what stands above the worst of the violations, those left out that are accepted.

    Examples
    --------
    >>> worst_heading(12, {"summary": {"violations": 94}}), worst_heading(1, {"summary": {"violations": 1}})
    ('The worst of 94 violations', '1 violation')
    >>> worst_heading(12, {"summary": {"violations": 94}, "accepted": {"violation": 4}})
    'The worst of 90 violations that are not accepted'
    """
    accepted = (document.get("accepted") or {}).get("violation", 0)
    violations = document["summary"]["violations"] - accepted
    told = plural(violations, "violation")
    if accepted:
        told += f" that {agree(violations, 'is', 'are')} not accepted"
    return f"The worst of {told}" if shown < violations else told


def worst_first(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the violations, the worst first; those of one severity by rule, in the order in which the rules come, and each rule's by `order`."""
    violations = [finding for finding in findings if finding["verdict"] == "violation"]
    turn = {rule: place for place, rule in enumerate(dict.fromkeys(finding["rule"] for finding in violations))}
    return sorted(violations, key=lambda f: (_RANK[f["severity"]], turn[f["rule"]], order(f)))


def is_accepted(finding: dict[str, Any]) -> bool:
    """True if the organisation accepted it: it is told last, and nobody is asked to decide about it."""
    return finding.get("accepted") is not None


def order(finding: dict[str, Any]) -> tuple:
    """Sort key: violations first, then severity, then the number of events."""
    return (
        _VERDICT[finding["verdict"]],
        _RANK[finding["severity"]],
        -finding["events"],
        finding["client_id"] or "",
        finding["title"],
        in_time(finding["first_seen"]),
    )


def facts(finding: dict[str, Any]) -> list[str]:
    """Return what tells a finding from its neighbours, in a few words each; of an undecided one, why it is undecided."""
    detail, parts = finding["detail"], []
    why = _why_undecided(finding)
    if finding["rule"] == "PRV-1":
        if not why:
            watched = duration(detail["exposure_days"] * 86400)
            parts.append(
                f"watched {watched}, until {day(finding['last_seen'])}" if detail["exposure_days"] else "never watched"
            )
            if detail["p_needed"] is not None:
                parts.append(f"chance it is needed {chance(detail['p_needed'])}")
        parts.append(f"proposal: {detail['action']}")
    if finding["rule"] == "OOS-1" and (named := detail.get("operations")):
        names = first_few([visible(name, longest=80) for name in named], 5, "and more")
        parts.append(f"{plural(detail['operations_in_all'], 'operation')}: {', '.join(names)}")
        parts.append(f"{plural(detail['grants'], 'grant')}, {plural(detail['subjects'], 'subject')}")
    if finding["rule"] == "PRV-6":
        parts.append(f"open {duration(detail['open_s'])} in all, {plural(detail['calls'], 'call')}")
    if finding["rule"].startswith("REV-"):
        last, refused = detail.get("last_success_s"), detail.get("first_denial_s")
        if last is not None:
            parts.append(f"last success {duration(last)} after")
        if refused is not None:
            parts.append(f"first refusal {duration(refused)} after")
        if (longest := detail.get("longest_s")) is not None:
            parts.append(f"revoked {duration(longest)} after the decision")
        if late := detail.get("calls_after_due"):
            parts.append(f"{plural(late, 'call')} after it was due")
    if is_accepted(finding):
        parts.append(f"accepted until {day(finding['accepted_until'])}: {finding['accepted']}")
        if seen_again(finding):
            parts.append(f"last seen {day(finding['accepted_last_seen'])} when it was accepted")
    if finding["explained_by"]:
        parts.append(f"explained by {explained(finding['explained_by'])}")
    return [*parts, why] if why else parts


def undecided(findings: Iterable[dict[str, Any]], most: int) -> list[tuple[str, int]]:
    """Return why nothing could be decided and how often, the most frequent first: hundreds of findings share few reasons.

    Examples
    --------
    >>> findings = [{"verdict": "indeterminate", "detail": {"reason": reason}} for reason in "aababc"]
    >>> undecided(findings, most=1)
    [('a', 3), ('2 other reasons', 3)]
    >>> undecided(findings, most=2)  # a line for one that is left is as long as that one
    [('a', 3), ('b', 2), ('c', 1)]
    """
    reasons = Counter(_why_undecided(finding) for finding in findings if finding["verdict"] == "indeterminate")
    shown = reasons.most_common(most + (len(reasons) == most + 1))
    rest = reasons.total() - sum(count for _, count in shown)
    return [*shown, (f"{number(len(reasons) - most)} other reasons", rest)] if rest else shown


def _why_undecided(finding: dict[str, Any]) -> str:
    if finding["verdict"] != "indeterminate":
        return ""
    reasons = finding["detail"].get("reasons") or [finding["detail"].get("reason") or ""]
    return ", ".join(reasons).rstrip(".")


def several(document: dict[str, Any]) -> set[str]:
    """Return the sources whose logs name several tenants: there a client alone does not say whose it is."""
    named = {(row["source"], row["tenant"]) for row in document["coverage"] if row["tenant"] is not None}
    return {source for source, count in Counter(source for source, _ in named).items() if count > 1}


def whose_tenant(row: dict[str, Any], among: set[str]) -> str | None:
    """Return the tenant to be named beside a client, None where its source has no other; `among` is `several`."""
    return row["tenant"] if row["source"] in among else None


def decisions(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the clients somebody must decide about, in each tenant: those with a violation of high severity or above that is not accepted."""
    rules: dict[tuple[str, str], set[str]] = {}
    weight: Counter[tuple[str, str]] = Counter()
    among = several(document)
    for finding in at_or_above(document["findings"], "high"):
        if finding["client_id"] and not is_accepted(finding):
            whose = finding["client_id"], whose_tenant(finding, among) or ""
            rules.setdefault(whose, set()).add(finding["rule"])
            weight[whose] += 100 if finding["severity"] == "critical" else 1
    return [
        {"client_id": client, "tenant": tenant or None, "rules": sorted(rules[client, tenant])}
        for client, tenant in sorted(rules, key=lambda whose: (-weight[whose], whose))
    ]


def clocks(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the clocks, logs of one source that agree put together."""
    rows: dict[tuple, dict[str, Any]] = {}
    for clock in document["clocks"]:
        rest = {name: value for name, value in clock.items() if name != "log"}
        rows.setdefault(tuple(rest.values()), {**rest, "logs": []})["logs"].append(clock["log"])
    return list(rows.values())


def _clients(findings: list[dict[str, Any]], among: set[str]) -> list[dict[str, Any]]:
    groups: dict[tuple[str | None, str | None], list[dict]] = {}
    for finding in findings:
        groups.setdefault((finding["client_id"], whose_tenant(finding, among)), []).append(finding)
    rows = [
        {
            "client_id": client,
            "tenant": tenant,
            "violation": sum(f["verdict"] == "violation" for f in group),
            "indeterminate": sum(f["verdict"] == "indeterminate" for f in group),
            "worst": worst(group),
            "events": sum(f["events"] for f in group),
            "last_seen": max((f["last_seen"] for f in group if f["last_seen"]), key=in_time, default=None),
        }
        for (client, tenant), group in groups.items()
    ]
    return sorted(
        rows,
        key=lambda r: (
            _RANK.get(r["worst"], 9), -r["violation"], -r["indeterminate"], -r["events"], r["client_id"] or "",
            r["tenant"] or "",
        ),
    )  # fmt: skip


def _fresh(document: dict[str, Any], which: str) -> set[int]:
    """Return the identity of each finding that the baseline did not have, or had less severe."""
    if not document["baseline"]:
        return set()
    return {id(document["findings"][index]) for index in document["baseline"][which]}
