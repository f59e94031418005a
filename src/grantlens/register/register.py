"""The organisation's own list of connections, read from TOML or CSV.

TOML::

    [[client]]
    client_id = "mail-copilot"            # required
    name = "Mail copilot"
    kind = "agent"                        # integration, agent, mcp_tool, service or other
    owner = "jo@acme.example"
    purpose = "Summarise incoming mail"
    approved_operations = ["GET /users/{id}/messages", "GET /users/{id}/messages/*"]   # * is a glob
    approved_scopes = ["mail.read"]
    approved_tenants = ["globex"]         # tenants that share with it; its own needs no mention
    status = "active"                     # active, retired or planned; active where not said
    registered_at = 2026-01-15            # a date means 00:00 UTC
    networks = ["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"]   # places of its own: networks and addresses
    approved_hours = ["Mon-Fri 07:00-19:00 Europe/Zurich"]           # when it works; UTC where no zone is named
    approved_resources = ["/users/7/*"]   # on what it may work, as calls name it; * is a glob
    calls_per_day = 500                   # how many calls it makes on a day at most

    [[client.exception]]                  # a finding accepted for a time, of the client above
    rule = "PRV-1"                        # or OOS-3: no other rule honours one
    reason = "quarter-end job, needed in October"
    until = 2026-12-31

    [[review]]                            # when an access review read the list of grants
    date = 2026-07-01

    [[details_type]]                      # what a type of authorization details means: see details_type.py

CSV: a header with the same names (only client_id is needed). Cells with a list are joined by `;`, and
column exceptions holds `RULE|until|reason`. An empty cell says nothing. Reviews and types stand in TOML only.

No approved_operations means that none were named; an empty list in TOML means that nothing is approved. The same holds for
approved_tenants, approved_hours and approved_resources.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantlens.errors import RegisterError
from grantlens.given_path import given_path
from grantlens.handwritten import Document, Entry, read_csv, read_document
from grantlens.register.details_type import details_types
from grantlens.register.hours import hours
from grantlens.register.moment import moment
from grantlens.register.networks import networks
from grantlens.register.rows import keep, replace_rows
from grantlens.schema.register import DETAILS_TYPE, REGISTER, REVIEW_SNAPSHOT
from grantlens.visible import grid
from grantlens.wording import plural

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

KINDS = ("integration", "agent", "mcp_tool", "service", "other")
STATUSES = ("active", "retired", "planned")
EXCEPTED = ("OOS-3", "PRV-1")
"""The rules that honour an exception."""

_LISTS = (
    "approved_operations",
    "approved_scopes",
    "approved_tenants",
    "exceptions",
    "networks",
    "approved_hours",
    "approved_resources",
)
_TEXTS = ("client_id", "name", "kind", "owner", "purpose", "status")
_COLUMNS = (*_TEXTS, "registered_at", "calls_per_day", *_LISTS)


@dataclass(frozen=True, repr=False)
class Register:
    """The organisation's own list of connections.

    Parameters
    ----------
    clients
        One row for each connection, in the columns of table register.
    reviews
        When access reviews read the list of grants.
    details_types
        One row for each type of authorization details, in the columns of table details_type.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "connections.toml")
    >>> _ = file.write_text('''
    ... [[client]]
    ... client_id = "mail-copilot"
    ... owner = "jo@acme.example"
    ... ''')
    >>> Register.read(file)
    <Register: 1 client, 1 with an owner>
    """

    clients: tuple[dict[str, Any], ...]
    reviews: tuple[datetime, ...] = field(default=())
    details_types: tuple[dict[str, Any], ...] = field(default=())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Register:
        """Read a register from a TOML or CSV file; a mistake names its line."""
        path = Path(given_path(path, 'Name the file: gl.Register.read("connections.toml").', RegisterError))
        types: tuple[dict[str, Any], ...] = ()
        if path.suffix.lower() == ".csv":
            entries, reviews = read_csv(path, "client", _COLUMNS, RegisterError, _LISTS), []
            exceptions = [_csv_exceptions(entry) for entry in entries]
        else:
            document = read_document(path, RegisterError)
            document.top.check_keys(("client", "review", "details_type"))
            entries, reviews = (document.tables(name, name) for name in ("client", "review"))
            exceptions = _toml_exceptions(document, entries)
            types = details_types(document)
        clients: dict[str, dict[str, Any]] = {}
        for entry, accepted in zip(entries, exceptions, strict=True):
            row = _client(entry) | {"exceptions": accepted}
            keep(clients, row["client_id"], row, entry, f"the client {row['client_id']!r}", "client_id")
        if not clients and not reviews and not types:
            raise RegisterError(
                f"{path} holds no client.", 'Write [[client]] and client_id = "...", or a CSV with a column client_id.'
            )
        return cls(tuple(clients.values()), tuple(sorted({_review(entry) for entry in reviews})), types)

    def write_to(self, engine: Engine) -> None:
        """Put the register into a store: rows of the same clients and types are replaced, review dates are added.

        Runs inside the caller's transaction, which `Store.add` opens.
        """
        replace_rows(engine, REGISTER, "client_id", self.clients)
        replace_rows(engine, REVIEW_SNAPSHOT, "reviewed_at", [{"reviewed_at": date} for date in self.reviews])
        replace_rows(engine, DETAILS_TYPE, "type", self.details_types)

    def __repr__(self) -> str:
        owned = sum(bool(client["owner"]) for client in self.clients)
        return f"<Register: {plural(len(self.clients), 'client')}, {owned} with an owner>"

    def _repr_html_(self) -> str:
        shown = ("client_id", "name", "kind", "owner", "purpose", "status")
        return grid(shown, ([row[name] for name in shown] for row in self.clients))


def _client(entry: Entry) -> dict[str, Any]:
    entry.check_keys((*_COLUMNS, "exception") if isinstance(entry.values.get("exception", []), list) else _COLUMNS)
    registered = entry.values.get("registered_at")
    return {
        "client_id": entry.text("client_id", required=True),
        "name": entry.text("name"),
        "kind": entry.text("kind", choices=KINDS),
        "owner": entry.text("owner"),
        "purpose": entry.text("purpose"),
        "approved_operations": entry.texts("approved_operations"),
        "approved_scopes": entry.texts("approved_scopes"),
        "approved_tenants": entry.texts("approved_tenants"),
        "status": entry.text("status", choices=STATUSES) or "active",
        "registered_at": None if registered is None else moment(entry, "registered_at"),
        "networks": networks(entry, "networks"),
        "approved_hours": hours(entry, "approved_hours"),
        "approved_resources": entry.texts("approved_resources"),
        "calls_per_day": _whole(entry, "calls_per_day"),
    }


def _whole(entry: Entry, key: str) -> int | None:
    value = entry.values.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise entry.mistake(f"{key!r} must be a whole number, not {value!r}.", key, f"Write {key} = 500.")
    return value


def _review(entry: Entry) -> datetime:
    entry.check_keys(("date",))
    if "date" not in entry.values:
        raise entry.mistake("a review needs 'date'.", None, "Write date = 2026-07-01.")
    return moment(entry, "date")


def _toml_exceptions(document: Document, entries: list[Entry]) -> list[list[dict[str, Any]] | None]:
    places = document.nested("client", "exception")
    found: list[list[dict[str, Any]] | None] = []
    for number, entry in enumerate(entries):
        here = [(line, lines) for owner, line, lines in places if owner == number]
        given = entry.values.get("exception")
        if given is None:
            found.append(None)
            continue
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise entry.mistake(
                "'exception' must be a table.", "exception", "Write [[client.exception]] below the client."
            )
        accepted = []
        for index, one in enumerate(given):
            line, lines = here[index] if index < len(here) else (entry.line, {})
            accepted.append(_exception(Entry(entry.file, "exception", one, line, lines, RegisterError)))
        found.append(accepted)
    return found


def _csv_exceptions(entry: Entry) -> list[dict[str, Any]] | None:
    given = entry.values.get("exceptions")
    if given is None:
        return None
    accepted = []
    for text in given:
        parts = [part.strip() for part in text.split("|", 2)]
        if len(parts) != 3:
            raise entry.mistake(
                f"the exception {text!r} is not RULE|until|reason.",
                None,
                "For example PRV-1|2026-12-31|quarter-end job.",
            )
        values = {key: part for key, part in zip(("rule", "until", "reason"), parts, strict=True) if part}
        accepted.append(_exception(Entry(entry.file, "exception", values, entry.line, {}, RegisterError)))
    return accepted


def _exception(entry: Entry) -> dict[str, Any]:
    entry.check_keys(("rule", "reason", "until"))
    if "until" not in entry.values:
        raise entry.mistake("an exception needs 'until'.", None, "Say when it ends: until = 2026-12-31.")
    rule = entry.text("rule", required=True)
    if rule not in EXCEPTED:
        raise entry.mistake(f"no exception holds for {rule!r}.", "rule", f"Only {' and '.join(EXCEPTED)} honour one.")
    return {
        "rule": rule,
        "reason": entry.text("reason", required=True),
        "until": moment(entry, "until"),
    }
