"""Raw tokens in a staged table become keyed hashes before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import quote
from grantlens.ingest.secrecy import RAW_TOKEN, keyed_hash

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


def hash_tokens(engine: Engine, table: str, columns: Iterable[str], key: str) -> None:
    """Replace what looks like a raw token by its keyed SHA-256, in place.

    Parameters
    ----------
    engine
        The open store.
    table
        A staged table.
    columns
        Columns of it that hold ids of tokens.
    key
        The store's random key, in hexadecimal.
    """
    names = [quote(column) for column in columns]
    if not names:
        return
    # all columns together first: DuckDB gets the pattern ready for each place in a statement, which takes over a millisecond
    ids = f"SELECT unnest([{', '.join(names)}]) AS id FROM {quote(table)}"
    if not engine.value(f"SELECT bool_or(regexp_full_match(id, $pattern)) FROM ({ids})", {"pattern": RAW_TOKEN}):
        return
    for name in names:
        raw = engine.rows(
            f"SELECT DISTINCT {name} FROM {quote(table)} WHERE regexp_full_match({name}, $pattern)",
            {"pattern": RAW_TOKEN},
        )
        tokens = [token for (token,) in raw]
        if not tokens:
            continue
        engine.execute(
            f"UPDATE {quote(table)} SET {name} = r.hashed FROM (SELECT unnest($tokens) AS token, unnest($hashes) AS hashed) r "
            f"WHERE {name} = r.token",
            {"tokens": tokens, "hashes": [keyed_hash(token, key) for token in tokens]},
        )
