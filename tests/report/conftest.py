"""Made-up review documents: as small or as large as a test asks for."""

import pytest

HOSTILE = "</script><img src=x onerror=alert(1)><svg onload=document.title='owned'>\x1b[31m\u202etxt.exe\u2066'\"`|=HYPERLINK(\"http://evil.invalid\")"
HASHES = {"contents_sha256": "dc" * 32, "limits": ["Nothing here shows who collected the files."]}


def make_finding(number=0, **changes):
    row = {
        "rule": "OOS-1",
        "rule_version": 1,
        "verdict": "violation",
        "severity": "high",
        "explained_by": None,
        "title": f"mail-copilot called POST /v1/send without a scope for it ({number})",
        "source": "native",
        "tenant": "acme",
        "client_id": f"client-{number % 37}",
        "subject_id": f"user-{number % 11}",
        "grant_id": f"g-{number}",
        "token_id": None,
        "resource_server": "api.mail.example",
        "operation": "POST /v1/users/{id}/send",
        "scopes": ["mail.read"],
        "first_seen": "2026-07-03T10:00:00Z",
        "last_seen": "2026-07-04T11:30:00.25Z",
        "events": 12,
        "detail": {"required": [["mail.send"]], "held": ["mail.read"], "match": "in_catalogue"},
        "join_key": "token",
        "coverage": {"from": "2026-07-01T00:00:00Z", "until": "2026-10-01T00:00:00Z", "share": 0.992},
        "evidence": [{"file": "logs/usage.ndjson", "sha256": "ab" * 32, "line": 7, "event_id": f"e{number}"}],
    }
    return row | changes


def make_rule(rule_id="OOS-1", name="out_of_scope"):
    return {
        "id": rule_id,
        "version": 1,
        "name": name,
        "family": rule_id[:3],
        "severity": "high",
        "question": "Which successful calls did no granted scope permit at that moment?",
        "remedy": "Revoke the grant, or grant the scope on purpose.",
        "basis": "RFC 6749 section 3.3",
        "parameters": [
            {"name": "leeway", "value": 60, "default": 60, "unit": "s", "doc": "Seconds allowed after expiry."}
        ],
        "sql": "WITH call AS (SELECT 1 AS n)\nSELECT * FROM (SELECT n FROM call WHERE n < $leeway)",
        "own_sql": "SELECT n\nFROM call WHERE n < $leeway",
        "why_empty": None,
    }


