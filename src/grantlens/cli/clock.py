"""`grantlens clock add`: how exact the clocks behind the logs are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.message import say
from grantlens.cli.opening import existing, readable
from grantlens.cli.parameters import StorePath
from grantlens.cli.sources import tell_strangers
from grantlens.wording import plural

EXAMPLES = """Examples:
  grantlens clock add acme.duckdb clocks.toml

Every column, and a whole file as an example: docs/files.md in the repository."""


def add(
    store: StorePath,
    file: Annotated[Path, Parameter(help="TOML or CSV: source, error_seconds, offset_seconds, log, tenant")],
    /,
) -> int:
    """Say how exact the clocks of the logs are; the entries of a source replace its earlier ones.

    Two events closer together than their clocks are good stay undecided. Without a word about a clock, 5 seconds of error
    are assumed.
    """
    from grantlens.register.clocks import Clocks

    clocks = Clocks.read(readable(file))
    with existing(store, read_only=False) as opened:
        opened.add(clocks)
        sources = opened.engine.value("SELECT count(DISTINCT source) FROM stated_clock")
        say(f"The store {store} knows the clocks of {plural(sources, 'source')} now.")
        tell_strangers(opened.engine, clocks.sources)
    return 0
