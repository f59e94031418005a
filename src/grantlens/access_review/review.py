"""Every rule over one window, put together into one document."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantlens import detect
from grantlens.access_review import (
    answers,
    blind_spot,
    clients,
    coverage,
    grants,
    limitations,
    manifest,
    privileges,
    revocations,
)
from grantlens.access_review import (
    baseline as former,
)
from grantlens.access_review.accepted import Accepted, mark
from grantlens.errors import NO_ROOM, GrantlensError
from grantlens.findings import severity, smallest
from grantlens.given_path import given_path
from grantlens.ingest.far import far_records
from grantlens.plain import plain
from grantlens.relations import ordered
from grantlens.report.encode import REVIEW_SCHEMA, to_json
from grantlens.rule.rule import SEVERITIES
from grantlens.view import View
from grantlens.window import NO_TIME, format_time
from grantlens.wording import plural
from grantlens.writing import in_place_of

if TYPE_CHECKING:
    from grantlens.findings import Findings, FindingsByRule
    from grantlens.store import Store

NEEDS = (*grants.NEEDS, *blind_spot.NEEDS, *smallest.NEEDS, "caller_segment", "covered_token", "revoked_use")
"""What the sections of a review read beside the findings."""


@dataclass(frozen=True, eq=False)
class Review:
    """A finished review.

    Parameters
    ----------
    findings
        The findings of each rule, in the order of reports; `findings["INT-7"]` is what that rule found.
    document
        Everything the report shows, as plain values (schema `grantlens.review/1`); docs/json.md tells what stands under each key.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     result = gl.review(store, since="2026-07-01", until="2026-10-01")
    >>> result.worst() is None, result.too_thin
    (True, 'No log covers any part of this period: nothing can be judged.')
    """

    findings: FindingsByRule
    document: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the review as plain values; what JSON, Markdown and HTML are made from."""
        return self.document

    def to_json(self, path: str | os.PathLike[str] | None = None) -> Path | str:
        """Write the review as JSON; return the path, or the text if there is none."""
        return _write(path, to_json(self.document))

    def to_html(self, path: str | os.PathLike[str] | None = None) -> Path | str:
        """Write the review as one HTML page that needs no network; return the path, or the text if there is none."""
        from grantlens.report.html import review_page

        return _write(path, review_page(self.document))

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> Path | str:
        """Write the review as Markdown; return the path, or the text if there is none."""
        from grantlens.report.markdown import review_markdown

        return _write(path, review_markdown(self.document))

    def to_sarif(self, path: str | os.PathLike[str] | None = None) -> Path | str:
        """Write the open findings as SARIF 2.1.0, for code hosts; return the path, or the text if there is none."""
        from grantlens.report.sarif import review_sarif

        return _write(path, review_sarif(self.document))

    def to_ocsf(self, path: str | os.PathLike[str] | None = None) -> Path | str:
        """Write the open findings as OCSF 1.9.0, for SIEMs, one a line; return the path, or the text if there is none."""
        from grantlens.report.ocsf import review_ocsf

        return _write(path, review_ocsf(self.document))

    @property
    def too_thin(self) -> str | None:
        """Why nothing can be judged at all, None where something can."""
        return self.document["too_thin"]

    def gated(self) -> list[dict[str, Any]]:
        """Return the findings that count for a gate: with a baseline those that are new or worse, and none that is accepted."""
        findings, before = self.document["findings"], self.document["baseline"]
        counted = findings if before is None else [findings[index] for index in before["new_findings"]]
        return [finding for finding in counted if finding["accepted"] is None]

    def at_or_above(self, level: str, new_only: bool = False) -> list[dict[str, Any]]:
        """Return the violations of this severity or a higher one.

        Parameters
        ----------
        level
            info, low, medium, high or critical.
        new_only
            Only what counts for a gate: what the baseline did not have, and nobody accepted.
        """
        return severity.at_or_above(self.gated() if new_only else self.document["findings"], level)

    def worst(self, new_only: bool = False) -> str | None:
        """Return the highest severity among the violations, None where there is none."""
        return severity.worst(self.gated() if new_only else self.document["findings"])

    def summary(self) -> dict[str, Any]:
        """Return the counts of the front page."""
        return self.document["summary"]

    def __repr__(self) -> str:
        summary, window = self.document["summary"], self.document["window"]
        counts = ", ".join(f"{count} {level}" for level, count in summary["by_severity"].items() if count)
        ends = f"of {NO_TIME}" if window["since"] is None else f"{window['since']} to {window['until']}"
        return (
            f"Review {ends}: {plural(summary['violations'], 'violation')}"
            f"{f' ({counts})' if counts else ''}, {summary['indeterminate']} undecided{self._change()}"
        )

    def _change(self) -> str:
        from grantlens.report import accepted
        from grantlens.report.change import counted

        before, taken = self.document["baseline"], self.document["accepted"]
        held = f"; {accepted.counted(taken)}" if taken else ""
        return f"{held}; since the former review {counted(before)}" if before else held

    def _repr_html_(self) -> str:
        from grantlens.report.card import review_card

        return review_card(self.document)


