"""Callers and targets as integer keys: the dictionaries of usage, only ever appended to.

A caller or target is known by a 64-bit hash of its columns, salted with the store's own key so that
nobody outside can make two of them collide. By chance, two of a million callers do with a
probability of 3e-8. Hashes live for the session only; those of stored entries are computed from
their columns, so that the store itself depends on no hash function.

There are two hashes: of what a loader gave, and of what is stored. They differ where a raw token was
replaced, a query cut off, or a text became a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import MalformedJson, quote
from grantlens.ingest.chunk import int_array, numbers_of
from grantlens.ingest.content import FileChanged
from grantlens.ingest.mapping import told_apart
from grantlens.ingest.raw_tokens import hash_tokens
from grantlens.ingest.shelf import written
from grantlens.schema import USAGE_CALLER, USAGE_TARGET

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine
    from grantlens.ingest.chunk import Distinct, Lines
    from grantlens.ingest.mapping import Staging
    from grantlens.schema import Table


class Seen:
    """The hashes that were met in this file, and their keys: a hash table whose free places hold key 0.

    A hash stands at the place that its last bits name, or at the next one that is free.
    """

    def __init__(self) -> None:
        self._count = 0
        self._make(1 << 12)

    def keys_of(self, hashes: np.ndarray) -> np.ndarray:
        """Return the key of each hash, 0 where it was not met."""
        return self._keys[self._places(hashes)]

    def add(self, hashes: np.ndarray, keys: np.ndarray) -> None:
        """Remember different hashes that were not met before."""
        self._count += len(hashes)
        if 2 * self._count > len(self._keys):
            met = self._keys > 0
            before = self._hashes[met], self._keys[met]
            self._make(1 << (2 * self._count).bit_length())
            self._fill(*before)
        self._fill(hashes, keys)

    def _make(self, places: int) -> None:
        import numpy as np

        self._hashes = np.zeros(places, np.uint64)
        self._keys = np.zeros(places, np.int32)

    def _fill(self, hashes: np.ndarray, keys: np.ndarray) -> None:
        while len(hashes):
            places = self._places(hashes)
            self._hashes[places] = hashes  # of several that want one place, the last has it
            placed = self._hashes[places] == hashes
            self._keys[places[placed]] = keys[placed]
            hashes, keys = hashes[~placed], keys[~placed]

    def _places(self, hashes: np.ndarray) -> np.ndarray:
        """Return where each hash stands, or would."""
        import numpy as np

        last = len(self._keys) - 1
        places = (hashes & np.uint64(last)).astype(np.int64)
        elsewhere = np.flatnonzero((self._hashes[places] != hashes) & (self._keys[places] > 0))
        while len(elsewhere):
            further = places[elsewhere] + 1 & last
            places[elsewhere] = further
            elsewhere = elsewhere[(self._hashes[further] != hashes[elsewhere]) & (self._keys[further] > 0)]
        return places


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
    def stored(self) -> str:
        """Name of the temporary table that maps hashes of stored entries to keys."""
        return f"stored_{self.table.name}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of an entry, without its key."""
        return tuple(name for name in self.table.names if name != self.key)

    def open(self, engine: Engine, parameters: dict[str, Any]) -> None:
        """Compute the hashes of the stored entries, once a session."""
        engine.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.stored} AS SELECT {self._hash_sql()} AS hash, {self.key} AS id FROM {self.table.name}",
            parameters,
        )

    def keys(
        self,
        engine: Engine,
        staged: Staging,
        hashes: Distinct,
        lines: np.ndarray,
        seen: Seen,
        parameters: dict[str, Any],
        *,
        entries: pa.Table | None,
        records: Lines,
    ) -> np.ndarray | None:
        """Return the key of each staged row, adding entries for what is new.

        Parameters
        ----------
        engine
            The open store.
        staged
            How the rows were staged.
        hashes
            The hashes of the rows.
        lines
            The line of each row.
        seen
            What was met in this file; what is new is added.
        parameters
            What the staging binds.
        entries
            What each hash stands for, if that was worked out; else it is read from the records.
        records
            The records of the chunk.

        Returns
        -------
        numpy.ndarray or None
            None if some entries do not fit their columns: `new_entry` has them, nothing was added.
        """
        keys = seen.keys_of(hashes.hashes)
        new = keys == 0
        if new.any():
            found, examples = hashes.hashes[new], lines[hashes.first[new]]
            if entries is None:
                with written(records.bytes_of(examples)) as file:
                    select, parameters = staged.entries[self.hash], parameters | {"file": file}
                    try:
                        added = self._add(engine, select, found, examples, parameters)
                    except MalformedJson:  # these lines were parsed before
                        raise FileChanged from None
            else:
                with engine.registered("given_entry", entries):
                    added = self._add(engine, "FROM given_entry", found, examples, parameters)
            if added is None:
                return None
            seen.add(*added)
            keys = seen.keys_of(hashes.hashes)
        return keys[hashes.which]

    def _add(
        self, engine: Engine, select: str, hashes: np.ndarray, lines: np.ndarray, parameters: dict[str, Any]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Add what `select` gives of these hashes, each of which is met on one of the lines; return hashes and keys."""
        import pyarrow as pa

        seen = pa.Array.from_buffers(pa.uint64(), len(hashes), [None, pa.py_buffer(hashes)])
        examples = pa.Table.from_arrays([seen, int_array(lines)], names=["seen", "example"])
        with engine.registered("example", examples), engine.filters_in_place():
            engine.execute(
                f"CREATE OR REPLACE TEMP TABLE new_entry AS SELECT e.*, x.example FROM ({select}) e JOIN example x USING (seen)",
                parameters,
            )
        if engine.value("SELECT count(refused) FROM new_entry"):
            return None
        self._cleanse(engine, parameters["salt"])
        # What was cleansed may be stored already, or twice among the new: hash again, number what is left.
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE hashed_entry AS SELECT {self._hash_sql()} AS hash, * FROM new_entry",
            parameters,
        )
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE numbered_entry AS SELECT hash, seen, "
            f"((SELECT coalesce(max({self.key}), 0) FROM {self.table.name}) + row_number() OVER (ORDER BY example, seen))::INTEGER AS id "
            "FROM (SELECT hash, min(example) AS example, arg_min(seen, (example, seen)) AS seen FROM hashed_entry "
            f"ANTI JOIN {self.stored} USING (hash) GROUP BY hash)"
        )
        engine.execute(
            f"INSERT INTO {self.table.name} ({self.key}, {', '.join(map(quote, self.columns))}) "
            f"SELECT n.id, {', '.join('e.' + quote(name) for name in self.columns)} "
            "FROM numbered_entry n JOIN hashed_entry e USING (hash, seen) ORDER BY n.id"
        )
        engine.execute(f"INSERT INTO {self.stored} SELECT hash, id FROM numbered_entry")
        found = engine.arrow(f"SELECT e.seen, k.id FROM hashed_entry e JOIN {self.stored} k USING (hash)")
        return numbers_of(found["seen"], "uint64"), numbers_of(found["id"], "int32")

    def _hash_sql(self) -> str:
        columns = (column for column in self.table.columns if column.name != self.key)
        return f"hash($salt, {', '.join(map(told_apart, columns))})"

    def _cleanse(self, engine: Engine, salt: str) -> None:
        if "token_id" in self.columns:
            named = engine.arrow("SELECT rowid AS row, token_id, session_id FROM new_entry")
            hashed = hash_tokens(named, ("token_id", "session_id"), salt)
            if hashed is not named:
                with engine.registered("hashed_token", hashed):
                    engine.execute(
                        "UPDATE new_entry SET token_id = h.token_id, session_id = h.session_id FROM hashed_token h WHERE new_entry.rowid = h.row"
                    )
        if "target" in self.columns:
            engine.execute("UPDATE new_entry SET target = split_part(target, '?', 1) WHERE contains(target, '?')")


CALLERS = Dictionary(USAGE_CALLER, "caller_id", "caller_hash")
TARGETS = Dictionary(USAGE_TARGET, "target_id", "target_hash")
