"""The database in memory in which records are mapped, kept from file to file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.engine.duckdb import Engine
from grantlens.schema.migrations import make_types

if TYPE_CHECKING:
    from grantlens.ingest.mapping import Staging
    from grantlens.loaders import Loader


class Workbench:
    """One such database, opened when it is first needed, and what was learnt about the loaders that worked in it.

    Thousands of small files are the rule for some logs: opening a database and looking at a loader's SELECTs would cost
    more than each of them.

    Attributes
    ----------
    parts
        How many such work at once, each with its part of the processor.
    """

    def __init__(self) -> None:
        self.parts = 1
        self._engine: Engine | None = None
        self._parts = 1
        self._stagings: list[tuple[Loader, dict[str, str], list[Staging]]] = []

    @property
    def engine(self) -> Engine:
        """The database."""
        if self._engine is None:
            self._engine = Engine(":memory:")
            make_types(self._engine)
        if self.parts != self._parts:
            self._engine.share(self.parts)
            self._parts = self.parts
        return self._engine

    def known(self, loader: Loader) -> tuple[dict[str, str], list[Staging]] | None:
        """Return the steps that are kept and how each log is staged, if this loader was here before."""
        return next(((kept, found) for each, kept, found in self._stagings if each == loader), None)

    def learn(self, loader: Loader, kept: dict[str, str], stagings: list[Staging]) -> None:
        """Remember them."""
        self._stagings.append((loader, kept, stagings))

    def close(self) -> None:
        """Free the memory."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
            self._parts = 1
