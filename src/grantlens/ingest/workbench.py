"""The database in memory in which records are mapped, kept from file to file, and for the next load of the process."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import Engine
from grantlens.schema.migrations import make_types

if TYPE_CHECKING:
    from grantlens.ingest.mapping import Staging
    from grantlens.loaders import Loader

    Learnt = tuple[Loader, dict[str, str], list[Staging]]

_REMEMBERED = 64
"""Loaders of which something is remembered, more than there are: a mapping that is read from its file anew is another one each time."""

_AT_REST: deque[tuple[Engine, list[Learnt]]] = deque(maxlen=1)
"""What the last load of this process left, for the next one to take: to open one is a fifth of the time of loading a small file."""

_ALONE = 1 << 16
"""So many parts of the processor that one thread is left, the caller's: of the others a forked process would know, and have none."""


class Workshop:
    """One such database, opened when it is first needed, and what was learnt about the loaders that worked in it.

    Thousands of small files are the rule for some logs: opening a database and looking at a loader's SELECTs would cost
    more than each of them.
    """

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._parts = 1
        self._lock = Lock()
        self._stagings: list[Learnt] = []

    def connection(self) -> Engine:
        """Return another connection to the database."""
        with self._lock:
            return self._open().cursor()

    def share(self, parts: int) -> None:
        """Let so many work here at once, each with its part of the processor."""
        with self._lock:
            if parts != self._parts:
                self._open().share(parts)
                self._parts = parts

    def known(self, loader: Loader) -> tuple[dict[str, str], list[Staging]] | None:
        """Return the steps that are kept and how each log is staged, if this loader was here before."""
        return next(((kept, found) for each, kept, found in self._stagings if each == loader), None)

    def learn(self, loader: Loader, kept: dict[str, str], stagings: list[Staging]) -> None:
        """Remember them, and forget what was learnt long before."""
        self._stagings.append((loader, kept, stagings))
        del self._stagings[:-_REMEMBERED]

    def close(self) -> None:
        """Leave it to the next load, once nobody works here."""
        engine, self._engine = self._engine, None
        self._parts = 1
        if engine is not None:
            with suppress(Exception):  # one that met an error of its own refuses every statement, and is forgotten
                engine.share(_ALONE)
                _AT_REST.append((engine, self._stagings))

    def _open(self) -> Engine:
        if self._engine is None:
            try:
                self._engine, self._stagings = _AT_REST.pop()
                self._engine.share(self._parts)
            except IndexError:
                self._engine = Engine(":memory:")
                self._engine.leave_filters()
                make_types(self._engine)
        return self._engine


class Workbench:
    """The place of one mapper, with temporary tables of its own.

    Parameters
    ----------
    shop
        Where it stands.
    """

    def __init__(self, shop: Workshop) -> None:
        self.shop = shop
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """A connection to the database."""
        if self._engine is None:
            self._engine = self.shop.connection()
        return self._engine

    def close(self) -> None:
        """Free the temporary tables."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
