"""The store: one DuckDB file that holds the three logs, opened, loaded and asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from grantlens.engine.asking import asked, lists_tables
from grantlens.engine.duckdb import Engine
from grantlens.errors import GrantlensError, StoreError
from grantlens.framed import Rows
from grantlens.given_path import given_path
from grantlens.holdings.card import coverage_card
from grantlens.holdings.export import write_ndjson, write_parquet
from grantlens.holdings.forgetting import Forgotten, forget_calls, write_anew
from grantlens.holdings.one_tenant import lay_tenant
from grantlens.holdings.summary import providers
from grantlens.holdings.unloading import Unloaded, unload
from grantlens.holdings.verification import verified
from grantlens.ingest import LoadReport, load_files
from grantlens.ingest.coverage import coverage_is_due, refresh_coverage
from grantlens.ingest.declared import note_undeclared, undeclared
from grantlens.relations import install_views, let_go, views_stand
from grantlens.schema.migrations import prepare
from grantlens.view import View, view_of
from grantlens.visible import markup
from grantlens.window import parse_time

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    import pyarrow as pa

    from grantlens.loaders import Loader, Settings
    from grantlens.window import Window


class Brought(Protocol):
    """What an organisation brings: `Catalogue`, `Register`, `Servers`, `Identities`, `Clocks`, `Decisions`."""

    def write_to(self, engine: Engine) -> None:
        """Put it into a store, inside the caller's transaction."""


