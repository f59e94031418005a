"""A review as SARIF 2.1.0, which code hosts show beside the lines of the log files."""

from __future__ import annotations

import json
from typing import Any

from grantlens.report.encode import line
from grantlens.report.same_finding import fingerprint
from grantlens.visible import visible
from grantlens.window import in_time

_LEVEL = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_SCORE = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "1.0"}
"""Numbers by which code hosts sort (`security-severity`)."""
_LINES = (".ndjson", ".jsonl", ".csv", ".log")
"""Endings of files whose records are lines. A JSON array may be one line, and nobody reads lines of what is packed."""


def review_sarif(document: dict[str, Any]) -> str:
    """Return the SARIF text of a review; what is clear is left out, what is undecided is kind `review`.

    Parameters
    ----------
    document
        What `Review.to_dict()` gives, or what a review JSON holds.
    """
    rules = document["rules"]
    place = {rule["id"]: index for index, rule in enumerate(rules)}
    baseline = document["baseline"]
    fresh = set(baseline["new_findings"]) if baseline else None
    worse = set(baseline["worse"]) if baseline else set()
    batches = document["manifest"]["batches"]
    results = [
        _result(
            finding,
            _locations(finding, batches),
            place[finding["rule"]],
            None if fresh is None else _state(index in fresh, index in worse),
        )
        for index, finding in enumerate(document["findings"])
        if finding["verdict"] != "clear"
    ]
    run = {
        "tool": {
            "driver": {
                "name": "grantlens",
                "version": document["made_by"]["grantlens"],
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "invocations": [_invocation(document)],
        "columnKind": "unicodeCodePoints",
        "artifacts": [
            {"location": {"uri": _uri(batch["path"])}, "length": batch["bytes"], "hashes": {"sha-256": batch["sha256"]}}
            for batch in batches
        ],
        "properties": {
            "window": document["window"],
            "now": document["now"],
            "manifest": document["manifest"]["sha256"],
        },
    }
    head = json.dumps(run, ensure_ascii=True)[:-1]
    body = ",\n".join(line(result) for result in results)
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return f'{{"$schema": "{schema}", "version": "2.1.0", "runs": [{head}, "results": [\n{body}\n]}}]}}\n'


def _invocation(document: dict[str, Any]) -> dict[str, Any]:
    """Return what the results cannot show: without it, no result would look like no problem."""
    thin = document["too_thin"]
    told = [("error", thin)] if thin else []
    told += [("note", f"{rule['id']}: {rule['why_empty']}") for rule in document["rules"] if rule["why_empty"]]
    told += [("note", line) for line in document["limitations"]]
    return {
        "executionSuccessful": not thin,
        "toolExecutionNotifications": [{"level": level, "message": {"text": _text(line)}} for level, line in told],
    }


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": rule["id"],
        "name": "".join(part.capitalize() for part in rule["name"].split("_")),
        "shortDescription": {"text": rule["question"]},
        "help": {"text": f"{rule['remedy']} Basis: {rule['basis']}." if rule["basis"] else rule["remedy"]},
        "defaultConfiguration": {"level": _LEVEL[rule["severity"]]},
        "properties": {"security-severity": _SCORE[rule["severity"]], "version": rule["version"]},
    }


def _result(
    finding: dict[str, Any], locations: list[dict[str, Any]], rule_index: int, state: str | None
) -> dict[str, Any]:
    undecided = finding["verdict"] == "indeterminate"
    result: dict[str, Any] = {
        "ruleId": finding["rule"],
        "ruleIndex": rule_index,
        "kind": "review" if undecided else "fail",
        "level": "none" if undecided else _LEVEL[finding["severity"]],
        "message": {"text": _text(finding["title"])},
        "locations": locations[:1],
        "relatedLocations": [{"id": number, **place} for number, place in enumerate(locations[1:], 1)],
        "partialFingerprints": {"grantlens/1": fingerprint(finding)},
        "properties": {
            name: finding[name]
            for name in (
                "title", "verdict", "severity", "explained_by", "source", "tenant", "client_id", "subject_id", "grant_id",
                "resource_server", "operation", "first_seen", "last_seen", "events",
            )
        },
    }  # fmt: skip
    if finding.get("accepted") is not None:
        justification = _text(f"{finding['accepted']} (until {finding['accepted_until']})")
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": justification}]
    if state is not None:
        result["baselineState"] = state
    return result


def _state(is_new: bool, is_worse: bool) -> str:
    return "updated" if is_worse else "new" if is_new else "unchanged"


def _text(text: str) -> str:
    """Return a text as SARIF has it: its braces are no placeholders (3.11.5), and it holds no link (3.11.6).

    Examples
    --------
    >>> _text("[see](http://evil) called GET /v1/files/{file}")
    '[see] (http://evil) called GET /v1/files/{{file}}'
    """
    return visible(text).replace("](", "] (").replace("{", "{{").replace("}", "}}")


def _locations(finding: dict[str, Any], batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return where the records of a finding stand; of a silence, which has none, the file of that log that ends before it.

    Code hosts refuse a whole run if one result has no location.
    """
    if finding["evidence"]:
        return [_location(record) for record in finding["evidence"]]
    own = [batch for batch in batches if batch["loader"] == finding["source"] and batch["first"]] or batches
    before = [batch for batch in own if in_time(batch["first"]) <= in_time(finding["first_seen"])] or own
    last = max(before, key=lambda batch: (in_time(batch["first"]), batch["path"]), default=None)
    if last is None:
        return []
    place = {"artifactLocation": {"uri": _uri(last["path"])}}
    return [
        {
            "physicalLocation": place,
            "message": {"text": "no record: this is the last file of the log that begins before it"},
        }
    ]


def _location(record: dict[str, Any]) -> dict[str, Any]:
    """Return where a record stands: its line where the file is one of lines, else its number in words."""
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(record["file"])}}
    if record["file"].lower().endswith(_LINES):
        return {"physicalLocation": place | {"region": {"startLine": max(1, record["line"])}}}
    return {"physicalLocation": place, "message": {"text": f"line or record {record['line']}"}}


def _uri(path: str) -> str:
    """Return a path as a relative reference; strangers name log files too."""
    from urllib.parse import quote

    return quote(path.encode("utf-8", "surrogateescape"), safe="/")
