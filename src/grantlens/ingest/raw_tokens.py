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
    import pyarrow as pa

    for column in columns:
        name = quote(column)
        raw = engine.rows(
            f"SELECT DISTINCT {name} FROM {quote(table)} WHERE regexp_full_match({name}, $pattern)", {"pattern": RAW_TOKEN}
        )
        if not raw:
            continue
        tokens = [token for (token,) in raw]
        engine.register("raw_token", pa.table({"token": tokens, "hashed": [keyed_hash(token, key) for token in tokens]}))
        try:
            engine.execute(f"UPDATE {quote(table)} SET {name} = raw_token.hashed FROM raw_token WHERE {name} = raw_token.token")
        finally:
            engine.unregister("raw_token")
