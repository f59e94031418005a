"""Which ids of which logs are the same client, person or resource server, read from TOML or CSV.

TOML::

    [[identity]]
    source = "okta"                       # required, as column source of the logs has it
    kind = "client"                       # required: client, subject or server
    id = "0oa1gjh63g214q0Hq0g4"           # required, as that log has it
    same_as = "Mail copilot"              # required: the name that all ids of this client share

    [[identity]]
    source = "github"
    kind = "client"
    id = "Iv1.8a61f9b3a7aba766"
    same_as = "Mail copilot"

CSV: the same names as columns. One id has one name; a name may have many ids, also of one source. Without such a file
ids of two sources are never taken for equal, however alike they look. The ids of a server are its names: those that calls
give it, and those that tokens have as audience.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantlens.errors import RegisterError
from grantlens.given_path import given_path
from grantlens.handwritten import Entry, read_entries
from grantlens.register.rows import BROUGHT, bound
from grantlens.schema.register import IDENTITY
from grantlens.visible import grid
from grantlens.wording import plural

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

KINDS = ("client", "subject", "server")
_KEYS = ("source", "kind", "id", "same_as")

_CONTRADICTED = f"""
SELECT b.kind, b.source, b.id, b.name, i.name
FROM (SELECT row_number() OVER () AS place, * FROM {BROUGHT}) b JOIN identity i USING (kind, source, id)
ORDER BY b.place
LIMIT 1
"""


@dataclass(frozen=True, repr=False)
class Identities:
    r"""Ids that are one client, person or server under one name.

    Parameters
    ----------
    rows
        One row for each id, in the columns of table identity.
    lines
        By (kind, source, id) where the row was written, for messages.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "identities.csv")
    >>> _ = file.write_text("source,kind,id,same_as\nokta,client,0oa1,Mail copilot\ngithub,client,Iv1.8a,Mail copilot\n")
    >>> Identities.read(file)
    <Identities: 2 ids of 1 client>
    """

    rows: tuple[dict[str, Any], ...]
    lines: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Identities:
        """Read identities from a TOML or CSV file; a mistake names its line, a contradiction both of its lines."""
        path = Path(given_path(path, 'Name the file: gl.Identities.read("identities.toml").', RegisterError))
        found: dict[tuple[str, str, str], tuple[dict[str, Any], Entry]] = {}
        for entry in read_entries(path, "identity", _KEYS, RegisterError):
            row = _row(entry)
            key = (row["kind"], row["source"], row["id"])
            if key in found:
                raise _twice(row, entry, *found[key])
            found[key] = (row, entry)
        if not found:
            raise RegisterError(
                f"{path} holds no identity.",
                "Write [[identity]] with source, kind, id and same_as, or a CSV with these columns.",
            )
        lines = {key: f"{entry.file} line {entry.line}" for key, (_, entry) in found.items()}
        return cls(tuple(row for row, _ in found.values()), lines)

    def write_to(self, engine: Engine) -> None:
        """Put the identities into a store; the ids of the names that stand here are replaced, other names stay.

        Runs inside the caller's transaction, which `Store.add` opens.

        Raises
        ------
        RegisterError
            If the store already knows one of the ids under a name that does not stand here.
        """
        values = bound(IDENTITY, self.rows)
        engine.execute(f"DELETE FROM identity WHERE (kind, name) IN (SELECT (kind, name) FROM {BROUGHT})", values)
        for kind, source, id_, name, other in engine.rows(_CONTRADICTED, values):
            where = self.lines.get((kind, source, id_), "These identities")
            raise RegisterError(
                f"{where}: {kind} {id_!r} of {source} is {name!r} here and {other!r} in the store.",
                f"One id has one name: bring the entries of {other!r} too, corrected.",
            )
        engine.execute(f"INSERT INTO identity BY NAME FROM {BROUGHT}", values)

    def __repr__(self) -> str:
        names = {kind: len({row["name"] for row in self.rows if row["kind"] == kind}) for kind in KINDS}
        counted = " and ".join(plural(number, kind) for kind, number in names.items() if number)
        return f"<Identities: {plural(len(self.rows), 'id')} of {counted}>"

    def _repr_html_(self) -> str:
        shown = ("name", "kind", "source", "id")
        return grid(shown, ([row[name] for name in shown] for row in self.rows))


def _row(entry: Entry) -> dict[str, Any]:
    entry.check_keys(_KEYS)
    return {
        "kind": entry.text("kind", required=True, choices=KINDS),
        "name": str(entry.text("same_as", required=True)).strip(),
        "source": str(entry.text("source", required=True)).strip(),
        "id": entry.text("id", required=True),
    }


def _twice(row: dict[str, Any], entry: Entry, before: dict[str, Any], earlier: Entry) -> Exception:
    what = f"{row['kind']} {row['id']!r} of {row['source']}"
    if row["name"] == before["name"]:
        return entry.mistake(f"{what} stands here a second time, after line {earlier.line}.", "id", "Leave one out.")
    return entry.mistake(
        f"{what} is {row['name']!r} here and {before['name']!r} on line {earlier.line}.",
        "same_as",
        "One id has one name.",
    )
