"""`grantlens register add`: the organisation's own list of connections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.cli.message import say
from grantlens.cli.opening import existing, readable
from grantlens.cli.parameters import StorePath
from grantlens.wording import plural

EXAMPLES = """Examples:
  grantlens register add acme.duckdb connections.toml
  grantlens register add acme.duckdb connections.csv

Every column, and a whole file as an example: docs/files.md in the repository."""


def add(
    store: StorePath,
    file: Annotated[Path, Parameter(help="TOML or CSV: client_id, name, owner, purpose, approved_operations, ...")],
    /,
) -> int:
    """Add the register to a store; an entry replaces an earlier one of the same client."""
    from grantlens.register.register import Register

    register = Register.read(readable(file))
    with existing(store, read_only=False) as opened:
        opened.add(register)
        ((entries, types),) = opened.engine.rows(
            "SELECT (SELECT count(*) FROM register), (SELECT count(*) FROM details_type)"
        )
    beside = f" and {plural(types, 'type')} of authorization details" if types else ""
    say(f"The register in {store} has {plural(entries, 'entry', 'entries')}{beside} now.")
    return 0
