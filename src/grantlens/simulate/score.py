"""Compares findings, and the list of grants, with the truth: precision and recall for each rule, and for the list."""

import json
from collections.abc import Iterable, Mapping

from grantlens.simulate.truth import KEYS, iso

GRANTS = "grants"
"""Names the list of grants among the rules."""
_LIFE = ("source", "client_id", "subject_id", "grant_id", "opened_at", "state", "ended_at", "use", "calls")


def _detail(finding: Mapping) -> Mapping:
    detail = finding.get("detail") or {}
    return json.loads(detail) if isinstance(detail, str) else detail


def key_of(finding: Mapping) -> dict:
    """Return the parts that make this finding one finding, as the truth names them."""
    detail = _detail(finding)
    scopes = finding.get("scopes") or []
    values = {
        **{
            name: finding.get(name)
            for name in ("client_id", "subject_id", "grant_id", "token_id", "resource_server", "operation")
        },
        **{
            name: detail.get(name)
            for name in (
                "revocation_event",
                "audience",
                "fault",
                "limit",
                "actors",
                "program",
                "own_tenant",
                "resource_tenant",
            )
        },
        "scope": detail.get("scope") or (scopes[0] if len(scopes) == 1 else None),
        "source": finding.get("source"),
        "tenant": finding.get("tenant"),
        "log": detail.get("log"),
    }
    return {part: values[part] for part in KEYS[finding["rule"]]}


def _fits(row: Mapping, finding: Mapping, key: Mapping) -> bool:
    """Say if a row of the truth speaks of this finding. `*` in the truth stands for anything."""
    parts = all(row.get(part) in ("*", value) for part, value in key.items())
    if "*" in row.values() and row.get("client_id") not in (None, "*", finding.get("client_id")):
        return False
    if parts and row["rule"] == "INT-5":
        return finding["first_seen"] < row["gap_until"] and finding["last_seen"] > row["gap_from"]
    return parts


def _agrees(row: Mapping, finding: Mapping) -> bool:
    """Say if verdict, and the state of PRV-1, are as they should be."""
    if row.get("verdict") not in (None, finding["verdict"]):
        return False
    return "state" not in row or _detail(finding).get("state") == row["state"]


def compare(truth: Mapping, findings: Iterable[Mapping]) -> dict[str, list]:
    """Match findings with the truth.

    Returns
    -------
    dict
        `hits` pairs (row of the truth, finding); `missed` rows of the truth without an agreeing finding;
        `wrong` findings that no row of the truth agrees with. A finding that the truth leaves open, and a `clear` one
        that the truth does not mention, count for nothing.
    """
    index: dict[tuple, list[dict]] = {}
    for row in truth["expected"]:
        index.setdefault((row["rule"], _handle(_key_of_row(row))), []).append(row)
    unknown_handle = {rule for rule, handle in index if handle == "*"}
    open_rows: dict[str, list[dict]] = {}
    for row in truth["open"]:
        open_rows.setdefault(row["rule"], []).append(row)
    hits, wrong, met = [], [], set()

    def left_open(finding: Mapping, key: Mapping) -> bool:
        rows = open_rows.get(finding["rule"], ())
        return finding["verdict"] == "clear" or any(_fits(row, finding, key) for row in rows)

    for finding in findings:
        rule = finding["rule"]
        if rule not in KEYS:
            continue
        key = key_of(finding)
        candidates = index.get((rule, _handle(key)), [])
        if rule in unknown_handle:
            candidates = candidates + index.get((rule, "*"), [])
        row = next((row for row in candidates if _fits(row, finding, key)), None)
        if row is not None and _agrees(row, finding):
            hits.append((row, finding))
            met.add(id(row))
        elif row is not None or not left_open(finding, key):
            wrong.append(finding)
    missed = [row for row in truth["expected"] if id(row) not in met]
    return {"hits": hits, "missed": missed, "wrong": wrong}


