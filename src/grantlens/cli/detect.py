"""`grantlens detect`: the answers of one rule, several, or all."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from grantlens.cli.cell import shown
from grantlens.cli.gate import exit_code
from grantlens.cli.message import say
from grantlens.cli.opening import existing
from grantlens.cli.output import INDENT, with_whose, write_records, write_table
from grantlens.cli.parameters import (
    AcceptedFile,
    FailOn,
    FormatChoice,
    Now,
    Set,
    Since,
    StorePath,
    Tenant,
    Until,
    numbers,
)
from grantlens.cli.present import present, tell_accepted, tell_far, tell_present
from grantlens.cli.progress import watched
from grantlens.errors import StoreError
from grantlens.given_path import in_shell
from grantlens.wording import plural

if TYPE_CHECKING:
    from grantlens.findings import Findings

EXAMPLES = """Examples:
  grantlens detect acme.duckdb
  grantlens detect acme.duckdb OOS-1 REV-1 --since 2026-07-01 --until 2026-10-01
  grantlens detect acme.duckdb --since 'last 30 days' --format ndjson
  grantlens detect acme.duckdb PRV-3 --set dormant_days=60
  grantlens detect acme.duckdb REV-1 --records
  grantlens detect acme.duckdb --fail-on high
  grantlens detect acme.duckdb --format csv > findings.csv
  grantlens detect acme.duckdb --accepted accepted.csv"""

COLUMNS = (
    "rule",
    "verdict",
    "severity",
    "client_id",
    "subject_id",
    "token_id",
    "resource_server",
    "operation",
    "events",
    "first_seen",
    "last_seen",
    "title",
    "facts",
)


UNREADABLE = "(the file is gone, or no longer what it was when it was loaded)"
"""In place of a record that cannot be read again."""


def detect(
    store: StorePath,
    /,
    *rules: Annotated[str, Parameter(help="Rules such as OOS-1; all, if left out. `grantlens sql` lists them.")],
    since: Since = None,
    until: Until = None,
    now: Now = None,
    tenant: Tenant = None,
    settings: Set = (),
    format: FormatChoice = "table",
    evidence: Annotated[
        Literal["few", "all"], Parameter(help="List at most 20 events behind each finding (few), or every one (all).")
    ] = "few",
    records: Annotated[
        bool,
        Parameter(
            help="Read the log records behind each finding again and show them, secrets masked: below the table, and beside "
            "each pointer to evidence in the other forms."
        ),
    ] = False,
    accepted: AcceptedFile = None,
    fail_on: FailOn = None,
) -> int:
    """Print the findings of rules over a window.

    Each finding has a verdict: violation, indeterminate where the logs cannot tell, or clear. Without RULES the table
    lists the violations, the worst first, and tells by rule and reason how many could not be decided; with RULES it
    lists these too. It leaves out what is clear or accepted; JSON, NDJSON and CSV hold everything.
    """
    from grantlens.access_review.accepted import MARKS, Accepted, mark
    from grantlens.conclusion.nothing_found import could_not_look
    from grantlens.detect import run
    from grantlens.report.outline import worst_first
    from grantlens.rules import find
    from grantlens.view import view_of

    swapped = [rule for rule in rules if Path(rule).suffix == ".duckdb"]
    if swapped:
        raise StoreError(
            f"{swapped[0]} is no rule.",
            f"The store comes first: grantlens detect {in_shell(swapped[0])} {in_shell(store)}",
        )
    for rule in rules:
        find(rule)
    values = numbers(settings)
    taken = None if accepted is None else Accepted.read(accepted)
    instant = present(now)
    with existing(store, tenant=tenant) as opened:
        view = view_of(opened, since, until, instant)
        tell_present(now, instant, opened)
        tell_far(view, since, until)
        with watched(opened.engine):
            results = run(view, rules or None, parameters=values, evidence=evidence)
        findings = [finding for result in results for finding in result.to_dicts()]
        tell_accepted(mark(findings, taken, view.now))
        code = exit_code(view, [finding for finding in findings if finding["accepted"] is None], fail_on)
    counted = format == "table" and not rules  # what is undecided is counted by reason, and not listed
    open_ones = [
        finding
        for finding in findings
        if counted and finding["verdict"] == "indeterminate" and finding["accepted"] is None
    ]
    told = findings if format != "table" else _rows(worst_first(findings)) if counted else _rows(findings)
    if records:
        _read_again(told)
    columns = [*results[0].table.column_names, *MARKS] if format == "csv" else with_whose(COLUMNS, told)
    window = f"{'in' if view.window.of_nothing else 'from'} {view.window}"
    held = " but what is accepted" if any(finding["accepted"] is not None for finding in findings) else ""
    clear = sum(finding["verdict"] == "clear" for finding in findings)
    empty = f"No violation was found {window}{held}." if open_ones else _nothing(results, window + held, clear)
    write_records(told, format, columns=columns, empty=empty)
    if records and format == "table":
        for finding in told:
            _write_behind(finding)
    if open_ones:
        print(f"\nNot decided, and why. To list them, add a rule to the command, such as {open_ones[0]['rule']}.")
        write_table(_reasons(open_ones), ("rule", "undecided", "reason"))
    if told or open_ones or format != "table":
        for each in results:
            if could_not_look(each.why_empty):
                say(f"{each.rule.id} could not look: {each.why_empty}")
    if (told or open_ones) and format == "table":
        say(_counted(findings))
    return code


def _rows(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings that are neither clear nor accepted, with what tells each from its neighbours."""
    from grantlens.report.outline import facts

    return [finding | {"facts": "; ".join(facts(finding))} for finding in _open(findings)]


