"""How resource servers enforce revocation, whose tokens they take, and which scopes they offer, read from TOML or CSV.

TOML::

    [[server]]
    resource_server = "api.mail.example"  # required, as the usage log names it
    validation = "cached"                 # offline, introspection, cached or push
    cache_seconds = 300                   # how long it keeps an introspection answer
    bound_seconds = 300                   # documented bound for a revocation to take effect
    leeway_seconds = 60                   # after expiry; 60 where not said
    scopes_supported = ["read", "send"]   # the list of this name in its metadata (RFC 9728)
    accepts = ["keycloak", "okta/acme"]   # whose tokens it accepts: the source of the log that issues them, or source/tenant

CSV: the same names as columns; the items of a list are joined by `;`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantlens.errors import RegisterError
from grantlens.given_path import given_path
from grantlens.handwritten import Entry, read_entries
from grantlens.register.rows import keep, replace_rows
from grantlens.schema.register import SERVER
from grantlens.schema.vocabulary import VALIDATION
from grantlens.visible import grid

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_SECONDS = ("cache_seconds", "bound_seconds", "leeway_seconds")
DEFAULT_LEEWAY = 60.0


@dataclass(frozen=True, repr=False)
class Servers:
    r"""What is known of resource servers.

    Parameters
    ----------
    servers
        One row for each server, in the columns of table server.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "servers.csv")
    >>> _ = file.write_text("resource_server,validation,cache_seconds\napi.example,cached,300\n")
    >>> Servers.read(file)
    <Servers: api.example>
    """

    servers: tuple[dict[str, Any], ...]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Servers:
        """Read servers from a TOML or CSV file; a mistake names its line."""
        path = Path(given_path(path, 'Name the file: gl.Servers.read("servers.toml").', RegisterError))
        servers: dict[str, dict[str, Any]] = {}
        for entry in read_entries(path, "server", SERVER.names, RegisterError, lists=("accepts", "scopes_supported")):
            row = _server(entry)
            name = row["resource_server"]
            keep(servers, name, row, entry, f"the server {name!r}", "resource_server")
        if not servers:
            raise RegisterError(
                f"{path} holds no server.", 'Write [[server]] and resource_server = "...", or a CSV with that column.'
            )
        return cls(tuple(servers.values()))

    def write_to(self, engine: Engine) -> None:
        """Put the servers into a store; rows of the same servers are replaced.

        Runs inside the caller's transaction, which `Store.add` opens.
        """
        replace_rows(engine, SERVER, "resource_server", self.servers)

    def __repr__(self) -> str:
        names = [server["resource_server"] for server in self.servers]
        return f"<Servers: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}>"

    def _repr_html_(self) -> str:
        return grid(SERVER.names, ([row[name] for name in SERVER.names] for row in self.servers))


def _server(entry: Entry) -> dict[str, Any]:
    entry.check_keys(SERVER.names)
    seconds = {key: entry.seconds(key) for key in _SECONDS}
    return {
        "resource_server": entry.text("resource_server", required=True),
        "validation": entry.text("validation", choices=VALIDATION),
        **seconds,
        "leeway_seconds": DEFAULT_LEEWAY if seconds["leeway_seconds"] is None else seconds["leeway_seconds"],
        "scopes_supported": entry.texts("scopes_supported"),
        "accepts": entry.texts("accepts"),
    }
