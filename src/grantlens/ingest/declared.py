"""What loaders declare of their logs, kept in the store: rules are SQL, and must see what joins at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader


def note_declared(engine: Engine, loader: Loader) -> None:
    """Write down what a loader declares of its source, in place of what was known of it.

    Examples
    --------
    >>> from grantlens.loaders import loaders
    >>> from grantlens.store import Store
    >>> with Store(":memory:") as store:
    ...     note_declared(store.engine, loaders()["slack"])
    ...     store.engine.rows("SELECT source, issuance_usage FROM declared")
    [('slack', 'none')]
    """
    strengths = {(join.first, join.second): join.strength for join in loader.joins}
    values = {
        "source": loader.name,
        "issuance_usage": strengths.get(("issuance", "usage")),
        "keys_end": loader.keys_end,
        "actors": loader.actors or None,
        "keys_begin": loader.keys_begin,
        "giving_shown": loader.giving_shown,
    }
    engine.execute("DELETE FROM declared WHERE source = $source", {"source": loader.name})
    engine.execute(
        "INSERT INTO declared VALUES ($source, $issuance_usage, $keys_end, $actors, $keys_begin, $giving_shown)", values
    )


def note_undeclared(engine: Engine, since: int = 0) -> None:
    """Write down what is declared of sources whose loader read nothing: native records name them, or an older version read them."""
    for loader in undeclared(engine, since):
        note_declared(engine, loader)


def undeclared(engine: Engine, since: int = 0) -> list[Loader]:
    """Return the loaders whose sources are in the store, from the batch of this number on, and what they declare is not."""
    sources = engine.rows(
        "SELECT DISTINCT source FROM activity ANTI JOIN declared USING (source) WHERE batch_id >= $since",
        {"since": since},
    )
    if not sources:
        return []
    from grantlens.loaders import loaders

    return [loaders()[source] for (source,) in sources if source in loaders()]