def make_document(findings=(), text=None, **changes):
    """Return a whole document; `text`, if given, stands wherever a log value may stand."""
    name = text or "mail-copilot"
    batch = {
        "path": name if text else "logs/usage.ndjson.gz",
        "sha256": "ab" * 32,
        "bytes": 123456,
        "loader": "native",
        "loader_version": 1,
        "records": 1000,
        "issuance": 10,
        "usage": 980,
        "revocation": 5,
        "ignored": 2,
        "duplicates": 2,
        "rejected": 1,
        "first": "2026-07-01T00:00:01Z",
        "last": "2026-09-30T23:59:00Z",
        "note": text,
    }
    findings = [dict(f) for f in findings]
    counted = [f for f in findings if f["verdict"] == "violation"]
    value = {
        "schema": "grantlens.review/1",
        "made_by": {"grantlens": "0.1.0", "duckdb": "2.0.1"},
        "window": {"since": "2026-07-01T00:00:00Z", "until": "2026-10-01T00:00:00Z"},
        "now": "2026-10-02T00:00:00Z",
        "tenant": None,
        "far_records": [],
        "taken_for_one": [],
        "too_thin": None,
        "manifest": {
            "sha256": "cd" * 32,
            "batches": [batch],
            "forgotten": [],
            "read_again": [],
            "unloaded": [],
            **HASHES,
        },
        "rejected": [{"path": batch["path"], "sha256": batch["sha256"], "reason": name, "records": 1}],
        "summary": {
            "violations": len(counted),
            "indeterminate": sum(f["verdict"] == "indeterminate" for f in findings),
            "clear": sum(f["verdict"] == "clear" for f in findings),
            "events": 995,
            "calls": 980,
            "by_severity": {
                s: sum(f["severity"] == s for f in counted) for s in ("critical", "high", "medium", "low", "info")
            },
        },
        "answers": [
            {
                "question": question,
                "headline": "3 clients hold 5 grants",
                "lines": ["1 is an agent."],
                "section": section,
            }
            for question, section in (
                ("Which agents exist?", "grants"),
                ("Who owns them?", "grants"),
                ("What can they do?", "privileges"),
                ("Why may they?", "grants"),
                ("What have they done?", "findings"),
                ("How does access end?", "revocations"),
            )
        ],
        "coverage": [
            {
                "source": "native",
                "tenant": name,
                "log": log,
                "from": "2026-07-01T00:00:00Z",
                "until": "2026-10-01T00:00:00Z",
                "share": 0.96,
                "records": 300,
                "in_part": False,
                "gaps": [{"from": "2026-08-01T00:00:00Z", "until": "2026-08-04T12:00:00Z", "note": None}],
                "notes": [],
                "stretches": [
                    {"from": "2026-07-01T00:00:00Z", "until": "2026-08-01T00:00:00Z"},
                    {"from": "2026-08-04T12:00:00Z", "until": "2026-10-01T00:00:00Z"},
                ],
            }
            for log in ("issuance", "usage", "revocation")
        ],
        "clocks": [
            {
                "source": "native",
                "tenant": None,
                "log": "usage",
                "grid_s": 1.0,
                "error_s": 5.0,
                "offset_s": 0.0,
                "estimated_offset_s": None,
                "assumed": True,
            }
        ],
        "map_coverage": {
            "calls": 980,
            "known": 900,
            "share": 900 / 980,
            "could_know": [{"source": "msgraph", "calls": 80}],
            "by_server": [
                {
                    "resource_server": name,
                    "calls": 980,
                    "known": 900,
                    "share": 900 / 980,
                    "unknown": [{"label": name, "calls": 80}],
                }
            ],
        },
        "attribution": {
            "calls": 980,
            "attributed": 970,
            "share": 970 / 980,
            "by_key": [
                {"join_key": "token", "calls": 970, "share": 970 / 980, "meaning": "The very token."},
                {"join_key": "unattributed", "calls": 10, "share": 10 / 980, "meaning": "No grant can be named."},
            ],
        },
        "rules": [make_rule(), make_rule("REV-1", "use_after_revocation")],
        "findings": findings,
        "clients": [
            {
                "client_id": name,
                "name": name,
                "kind": "agent",
                "owner": None,
                "purpose": None,
                "status": None,
                "tenants": ["acme"],
                "grants": 2,
                "live": 1,
                "indeterminate": 0,
                "calls": 900,
                "last_used_at": "2026-09-30T10:00:00Z",
                "use": "seen",
                "violations": 2,
            },
            {
                "client_id": "crm-sync",
                "name": "CRM sync",
                "kind": "integration",
                "owner": "jo@acme.example",
                "purpose": "Copy contacts",
                "status": "active",
                "tenants": [],
                "grants": 2,
                "live": 1,
                "indeterminate": 1,
                "calls": 80,
                "last_used_at": None,
                "use": "seen",
                "violations": 0,
            },
        ],
        "grants": [
            {
                "source": "native",
                "tenant": name,
                "grant_id": name,
                "client_id": name,
                "subject_id": name,
                "scopes": [name, "mail.read"],
                "opened_at": "2026-07-01T09:00:00Z",
                "consented_at": "2026-07-01T08:00:00Z",
                "consent_kind": "user",
                "consent_actor": name,
                "tokens": 12,
                "calls": 900,
                "last_used_at": "2026-09-30T10:00:00Z",
                "use": "seen",
                "watched": 0.98,
                "state": "ended",
                "ended_at": "2026-09-30T11:00:00Z",
                "ended_how": "revoked by admin",
            },
            {
                "source": "native",
                "tenant": name,
                "grant_id": "g2",
                "client_id": "crm-sync",
                "subject_id": None,
                "scopes": None,
                "opened_at": "2026-07-01T09:00:00Z",
                "consented_at": None,
                "consent_kind": None,
                "consent_actor": None,
                "tokens": 0,
                "calls": 0,
                "last_used_at": None,
                "use": "not observable",
                "watched": None,
                "state": "live",
                "ended_at": None,
                "ended_how": None,
            },
            {
                "source": "native",
                "tenant": name,
                "grant_id": "g3",
                "client_id": "crm-sync",
                "subject_id": name,
                "scopes": ["mail.read"],
                "opened_at": "2026-07-01T09:00:00Z",
                "consented_at": None,
                "consent_kind": None,
                "consent_actor": None,
                "tokens": 1,
                "calls": 0,
                "last_used_at": None,
                "use": "none seen",
                "watched": 0.5,
                "state": "indeterminate",
                "ended_at": None,
                "ended_how": None,
                "perhaps_ended_at": "2026-09-29T11:00:00Z",
                "perhaps_ended_by": name,
                "reason": "a token of its client was revoked, and the log does not tell which",
            },
        ],
        "revocations": [
            {
                "source": "native",
                "tenant": name,
                "revocation_event": "r1",
                "revoked_at": "2026-09-30T11:00:00Z",
                "target_kind": "grant",
                "target_id": name,
                "client_id": name,
                "subject_id": None,
                "initiator": "admin",
                "actor_id": name,
                "reason": name,
                "decided_s": 3600.0,
                "requested_s": 12.0,
                "last_success_s": 241.5,
                "first_denial_s": 300.0,
                "uses_after": 4,
                "given_again_at": None,
                "effective": "yes",
                "answer": "yes, by 2026-09-30 11:05:05 UTC",
                "lag_lower_s": 236.5,
                "lag_upper_s": 305.0,
            },
            {
                "source": "native",
                "tenant": None,
                "revocation_event": "r2",
                "revoked_at": "2026-09-30T11:00:00Z",
                "target_kind": "token",
                "target_id": "t2",
                "client_id": "crm-sync",
                "subject_id": None,
                "initiator": None,
                "actor_id": None,
                "reason": None,
                "decided_s": None,
                "requested_s": None,
                "last_success_s": None,
                "first_denial_s": None,
                "uses_after": 0,
                "given_again_at": None,
                "effective": "not_demonstrated",
                "answer": "no call was tried afterwards in the logs held",
                "lag_lower_s": None,
                "lag_upper_s": None,
            },
        ],
        "lag": {
            "acceptance": [{"minute": 3, "calls": 5, "accepted": 1, "share": 0.2, "low": 0.04, "high": 0.62}],
            "verdicts": {"yes": 1, "no": 0, "not_demonstrated": 1},
            "n": 1,
            "events": 1,
            "right_share": 0.0,
            "left_share": 0.0,
            "confidence": 0.95,
            "estimated": False,
            "least": 20,
            "why_empty": None,
            "untried": 0,
            "too_close": 0,
            "sentence": None,
            "quantiles": [
                {
                    "tau": t,
                    "lower": 236.5,
                    "upper": 305.0 if t < 0.9 else None,
                    "band_lower": 0.0,
                    "band_upper": None,
                    "likely_lower": None,
                    "likely_upper": None,
                    "boot_lower": None,
                    "boot_upper": None,
                }
                for t in (0.5, 0.9, 0.95, 0.99)
            ],
            "by_server": [
                {
                    "resource_server": name,
                    "validation": "cached",
                    "n": 1,
                    "median_lower": 236.5,
                    "median_upper": 305.0,
                    "longest_s": 241.5,
                    "right": 0,
                }
            ],
            "intervals": [
                {
                    "source": "native",
                    "revocation_event": "r1",
                    "resource_server": name,
                    "lower": 236.5,
                    "upper": 305.0,
                    "join_key": "token",
                    "last_success_s": 241.5,
                    "uses_after": 4,
                    "censored": "no",
                    "tried": True,
                }
            ],
        },
        "enough": [
            {
                "source": "native",
                "tenant": name,
                "client_id": name,
                "client_name": name,
                "grants": 2,
                "held": [name, "mail.read", "mail.send"],
                "enough": [name],
                "opens_held": 40,
                "opens_enough": 2,
                "not_judged": [],
                "witness": [{"scope": name, "operation": name}],
                "proven": True,
                "calls": 900,
                "calls_unknown": 80,
                "calls_beyond": 3,
                "watched": 0.9,
            }
        ],
        "privileges": {
            "grants": 2,
            "scopes": 3,
            "horizon_days": 90,
            "by_action": {"keep": 1, "remove": 1, "replace": 1, "ask": 0, "wait": 0},
            "tried": {
                "at": "2026-09-01T00:00:00Z",
                "action": "remove",
                "scopes": 3,
                "needed": 1,
                "may_be_needed": 0,
                "not_needed": 2,
                "untested": 0,
                "expected": 0.1,
                "said": "Advice from 2026-07-01 to 2026-09-01, tried on 2026-09-01 to 2026-10-01: of 3 granted scopes to remove, 3 could be tried.",
            },
            "why_empty": None,
        },
        "proposals": [
            {
                "action": "remove",
                "state": "unused",
                "source": "native",
                "tenant": name,
                "client_id": name,
                "scope": name,
                "grants": 1,
                "uses": 0,
                "exposure_min": 91.2,
                "exposure_max": 91.2,
                "p_needed": 0.0499,
                "basis": ["pooled"],
                "replacement": None,
                "reason": "Not used in 91 days of watching.",
            },
            {
                "action": "replace",
                "state": "used",
                "source": "native",
                "tenant": None,
                "client_id": "crm-sync",
                "scope": "crm.all",
                "grants": 3,
                "uses": 40,
                "exposure_min": 30.0,
                "exposure_max": 91.2,
                "p_needed": None,
                "basis": [],
                "replacement": [name],
                "reason": "A narrower scope would have been enough.",
            },
        ],
        "blind_spot": {
            "intervals": 5,
            "snapshots": ["2026-07-01T00:00:00Z"],
            "unseen": [
                {"by": "grants", "share": 0.9, "meaning": "Grants alive at no review."},
                {"by": "sensitive", "share": None, "meaning": "Unknown."},
            ],
            "expected": [
                {"period": "quarter", "period_s": 7776000, "grants": 0.93, "actions": 0.4},
                {"period": "day", "period_s": 86400, "grants": 0.2, "actions": None},
            ],
            "interval_s": 3600.0,
        },
        "limitations": [f"No log of source {name} covers 1 to 4 August 2026."],
        "baseline": None,
        "reproduce": {
            "command": "grantlens report STORE -o report.html --since 2026-07-01 --until 2026-10-01 --now 2026-10-02",
            "catalogues": [{"catalogue": name, "version": "1", "operations": 10, "sha256": "ef" * 32}],
            "register": {"clients": 1, "newest": None, "sha256": "aa" * 32},
            "servers": {"rows": 1, "sha256": "bb" * 32},
            **{
                name: {"rows": 0, "sha256": mark * 32}
                for name, mark in (("clocks", "ee"), ("identities", "ff"), ("decisions", "dd"))
            },
            "relations": [{"name": "call", "doc": "Every call.", "sql": "SELECT 1 AS n\nWHERE 1 < 2"}],
        },
    }
    return value | changes


@pytest.fixture(scope="session")
def finding():
    """Return a maker of findings."""
    return make_finding


@pytest.fixture(scope="session")
def document():
    """Return a maker of review documents."""
    return make_document


@pytest.fixture(scope="session")
def nasty():
    """Return a name that tries every trick at once."""
    return HOSTILE