def _open(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [finding for finding in findings if finding["verdict"] != "clear" and finding["accepted"] is None]


def _read_again(findings: list[dict[str, Any]]) -> None:
    """Put the text of its record beside each pointer to evidence; each file is read once."""
    from grantlens.findings.records import read_records

    found = iter(read_records(pointer for finding in findings for pointer in finding["evidence"]))
    lost = cited = 0
    for finding in findings:
        finding["evidence"] = [next(found) for _ in finding["evidence"]]
        cited += len(finding["evidence"])
        lost += sum(each["record"] is None for each in finding["evidence"])
    if lost:
        say(
            f"{lost:,} of {plural(cited, 'cited record')} cannot be read again: the files are gone, have changed, or their paths "
            "hold from another folder - run this where they were loaded."
        )


def _write_behind(finding: dict[str, Any]) -> None:
    """Print the log records behind a finding, a line each."""
    print(f"\n{finding['rule']} {finding['severity']}: {shown(finding['title'])}")
    for each in finding["evidence"]:
        text = UNREADABLE if each["record"] is None else shown(each["record"])
        print(f"{INDENT}{shown(each['file'])}:{each['line']}  {text}")


def _reasons(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return by rule why nothing could be decided, and how often."""
    from grantlens.report.outline import PAGE, undecided

    return [
        {"rule": rule, "undecided": count, "reason": reason}
        for rule, group in groupby(findings, key=itemgetter("rule"))
        for reason, count in undecided(group, PAGE.reasons)
    ]


def _counted(findings: list[dict[str, Any]]) -> str:
    """Say how many findings of each verdict there are: of a long table the last screen is what a person sees."""
    count = Counter(finding["verdict"] for finding in findings if finding["accepted"] is None)
    violations = plural(count["violation"], "violation") if count["violation"] else "No violation"
    undecided = f"; {count['indeterminate']:,} indeterminate" if count["indeterminate"] else ""
    accepted = sum(finding["accepted"] is not None for finding in findings)
    left_out = [f"{many:,} {what}" for many, what in ((count["clear"], "clear"), (accepted, "accepted")) if many]
    others = f"; {' and '.join(left_out)}, which only the other formats list" if left_out else ""
    return f"{violations}{undecided}{others}."


def _nothing(results: list[Findings], window: str, clear: int) -> str:
    """Say that nothing was found, and for each rule why: an empty answer may mean that nothing could be asked."""
    found = f"Nothing was found {window}."
    if clear:
        are = "1 finding is" if clear == 1 else f"{clear} findings are"
        found = f"No violation was found {window}; {are} clear: --format json lists them."
    return "\n".join([found, *(f"  {each.rule.id}: {each.why_empty}" for each in results if each.why_empty)])
