"""How exact the clocks behind the logs are, read from TOML or CSV.

TOML::

    [[clock]]
    source = "okta"            # required, as column source of the logs has it
    error_seconds = 0.5        # required: how far a time stamp may be from the truth, either way
    offset_seconds = -2.0      # how far the stamps are ahead of the truth; negative where behind, 0 where not said
    log = "usage"              # issuance, usage or revocation; all three where not said
    tenant = "acme"            # all tenants where not said

CSV: the same names as columns. What is said of one tenant, or of one log, goes before what is said of all. The width of a
stamp - a second, where the log writes whole seconds - is seen in the log and comes on top.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantlens.errors import RegisterError
from grantlens.given_path import given_path
from grantlens.handwritten import Entry, read_entries
from grantlens.register.rows import BROUGHT, bound, keep
from grantlens.schema.register import STATED_CLOCK
from grantlens.schema.vocabulary import LOG
from grantlens.visible import grid

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_KEY = ("source", "tenant", "log")


@dataclass(frozen=True, repr=False)
class Clocks:
    r"""What the organisation states of the clocks of its sources.

    Parameters
    ----------
    rows
        One row for each statement, in the columns of table stated_clock.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "clocks.csv")
    >>> _ = file.write_text("source,error_seconds\nokta,0.5\n")
    >>> Clocks.read(file)
    <Clocks: okta>
    """

    rows: tuple[dict[str, Any], ...]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Clocks:
        """Read clocks from a TOML or CSV file; a mistake names its line."""
        path = Path(given_path(path, 'Name the file: gl.Clocks.read("clocks.toml").', RegisterError))
        found: dict[tuple[str | None, ...], dict[str, Any]] = {}
        for entry in read_entries(path, "clock", STATED_CLOCK.names, RegisterError):
            row = _row(entry)
            key = tuple(row[name] for name in _KEY)
            keep(found, key, row, entry, f"this clock of {row['source']!r}", "source")
        if not found:
            raise RegisterError(
                f"{path} holds no clock.",
                'Write [[clock]], source = "..." and error_seconds = ..., or a CSV with these columns.',
            )
        return cls(tuple(found.values()))

    def write_to(self, engine: Engine) -> None:
        """Put the clocks into a store; what stood there of the same sources goes.

        Runs inside the caller's transaction, which `Store.add` opens.
        """
        values = bound(STATED_CLOCK, self.rows)
        engine.execute(f"DELETE FROM stated_clock WHERE source IN (SELECT source FROM {BROUGHT})", values)
        engine.execute(f"INSERT INTO stated_clock BY NAME FROM {BROUGHT}", values)

    @property
    def sources(self) -> list[str]:
        """The sources of which something is said."""
        return sorted({row["source"] for row in self.rows})

    def __repr__(self) -> str:
        names = self.sources
        return f"<Clocks: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}>"

    def _repr_html_(self) -> str:
        return grid(STATED_CLOCK.names, ([row[name] for name in STATED_CLOCK.names] for row in self.rows))


def _row(entry: Entry) -> dict[str, Any]:
    entry.check_keys(STATED_CLOCK.names)
    return {
        "source": str(entry.text("source", required=True)).strip(),
        "tenant": entry.text("tenant") or None,
        "log": entry.text("log", choices=LOG),
        "error_seconds": entry.seconds("error_seconds", required=True),
        "offset_seconds": entry.seconds("offset_seconds", signed=True) or 0.0,
    }
