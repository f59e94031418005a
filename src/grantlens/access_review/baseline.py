"""What changed since a former review: findings that are new or worse, and findings that are gone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grantlens.errors import GrantlensError
from grantlens.given_path import given_path
from grantlens.report.encode import REVIEW_SCHEMA
from grantlens.report.same_finding import key
from grantlens.rule.rule import SEVERITIES, VERDICTS

BROUGHT = {
    "catalogues": "catalogues", "register": "entries of the register", "servers": "statements about servers",
    "clocks": "statements about clocks", "identities": "identities", "decisions": "decisions",
}  # fmt: skip
"""What the organisation brings: the key under which a review names it, and its words."""

MAKE = "Make it with `grantlens report STORE -o FILE.json`."


def read(baseline: str | os.PathLike[str] | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a former review, from its JSON file or its dict.

    Raises
    ------
    GrantlensError
        If the file is missing or is no review.
    """
    if isinstance(baseline, Mapping):
        return _checked(baseline, "The baseline")
    path = Path(given_path(baseline, 'Name a report in JSON: baseline="q2.json".'))
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GrantlensError(
            f"The baseline {path} cannot be read: {error.strerror}.", "Name a report in JSON."
        ) from None
    except (ValueError, RecursionError):
        raise GrantlensError(
            f"The baseline {path} is no JSON.", "Name a file made by `grantlens report STORE -o FILE.json`."
        ) from None
    return _checked(value, f"The baseline {path}")


