"""`grantlens forget`: old calls out of the store."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.message import say
from grantlens.cli.opening import existing
from grantlens.cli.output import write_json
from grantlens.cli.parameters import AsJson, StorePath

EXAMPLES = """Examples:
  grantlens forget acme.duckdb --before 2025-11-01 --dry-run
  grantlens forget acme.duckdb --before 2025-11-01
  grantlens forget acme.duckdb --before "$(date -u -d '400 days ago' +%F)\""""


def forget(
    store: StorePath,
    /,
    *,
    before: Annotated[
        str,
        Parameter(metavar="TIME", help="Calls before it are forgotten: a date or a time, UTC unless it has a zone."),
    ],
    dry_run: Annotated[bool, Parameter(help="Say what would be forgotten, and change nothing.")] = False,
    json: AsJson = False,
) -> int:
    """Take the calls before a time out of the store, for good, and write its file anew.

    With them go the callers and objects that no later call names, and what is quoted of bad records in older files. What
    gave and took access stays: what lives today may be older than any call. A review since that time says what it said
    before; of the time before it none can say what was done, and coverage and reports tell so. The logs are not touched;
    a file that is loaded again because it grew brings its calls back. The disk needs room for a second store meanwhile.
    """
    from grantlens.holdings.forgetting import old_calls
    from grantlens.plain import plain
    from grantlens.window import format_time, parse_time
    from grantlens.wording import plural

    instant = parse_time(before)
    with existing(store, read_only=dry_run, confined=False) as opened:
        found = old_calls(opened.engine, instant)
        if found.calls and not dry_run:
            say("Writing the store anew.")
        if not dry_run:
            opened.forget(instant)
    if json:
        write_json(plain({"before": found.before, "calls": found.calls, "kept": found.kept, "callers": found.callers}))
        return 0
    gone = "would be forgotten" if dry_run else "was forgotten" if found.calls == 1 else "were forgotten"
    print(
        f"{plural(found.calls, 'call')} before {format_time(found.before)} {gone}, with {plural(found.callers, 'caller')}; "
        f"{found.kept:,} {'would be' if dry_run else 'is' if found.kept == 1 else 'are'} kept."
    )
    return 0
