"""Findings that the organisation has accepted for a time, as the list of findings says into which somebody wrote why.

TOML::

    [[finding]]
    fingerprint = "1f0c..."               # required: of the finding, as `detect` and reports give it
    verdict = "violation"                 # required: what the finding was when it was accepted,
    severity = "high"                     # and how severe; what gets worse counts again
    accepted = "red team, TICKET-4711"    # required: why
    accepted_until = 2026-12-31           # required: when it counts again; a date means 00:00 UTC
    accepted_by = "sam@acme.example"
    accepted_last_seen = 2026-09-24T03:01:20Z   # its `last_seen` then; what is seen later is told

CSV: the same names as columns. What `grantlens detect --format csv` prints is such a file: its other columns may stay, `last_seen` is
read where `accepted_last_seen` is empty, and a row without `accepted` is a finding that nobody has accepted.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from grantlens.errors import RegisterError
from grantlens.given_path import given_path
from grantlens.handwritten import Entry, read_entries
from grantlens.register.moment import moment
from grantlens.register.rows import keep
from grantlens.report.accepted import seen_again
from grantlens.report.same_finding import fingerprint
from grantlens.rule.rule import SEVERITIES, VERDICTS
from grantlens.window import format_time

MARKS = ("fingerprint", "accepted", "accepted_until", "accepted_by", "accepted_last_seen")
"""What is put beside a finding."""

_KNOWN = (*MARKS, "verdict", "severity", "last_seen")
_WRITTEN = MARKS[1:4]
"""What somebody writes into the list of findings."""
_LAST = ("accepted_last_seen", "last_seen")
"""When it was seen last as it was accepted: what was accepted before keeps that time in the lists that come after."""
_OPEN = VERDICTS[1:]
_FINGERPRINT = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, repr=False)
class Accepted:
    """Which findings are accepted, until when, and why.

    Parameters
    ----------
    rows
        By fingerprint of a finding: reason, end and name, and how bad it may be.
    sha256
        Hash of the file.
    """

    rows: Mapping[str, Mapping[str, Any]]
    sha256: str

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Accepted:
        """Read accepted findings from a CSV or TOML file; a mistake names its line.

        Raises
        ------
        RegisterError
            If something in the file is wrong.
        """
        path = Path(given_path(path, 'Name the file: accepted="accepted.csv".', RegisterError))
        is_csv = path.suffix.lower() == ".csv"
        entries = read_entries(path, "finding", _KNOWN, RegisterError, beside=_beside)
        if is_csv and entries and not any("fingerprint" in entry.values for entry in entries):
            raise entries[0].mistake(
                "no row names a finding by its 'fingerprint'.", None, "Take the list of: grantlens detect --format csv"
            )
        rows: dict[str, dict[str, Any]] = {}
        for entry in entries:
            if is_csv and not any(name in entry.values for name in _WRITTEN):
                continue
            row = _row(entry, is_csv)
            keep(rows, row["fingerprint"], row, entry, "this finding", "fingerprint")
        return cls(rows, hashlib.sha256(path.read_bytes()).hexdigest())


def mark(findings: Iterable[dict[str, Any]], accepted: Accepted | None, now: datetime) -> dict[str, Any] | None:
    """Put beside each finding its fingerprint, and why and until when it is accepted, if it is.

    Parameters
    ----------
    findings
        The findings, which are changed.
    accepted
        What is accepted, None where nobody was asked.
    now
        The present: what was accepted until then counts again.

    Returns
    -------
    dict or None
        How many findings are accepted, and how many of them were `seen_again` since; of what was accepted how much counts again, being
        `worse` or its time `ended`, and how much is `not_found`.
    """
    rows = accepted.rows if accepted else {}
    again: dict[str, set[str]] = {"worse": set(), "ended": set()}
    seen: set[str] = set()
    went_on = 0
    count = dict.fromkeys(reversed(_OPEN), 0)
    for finding in findings:
        mine = fingerprint(finding)
        finding.update(dict.fromkeys(MARKS), fingerprint=mine)
        if finding["verdict"] == "clear" or (row := rows.get(mine)) is None:
            continue
        seen.add(mine)
        if why := "ended" if row["until"] <= now else "worse" if _weight(finding) > row["weight"] else None:
            again[why].add(mine)
            continue
        count[finding["verdict"]] += 1
        finding.update(
            accepted=row["reason"],
            accepted_until=format_time(row["until"]),
            accepted_by=row["by"],
            accepted_last_seen=row["last_seen"] and format_time(row["last_seen"]),
        )
        went_on += seen_again(finding)
    if accepted is None:
        return None
    return {
        "sha256": accepted.sha256,
        **count,
        "seen_again": went_on,
        **{why: len(those) for why, those in again.items()},
        "not_found": len(rows.keys() - seen),
    }


def _beside(header: Entry, name: str) -> bool:
    """Tell whether a column of the list may stay: all others of a finding, but none that is a slip of the pen."""
    return not get_close_matches(name, MARKS, n=1, cutoff=0.85)


def _row(entry: Entry, is_csv: bool) -> dict[str, Any]:
    if not is_csv:
        entry.check_keys(_KNOWN)
    if "accepted_until" not in entry.values:
        raise entry.mistake(
            "an accepted finding needs 'accepted_until'.",
            None,
            "Say when it counts again: accepted_until = 2026-12-31.",
        )
    mine = entry.text("fingerprint", required=True) or ""
    if not _FINGERPRINT.fullmatch(mine):
        raise entry.mistake(
            f"'fingerprint' cannot be {mine!r}.", "fingerprint", "Copy it from: grantlens detect --format csv"
        )
    return {
        "fingerprint": mine,
        "reason": entry.text("accepted", required=True),
        "until": moment(entry, "accepted_until"),
        "by": entry.text("accepted_by"),
        "last_seen": next((moment(entry, name) for name in _LAST if name in entry.values), None),
        "weight": _weight(
            {
                "verdict": entry.text("verdict", required=True, choices=_OPEN),
                "severity": entry.text("severity", required=True, choices=SEVERITIES),
            }
        ),
    }


def _weight(finding: Mapping[str, Any]) -> tuple[int, int]:
    return VERDICTS.index(finding["verdict"]), SEVERITIES.index(finding["severity"])
