"""A review as OCSF Detection Findings, one a line, for SIEMs and security lakes.

Class 2004 of version 1.9.0 of the Open Cybersecurity Schema Framework, https://schema.ocsf.io/1.9.0/classes/detection_finding:
the first that knows AI agents, and that names the application which acted beside the user for whom it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from grantlens.holdings.ocsf import VERSION
from grantlens.report.encode import line
from grantlens.report.same_finding import fingerprint
from grantlens.visible import visible

_SEVERITY = {
    "info": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
_UNDECIDED = {"verdict_id": 7, "verdict": "Insufficient Data"}
_CREATE, _UPDATE = (1, "Create"), (2, "Update")
_NEW, _SUPPRESSED = (1, "New"), (3, "Suppressed")


def review_ocsf(document: dict[str, Any]) -> str:
    """Return the open findings of a review as NDJSON, nothing where there is none; what is clear is left out.

    A finding keeps its `finding_info.uid` from review to review. With a baseline, one that was there before is an update, also
    where it is worse now; none is closed, for a finding that is gone may lie before the period. What the register explains or the organisation accepts is
    suppressed.
    What is undecided is no alert, and each piece of its evidence says "Insufficient Data".

    Parameters
    ----------
    document
        What `Review.to_dict()` gives, or what a review JSON holds.
    """
    rules = {rule["id"]: rule for rule in document["rules"]}
    clients = {client["client_id"]: client for client in document["clients"]}
    before = document["baseline"]
    fresh = None if before is None else {*before["new_findings"]} - {*before["worse"]}
    return "".join(
        line(
            _event(
                document,
                finding,
                rules[finding["rule"]],
                clients.get(finding["client_id"], {}),
                _CREATE if fresh is None or index in fresh else _UPDATE,
            )
        )
        + "\n"
        for index, finding in enumerate(document["findings"])
        if finding["verdict"] != "clear"
    )


def _event(
    document: Mapping[str, Any],
    finding: Mapping[str, Any],
    rule: Mapping[str, Any],
    client: Mapping[str, Any],
    activity: tuple[int, str],
) -> dict[str, Any]:
    explained = finding["explained_by"] is not None or finding.get("accepted") is not None
    severity, status = _SEVERITY[finding["severity"]], _SUPPRESSED if explained else _NEW
    now, title = _milliseconds(document["now"]), visible(finding["title"])
    first, last = _milliseconds(finding["first_seen"]), _milliseconds(finding["last_seen"])
    return _stated({
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "activity_id": activity[0],
        "activity_name": activity[1],
        "type_uid": 200400 + activity[0],
        "type_name": f"Detection Finding: {activity[1]}",
        "time": now,
        "start_time": first,
        "end_time": last,
        "severity_id": severity[0],
        "severity": severity[1],
        "status_id": status[0],
        "status": status[1],
        "is_alert": finding["verdict"] == "violation" and not explained,
        "message": title,
        "metadata": _stated({
            "version": VERSION,
            "product": {"name": "grantlens", "vendor_name": "grantlens", "version": document["made_by"]["grantlens"]},
            "tenant_uid": finding["tenant"],
        }),
        "finding_info": _stated({
            "uid": fingerprint(finding),
            "title": title,
            "types": [finding["verdict"]],
            "analytic": {
                "type_id": 1,
                "type": "Rule",
                "uid": rule["id"],
                "name": rule["name"],
                "version": str(finding["rule_version"]),
                "desc": rule["question"],
            },
            "created_time": now,
            "first_seen_time": first,
            "last_seen_time": last,
            "related_events_count": finding["events"],
            "data_sources": [finding["source"]],
        }),
        "resources": _resources(finding),
        "evidences": [_evidence(finding, client, record) for record in finding["evidence"]],
        "remediation": {"desc": rule["remedy"]},
        "unmapped": _stated({
            "window": document["window"],
            "manifest": document["manifest"]["sha256"],
            **{name: finding.get(name) for name in ("accepted", "accepted_until", "accepted_by", "accepted_last_seen")},
            **{name: finding[name] for name in ("explained_by", "token_id", "scopes", "join_key", "coverage", "detail")},
        }),
    })  # fmt: skip


def _resources(finding: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the finding is about: the grant, its client, the server."""
    named = (("OAuth grant", "grant_id"), ("OAuth client", "client_id"), ("resource server", "resource_server"))
    return [{"type": kind, "uid": finding[name]} for kind, name in named if finding[name]]


def _evidence(finding: Mapping[str, Any], client: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Return one log record: where it stands, and who called what."""
    user = _stated({"uid": finding["subject_id"]})
    application = _stated({"uid": finding["client_id"], "name": visible(client.get("name") or "")})
    server = _stated({"name": finding["resource_server"]})
    operation = finding["operation"]
    return _stated({
        "uid": record["event_id"],
        "actor": _stated({"application": application, "user": user}),
        "ai_agent": application if client.get("kind") == "agent" else None,
        "api": _stated({"operation": operation, "service": server}) if operation else None,
        "data": {name: record[name] for name in ("file", "line", "sha256")},
        **(_UNDECIDED if finding["verdict"] == "indeterminate" else {}),
    })  # fmt: skip


def _stated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without those that are not there: OCSF leaves them out."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def _milliseconds(time: str | None) -> int | None:
    return None if time is None else round(datetime.fromisoformat(time).timestamp() * 1000)
