"""`grantlens unload`: loaded files out of the store again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.message import say
from grantlens.cli.opening import existing
from grantlens.cli.output import write_json
from grantlens.cli.parameters import AsJson, StorePath

EXAMPLES = """Examples:
  grantlens unload acme.duckdb logs/keycloak.log
  grantlens load acme.duckdb logs/keycloak.log --time-zone Europe/Berlin

  grantlens unload acme.duckdb logs/other-company/ --dry-run"""


def unload(
    store: StorePath,
    paths: Annotated[list[Path], Parameter(name="PATH", help="Files, or folders of them, that were loaded.")],
    /,
    *,
    dry_run: Annotated[bool, Parameter(help="Say what would be taken out, and change nothing.")] = False,
    json: AsJson = False,
) -> int:
    """Take loaded files out of the store, as if they had never been loaded, and write its file anew.

    What was read with the wrong mapping, loader or time zone can then be loaded again, and what is somebody else's is
    gone. The files themselves are not touched. That they were there stays on record, and reports tell it. The disk needs
    room for a second store meanwhile.
    """
    from grantlens.holdings.unloading import loads_of
    from grantlens.plain import plain
    from grantlens.wording import plural

    with existing(store, read_only=dry_run, confined=False) as opened:
        found = loads_of(opened.engine, paths)
        if not dry_run:
            say("Writing the store anew.")
            opened.unload(*paths)
    if json:
        write_json(plain({"paths": list(found.paths), "rows": found.rows, "records": found.records}))
        return 0
    some = len(found.paths) != 1
    gone = "would be" if dry_run else "were" if some else "was"
    loads, records, rows = plural(len(found.paths), "load"), plural(found.records, "record"), plural(found.rows, "row")
    print(f"{loads} of {records} {gone} taken out, and {rows} with {'them' if some else 'it'}.")
    return 0
