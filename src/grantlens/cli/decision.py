"""`grantlens decision add`: which access was to be revoked, and since when that is decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from grantlens.cli.message import say
from grantlens.cli.opening import existing, readable
from grantlens.cli.parameters import StorePath
from grantlens.cli.sources import tell_strangers
from grantlens.wording import listed, plural

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.register.decisions import Decisions

EXAMPLES = """Examples:
  grantlens grants acme.duckdb --live --advice --format csv > review.csv
  grantlens decision add acme.duckdb review.csv --decided-at 2026-10-02
  grantlens decision add acme.duckdb leavers.toml
  grantlens detect acme.duckdb REV-10

Every column, and a whole file as an example: docs/files.md in the repository."""


MOST = 3
"""Ids of one kind that are named; the others are counted."""


def add(
    store: StorePath,
    file: Annotated[
        Path, Parameter(help="TOML or CSV: decision, decided_at, client_id, subject_id, grant_id, cause, ...")
    ],
    /,
    *,
    decided_at: Annotated[
        str | None,
        Parameter(name="--decided-at", metavar="TIME", help="When it was decided, for rows that do not say; UTC."),
    ] = None,
) -> int:
    """Say which access was to be revoked; rule REV-10 then tells whether it was, and when.

    The list of `grantlens grants --format csv` will do, with revoke or keep
    written into a new column `decision`.
    """
    from grantlens.register.decisions import Decisions

    decisions = Decisions.read(readable(file), decided_at)
    with existing(store, read_only=False) as opened:
        opened.add(decisions)
        known = opened.engine.value("SELECT count(*) FROM decision")
        undecided = f" {plural(decisions.undecided, 'row')} of {file} held none." if decisions.undecided else ""
        say(f"The store {store} knows {plural(known, 'decision')} now.{undecided}")
        if decisions.left_out:
            say(
                f"Columns of {file} that say nothing of decisions were left out: {listed([*map(repr, decisions.left_out)])}."
            )
        named = "SELECT DISTINCT source FROM decision WHERE source IS NOT NULL"
        tell_strangers(opened.engine, [source for (source,) in opened.engine.rows(named)])
        _tell_unknown(opened.engine, decisions, file)
    return 0


def _tell_unknown(engine: Engine, decisions: Decisions, file: Path) -> None:
    """Say which ids no issuance has: REV-10 would tell only when the access should be gone."""
    for what in ("client", "subject", "grant", "token"):
        column = f"{what}_id"
        ids = [row[column] for row in decisions.rows if row["decision"] == "revoke" and row[column]]
        unknown = f"SELECT DISTINCT unnest($ids) AS id EXCEPT SELECT {column} FROM issuance ORDER BY id"
        names = [name for (name,) in engine.rows(unknown, {"ids": ids})]
        if names:
            more = [f"{len(names) - MOST:,} more"] if len(names) > MOST else []
            is_one = len(names) == 1
            say(
                f"{plural(len(names), what)} of {file} {'is' if is_one else 'are'} in no issuance log of the store: "
                f"{', '.join([*names[:MOST], *more])}. REV-10 leaves {'it' if is_one else 'them'} undecided."
            )
