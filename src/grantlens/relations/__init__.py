"""SQL that several rules share, one named step each.

A relation without parameters is a view in the store, so that the file is useful in any DuckDB client. While rules
run, the relations they need are worked out once and kept as temporary tables of the same names.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from grantlens.relations.relation import Relation

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

__all__ = ["Relation", "install_views", "ordered", "registry", "views_stand", "worked_out"]


@cache
def registry() -> MappingProxyType[str, Relation]:
    """Return every relation by its name."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    found = [module.RELATION for module in modules if hasattr(module, "RELATION")]
    return MappingProxyType({relation.name: relation for relation in sorted(found, key=lambda each: each.name)})


def ordered(names: Iterable[str]) -> tuple[Relation, ...]:
    """Return these relations and all they need, each after what it reads."""
    placed: dict[str, Relation] = {}

    def place(name: str) -> None:
        if name not in placed:
            for needed in registry()[name].needs:
                place(needed)
            placed[name] = registry()[name]

    for name in names:
        place(name)
    return tuple(placed.values())


def views_stand(engine: Engine) -> bool:
    """True if the relations without parameters stand in the store, as they are now."""
    return engine.value("SELECT value FROM meta WHERE name = 'relations'") == _digest()


def install_views(engine: Engine) -> None:
    """Write the relations without parameters into the store, as views.

    DuckDB is to work out the columns of each when it is first read: to do it now, for each view and all that it reads, was most of
    the time of opening a new store.
    """
    with engine.transaction():
        for view in _views():
            engine.execute(view)
        engine.execute("DELETE FROM meta WHERE name = 'relations'")
        engine.execute("INSERT INTO meta VALUES ('relations', $digest)", {"digest": _digest()})


def _views() -> list[str]:
    names = [name for name, relation in registry().items() if not relation.windowed]
    return [
        f"CREATE OR REPLACE VIEW {relation.name} WITH (DEFER_BINDING) AS {relation.sql}" for relation in ordered(names)
    ]


def _digest() -> str:
    return hashlib.sha256("\n".join(_views()).encode()).hexdigest()


@contextmanager
def worked_out(engine: Engine, names: Iterable[str], values: Mapping[str, Any]) -> Iterator[None]:
    """Keep these relations, and all they need, as temporary tables inside the block."""
    made = []
    try:
        for relation in ordered(names):
            engine.execute(f"CREATE OR REPLACE TEMP TABLE {relation.name} AS {relation.sql}", values)
            made.append(relation.name)
        yield
    finally:
        for name in reversed(made):
            engine.execute(f"DROP TABLE IF EXISTS temp.{name}")