def compare(
    findings: list[dict[str, Any]], before: Mapping[str, Any], document: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the former window, the places of new or worse findings, and those that are gone.

    A finding is worse if its verdict or its severity rose. What was only `clear` before or is now is no news. Of each that
    is gone `now` says whether the rule calls it clear, does not find it, or may not see it, since a log of its source is no longer
    there.

    Parameters
    ----------
    findings
        The findings of this review.
    before
        The former one.
    document
        What else is known of this review: its coverage, and how it was made.
    """
    former: dict[tuple, Mapping[str, Any]] = {}
    for finding in before["findings"]:
        if finding["verdict"] != "clear":
            place = key(finding)
            if place not in former or _weight(finding) > _weight(former[place]):
                former[place] = finding
    current: dict[tuple, str] = {}
    fresh, worse, still = [], [], 0
    for index, finding in enumerate(findings):
        place = key(finding)
        if finding["verdict"] == "clear":
            current.setdefault(place, "clear")
            continue
        current[place] = "open"
        if place not in former:
            fresh.append(index)
        elif _weight(finding) > _weight(former[place]):
            fresh.append(index)
            worse.append(index)
        else:
            still += 1
    lost = _lost(before, document or {})
    gone = [
        {
            name: finding.get(name)
            for name in ("rule", "verdict", "severity", "title", "source", "tenant", "client_id", "last_seen")
        }
        | {"now": current.get(place) or ("not covered" if _is_unseen(finding, lost) else "not found")}
        for place, finding in former.items()
        if current.get(place) != "open"
    ]
    return {
        "window": dict(before["window"]),
        "manifest": before["manifest"]["sha256"],
        "new_findings": fresh,
        "worse": worse,
        "still_found": still,
        "gone": sorted(gone, key=lambda row: (-_weight(row)[0], -_weight(row)[1], row["rule"], row["title"])),
        "lost_logs": lost if document else [],
        "otherwise_made": [] if document is None else _otherwise_made(before, document),
    }


def _is_unseen(finding: Mapping[str, Any], lost: list[dict[str, Any]]) -> bool:
    """Tell whether a log of its source is lost that was its tenant's, or may have been."""
    tenant = finding.get("tenant")
    return any(
        row["source"] == finding["source"] and (tenant is None or row["tenant"] in (None, tenant)) for row in lost
    )


def _lost(before: Mapping[str, Any], document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the logs that covered something of the former period and cover nothing of this one.

    A log that names no tenant may be any tenant's.
    """
    now: dict[tuple[str, str], set[str | None]] = {}
    for row in document.get("coverage", ()):
        now.setdefault((row["source"], row["log"]), set()).add(row["tenant"])
    lost = {
        (row["source"], row["tenant"], row["log"])
        for row in before.get("coverage", ())
        if not (tenants := now.get((row["source"], row["log"])))
        or (row["tenant"] is not None and not tenants & {None, row["tenant"]})
    }
    return [
        {"source": source, "tenant": tenant, "log": log}
        for source, tenant, log in sorted(lost, key=lambda each: (each[0], each[1] or "", each[2]))
    ]


def _otherwise_made(before: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """Say what else than the logs differs between two reviews: each may be why a finding is new or gone."""
    told = []
    then, now = (review.get("made_by", {}).get("grantlens") for review in (before, document))
    if then and then != now:
        told.append(f"grantlens was {then} and is {now}")
    then, now = (review.get("tenant") for review in (before, document))
    if then != now:
        told.append(f"it was of {_whole(then)} and is of {_whole(now)}")
    told += _other_rules(before, document)
    basis, mine = before.get("reproduce", {}), document.get("reproduce", {})
    told += [
        f"other {words} were brought" for name, words in BROUGHT.items() if name in basis and basis[name] != mine[name]
    ]
    hashed, hashed_then = (_hashed_tokens(review) for review in (document, before))
    if hashed and hashed_then and not hashed & hashed_then:
        told.append("no raw token has the same hash in both, and each store hashes with a key of its own")
    return told


def _other_rules(before: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    rules = {rule["id"]: rule for rule in before.get("rules", ())}
    if not rules:
        return []
    told = []
    for rule in document.get("rules", ()):
        former = rules.get(rule["id"])
        if former is None:
            told.append(f"rule {rule['id']} was not asked")
        elif former["version"] != rule["version"]:
            told.append(f"rule {rule['id']} was version {former['version']} and is version {rule['version']}")
        told += _other_parameters(former, rule) if former else []
    return told


def _other_parameters(former: Mapping[str, Any], rule: Mapping[str, Any]) -> list[str]:
    values = {parameter["name"]: parameter["value"] for parameter in former["parameters"]}
    return [
        f"{parameter['name']} of {rule['id']} was {values[parameter['name']]} and is {parameter['value']}"
        for parameter in rule["parameters"]
        if parameter["name"] in values and values[parameter["name"]] != parameter["value"]
    ]


def _whole(tenant: str | None) -> str:
    return "all tenants" if tenant is None else f"tenant {tenant} alone"


def _hashed_tokens(review: Mapping[str, Any]) -> set[str]:
    """Return the tokens that a log showed raw, as the store knows them."""
    tokens = (finding.get("token_id") for finding in review.get("findings", ()) if finding["verdict"] != "clear")
    return {token for token in tokens if token and token.startswith("hmac:")}


def _weight(finding: Mapping[str, Any]) -> tuple[int, int]:
    return VERDICTS.index(finding["verdict"]), SEVERITIES.index(finding["severity"])


def _checked(value: Any, name: str) -> Mapping[str, Any]:
    schema = value.get("schema") if isinstance(value, Mapping) else None
    if schema != REVIEW_SCHEMA:
        seen = f"says {schema!r}" if isinstance(schema, str) else "says nothing of the kind"
        raise GrantlensError(
            f"{name} is no review: expected schema {REVIEW_SCHEMA!r}, and it {seen}.",
            MAKE,
        )
    if not _sound(value):
        raise GrantlensError(f"{name} is no review: its findings, window or manifest are damaged.", MAKE)
    return value


def _sound(review: Mapping[str, Any]) -> bool:
    """True if a review holds what is asked of a former one: it can be compared, and what is shown of it is text."""
    try:
        change = compare([], review, review)
        ends = [change["window"]["since"], change["window"]["until"]]
        shown = [change["manifest"], *([] if ends == [None, None] else ends)]
        shown += [text for row in change["gone"] for text in row.values() if text is not None]
    except (KeyError, TypeError, AttributeError, ValueError):
        return False
    return all(isinstance(text, str) for text in shown)
