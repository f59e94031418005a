"""`grantlens report`: every rule over one window, in one file, or in several forms at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.gate import exit_code
from grantlens.cli.opening import existing, neighbour
from grantlens.cli.parameters import AcceptedFile, FailOn, Now, Set, Since, StorePath, Tenant, Until, numbers
from grantlens.cli.present import present, tell_accepted, tell_far, tell_present
from grantlens.cli.progress import watched
from grantlens.errors import GrantlensError
from grantlens.given_path import in_shell

EXAMPLES = """Examples:
  grantlens report acme.duckdb -o q3.html --since 2026-Q3
  grantlens report acme.duckdb -o today.html -o today.json
  grantlens report acme.duckdb -o new.json --baseline old.json --fail-on high
  grantlens report acme.duckdb -o r.html --accepted accepted.csv

The ending of FILE chooses the form: .html, .json, .md,
.sarif for code hosts, or .ocsf (NDJSON) for SIEMs."""

WRITERS = {
    ".html": "to_html",
    ".htm": "to_html",
    ".json": "to_json",
    ".md": "to_markdown",
    ".sarif": "to_sarif",
    ".ocsf": "to_ocsf",
}
"""Ending of the file, and the method of a review that writes it."""


def report(
    store: StorePath,
    /,
    *,
    out: Annotated[
        list[Path],
        Parameter(
            name=("--out", "-o"),
            metavar="FILE",
            help="File to write: .html, .json, .md, .sarif or .ocsf; as often as there are forms to write.",
        ),
    ],
    since: Since = None,
    until: Until = None,
    now: Now = None,
    tenant: Tenant = None,
    settings: Set = (),
    baseline: Annotated[
        Path | None,
        Parameter(
            metavar="FILE", help="An earlier report as JSON: what is new is marked, and only that counts for --fail-on."
        ),
    ] = None,
    accepted: AcceptedFile = None,
    fail_on: FailOn = None,
) -> int:
    """Write a report that opens offline: coverage, findings by rule, grants, revocations, privileges, limitations."""
    from grantlens.access_review import review
    from grantlens.holdings.overwriting import keep_evidence
    from grantlens.view import view_of

    for path in out:
        if path.suffix.lower() not in WRITERS:
            raise GrantlensError(f"{path} has no ending that says how to write it.", f"Name it *{', *'.join(WRITERS)}.")
        if not path.parent.is_dir():
            remedy = f"Make it first: mkdir -p {in_shell(path.parent)}"
            raise GrantlensError(f"The folder of {path} does not exist.", remedy)
    if baseline is not None and not baseline.exists():
        near = neighbour(baseline)
        remedy = f"Did you mean {near}?" if near else "The first time there is none: leave --baseline out."
        raise GrantlensError(f"{baseline} does not exist.", remedy)
    values = numbers(settings)
    instant = present(now)
    with existing(store, tenant=tenant) as opened:
        keep_evidence(opened.engine, out)
        view = view_of(opened, since, until, instant)
        tell_present(now, instant, opened)
        tell_far(view, since, until)
        with watched(opened.engine):
            result = review(view, baseline=baseline, parameters=values, accepted=accepted)
        for path in out:
            getattr(result, WRITERS[path.suffix.lower()])(path)
        tell_accepted(result.document["accepted"])
        code = exit_code(view, result.gated(), fail_on, result.document["baseline"], named=True)
    print(*out, sep="\n")
    return code
