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
    seen = ", ".join(f"bool_or(regexp_full_match({name}, $pattern))" for name in names)
    found = engine.rows(f"SELECT {seen} FROM {quote(table)}", {"pattern": RAW_TOKEN})[0]
    for name in (name for name, raw in zip(names, found, strict=True) if raw):
        raw = engine.rows(
            f"SELECT DISTINCT {name} FROM {quote(table)} WHERE regexp_full_match({name}, $pattern)",
            {"pattern": RAW_TOKEN},
        )
        tokens = [token for (token,) in raw]
        engine.execute(
            f"UPDATE {quote(table)} SET {name} = r.hashed FROM (SELECT unnest($tokens) AS token, unnest($hashes) AS hashed) r "
            f"WHERE {name} = r.token",
            {"tokens": tokens, "hashes": [keyed_hash(token, key) for token in tokens]},
        )
