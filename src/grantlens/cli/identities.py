"""`grantlens identities add`: which ids of which logs are one client or person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.message import say
from grantlens.cli.opening import existing, readable
from grantlens.cli.parameters import StorePath
from grantlens.report.formats import plural

EXAMPLES = """Examples:
  grantlens identities add acme.duckdb identities.toml
  grantlens identities add acme.duckdb identities.csv

Every column, and a whole file as an example: docs/files.md in the repository."""


def add(
    store: StorePath,
    file: Annotated[Path, Parameter(help="TOML or CSV: source, kind, id, same_as")],
    /,
) -> int:
    """Say which ids of which logs are one client or person; a name's ids replace its earlier ones."""
    from grantlens.register.identities import Identities

    identities = Identities.read(readable(file))
    with existing(store, read_only=False) as opened:
        opened.add(identities)
        names, ids = opened.engine.rows("SELECT count(DISTINCT (kind, name)), count(*) FROM identity")[0]
        strange = opened.engine.rows(
            """SELECT i.source, (SELECT arg_max(a.source, jaro_winkler_similarity(a.source, i.source)) FROM activity a)
            FROM (SELECT DISTINCT source FROM identity) i
            ANTI JOIN activity a USING (source) ORDER BY i.source"""
        )
    say(f"The store {store} knows {plural(names, 'name')} for {plural(ids, 'id')} now.")
    for source, near in strange:
        say(f"No log of source {source!r} is in the store{f'; nearest is {near!r}' if near else ''}.")
    return 0
