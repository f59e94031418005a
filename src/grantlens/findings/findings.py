"""The frozen result of one rule: a table that knows its question, its parameters, its coverage and its evidence."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens.errors import RuleError
from grantlens.findings.records import read_records
from grantlens.findings.tally import Tally
from grantlens.framed import Framed
from grantlens.plain import first_rows
from grantlens.rule.rule import VERDICTS, Rule
from grantlens.visible import markup
from grantlens.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.charts.chart import Chart

_COLUMNS = (
    *("verdict", "severity", "title", "client_id", "subject_id", "resource_server"),
    *("operation", "scopes", "events", "first_seen", "token_id"),
)
"""Columns that a notebook cell shows, if they hold anything; what narrow cells cut off comes last."""

_CALLS = {
    "OOS-1": "no granted scope permitted",
    "OOS-3": "the registered purpose does not name",
    "OOS-12": "were refused for want of scope",
}
"""What was wrong with the calls, by the rules whose events are calls of one kind."""


@dataclass(frozen=True, eq=False)
class Findings(Framed):
    """What one rule found in one window.

    Parameters
    ----------
    rule
        The rule.
    window
        The window it looked at.
    now
        The instant taken as the present.
    parameters
        The rule's parameters, as used.
    table
        One row a finding: rule, rule_version, verdict, severity, explained_by, title, source, tenant, client_id, subject_id,
        grant_id, token_id, resource_server, operation, scopes, first_seen, last_seen, events, detail (JSON),
        join_key, coverage (from, until, share), evidence (file, sha256, line, event_id).
    sql
        The SQL with its values, to run elsewhere.
    why_empty
        If nothing was found: why; else None.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     found = gl.detect.run(store, ["OOS-1"], since="2026-07-01", until="2026-10-01")[0]
    >>> len(found), found.why_empty
    (0, 'The store holds no log.')
    """

    rule: Rule
    window: Window
    now: datetime
    parameters: Mapping[str, Any]
    table: pa.Table
    sql: str
    why_empty: str | None = None

    def _rows(self, table: pa.Table) -> list[dict[str, Any]]:
        rows = super()._rows(table)
        for row in rows:
            row["detail"] = json.loads(row["detail"]) if row["detail"] else {}
        return rows

    def only(self, verdict: str) -> Findings:
        """Return the findings with this verdict.

        Raises
        ------
        RuleError
            If there is no such verdict.
        """
        import dataclasses

        import pyarrow.compute as compute

        if verdict not in VERDICTS:
            raise RuleError(f"There is no verdict {verdict!r}.", f"Give one of {', '.join(VERDICTS)}.")
        return dataclasses.replace(self, table=self.table.filter(compute.equal(self.table["verdict"], verdict)))

    def by(self, column: str) -> Tally:
        """Count findings and events for each value of a column; rows of verdict clear are left out."""
        return Tally.of(self.table, column, what=f"{self.rule.id} findings")

    def evidence(self, index: int) -> list[dict[str, Any]]:
        """Return the log records behind one finding, read again from the files they came from.

        Parameters
        ----------
        index
            Row of the table, from 0.

        Returns
        -------
        list of dict
            file, sha256, line, event_id, and record: the text of the record, secrets masked, or None where the file
            is gone or no longer what it was.

        Raises
        ------
        RuleError
            If there is no such row.
        """
        if not isinstance(index, int) or not -len(self) <= index < len(self):
            have = (
                f"Give a number from 0 to {len(self) - 1}."
                if len(self)
                else self.why_empty or "None has the verdict asked for."
            )
            raise RuleError(f"{self.rule.id} has no finding {index!r}.", have)
        return read_records(self.table["evidence"][index].as_py())

    def chart(self) -> Chart:
        """Draw the findings in the way that fits the rule; where nothing was found, say why."""
        if not len(self):
            from grantlens.charts.chart import blank

            return blank(f"{self.rule.id}: nothing to draw", self.why_empty or "No finding has the verdict asked for.")
        if self.rule.id == "PRV-1":
            from grantlens.charts.used_granted import used_granted

            names = ("scope", "state", "uses", "action")
            rows = self._rows(self.table.select(["client_id", "detail"]))
            return used_granted([{**row, **{name: row["detail"][name] for name in names}} for row in rows])
        if self.rule.id in _CALLS:
            from grantlens.charts.scope_actions import scope_actions

            rows = self.table.select(["client_id", "operation", "events", "verdict"]).to_pylist()
            # What was refused is counted too: no finding of that rule says more than clear.
            if self.rule.id == "OOS-12":
                rows = [{**row, "verdict": "violation"} for row in rows]
            return scope_actions([row for row in rows if row["verdict"] != "clear"], what=_CALLS[self.rule.id])
        return self.by("client_id").chart()

    def __repr__(self) -> str:
        return (
            f"{self.rule.id} {self.rule.question} {self.window}: {self._counted() or self.why_empty or 'nothing found'}"
        )

    def _counted(self) -> str:
        many = {verdict: count for verdict, count in self.counts().items() if count}
        return ", ".join(
            f"{count:,} {verdict}{'s' if verdict == 'violation' and count > 1 else ''}"
            for verdict, count in many.items()
        )

    def counts(self) -> dict[str, int]:
        """Count the findings of each verdict."""
        verdicts = self.table["verdict"].to_pylist()
        return {verdict: verdicts.count(verdict) for verdict in reversed(VERDICTS)}

    def _repr_html_(self) -> str:
        columns = [name for name in _COLUMNS if self.table[name].null_count < len(self.table)]
        given = ", ".join(f"{name} = {value}" for name, value in self.parameters.items()) or "none"
        return (
            f"<div><p><b>{markup(self.rule.id)}</b> {markup(self.rule.question)}</p>"
            f"<p>Window {markup(str(self.window))}. Findings: {self._counted() or 'none'}. Parameters: {markup(given)}.</p>"
            + (f"<p>{markup(self.why_empty)}</p>" if self.why_empty else first_rows(self.table, columns))
            + f"<details><summary>SQL</summary><pre>{html.escape(self.sql)}</pre></details></div>"
        )