def review(
    store: Store | View,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    now: str | datetime | None = None,
    baseline: str | os.PathLike[str] | Mapping[str, Any] | Review | None = None,
    parameters: Mapping[str, Any] | None = None,
    accepted: str | os.PathLike[str] | None = None,
) -> Review:
    """Ask every rule over one window.

    Parameters
    ----------
    store
        A store, or `store.between(...)`.
    since, until, now
        The window of a store that comes without one: all that the logs cover, up to `now`, if left out.
    baseline
        A former review, or its JSON file: what is new since then is marked, and what is gone is listed.
    parameters
        Values for parameters of the rules, by name.
    accepted
        A file that says which findings are accepted, until when and why: they are told with that, and count for no gate.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     gl.review(store.between("2026-07-01", "2026-10-01")).too_thin
    'No log covers any part of this period: nothing can be judged.'
    """
    view = detect.view_asked(store, since, until, now)
    if isinstance(baseline, Review):
        baseline = baseline.to_dict()
    before = None if baseline is None else former.read(baseline)
    taken = None if accepted is None else Accepted.read(accepted)
    with detect.asked(view, parameters=parameters, also=NEEDS) as found:
        document = _document(view, found, before, taken, parameters or {})
        document["privileges"]["tried"] = privileges.tried(view, parameters or {})
    return Review(found, document)


