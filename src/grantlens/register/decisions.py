"""Which access was to be revoked, and since when that is decided, read from TOML or CSV.

TOML::

    [[decision]]
    decision = "revoke"                   # required: revoke, or keep, which takes an earlier revoke of the same access back
    client_id = "old-importer"            # at least one of client_id, subject_id, grant_id and token_id
    subject_id = "jo@acme.example"        # with a client: its access for this subject alone
    source = "okta"                       # as column source of the logs has it; any where not said
    decided_at = 2026-09-03T14:00:00Z     # required, here or for the whole file; a date means 00:00 UTC
    cause = "leaver"                      # compromise, leaver, retired or review; review where not said
    within_hours = 24                     # how long it may take; by the cause where not said
    decided_by = "sam@acme.example"
    reference = "TICKET-4711"

CSV: the same names as columns. The list of `grantlens grants --format csv` is such a file once somebody has written revoke or keep
into a column `decision`: its other columns may stay, and a row without a decision is one that nobody has decided yet. Columns of a ticket
system may stand beside these; they are left out and named, but for those that look like one of these names, or may say whose access is meant.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantlens.errors import RegisterError
from grantlens.given_path import given_path
from grantlens.handwritten import Entry, read_entries
from grantlens.register.moment import moment
from grantlens.register.rows import BROUGHT, bound
from grantlens.schema.register import DECISION
from grantlens.schema.vocabulary import CAUSE
from grantlens.schema.vocabulary import DECISION as CHOICES
from grantlens.visible import as_it_was, grid
from grantlens.window import parse_time

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

TARGET = ("source", "tenant", "client_id", "subject_id", "grant_id", "token_id")
"""What says which access is meant."""

_IDS = TARGET[2:]
_KEY = (*TARGET, "decided_at")
_SHOWN = ("decision", "decided_at", "cause", *_IDS, "reference")

LISTED = (
    *("client_name", "subject_kind", "owner", "purpose", "scopes", "not_approved"),
    *("opened_at", "consented_at", "consent_kind", "consent_actor"),
    *("standing", "tokens", "calls", "first_used_at", "last_used_at", "use", "watched", "state"),
    *("ended_at", "ended_how", "ended_by", "perhaps_ended_at", "perhaps_ended_by", "reason"),
    *("keep", "remove", "replace", "ask", "wait", "calls_unknown"),
)
"""Columns of the list of grants, with its advice, that say nothing of the decision."""


_WHOSE = frozenset(
    [
        "user",
        "person",
        "email",
        "account",
        "app",
        "application",
        "client",
        "subject",
        "grant",
        "token",
        "tenant",
        "source",
        "scope",
    ]
)
"""Words of which a column may say whose access is meant: left out, a decision would be about more than that."""


@dataclass(frozen=True, repr=False)
class Decisions:
    r"""What was decided about access: what is to be revoked, what is to be kept.

    Parameters
    ----------
    rows
        One row for each decision, in the columns of table decision.
    undecided
        How many rows of the file hold no decision.
    left_out
        Columns of the file that say nothing of decisions.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "decisions.csv")
    >>> _ = file.write_text("client_id,grant_id,calls,decision\napp,g1,0,revoke\napp,g2,8,keep\nbot,g3,2,\n")
    >>> Decisions.read(file, decided_at="2026-10-02")
    <Decisions: 1 to revoke, 1 to keep, 1 undecided>
    """

    rows: tuple[dict[str, Any], ...]
    undecided: int = 0
    left_out: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | os.PathLike[str], decided_at: str | date | None = None) -> Decisions:
        """Read decisions from a TOML or CSV file; a mistake names its line.

        Parameters
        ----------
        path
            The file.
        decided_at
            When it was decided, for rows that do not say.

        Raises
        ------
        RegisterError
            If something in the file is wrong, or it holds no decision.
        WindowError
            If decided_at is no time.
        """
        path = Path(given_path(path, 'Name the file: gl.Decisions.read("decisions.toml").', RegisterError))
        otherwise = None if decided_at is None else parse_time(decided_at)
        known = (*DECISION.names, *LISTED)
        entries = read_entries(path, "decision", known, RegisterError, beside=_beside)
        left_out: tuple[str, ...] = ()
        if path.suffix.lower() == ".csv":
            left_out = tuple(dict.fromkeys(name for entry in entries for name in entry.values if name not in known))
        decided = [entry for entry in entries if "decision" in entry.values or path.suffix.lower() != ".csv"]
        if not decided:
            raise RegisterError(
                f"{path} holds no decision.",
                "Write [[decision]] with decision, decided_at and client_id, or revoke and keep into a column decision of a CSV.",
            )
        found: dict[tuple[Any, ...], tuple[dict[str, Any], Entry]] = {}
        for entry in decided:
            row = _row(entry, otherwise, left_out)
            key = tuple(row[name] for name in _KEY)
            if key in found:
                raise entry.mistake(
                    f"this access was decided about in the same moment on line {found[key][1].line}.",
                    "decided_at",
                    "Leave one out.",
                )
            found[key] = (row, entry)
        return cls(tuple(row for row, _ in found.values()), len(entries) - len(decided), left_out)

    def write_to(self, engine: Engine) -> None:
        """Put the decisions into a store: one about the same access and of the same time is replaced, others stay.

        Runs inside the caller's transaction, which `Store.add` opens.
        """
        values = bound(DECISION, self.rows)
        same = " AND ".join(f"d.{name} IS NOT DISTINCT FROM b.{name}" for name in _KEY)
        engine.execute(f"DELETE FROM decision d WHERE EXISTS (FROM {BROUGHT} b WHERE {same})", values)
        engine.execute(f"INSERT INTO decision BY NAME FROM {BROUGHT}", values)

    def __repr__(self) -> str:
        counts = Counter(row["decision"] for row in self.rows)
        told = [f"{counts[choice]:,} to {choice}" for choice in CHOICES if counts[choice]]
        return f"<Decisions: {', '.join([*told, *([f'{self.undecided:,} undecided'] if self.undecided else [])])}>"

    def _repr_html_(self) -> str:
        return grid(_SHOWN, ([row[name] for name in _SHOWN] for row in self.rows))


def _beside(header: Entry, name: str) -> bool:
    """Tell whether a column that is none of ours may be left out; one that may say whose access is meant may not."""
    if not name or get_close_matches(name, DECISION.names, n=1, cutoff=0.8):
        return False
    if _WHOSE.isdisjoint(re.findall("[a-z]+", name)):
        return True
    raise header.mistake(
        f"the column {name!r} may say whose access is meant, and is none of a decision.",
        None,
        f"Name it one of {', '.join(TARGET)} if it does, and leave it out if not.",
    )


def _row(entry: Entry, otherwise: datetime | None, left_out: Iterable[str]) -> dict[str, Any]:
    entry.check_keys((*DECISION.names, *LISTED, *left_out))
    if "decided_at" not in entry.values and otherwise is None:
        raise entry.mistake(
            "a decision needs 'decided_at'.",
            None,
            "Add it, or give one time for the whole file: --decided-at 2026-10-02.",
        )
    row: dict[str, Any] = {name: _id(entry, name) for name in TARGET}
    if not any(row[name] for name in _IDS):
        raise entry.mistake("a decision must say whose access it is about.", None, f"Add one of: {', '.join(_IDS)}.")
    return {
        **row,
        "decided_at": moment(entry, "decided_at") if "decided_at" in entry.values else otherwise,
        "decision": entry.text("decision", required=True, choices=CHOICES),
        "cause": entry.text("cause", choices=CAUSE) or "review",
        "within_hours": _hours(entry),
        "decided_by": entry.text("decided_by"),
        "reference": entry.text("reference"),
    }


def _id(entry: Entry, key: str) -> str | None:
    """Return an id as the logs have it: the list of grants shows what hides in one, and keeps spreadsheets from computing it by a quote before it."""
    text = as_it_was(entry.text(key) or "")
    return text[1:] if text and text[0] == "'" and text[1:2] in (*"=+-@＝＋－＠",) else text or None


def _hours(entry: Entry) -> float | None:
    value = entry.values.get("within_hours")
    if value is None:
        return None
    try:
        hours = float(value)
    except (TypeError, ValueError):
        hours = -1.0
    if isinstance(value, bool) or not 0 <= hours < 100_000:
        raise entry.mistake(f"'within_hours' must be a number of hours, not {value!r}.", "within_hours")
    return hours
