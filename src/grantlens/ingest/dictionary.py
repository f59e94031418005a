"""Callers and targets as integer keys: the dictionaries of usage, only ever appended to.

A caller or target is known by a 64-bit hash of its columns, salted with the store's own key so that
nobody outside can make two of them collide. By chance, two of a million callers do with a
probability of 3e-8. The hashes live in a temporary table for the session and are computed from the
stored columns, so that the store itself depends on no hash function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.ingest.raw_tokens import hash_tokens
from grantlens.schema import USAGE_CALLER, USAGE_TARGET

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.ingest.mapping import Staging
    from grantlens.schema import Table


@dataclass(frozen=True)
class Dictionary:
    """One of the two dictionaries.

    Parameters
    ----------
    table
        Where its entries are stored.
    key
        The integer key in that table.
    hash
        The column of the staged rows that holds the hash.
    """

    table: Table
    key: str
    hash: str

    @property
    def known(self) -> str:
        """Name of the temporary table that maps hashes to keys."""
        return f"known_{self.table.name}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of an entry, without its key."""
        return tuple(name for name in self.table.names if name != self.key)

    def hash_sql(self, staged: Staging | None = None) -> str:
        """Return the SQL of the hash, over stored columns or over those that a loader gives."""
        types = {column.name: column.type for column in self.table.columns}
        values = (staged.column(name, types[name]) if staged else quote(name) for name in self.columns)
        return f"hash($salt, {', '.join(values)})"

    def remember(self, engine: Engine, salt: str) -> None:
        """Compute the hashes of the stored entries, once a session."""
        engine.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.known} AS SELECT {self.hash_sql()} AS hash, {self.key} AS id FROM {self.table.name}",
            {"salt": salt},
        )

    def encode(self, engine: Engine, staged: Staging, salt: str) -> None:
        """Add the new entries of the staged rows, and leave their keys in `chunk_<table>(hash, id)`."""
        chunk = f"chunk_{self.table.name}"
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {chunk} AS SELECT h.hash, k.id, h.example FROM ("
            f"SELECT {self.hash} AS hash, min(rowid) AS example FROM stage_usage GROUP BY 1) h LEFT JOIN {self.known} k USING (hash)"
        )
        if not engine.value(f"SELECT count(*) FROM {chunk} WHERE id IS NULL"):
            return
        types = {column.name: column.type for column in self.table.columns}
        values = ", ".join(f"{staged.column(name, types[name])} AS {quote(name)}" for name in self.columns)
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE new_entry AS SELECT c.hash AS seen_hash, s.* FROM "
            f"(SELECT rowid AS example, {values} FROM stage_usage) s JOIN {chunk} c USING (example) WHERE c.id IS NULL"
        )
        self._cleanse(engine, salt)
        # What was cleansed may be known already, or twice among the new: hash again, number what is left.
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE hashed_entry AS SELECT {self.hash_sql()} AS hash, * FROM new_entry", {"salt": salt}
        )
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE numbered_entry AS SELECT hash, example, "
            f"(SELECT coalesce(max({self.key}), 0) FROM {self.table.name}) + row_number() OVER (ORDER BY example) AS id FROM ("
            f"SELECT hash, min(example) AS example FROM hashed_entry WHERE hash NOT IN (SELECT hash FROM {self.known}) GROUP BY hash)"
        )
        names = ", ".join(map(quote, self.columns))
        engine.execute(
            f"INSERT INTO {self.table.name} ({self.key}, {names}) "
            f"SELECT n.id, {', '.join('e.' + quote(name) for name in self.columns)} "
            f"FROM numbered_entry n JOIN hashed_entry e USING (hash, example) ORDER BY n.id"
        )
        engine.execute(f"INSERT INTO {self.known} SELECT hash, id FROM numbered_entry")
        engine.execute(
            f"INSERT INTO {self.known} SELECT e.seen_hash, k.id FROM hashed_entry e JOIN {self.known} k ON k.hash = e.hash "
            "WHERE e.seen_hash <> e.hash"
        )
        engine.execute(f"UPDATE {chunk} SET id = k.id FROM {self.known} k WHERE k.hash = {chunk}.hash AND {chunk}.id IS NULL")

    def _cleanse(self, engine: Engine, salt: str) -> None:
        if "token_id" in self.columns:
            hash_tokens(engine, "new_entry", ("token_id", "session_id"), salt)
        if "target" in self.columns:
            engine.execute("UPDATE new_entry SET target = split_part(target, '?', 1) WHERE contains(target, '?')")


CALLERS = Dictionary(USAGE_CALLER, "caller_id", "caller_hash")
TARGETS = Dictionary(USAGE_TARGET, "target_id", "target_hash")