def compare_grants(truth: Mapping, listed: Iterable[Mapping]) -> dict[str, list]:
    """Match the list of grants with the truth: each life of each grant, whether and when it ended, and its use.

    Parameters
    ----------
    truth
        What `truth.json` holds.
    listed
        Rows of `grantlens.grants`, asked over all that the logs cover.

    Returns
    -------
    dict
        `missed` lives of the truth that the list does not have, or has otherwise; `wrong` lives that it has and the truth has not.
    """
    right = {_life(row) for row in truth["grants"]}
    said = {_life(row) for row in listed}
    named = [
        [dict(zip(_LIFE, life, strict=True)) for life in sorted(some, key=str)] for some in (right - said, said - right)
    ]
    return {"missed": named[0], "wrong": named[1]}


def _life(row: Mapping) -> tuple:
    """Return what can be right or wrong about a row of the truth, or of the list."""
    opened, ended = (at if at is None or isinstance(at, str) else iso(at) for at in (row["opened_at"], row["ended_at"]))
    state = row.get("state", "live" if ended is None else "ended")
    return (*(row[part] for part in _LIFE[:4]), opened, state, ended, row["use"], row["calls"])


def score_grants(truth: Mapping, listed: Iterable[Mapping]) -> dict:
    """Return precision and recall of the list of grants, in the shape of `score`.

    Examples
    --------
    >>> whose = {"source": "native", "client_id": "a", "subject_id": None, "grant_id": "g"}
    >>> life = {**whose, "opened_at": "2026-07-01T08:00:00.000Z", "use": "seen", "calls": 3}
    >>> truth = {"grants": [{**life, "ended_at": "2026-08-01T08:00:00.000Z"}]}
    >>> listed = [{**life, "state": "live", "ended_at": None}]
    >>> score_grants(truth, listed)["recall"]
    0.0
    """
    listed = list(listed)
    result = compare_grants(truth, listed)
    hits = len(truth["grants"]) - len(result["missed"])
    return {
        "rule": GRANTS,
        "expected": len(truth["grants"]),
        "found": len(listed),
        "true_positives": hits,
        "precision": hits / len(listed) if listed else None,
        "recall": hits / len(truth["grants"]) if truth["grants"] else None,
    }


def _key_of_row(row: Mapping) -> dict:
    return {part: row.get(part) for part in KEYS[row["rule"]]}


def _handle(key: Mapping) -> object:
    """Return the part of a key that narrows the search most."""
    return key.get("grant_id") or key.get("token_id") or key.get("revocation_event") or key.get("client_id")


def score(truth: Mapping, findings: Iterable[Mapping]) -> list[dict]:
    """Return precision and recall for each rule.

    Parameters
    ----------
    truth
        What `truth.json` holds.
    findings
        Findings as `Findings.to_dicts` gives them.

    Returns
    -------
    list of dict
        `rule, expected, found, true_positives, precision, recall`; `found` leaves out what the truth leaves open.
        Precision is None where nothing was found, recall where nothing is expected.

    Examples
    --------
    >>> truth = {"expected": [{"rule": "GOV-4", "verdict": "violation", "client_id": "x"}], "open": []}
    >>> score(truth, [{"rule": "GOV-4", "verdict": "violation", "client_id": "x"}])[-1]
    {'rule': 'GOV-4', 'expected': 1, 'found': 1, 'true_positives': 1, 'precision': 1.0, 'recall': 1.0}
    """
    result = compare(truth, findings)
    table = []
    for rule in KEYS:
        expected = sum(row["rule"] == rule for row in truth["expected"])
        hit_findings = sum(finding["rule"] == rule for _, finding in result["hits"])
        hit_rows = len({id(row) for row, _ in result["hits"] if row["rule"] == rule})
        found = hit_findings + sum(finding["rule"] == rule for finding in result["wrong"])
        table.append(
            {
                "rule": rule,
                "expected": expected,
                "found": found,
                "true_positives": hit_rows,
                "precision": hit_findings / found if found else None,
                "recall": hit_rows / expected if expected else None,
            }
        )
    return table
