"""`grantlens load`: logs in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.message import complain, say
from grantlens.cli.opening import anew, neighbour
from grantlens.cli.output import write_json, write_records
from grantlens.cli.parameters import AsJson, StorePath
from grantlens.errors import GrantlensError
from grantlens.loaders.settings import Settings, key_set

EXAMPLES = """Examples:
  grantlens load acme.duckdb logs/entra/ 'logs/okta/*.json.gz'
  grantlens load acme.duckdb audit.csv --loader github
  grantlens load acme.duckdb server.log --time-zone Europe/Berlin
  grantlens load acme.duckdb logs/ --json"""

COLUMNS = (
    "path",
    "loader",
    "records",
    "issuance",
    "usage",
    "revocation",
    "ignored",
    "duplicates",
    "rejected",
    "first",
    "last",
    "note",
)


def load(
    store: StorePath,
    /,
    *paths: Annotated[
        str, Parameter(help="Files, folders or quoted globs: NDJSON, JSON, CSV or Parquet, plain, .gz or .zst.")
    ],
    loader: Annotated[
        str | None, Parameter(metavar="NAME", help="Read as this log. Recognised by content, if left out.")
    ] = None,
    time_zone: Annotated[
        str | None, Parameter(metavar="ZONE", help="The zone of a log that writes local time, such as Europe/Berlin.")
    ] = None,
    jwks: Annotated[
        Path | None, Parameter(metavar="FILE", help="The key set (JWKS) against which signed records are verified.")
    ] = None,
    unverified: Annotated[
        bool, Parameter(negative="", help="Take signed records although nothing verifies who wrote them.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Load logs into a store; loading again changes nothing.

    Each file is loaded whole or not at all. A record that is wrong is kept aside with its reason, and the
    rest loads. A file that cannot be read is named, the others load, and the exit code is 2.
    """
    from grantlens.cli.progress import progress

    if not paths:
        raise GrantlensError("No log was named.", "Name files, folders or globs: grantlens load acme.duckdb logs/")
    settings = Settings(time_zone, key_set(jwks) if jwks else None, unverified)
    made_here = not store.exists()
    with anew(store) as opened, progress() as tell:
        report = opened.load(*paths, loader=loader, progress=tell, settings=settings)
    if made_here and not report.batches:
        store.unlink()
    if json:
        write_json({"batches": report.batches})
    elif report.batches:
        write_records(report.batches, "table", columns=COLUMNS)
    rejected = sum(batch["rejected"] for batch in report.batches)
    if rejected:
        say(f"{rejected} records were rejected and kept aside; see: grantlens coverage {store}")
    for path, message, remedy in report.failed:
        near = neighbour(Path(path)) if not Path(path).exists() else None
        complain(message if path in message else f"{path}: {message}", f"Did you mean {near}?" if near else remedy)
    return 2 if report.failed else 0
