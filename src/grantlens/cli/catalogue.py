"""`grantlens catalogue`: which scopes permit which operation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.catalogue.model import SOURCES
from grantlens.cli.message import say
from grantlens.cli.opening import existing, readable
from grantlens.cli.parameters import StorePath

BUILD_EXAMPLES = """Examples:
  grantlens catalogue build msgraph permissions.json -o msgraph.parquet
  grantlens catalogue build google discovery/ -o google.parquet
  grantlens catalogue build aws -o aws.parquet
  grantlens catalogue build slack slack-api-ref/ -o slack.parquet
  grantlens catalogue build openapi billing-api.yaml -o billing.parquet"""

ADD_EXAMPLES = """Examples:
  grantlens catalogue add acme.duckdb msgraph.parquet"""


def build(
    source: Annotated[str, Parameter(help=f"Kind of the source: {', '.join(SOURCES)}.")],
    path: Annotated[
        Path | None, Parameter(help="File or folder; of aws and google where absent that of an installed package.")
    ] = None,
    /,
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"), metavar="FILE", help="File to write.")],
    list_rule: Annotated[str | None, Parameter(help="all or any: what an OpenAPI list of scopes means.")] = None,
    name: Annotated[str | None, Parameter(help="Name of the catalogue; from the source where absent.")] = None,
    server: Annotated[str | None, Parameter(help="Host of the API, where the source names none.")] = None,
    source_version: Annotated[str | None, Parameter(help="Version or commit to record.")] = None,
    retrieved: Annotated[str | None, Parameter(help="Date of retrieval to record.")] = None,
) -> int:
    """Build a catalogue from a vendor's own description of its API.

    That of AWS comes with `pip install 'grantlens[aws]'`, that of Google with google-api-python-client; any other is a file
    or a folder that you name.
    """
    from grantlens.catalogue.model import Catalogue

    catalogue = Catalogue.build(
        source,
        path and readable(path),
        list_rule=list_rule,
        name=name,
        server=server,
        version=source_version,
        retrieved=retrieved,
    )
    catalogue.write(out)
    say(f"Wrote {out}: {catalogue!r}.")
    for note in catalogue.meta["notes"] or []:
        say(f"Note: {note}")
    return 0


def add(
    store: StorePath, file: Annotated[Path, Parameter(help="A catalogue made by `grantlens catalogue build`.")], /
) -> int:
    """Add a catalogue to a store, and match the operations in the logs with it."""
    from grantlens.catalogue.model import Catalogue

    catalogue = Catalogue.read(readable(file))
    with existing(store, read_only=False) as opened:
        opened.add(catalogue)
        known, all_targets = opened.engine.rows("SELECT count(operation_id), count(*) FROM usage_operation")[0]
    say(f"Added {catalogue!r}; {known} of {all_targets} different targets in the logs are known to a catalogue now.")
    return 0