class Store:
    """An open store.

    Threads may ask it, and are answered in turn; while one loads, none may ask. Processes, and whoever pickles, open the file each for themselves.

    Parameters
    ----------
    path
        Its file; made, for its owner only, if absent. ":memory:" keeps everything in memory.
    read_only
        Open without the right to write.
    memory_limit
        DuckDB memory limit such as "2GB".
    confined
        Read and write no file but the store's own, whatever is asked: for a store that somebody else made. `load` and
        `export` need other files.
    tenant
        See the rows of this tenant alone, whatever is asked, as if the store held no other: see `grantlens.holdings.one_tenant`.
        `load`, `forget`, `verify` and `providers` are about a whole store.

    Raises
    ------
    StoreError
        If there is something in the file that would be run or read in place of what grantlens means, or no log names the tenant.

    Examples
    --------
    >>> with Store(":memory:") as store:
    ...     store.sql("SELECT count(*) AS calls FROM usage").to_pylist()
    [{'calls': 0}]
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        memory_limit: str | None = None,
        confined: bool = False,
        tenant: str | None = None,
    ) -> None:
        self.path = given_path(path, 'Name the file of the store: gl.open("acme.duckdb").', StoreError)
        self.tenant = tenant
        self._open = partial(Engine, self.path, read_only=read_only, memory_limit=memory_limit, confined=confined)
        self.engine = self._open()
        """The open database, with the relations in it as views."""
        try:
            prepare(self.engine, read_only=read_only)
            if not views_stand(self.engine):
                if read_only:
                    raise StoreError(
                        f"{self.path} holds other views than this version of grantlens writes, and was opened for reading only.",
                        "Open it, or a copy, once for writing: they are written anew.",
                    )
                install_views(self.engine)
            if not read_only and not self.engine.is_new:
                note_undeclared(self.engine)
                refresh_coverage(self.engine)
            elif read_only and coverage_is_due(self.engine):
                raise StoreError(
                    f"A load into {self.path} was stopped before its coverage was worked out, and it was opened for reading only.",
                    "Open it, or a copy, once for writing: that is made good.",
                )
            if tenant is not None:
                lay_tenant(self.engine, tenant)
        except BaseException:
            self.engine.close()
            raise

    def up_to_date(self) -> bool:
        """True if nothing in the file changes where this version opens it for writing.

        Examples
        --------
        >>> with Store(":memory:") as store:
        ...     store.up_to_date()
        True
        """
        return not undeclared(self.engine)

    def load(
        self,
        *paths: str | os.PathLike[str],
        loader: str | Loader | None = None,
        progress: Callable[[str, int, int, float], None] | None = None,
        settings: Settings | None = None,
    ) -> LoadReport:
        """Load files, folders and globs; of each file everything is kept, or nothing.

        Parameters
        ----------
        paths
            What to load; the provider is recognised by content.
        loader
            Name of the loader, or what `gl.mapping` read, to skip recognition.
        progress
            Called with (file, files done, files in all, percent of this file); of small files, which are read together, with the first.
        settings
            What the logs do not say themselves, such as the time zone of their clock, or whose they are:
            `gl.Settings(tenant="cluster-eu")`.
        """
        self.be_whole("load")
        return load_files(self.engine, paths, loader, progress, settings)

    def be_whole(self, asked: str) -> None:
        """Raise an error if the store was opened for one tenant, and what is asked is about the whole."""
        if self.tenant is not None:
            raise StoreError(
                f"{self.path} was opened for the tenant {self.tenant} alone, and `{asked}` is about a whole store.",
                f"Open it without tenant: gl.open({self.path!r}).",
            )

    def add(self, *things: Brought) -> None:
        """Write what the organisation brings: catalogues, registers, servers, identities, clocks, decisions.

        Raises
        ------
        GrantlensError
            If it is none of these, such as the path of one; nothing is written then.
        """
        for thing in things:
            if not hasattr(thing, "write_to"):
                raise GrantlensError(
                    f"{thing!r} is no catalogue, register, servers, identities, clocks or decisions.",
                    "A file is read first: store.add(gl.Register.read(PATH)).",
                )
        for thing in things:
            with self.engine.transaction():
                thing.write_to(self.engine)

    def sql(self, sql: str, **parameters: Any) -> pa.Table:
        """Run a query, `$name` bound to the keyword, and return an Arrow table.

        Raises
        ------
        GrantlensError
            If DuckDB refuses the query; the error of DuckDB is its cause.

        Examples
        --------
        >>> with Store(":memory:") as store:
        ...     store.sql("SELECT $client AS client_id", client="mail-copilot").to_pylist()
        [{'client_id': 'mail-copilot'}]
        """
        if lists_tables(sql):
            let_go(self.engine)
        return asked(self.engine, sql, parameters)

    def coverage(self) -> Rows:
        """Return the stretches of time for which each log is there.

        Returns
        -------
        Rows
            source, tenant, log, covered_from, covered_until, is_gap, records, note, in_part (it shows only some of what
            happened), is_far (its times are likely wrong).
        """
        stretches = self.engine.arrow(
            "SELECT * FROM coverage ORDER BY source, tenant, log, covered_from, covered_until, in_part, is_gap"
        )
        return Rows("Coverage", stretches)

    def providers(self) -> Rows:
        """Return what became of the records of each loader, and the share of its usage that an issuance stands behind.

        Returns
        -------
        Rows
            loader, files, records, issuance, usage, revocation, ignored, duplicates, rejected, attributed (the share).

        Examples
        --------
        >>> with Store(":memory:") as store:
        ...     store.providers()
        Providers: 0 rows
        """
        self.be_whole("providers")
        return Rows("Providers", providers(self.engine))

    def verify(self) -> list[str]:
        """Return one sentence for each loaded file that is gone or was changed, or whose rows are not all in the store.

        Empty if all are what they were. A file that changed and was loaded again must be what its last load saw. Rows are
        counted, not compared.

        Examples
        --------
        >>> with Store(":memory:") as store:
        ...     store.verify()
        []
        """
        self.be_whole("verify")
        found = verified(self.engine)
        return [*found.differences, *found.rows]

    def forget(self, before: str | date) -> Forgotten:
        """Take the calls before a time out of the store, with the callers and objects that only they name, and write the file anew.

        What gave and took access stays: what lives today may be older than any call. A review since that time says what it said
        before; of the time before it none can say what was done, and coverage, `verify` and reports tell so. The logs are not
        touched; a file that is loaded again because it grew brings its calls back.

        Parameters
        ----------
        before
            Calls before it are forgotten: a date or a time, UTC unless it has a zone, taken to the whole minute.

        Returns
        -------
        Forgotten
            `before`, `calls` (taken out), `kept` (calls left), `callers` (of which none is left).

        Raises
        ------
        StoreError
            If no call would be left, or the store was opened for one tenant. Nothing is changed then.

        Examples
        --------
        >>> with Store(":memory:") as store:
        ...     store.forget("2026-01-01").calls
        0
        """
        self.be_whole("forget")
        found = forget_calls(self.engine, parse_time(before))
        self._write_anew()
        return found

    def unload(self, *paths: str | os.PathLike[str]) -> Unloaded:
        """Take loaded files out of the store, as if they had never been loaded, and write the store's file anew.

        What was read with the wrong mapping, loader or time zone can then be loaded again, and what is somebody else's is gone. That
        a file was there and was taken out is kept, and reports tell it.

        Parameters
        ----------
        paths
            The files, or folders of them.

        Returns
        -------
        Unloaded
            `paths`, `rows` (of the three logs), `records`.

        Raises
        ------
        StoreError
            If one was never loaded; if another file, loaded later, left out rows that may be there only because of one of these;
            or if the store was opened for one tenant. Nothing is changed then.

        Examples
        --------
        >>> with Store(":memory:") as store:
        ...     store.unload().rows
        0
        """
        self.be_whole("unload")
        found = unload(self.engine, paths)
        self._write_anew()
        return found

    def _write_anew(self) -> None:
        """Leave nothing in the file of what was taken out; another file has its name then, so that is opened."""
        if write_anew(self.engine):
            self.engine.close()
            self.engine = self._open()

    def export(self, path: str | os.PathLike[str], *, parquet: bool = False, ocsf: bool = False) -> list[Path]:
        """Write the three logs in the native format, so that a load of it gives them again and covers what they cover, or as events for a SIEM.

        Parameters
        ----------
        path
            An NDJSON file (`.gz` and `.zst` at its end compress it); with `parquet` a folder for one file a log.
        parquet
            Write Parquet, as other engines read it.
        ocsf
            Write OCSF events, each with the delegation under which it happened, see `grantlens.holdings.ocsf`.
        """
        if parquet and ocsf:
            raise GrantlensError("OCSF events are written as NDJSON, not as Parquet.", "Leave one of the two out.")
        return write_parquet(self.engine, path) if parquet else write_ndjson(self.engine, path, ocsf=ocsf)

    def between(
        self,
        since: str | datetime | Window | None = None,
        until: str | datetime | None = None,
        now: str | datetime | None = None,
    ) -> View:
        """Return this store seen through a window; see `grantlens.view.view_of`.

        Examples
        --------
        >>> with Store(":memory:") as store:
        ...     print(store.between("2026-07-01", "2026-10-01").window)
        2026-07-01 to 2026-10-01
        """
        return view_of(self, since, until, now)

    def close(self) -> None:
        """Close the file, so that others may open it."""
        self.engine.close()

    def __repr__(self) -> str:
        try:
            files, records = self.engine.rows("SELECT count(*), coalesce(sum(records), 0) FROM batch")[0]
        except StoreError as error:
            return f"Store({self.path!r}): {error.message}"
        counted = f"{files} file{'' if files == 1 else 's'}, {records} record{'' if records == 1 else 's'}"
        if self.tenant is not None:
            return f"Store({self.path!r}, tenant={self.tenant!r}): of {counted}, what is this tenant's or names none"
        return f"Store({self.path!r}): {counted}"

    def _repr_html_(self) -> str:
        try:
            return coverage_card(self.engine, self.path)
        except StoreError:
            return f"<p>{markup(repr(self))}</p>"

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open(
    path: str | os.PathLike[str],
    *,
    read_only: bool = False,
    memory_limit: str | None = None,
    confined: bool = False,
    tenant: str | None = None,
) -> Store:
    """Open a store; the file is made if absent.

    Parameters
    ----------
    path, read_only, memory_limit, confined, tenant
        As for `Store`.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     store
    Store(':memory:'): 0 files, 0 records
    """
    return Store(path, read_only=read_only, memory_limit=memory_limit, confined=confined, tenant=tenant)


__all__ = ["Store", "open"]
