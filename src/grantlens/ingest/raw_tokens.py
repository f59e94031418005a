"""Raw tokens become keyed hashes before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from grantlens.ingest.chunk import int_array, numbers_of, replaced, text_array
from grantlens.ingest.secrecy import RAW_TOKEN, keyed_hash

if TYPE_CHECKING:
    import pyarrow as pa

_WHOLE = rf"\A(?:{RAW_TOKEN})\z"


def hash_tokens(rows: pa.Table, columns: Iterable[str], key: str) -> pa.Table:
    """Return the rows with what looks like a raw token replaced by its keyed SHA-256; the same table where nothing does.

    Parameters
    ----------
    rows
        At least one row.
    columns
        Columns of it that hold ids of tokens.
    key
        The store's random key, in hexadecimal.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows = pa.table({"token_id": ["a-plain-id", "ya29.a0AfH6SMBx", None]})
    >>> [str(token)[:9] for token in hash_tokens(rows, ["token_id"], "00ff")["token_id"].to_pylist()]
    ['a-plain-i', 'hmac:e7a5', 'None']
    """
    import pyarrow.compute as pc

    for name in columns:
        raw = numbers_of(pc.indices_nonzero(pc.match_substring_regex(rows[name], _WHOLE)), "uint64")
        if len(raw):
            tokens = rows[name].take(int_array(raw)).to_pylist()
            rows = replaced(rows, name, raw, text_array([keyed_hash(token, key) for token in tokens]))
    return rows
