"""SQL that several rules share, one named step each.

A relation without parameters is a view in the store, so that the file is useful in any DuckDB client. While rules
run, the relations they need are worked out once and kept as temporary tables of the same names.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from grantlens.engine import AT_REST
from grantlens.errors import StoreError
from grantlens.relations.relation import Relation
from grantlens.schema import VIEWS
from grantlens.schema.apart import told_apart
from grantlens.schema.standing import tables

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

__all__ = ["Relation", "install_views", "let_go", "ordered", "registry", "views_stand", "worked_out"]


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
    """True if the views of a store are those that this version writes, to the last word."""
    wanted, kept = _views(), _written(engine, _KEPT)
    return wanted.keys() <= kept.keys() and all(
        kept[name] == ours for name, ours in _as_written(engine, wanted).items()
    )


def install_views(engine: Engine) -> None:
    """Write the views into a store: those of the schema, and the relations without parameters.

    DuckDB is to work out the columns of each when it is first read: to do it now, for each view and all that it reads, was most of
    the time of opening a new store.

    Raises
    ------
    StoreError
        If a table has the name of one.
    """
    wanted = _views()
    if taken := sorted(wanted.keys() & map(str.lower, tables(engine))):
        raise StoreError(
            f"{engine.path} holds a table called {taken[0]}, where grantlens keeps a view.",
            f"Rename it in DuckDB: ALTER TABLE {taken[0]} RENAME TO my_{taken[0]}",
        )
    with engine.transaction():
        for name, sql in wanted.items():
            engine.execute(f"CREATE OR REPLACE VIEW {name} WITH (DEFER_BINDING) AS {sql}")


def _views() -> dict[str, str]:
    names = [name for name, relation in registry().items() if not relation.windowed]
    # Among tables a step that is read twice is best left to DuckDB. Among views it is worked out once, or all that is behind it is
    # planned anew wherever it stands: that took a view twenty seconds over any store.
    views = {
        relation.name: relation.sql.replace("AS NOT MATERIALIZED", "AS MATERIALIZED") for relation in ordered(names)
    }
    return {**VIEWS, **views}


_WRITTEN = "SELECT view_name, sql FROM system.main.duckdb_views() WHERE schema_name = 'main' AND database_name = "
_KEPT, _BESIDE = f"{_WRITTEN}system.main.current_database()", f"{_WRITTEN}'temp'"

_OURS: dict[tuple[str, str], str] = {}
"""What DuckDB wrote of views that it was given in this process: to parse them takes it half of the time of opening a store."""


def _as_written(engine: Engine, views: Mapping[str, str]) -> dict[str, str]:
    """Return our views by name, each as DuckDB writes it: made beside as temporary ones, for that alone."""
    if new := views.items() - _OURS.keys():
        engine.execute("BEGIN")
        try:
            for name, sql in new:
                engine.execute(f"CREATE TEMP VIEW {name} WITH (DEFER_BINDING) AS {sql}")
            written = _written(engine, _BESIDE)
        finally:
            engine.execute("ROLLBACK")
        _OURS.update({(name, sql): written[name] for name, sql in new})
    return {name: _OURS[name, sql] for name, sql in views.items()}


_LEFT_OUT = re.compile(r"EXCLUDE \(([^)]*)\)")


def _written(engine: Engine, sql: str) -> dict[str, str]:
    """Return the views by name, each as DuckDB writes it; the columns that are left out it writes in any order."""
    return {
        name: _LEFT_OUT.sub(lambda found: f"EXCLUDE ({sorted(found[1].split(', '))})", text.replace(" TEMP ", " ", 1))
        for name, text in engine.rows(sql)
    }


_KEPT_NOW: WeakKeyDictionary[Engine, dict[str, Mapping[str, Any]]] = WeakKeyDictionary()
"""The relations that stand as temporary tables in each open database, with the values they were worked out for."""

_AT_REST: WeakKeyDictionary[Engine, dict[str, tuple[Mapping[str, Any], int]]] = WeakKeyDictionary()
"""Those of blocks that have ended, which wait under another name for the next one, and the number of changes that they have seen."""

_BLOCKS = count()
"""Numbers the blocks, so that what stands aside for each of them has a name of its own."""


@contextmanager
def worked_out(engine: Engine, names: Iterable[str], values: Mapping[str, Any]) -> Iterator[None]:
    """Keep these relations, and all they need, as temporary tables inside the block; other threads wait until it ends.

    What a block around this one keeps already is not worked out again, nor what one before it did for the same window while nothing
    was changed since; of a part of the store alone, as a case is, neither is taken nor kept. Only where it was for another window
    does it stand aside until this block ends.
    """
    made: dict[str, int] = {}
    aside: dict[str, Mapping[str, Any]] = {}
    ended_well = False
    with engine.alone(), nullcontext() if _KEPT_NOW.get(engine) else told_apart(engine):
        _let_go(engine, outdated=True)
        kept, at_rest = _KEPT_NOW.setdefault(engine, {}), _AT_REST.setdefault(engine, {})
        number = next(_BLOCKS)
        try:
            for relation in ordered(names):
                name, given = relation.name, dict(values) if relation.windowed else {}
                if name in kept:
                    if kept[name] == given:
                        continue
                    engine.execute(f"ALTER TABLE temp.{name} RENAME TO {name}_{number}")
                    aside[name] = kept.pop(name)
                if not engine.is_narrowed and name in at_rest and at_rest[name][0] == given:
                    made[name] = at_rest.pop(name)[1]
                    engine.execute(f"ALTER TABLE temp.{AT_REST}{name} RENAME TO {name}")
                else:
                    if engine.tell:
                        engine.tell(name)
                    made[name] = engine.changes
                    engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {relation.sql}", values)
                kept[name] = given
            yield
            ended_well = True
        finally:
            for name in reversed(made):
                worked_for = kept.pop(name, None)
                if ended_well and worked_for is not None and not engine.is_narrowed:
                    engine.execute(f"DROP TABLE IF EXISTS temp.{AT_REST}{name}")
                    engine.execute(f"ALTER TABLE temp.{name} RENAME TO {AT_REST}{name}")
                    at_rest[name] = worked_for, made[name]
                else:
                    engine.execute(f"DROP TABLE IF EXISTS temp.{name}")
            for name, before in aside.items():
                engine.execute(f"ALTER TABLE temp.{name}_{number} RENAME TO {name}")
                kept[name] = before


def let_go(engine: Engine) -> None:
    """Drop what waits for the next block: among the tables of a database it is nothing to be shown."""
    with engine.alone():
        _let_go(engine)


def _let_go(engine: Engine, *, outdated: bool = False) -> None:
    at_rest = _AT_REST.get(engine, {})
    for name in [name for name, (_, seen) in at_rest.items() if not outdated or seen != engine.changes]:
        engine.execute(f"DROP TABLE IF EXISTS temp.{AT_REST}{name}")
        del at_rest[name]
