"""DuckDB: the engine of a store on one machine.

All SQL of grantlens runs through `Engine`. Values are bound as `$name` parameters; identifiers go
through `quote`. Results leave as Arrow tables, since a DuckDB 2 relation runs again at each read.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from threading import RLock
from typing import TYPE_CHECKING, Any

import duckdb

from grantlens.engine.opening import DAMAGED, MEMORY, connect, first_line, is_damage
from grantlens.engine.parsing import parsed
from grantlens.errors import GrantlensError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

_INTERRUPTED = re.compile(r"Invalid Input Error: [\w ]+ registered as '\w+'[\w ]* failed: KeyboardInterrupt")

_NAMED = re.compile(r"\$([a-z_][a-z0-9_]*)", re.IGNORECASE)

_LEAVES_ALL = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(?:(?:SELECT|WITH|FROM|DESCRIBE|SHOW|EXPLAIN|SET|RESET|BEGIN|CREATE (?:OR REPLACE )?TEMP)\b"
    r"|(?:DROP|ALTER) (?:TABLE|VIEW) (?:IF EXISTS )?temp\.|(?:INSERT INTO|UPDATE|DELETE FROM) temp\.)",
    re.IGNORECASE,
)
"""How a statement of ours begins that leaves what is stored as it is; of any other it is not known."""

_PLAN = "SET disabled_optimizers = 'projection_pullup'"
"""A pass that took nine tenths of the time of reading our deeper views, in which columns are passed through many steps, and gained nothing."""


def quote(identifier: str) -> str:
    """Return an identifier quoted for SQL: the only way a name may become SQL text.

    Examples
    --------
    >>> quote('a"b')
    '"a""b"'
    """
    return '"' + identifier.replace('"', '""') + '"'


class MalformedJson(Exception):  # noqa: N818
    """A statement met text that is no JSON, or not the JSON it expects; the transaction is lost, as with every error in DuckDB."""


class Engine:
    """One open DuckDB database.

    Parameters
    ----------
    path
        File of the store, or ":memory:".
    read_only
        Open without the right to write; several readers may share a file then.
    memory_limit
        DuckDB memory limit such as "2GB"; DuckDB's default (80 % of the machine) if absent.
    confined
        Let no statement read or write a file but the database's own: its log and what it spills are among them.
    """

    changes = 0
    """How often something may have changed what is stored, in any database of this process: two may have one file open."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        memory_limit: str | None = None,
        confined: bool = False,
    ) -> None:
        self.path = str(path)
        self.is_new = self.path == MEMORY or not (self.path.startswith(MEMORY) or os.path.exists(self.path))
        """True if there was nothing before, so that nobody else put anything in."""
        self._forget_spill: Callable[[], object] | None = None
        self._asked: dict[str, tuple[duckdb.DuckDBPyRelation, dict[str, Any]]] = {}  # what `repeated` ran
        self.shown: Callable[[Any], Any] | None = None
        """How answers are to be shown while tables hold ids of our own, see `grantlens.schema.apart`."""
        self.tell: Callable[[str], object] | None = None
        """Told the name of each step of what takes long, before it begins: for whoever watches."""
        self.is_narrowed = False
        """Whether tables with a part of the rows lie over those of the store, so that what is worked out now is of that part alone."""
        self._turn = RLock()  # DuckDB refuses two threads at once, and takes what one began for the other's
        self._threads: int | None = None  # all that it may use, once some of them are left to others
        with owner_only():
            self._connection = connect(self.path, read_only=read_only)
            self._prepare_spill(read_only)
        try:
            self._set_up(memory_limit, confined)
        except BaseException:
            self.close()
            raise

    def _set_up(self, memory_limit: str | None, confined: bool) -> None:
        self.execute("SET TimeZone = 'UTC'")
        if confined:  # in all connections of this process to the database, and for good
            self.execute("SET enable_external_access = false")
        # In a notebook without ipywidgets DuckDB refuses the word, and shows no bar anyway.
        with suppress(duckdb.Error):
            self._connection.execute("SET enable_progress_bar = false")
        self.execute(_PLAN)
        self.execute("SET enable_external_file_cache = false")  # a load reads one path again with new content
        if memory_limit:
            try:
                self.execute("SET memory_limit = $limit", {"limit": memory_limit})
            except duckdb.Error:
                raise StoreError(
                    f"{memory_limit!r} is no limit of memory.", 'Write it like "2GB" or "500MB".'
                ) from None

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Run one statement; `parameters` may hold more names than the statement uses."""
        used = _used(sql, parameters)
        try:
            with self._turn, _explained():
                return self._connection.execute(parsed(sql), used or None)
        finally:
            if not _LEAVES_ALL.match(sql):
                self.note_change()

    @staticmethod
    def note_change() -> None:
        """Let nobody take what was worked out before now for what would be worked out from now on."""
        Engine.changes += 1

    def arrow(self, sql: str, parameters: Mapping[str, Any] | None = None, *, ours: bool = True) -> pa.Table:
        """Run one query and return its whole result as an Arrow table; one that is not `ours` means what the settings make of it."""
        used = _used(sql, parameters)
        with self._turn, _explained():
            found = self._connection.sql(parsed(sql) if ours else sql, params=used or None).to_arrow_table()
        return self.shown(found) if self.shown else found

    def repeated(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a query as `arrow` does, one that is asked again and again of other rows under the same names.

        DuckDB binds a query that it is to give as Arrow one time more, to tell its columns beforehand; here only when it is new.
        """
        used = _used(sql, parameters)
        with self._turn, _explained():
            relation, values = self._asked.get(sql, (None, None))
            if relation is None or values != used:
                relation = self._connection.sql(parsed(sql), params=used or None)
                self._asked[sql] = relation, used
            return relation.to_arrow_table()

    def batches(self, sql: str, parameters: Mapping[str, Any] | None = None, *, size: int) -> Generator[pa.RecordBatch]:
        """Run one query beside others and give its result while it runs, `size` rows at a time and in order.

        It works ahead no further than DuckDB's small buffer, and ends where the iterator is closed.
        """
        cursor = self._connection.cursor()
        try:
            with _explained():
                reader = cursor.sql(parsed(sql), params=_used(sql, parameters) or None).to_arrow_reader(size)
            try:
                yield from reader
            except OSError as error:  # what pyarrow makes of an error of DuckDB
                raise MalformedJson(first_line(error)) from None
        finally:
            cursor.close()

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple]:
        """Run one query and return its rows as tuples; for small answers."""
        with self._turn:
            result = self.execute(sql, parameters)
            with _explained():
                found = result.fetchall()
        return self.shown(found) if self.shown else found

    def value(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Run one query and return the first cell, or None."""
        rows = self.rows(sql, parameters)  # a result that is not read to its end blocks the connection
        return rows[0][0] if rows else None

    @property
    def stored(self) -> str:
        """What to write before a table that is meant as it stands in the file, whatever is laid over it: `{engine.stored}.batch`."""
        return f"{quote(self.value('SELECT current_database()'))}.main"

    def cursor(self) -> Engine:
        """Return another connection to the same database, with transactions, temporary tables and registered names of its own."""
        other = copy(self)
        other._forget_spill, other._asked, other._turn = None, {}, RLock()
        with _explained():
            other._connection = self._connection.cursor()
        other.execute("SET TimeZone = 'UTC'")
        return other

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable as a view called `name`."""
        with self._turn, _explained():
            self._connection.register(name, table)

    def unregister(self, name: str) -> None:
        """Undo `register`."""
        # An aborted transaction forgets the name by itself; so does one that was interrupted before its result was read.
        with suppress(duckdb.TransactionException, duckdb.ResourceInUseException), self._turn, _explained():
            self._connection.unregister(name)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let other threads that use this connection wait until the block ends: its temporary tables are no one else's."""
        with self._turn:
            yield

    @contextmanager
    def registered(self, name: str, table: pa.Table) -> Iterator[None]:
        """Statements inside may read an Arrow table as a view called `name`."""
        self.register(name, table)
        try:
            yield
        finally:
            self.unregister(name)

    @contextmanager
    def transaction(self, *, large: bool = False) -> Iterator[None]:
        """All or nothing: what runs inside is committed together, or not at all.

        Parameters
        ----------
        large
            Whether much is written: it is then written where it stays. Else it may go to the write-ahead log, and from there
            to its place when the file is closed: good for little, of which much more may follow, but twice the work.
        """
        with owner_only():
            self.execute("BEGIN")
            try:
                yield
                if large:
                    self.execute("SET wal_autocheckpoint = '0B'")
                self.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):  # a failed commit has already rolled back
                    self._connection.rollback()
                self.note_change()
                with suppress(duckdb.Error, GrantlensError):  # where the disk was full, the database takes nothing more
                    self.execute(_PLAN)
                    self.share(1)
                raise
            finally:
                if large:
                    with suppress(duckdb.Error, GrantlensError):
                        self.execute("RESET wal_autocheckpoint")

    def leave_filters(self) -> None:
        """From here on filter where the statements say so, in all connections to this database.

        DuckDB moves a filter below the projection it reads, and so works out the projection twice: that
        doubles the cost where it is the parsing of JSON.
        """
        self.execute("SET disabled_optimizers = 'filter_pushdown,projection_pullup'")

    @contextmanager
    def filters_in_place(self) -> Iterator[None]:
        """Statements inside filter where they say so, see `leave_filters`."""
        self.leave_filters()
        try:
            yield
        finally:
            with suppress(duckdb.Error, GrantlensError):  # a lost transaction refuses every statement
                self.execute(_PLAN)

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """Statements inside leave half of the processor to others that work beside them."""
        self.share(2)
        try:
            yield
        finally:
            with suppress(duckdb.Error, GrantlensError):  # a lost transaction refuses every statement
                self.share(1)

    def share(self, parts: int) -> None:
        """From here on use one of so many parts of the processor."""
        if self._threads is None:
            self._threads = self.value("SELECT current_setting('threads')")
        self.execute("SET threads = $threads", {"threads": max(1, self._threads // parts)})

    def close(self) -> None:
        """Close the database."""
        with owner_only():
            self._connection.close()
        if self._forget_spill:
            self._forget_spill()

    def _prepare_spill(self, read_only: bool) -> None:
        """Make the folder of what does not fit into memory: DuckDB does so when a question needs it, and lets everybody read it."""
        spill = f"{os.path.realpath(self.path)}.tmp"
        if not self.path.startswith(MEMORY):
            with suppress(OSError):
                if read_only or not os.path.isdir(spill):  # who writes is alone: it is what a killed process left
                    os.mkdir(spill)
                self._forget_spill = weakref.finalize(self, _remove_empty, spill)  # many a notebook closes nothing


def _remove_empty(folder: str) -> None:
    with suppress(OSError):  # somebody else may be using it
        os.rmdir(folder)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what DuckDB says of disk, memory, input and interrupts into errors that a user can act on."""
    try:
        yield
    except duckdb.IOException as error:
        raise _explain_io(error) from None
    except duckdb.TransactionException as error:
        if _no_room(error):  # a commit that the disk refuses
            raise _explain_io(error) from None
        if any(sign in str(error) for sign in ("Permission denied", "Read-only file system")):
            raise StoreError(
                f"The folder of the store may not be written to: {first_line(error)}. DuckDB keeps a file beside the store while it writes.",
                "Let this user write to the folder, or copy the store to one where that is so.",
            ) from None
        raise
    except duckdb.FatalException as error:
        if _no_room(error):  # a commit that may stand in the write-ahead log, and could not be written to its place
            raise StoreError(
                "The disk is full; what was being written is kept as a whole or not at all.",
                "Free some space, then run the same command again: it adds nothing that is there.",
            ) from None
        raise
    except duckdb.OutOfMemoryException as error:
        raise StoreError(
            f"There is too little memory or disk for this step: {first_line(error)}.",
            "Free some, or open the store with a larger memory_limit.",
        ) from None
    except duckdb.PermissionException as error:
        raise StoreError(
            f"The store was opened to read and write no other file: {first_line(error)}.",
            "Open it without confined=True if you know what is in it.",
        ) from None
    except duckdb.InvalidInputException as error:
        if _INTERRUPTED.match(str(error)):  # a signal that came while DuckDB asked Python for a registered table
            raise KeyboardInterrupt from None
        if "JSON" in str(error) or "maximum_object_size" in str(error):
            raise MalformedJson(first_line(error)) from None
        if "read-only mode" in str(error):
            raise StoreError("The store was opened for reading only.", "Open it for writing: gl.open(PATH).") from None
        raise
    except duckdb.ConnectionException as error:
        if "closed" in str(error):
            raise StoreError("The store is closed.", "Open it again: gl.open(PATH).") from None
        raise
    except duckdb.Error as error:
        if is_damage(error):  # a part of the database that is read only now
            raise StoreError(f"The file of the store is damaged: {first_line(error)}.", DAMAGED) from None
        raise
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # how DuckDB hands on a signal that came during a query
            raise KeyboardInterrupt from None
        raise


@contextmanager
def owner_only() -> Iterator[None]:
    """Files made inside (store, write-ahead log, spill) can be read by their owner alone.

    That is a setting of the whole process: what starts threads that open databases is to hold it until they have ended.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _used(sql: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Pick the parameters that a statement names: DuckDB refuses the others."""
    if not parameters:
        return {}
    names = set(_NAMED.findall(sql))
    return {name: value for name, value in parameters.items() if name in names}


def _no_room(error: duckdb.Error) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in ("no space left", "disk is full", "file too large", "quota exceeded"))


def _explain_io(error: duckdb.Error) -> GrantlensError:
    if _no_room(error):
        return StoreError(
            "The disk is full; nothing of this step was kept.", "Free some space, then run the same command again."
        )
    remedy = "That file is cut short: take a copy that is whole." if is_damage(error) else ""
    return GrantlensError(f"DuckDB could not read or write: {first_line(error)}.", remedy)
