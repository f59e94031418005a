"""`grantlens detect`: the answers of one rule, several, or all."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from grantlens.cli.gate import exit_code
from grantlens.cli.opening import existing
from grantlens.cli.output import write_records
from grantlens.cli.parameters import FailOn, FormatChoice, Now, Since, StorePath, Until
from grantlens.cli.present import ends, present

EXAMPLES = """Examples:
  grantlens detect acme.duckdb
  grantlens detect acme.duckdb OOS-1 REV-1 --since 2026-07-01 --until 2026-10-01
  grantlens detect acme.duckdb --since 'last 30 days' --format ndjson --evidence all
  grantlens detect acme.duckdb --fail-on high"""

COLUMNS = (
    "rule",
    "verdict",
    "severity",
    "client_id",
    "subject_id",
    "operation",
    "events",
    "first_seen",
    "last_seen",
    "title",
)


def detect(
    store: StorePath,
    /,
    *rules: Annotated[str, Parameter(help="Rules such as OOS-1; all, if left out. `grantlens sql` lists them.")],
    since: Since = None,
    until: Until = None,
    now: Now = None,
    format: FormatChoice = "table",
    evidence: Annotated[
        Literal["few", "all"], Parameter(help="List at most 20 events behind each finding (few), or every one (all).")
    ] = "few",
    fail_on: FailOn = None,
) -> int:
    """Print the findings of rules over a window.

    Each finding has a verdict: violation, indeterminate where the logs cannot tell, or clear. The table leaves out
    what is clear; JSON, NDJSON and CSV hold everything.
    """
    from grantlens.detect import run

    instant = present(now)
    with existing(store) as opened:
        window = opened.between(*ends(since, until, instant), now=instant)
        results = run(window, list(rules) or None, now=instant)
        findings = [finding for result in results for finding in result.to_dicts(evidence=evidence)]
        code = exit_code(opened, window, findings, fail_on)
    shown = findings if format != "table" else [finding for finding in findings if finding["verdict"] != "clear"]
    write_records(shown, format, columns=COLUMNS, empty=f"{len(results)} rules found nothing in {window}.")
    return code
