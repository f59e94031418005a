"""`grantlens identities add`: which ids of which logs are one client, person or resource server."""

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
  grantlens identities add acme.duckdb identities.toml
  grantlens identities add acme.duckdb identities.csv

Every column, and a whole file as an example: docs/files.md in the repository."""


def add(
    store: StorePath,
    file: Annotated[Path, Parameter(help="TOML or CSV: source, kind, id, same_as")],
    /,
) -> int:
    """Say which ids of which logs are one client, person or resource server; a name's ids replace its earlier ones."""
    from grantlens.register.identities import Identities

    identities = Identities.read(readable(file))
    with existing(store, read_only=False) as opened:
        opened.add(identities)
        names, ids = opened.engine.rows("SELECT count(DISTINCT (kind, name)), count(*) FROM identity")[0]
        say(f"The store {store} knows {plural(names, 'name')} for {plural(ids, 'id')} now.")
        tell_strangers(
            opened.engine, [source for (source,) in opened.engine.rows("SELECT DISTINCT source FROM identity")]
        )
    return 0
