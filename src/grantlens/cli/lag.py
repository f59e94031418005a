"""`grantlens lag`: how long access went on working after it was revoked."""

from __future__ import annotations

from typing import Any

from grantlens.cli.codes import FAILED, FINE
from grantlens.cli.message import say
from grantlens.cli.opening import existing
from grantlens.cli.output import write_records
from grantlens.cli.parameters import FormatChoice, Now, Since, StorePath, Tenant, Until
from grantlens.cli.present import present, tell_far, tell_present
from grantlens.cli.progress import watched
from grantlens.wording import duration

EXAMPLES = """Examples:
  grantlens lag acme.duckdb --since 2026-Q3
  grantlens lag acme.duckdb --format csv > lag.csv"""

UNNAMED = "(not named in the log)"
"""In place of a resource server that no call names."""


def lag(
    store: StorePath,
    /,
    *,
    since: Since = None,
    until: Until = None,
    now: Now = None,
    tenant: Tenant = None,
    format: FormatChoice = "table",
) -> int:
    """Tell how long access went on working after it was revoked, at each resource server.

    A line tells of the cases - a revocation, a token or grant that it ended, a server - that were put to the test there: when the
    half of them had ended, the longest success after a revocation, and how many were not refused after it. Where `at
    most` is empty, no refusal bounds it. The other forms hold a row for each case, the untried among them.
    """
    from grantlens.access_review.ask import covered_logs
    from grantlens.access_review.revocations import by_server, none_ended
    from grantlens.detect import revocation_lag
    from grantlens.plain import plain_rows
    from grantlens.view import view_of

    instant = present(now)
    with existing(store, tenant=tenant) as opened:
        view = view_of(opened, since, until, instant)
        tell_present(now, instant, opened)
        tell_far(view, since, until)
        with watched(opened.engine):
            found = revocation_lag(view)
        cases = plain_rows(found.table)
        servers = by_server(opened.engine, cases)
        empty = "" if cases else none_ended(opened.engine, view.window.parameters())
        covered = covered_logs(opened.engine, view.window.parameters())
    is_covered = "revocation" in covered
    untried = "No call in the logs held put a revocation to the test."
    if "usage" not in covered:
        untried += " No usage log covers any of this period, so whether anybody tried is not known."
    if format != "table":
        write_records(cases, format, columns=found.table.column_names)
    elif cases or is_covered:
        write_records([_told(server) for server in servers], format, empty=empty or untried)
        if cases:
            print(f"\n{found.estimate().sentence()}")
    if cases or is_covered:
        return FINE
    say(f"Too thin to judge: {empty[0].lower()}{empty[1:]}")
    return FAILED


def _told(server: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the table."""
    return {
        "resource_server": server["resource_server"] or UNNAMED,
        "checks_tokens": server["validation"],
        "cases": server["n"],
        "half_ended_after": f"at least {duration(server['median_lower'])}",
        "at_most": None if server["median_upper"] is None else duration(server["median_upper"]),
        "longest_success_after": None if server["longest_s"] is None else duration(server["longest_s"]),
        "not_refused_after": server["right"],
    }
