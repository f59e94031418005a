"""What changed since a former review: findings that are new or worse, and findings that are gone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grantlens.errors import GrantlensError
from grantlens.report.encode import REVIEW_SCHEMA
from grantlens.report.same import key
from grantlens.rules.rule import SEVERITIES

_RANK = {"clear": 0, "indeterminate": 1, "violation": 2}
_LEVEL = {level: rank for rank, level in enumerate(SEVERITIES)}

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
    path = Path(baseline)
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


def compare(findings: list[dict[str, Any]], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the former window, the places of new or worse findings, and those that are gone.

    A finding is worse if its verdict or its severity rose. What was only `clear` before or is now is no news.
    """
    former: dict[tuple, Mapping[str, Any]] = {}
    for finding in before["findings"]:
        if finding["verdict"] != "clear":
            place = key(finding)
            if place not in former or _weight(finding) > _weight(former[place]):
                former[place] = finding
    current = {key(finding) for finding in findings if finding["verdict"] != "clear"}
    fresh = [
        index
        for index, finding in enumerate(findings)
        if finding["verdict"] != "clear"
        and (key(finding) not in former or _weight(finding) > _weight(former[key(finding)]))
    ]
    gone = [
        {name: finding[name] for name in ("rule", "verdict", "severity", "title", "source", "client_id", "last_seen")}
        for place, finding in former.items()
        if place not in current
    ]
    return {
        "window": dict(before["window"]),
        "manifest": before["manifest"]["sha256"],
        "new_findings": fresh,
        "gone": sorted(gone, key=lambda row: (-_weight(row)[0], -_weight(row)[1], row["rule"], row["title"])),
    }


def _weight(finding: Mapping[str, Any]) -> tuple[int, int]:
    return _RANK[finding["verdict"]], _LEVEL[finding["severity"]]


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
        change = compare([], review)
        shown = [change["manifest"], change["window"]["since"], change["window"]["until"]]
        shown += [text for row in change["gone"] for text in row.values() if text is not None]
    except (KeyError, TypeError, AttributeError, ValueError):
        return False
    return all(isinstance(text, str) for text in shown)
