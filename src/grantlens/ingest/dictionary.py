"""Callers and targets as integer keys: the dictionaries of usage, only ever appended to.

A caller or target is known by a 64-bit hash of its columns, keyed with the store's token key so that
nobody outside can make two of them collide. By chance, two of a million callers do with a
probability of 3e-8. Hashes live for the session only; those of stored entries are computed from
their columns, so that the store itself depends on no hash function.

There are two hashes: of what a loader gave, and of what is stored. They differ where a raw token was
replaced, a query cut off, or a text became a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.ingest.mapping import as_hashed
from grantlens.ingest.raw_tokens import hash_tokens, mask_tokens
from grantlens.ingest.rows import distinct
from grantlens.reading.chunk import int_array, numbers_of
from grantlens.reading.content import FileChanged
from grantlens.schema import USAGE_CALLER, USAGE_TARGET

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine
    from grantlens.schema import Column, Table


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


class Unfit(Exception):  # noqa: N818
    """Some entries do not fit their columns; nothing was added.

    Parameters
    ----------
    hash
        The column of the staged rows that holds their hashes.
    entries
        Columns `seen` and `refused` of them.
    """

    def __init__(self, hash: str, entries: pa.Table) -> None:
        super().__init__(f"{len(entries)} entries of {hash} do not fit")
        self.hash = hash
        self.entries = entries


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

    def open(self, engine: Engine, parameters: dict[str, Any]) -> None:
        """Compute the hashes of the stored entries, once a session."""
        engine.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {self.stored} AS SELECT {self._hash_sql()} AS hash, {self.key} AS id FROM {self.table.name}",
            parameters,
        )

    def add(
        self, engine: Engine, entries: pa.Table, hashes: np.ndarray, lines: np.ndarray, seen: Seen, token_key: str
    ) -> None:
        """Give a key to each of some hashes, adding entries for what is not stored.

        Parameters
        ----------
        engine
            The open store.
        entries
            What hashes stand for: `seen`, the columns of an entry, and `refused`.
        hashes
            Different hashes that are new in this file.
        lines
            The line on which each is met.
        seen
            What was met in this file; these are added.
        token_key
            The store's token key.

        Raises
        ------
        Unfit
            If some of them do not fit their columns.
        """
        import numpy as np
        import pyarrow.compute as pc

        rows = entries.take(int_array(places_among(hashes, numbers_of(entries["seen"], "uint64"))))
        if rows["refused"].null_count < len(rows):
            unfit = rows.select(["seen", "refused"]).take(pc.indices_nonzero(pc.is_valid(rows["refused"])))
            raise Unfit(self.hash, unfit)
        # What was cleansed may be stored already, or twice among the new: hash again, number what is left.
        rows = self._cleansed(rows, token_key).append_column("row", int_array(np.arange(len(rows))))
        typed = ", ".join(f"{quote(each.name)}::{each.type} AS {quote(each.name)}" for each in self._columns())
        with engine.registered("new_entry", rows):
            found = engine.arrow(
                f"SELECT hash, coalesce(s.id, 0) AS id FROM (SELECT *, {self._hash_sql()} AS hash FROM (SELECT row, {typed} FROM new_entry)) "
                f"LEFT JOIN {self.stored} s USING (hash) ORDER BY row",
                {"token_key": token_key},
            )
        keys = numbers_of(found["id"], "int32").copy()
        absent = np.flatnonzero(keys == 0)
        if len(absent):
            absent = absent[np.lexsort((hashes[absent], lines[absent]))]
            apart = distinct(found["hash"].take(int_array(absent)))
            last = engine.value(f"SELECT coalesce(max({self.key}), 0) FROM {self.table.name}")
            keys[absent] = last + 1 + apart.which
            self._insert(engine, rows, found, absent[apart.first], last)
        seen.add(hashes, keys)

    def _insert(self, engine: Engine, rows: pa.Table, found: pa.Table, places: np.ndarray, last: int) -> None:
        """Write the entries in some places, the first of them with the key after the last one."""
        import numpy as np

        taken = int_array(places)
        new = rows.take(taken).append_column("id", int_array(last + 1 + np.arange(len(places))))
        with engine.registered("new_entry", new.append_column("hash", found["hash"].take(taken))):
            names = ", ".join(quote(each.name) for each in self._columns())
            engine.execute(f"INSERT INTO {self.table.name} ({self.key}, {names}) SELECT id, {names} FROM new_entry")
            engine.execute(f"INSERT INTO {self.stored} SELECT hash, id FROM new_entry")

    def _columns(self) -> list[Column]:
        """Return the columns of an entry, without its key."""
        return [column for column in self.table.columns if column.name != self.key]

    def _hash_sql(self) -> str:
        return f"hash($token_key, {', '.join(map(as_hashed, self._columns()))})"

    def _cleansed(self, rows: pa.Table, token_key: str) -> pa.Table:
        """Return the entries without raw tokens and without the query of a target."""
        import pyarrow.compute as pc

        if "token_id" in self.table.names:
            rows = hash_tokens(rows, ("token_id", "session_id"), token_key)
        if "target" in self.table.names and len(pc.indices_nonzero(pc.match_substring(rows["target"], "?"))):
            paths = pc.replace_substring_regex(rows["target"], r"(?s)\?.*", "")
            rows = rows.set_column(rows.column_names.index("target"), "target", paths)
        return mask_tokens(rows)


def places_among(hashes: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return where each of the hashes stands among others.

    Raises
    ------
    FileChanged
        If one of them does not: the records were read twice, and were not the same.

    Examples
    --------
    >>> import numpy as np
    >>> places_among(np.array([7, 9], np.uint64), np.array([9, 8, 7], np.uint64)).tolist()
    [2, 0]
    """
    import numpy as np

    order = np.argsort(among, kind="stable")
    places = order[np.minimum(np.searchsorted(among, hashes, sorter=order), len(order) - 1)] if len(order) else order
    if not np.array_equal(among[places], hashes):
        raise FileChanged
    return places


def entries_of(shown: pa.Table) -> dict[str, pa.Table]:
    """Return by the name of each hash what those of them stand for that a staging's `examples` gave."""
    import pyarrow as pa

    entries = {}
    for name in shown.column_names:
        found = shown[name].combine_chunks()
        table = pa.Table.from_arrays(found.flatten(), names=[column.name for column in found.type])
        entries[name] = table.take(int_array(distinct(table["seen"]).first))
    return entries


DICTIONARIES = (
    Dictionary(USAGE_CALLER, "caller_id", "caller_hash"),
    Dictionary(USAGE_TARGET, "target_id", "target_hash"),
)
