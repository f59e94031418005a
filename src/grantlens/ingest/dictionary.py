"""Callers and targets as integer keys: the dictionaries of usage, only ever appended to.

A caller or target is known by a 64-bit hash of its columns, salted with the store's own key so that
nobody outside can make two of them collide. By chance, two of a million callers do with a
probability of 3e-8. The hashes live in a temporary table for the session; those of stored entries are
computed from their columns, so that the store itself depends on no hash function.

There are two hashes: of what a loader gave, and of what is stored. They differ where a raw token was
replaced, a query cut off, or a text became a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.ingest.mapping import told_apart
from grantlens.ingest.raw_tokens import hash_tokens
from grantlens.schema import USAGE_CALLER, USAGE_TARGET

if TYPE_CHECKING:
    from typing import Any

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
        The column of the staged rows that holds the hash of what the loader gave.
    """

    table: Table
    key: str
    hash: str

    @property
    def chunk(self) -> str:
        """Name of the temporary table that maps the hashes of the staged rows to keys."""
        return f"chunk_{self.table.name}"

    @property
    def stored(self) -> str:
        """Name of the temporary table that maps hashes of stored entries to keys."""
        return f"stored_{self.table.name}"

    @property
    def seen(self) -> str:
        """Name of the temporary table that maps hashes of what loaders gave in this file to keys."""
        return f"seen_{self.table.name}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of an entry, without its key."""
        return tuple(name for name in self.table.names if name != self.key)

    def open(self, engine: Engine, parameters: dict[str, Any]) -> None:
        """Compute the hashes of the stored entries, once a session; begin a file."""
        engine.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.stored} AS SELECT {self._hash_sql()} AS hash, {self.key} AS id FROM {self.table.name}",
            parameters,
        )
        engine.execute(f"CREATE OR REPLACE TEMP TABLE {self.seen} (hash UBIGINT, id INTEGER)")

    def encode(self, engine: Engine, staged: Staging, stage: str, parameters: dict[str, Any]) -> bool:
        """Leave the keys of the staged rows in `chunk_<table>(hash, id)`, adding new entries.

        Rows whose entry does not fit its columns go to `bad_line` and leave the stage; if `stage` is not
        the table `staged_usage`, nothing can leave it: False says so then, and nothing was done.
        """
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {self.chunk} AS SELECT h.hash, k.id, h.example FROM (SELECT {self.hash} AS hash, "
            f"min(line_no) AS example FROM {stage} GROUP BY 1) h LEFT JOIN {self.seen} k USING (hash)"
        )
        if not engine.value(f"SELECT count(*) FROM {self.chunk} WHERE id IS NULL"):
            return True
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE example AS SELECT hash, example FROM {self.chunk} WHERE id IS NULL"
        )
        with engine.filters_in_place():
            engine.execute(
                f"CREATE OR REPLACE TEMP TABLE new_entry AS SELECT * FROM ({staged.entries[self.hash]}) e "
                "WHERE seen IN (SELECT hash FROM example) QUALIFY row_number() OVER (PARTITION BY seen) = 1",
                parameters,
            )
        if engine.value("SELECT count(refused) FROM new_entry"):
            if stage != "staged_usage":
                return False
            self._refuse(engine)
        self._cleanse(engine, parameters["salt"])
        # What was cleansed may be stored already, or twice among the new: hash again, number what is left.
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE hashed_entry AS SELECT {self._hash_sql()} AS hash, x.example, e.* "
            "FROM new_entry e JOIN example x ON x.hash = e.seen",
            parameters,
        )
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE numbered_entry AS SELECT hash, seen, "
            f"((SELECT coalesce(max({self.key}), 0) FROM {self.table.name}) + row_number() OVER (ORDER BY example, seen))::INTEGER AS id "
            f"FROM (SELECT hash, min(example) AS example, arg_min(seen, (example, seen)) AS seen FROM hashed_entry "
            f"WHERE hash NOT IN (SELECT hash FROM {self.stored}) GROUP BY hash)"
        )
        engine.execute(
            f"INSERT INTO {self.table.name} ({self.key}, {', '.join(map(quote, self.columns))}) "
            f"SELECT n.id, {', '.join('e.' + quote(name) for name in self.columns)} "
            "FROM numbered_entry n JOIN hashed_entry e USING (hash, seen) ORDER BY n.id"
        )
        engine.execute(f"INSERT INTO {self.stored} SELECT hash, id FROM numbered_entry")
        engine.execute(
            f"INSERT INTO {self.seen} SELECT e.seen, k.id FROM hashed_entry e JOIN {self.stored} k USING (hash)"
        )
        engine.execute(
            f"UPDATE {self.chunk} SET id = k.id FROM {self.seen} k WHERE k.hash = {self.chunk}.hash AND {self.chunk}.id IS NULL"
        )
        return True

    def _hash_sql(self) -> str:
        columns = (column for column in self.table.columns if column.name != self.key)
        return f"hash($salt, {', '.join(map(told_apart, columns))})"

    def _refuse(self, engine: Engine) -> None:
        engine.execute(
            f"INSERT INTO bad_line SELECT s.line_no, e.refused FROM staged_usage s JOIN new_entry e ON e.seen = s.{self.hash} "
            "WHERE e.refused IS NOT NULL"
        )
        engine.execute(
            f"DELETE FROM staged_usage WHERE {self.hash} IN (SELECT seen FROM new_entry WHERE refused IS NOT NULL)"
        )
        engine.execute("DELETE FROM new_entry WHERE refused IS NOT NULL")

    def _cleanse(self, engine: Engine, salt: str) -> None:
        if "token_id" in self.columns:
            hash_tokens(engine, "new_entry", ("token_id", "session_id"), salt)
        if "target" in self.columns:
            engine.execute("UPDATE new_entry SET target = split_part(target, '?', 1) WHERE contains(target, '?')")


CALLERS = Dictionary(USAGE_CALLER, "caller_id", "caller_hash")
TARGETS = Dictionary(USAGE_TARGET, "target_id", "target_hash")
