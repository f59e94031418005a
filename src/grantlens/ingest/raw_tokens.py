"""Raw tokens become keyed hashes before anything is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from grantlens.ingest.chunk import int_array, numbers_of, text_array
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
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in columns:
        ids = rows[name].combine_chunks()
        raw = numbers_of(pc.indices_nonzero(pc.match_substring_regex(ids, _WHOLE)), "uint64")
        if len(raw):
            hashed = text_array([keyed_hash(token, key) for token in ids.take(int_array(raw)).to_pylist()])
            places = np.arange(len(ids))
            places[raw] = len(ids) + np.arange(len(raw))
            ids = pa.concat_arrays([ids, hashed]).take(int_array(places))
            rows = rows.set_column(rows.column_names.index(name), name, ids)
    return rows