def _document(
    view: View,
    found: list[Findings],
    before: Mapping[str, Any] | None,
    taken: Accepted | None,
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    engine = view.store.engine
    values = {**view.window.parameters(), "now": view.now}
    rows = [row for part in found for row in part.to_dicts()]
    rules = [_rule(part) for part in found]
    revoked = revocations.revocations(engine, values, rows)
    held = grants.rows(engine, values)
    document: dict[str, Any] = {
        "schema": REVIEW_SCHEMA,
        "made_by": manifest.made_by(engine),
        "window": {
            name: None if view.window.of_nothing else format_time(end) for name, end in view.window.parameters().items()
        },
        "now": format_time(view.now) if _is_told(view) else None,
        "tenant": view.store.tenant,
        "too_thin": None,
        "manifest": manifest.manifest(engine),
        "rejected": manifest.rejected(engine),
        "summary": {},
        "answers": [],
        "coverage": coverage.covered(engine, values),
        "clocks": coverage.clocks(engine),
        "far_records": plain(far_records(engine)),
        "taken_for_one": coverage.taken_for_one(engine),
        "map_coverage": coverage.map_coverage(engine, values),
        "attribution": coverage.attribution(engine),
        "rules": rules,
        "findings": rows,
        "clients": clients.clients(engine, values, rows, held),
        "grants": held,
        "revocations": revoked,
        "lag": revocations.lag(engine, values, revoked),
        "privileges": privileges.summary(rows, rules),
        "proposals": privileges.proposals(rows),
        "enough": privileges.enough(engine, view.window),
        "blind_spot": blind_spot.blind_spot(engine, values),
        "limitations": [],
        "accepted": mark(rows, taken, view.now),
        "baseline": None,
        "reproduce": {
            "command": _command(view, found, parameters, before is not None, taken is not None),
            **manifest.basis(engine),
            "relations": [
                {"name": relation.name, "doc": relation.doc, "sql": relation.sql.strip()}
                for relation in ordered(name for part in found for name in part.rule.needs)
            ],
        },
    }
    document["summary"] = _summary(document)
    if before is not None:
        document["baseline"] = former.compare(rows, before, document)
    document["answers"] = answers.answers(document)
    document["limitations"] = limitations.limitations(document)
    if not document["coverage"]:
        document["too_thin"] = "No log covers any part of this period: nothing can be judged."
    return document


def _rule(part: Findings) -> dict[str, Any]:
    rule = part.rule
    return {
        "id": rule.id,
        "version": rule.version,
        "name": rule.name,
        "family": rule.family,
        "question": rule.question,
        "severity": rule.severity,
        "remedy": rule.remedy,
        "basis": rule.basis,
        "parameters": [
            {
                "name": parameter.name,
                "value": part.parameters.get(parameter.name, parameter.default),
                "default": parameter.default,
                "unit": parameter.unit,
                "doc": parameter.doc,
            }
            for parameter in rule.parameters
        ],
        "counts": part.counts(),
        "why_empty": part.why_empty,
        "sql": part.sql,
        "own_sql": rule.sql.strip(),
    }


def _summary(document: dict[str, Any]) -> dict[str, Any]:
    findings = document["findings"]
    broken = [finding for finding in findings if finding["verdict"] == "violation"]
    return {
        "violations": len(broken),
        "indeterminate": sum(finding["verdict"] == "indeterminate" for finding in findings),
        "clear": sum(finding["verdict"] == "clear" for finding in findings),
        "by_severity": {level: sum(f["severity"] == level for f in broken) for level in reversed(SEVERITIES)},
        "calls": document["attribution"]["calls"],
        "events": sum(row["records"] for row in document["coverage"]),
        "clients": len(document["clients"]),
        "grants": len(document["grants"]),
        "revocations": len(document["revocations"]),
    }


def _is_told(view: View) -> bool:
    """True if the present is an instant that somebody gave, or a log tells."""
    return not view.window.of_nothing or view.now != view.window.until


def _command(view: View, found: list[Findings], parameters: Mapping[str, Any], compared: bool, accepted: bool) -> str:
    """Return the command that makes this report again; STORE, FORMER.json and ACCEPTED.csv stand for files, wherever they lie."""
    window = view.window
    tenant = view.store.tenant
    ends = "" if window.of_nothing else f" --since {format_time(window.since)} --until {format_time(window.until)}"
    given = {name: value for part in found for name, value in part.parameters.items() if name in parameters}
    settings = "".join(f" --set {name}={value!r}" for name, value in sorted(given.items()))
    return (
        f"grantlens report STORE -o report.html{f' --tenant={shlex.quote(tenant)}' if tenant else ''}{ends}"
        f"{f' --now {format_time(view.now)}' if _is_told(view) else ''}{settings}{' --baseline FORMER.json' * compared}"
        f"{' --accepted ACCEPTED.csv' * accepted}"
    )


def _write(path: str | os.PathLike[str] | None, text: str) -> Path | str:
    if path is None:
        return text
    target = Path(given_path(path, 'Name the file: review.to_html("review.html").'))
    try:
        with in_place_of(target) as place:
            place.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        remedy = "Free some space." if error.errno in NO_ROOM else "Name a file in a folder you may write to."
        raise GrantlensError(f"{target} cannot be written: {error.strerror or error}.", remedy) from None
    return target
