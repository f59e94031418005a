"""`grantlens server add`: what is known of the servers that check tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.message import say
from grantlens.cli.opening import existing, readable
from grantlens.cli.parameters import StorePath
from grantlens.wording import plural

EXAMPLES = """Examples:
  grantlens server add acme.duckdb servers.toml

Every column, and a whole file as an example: docs/files.md in the repository."""


def add(
    store: StorePath,
    file: Annotated[
        Path, Parameter(help="TOML or CSV: resource_server, validation, cache_seconds, bound_seconds, ...")
    ],
    /,
) -> int:
    """Add resource servers to a store; an entry replaces an earlier one of the same server."""
    from grantlens.register.server import Servers

    servers = Servers.read(readable(file))
    with existing(store, read_only=False) as opened:
        opened.add(servers)
        entries = opened.engine.value("SELECT count(*) FROM server")
    say(f"The store {store} knows {plural(entries, 'server')} now.")
    return 0
