"""Raw tokens become keyed hashes before anything is stored, and in free text they are masked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from grantlens.reading.chunk import int_array, numbers_of, replaced, text_array
from grantlens.secrecy import RAW_TOKEN, keyed_hash

if TYPE_CHECKING:
    import pyarrow as pa

_AROUND = r"\A\s*(?:(?i:bearer|dpop|token)\s+)?"
"""What a log may have copied with a token from the header that it stood in."""

_WHOLE = rf"{_AROUND}(?:{RAW_TOKEN})\s*\z"

_MAYBE = RAW_TOKEN.replace(r"\b", "")
"""Finds what `RAW_TOKEN` does and a little more, in half the time: where words begin is not looked at."""

TEXTS = ("user_agent", "reason", "target", "operation")
"""Columns in which anything may stand, for a stranger wrote it."""


def hash_tokens(rows: pa.Table, columns: Iterable[str], token_key: str) -> pa.Table:
    """Return the rows with what looks like a raw token replaced by its keyed SHA-256; the same table where nothing does.

    Parameters
    ----------
    rows
        At least one row.
    columns
        Columns of it that hold ids of tokens, or lists of them.
    token_key
        The store's token key, in hexadecimal.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows = pa.table({"token_id": ["a-plain-id", "ya29.a0AfH6SMBx", None]})
    >>> [str(token)[:9] for token in hash_tokens(rows, ["token_id"], "00ff")["token_id"].to_pylist()]
    ['a-plain-i', 'hmac:e7a5', 'None']
    >>> lists = pa.table({"earlier_keys": [["a-plain-id"], None, ["k", "ya29.a0AfH6SMBx"], []]})
    >>> [text and [each[:9] for each in text] for text in hash_tokens(lists, ["earlier_keys"], "00ff")["earlier_keys"].to_pylist()]
    [['a-plain-i'], None, ['k', 'hmac:e7a5'], []]
    >>> hash_tokens(pa.table({"earlier_keys": pa.array([None], pa.list_(pa.string()))}), ["earlier_keys"], "00ff").to_pylist()
    [{'earlier_keys': None}]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in columns:
        if pa.types.is_list(rows[name].type):
            lists = rows[name].combine_chunks()
            if not len(lists.values):  # to look into a column without a piece ends the process before Arrow 26.0.1
                continue
            texts = hash_tokens(pa.table({name: lists.values}), [name], token_key)[name].combine_chunks()
            hashed = pa.ListArray.from_arrays(lists.offsets, texts, mask=lists.is_null())
            rows = rows.set_column(rows.column_names.index(name), name, hashed)
            continue
        raw = numbers_of(pc.indices_nonzero(pc.match_substring_regex(rows[name], _WHOLE)), "uint64")
        if len(raw):
            tokens = rows[name].take(int_array(raw)).to_pylist()
            rows = replaced(
                rows,
                name,
                raw,
                text_array([keyed_hash(re.sub(_AROUND, "", token).rstrip(), token_key) for token in tokens]),
            )
    return rows


def mask_tokens(rows: pa.Table) -> pa.Table:
    """Return the rows with what looks like a raw token masked in columns of text; the same table where nothing does.

    Texts return again and again, so each is looked at once.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows = pa.table({"reason": ["found ghp_abcdefghijklmnopqrst on a page", "task-of-the-security-team", None]})
    >>> mask_tokens(rows)["reason"].to_pylist()
    ['found *** on a page', 'task-of-the-security-team', None]
    """
    import pyarrow.compute as pc

    for name in TEXTS:
        if name not in rows.column_names:
            continue
        found = rows[name].combine_chunks().dictionary_encode()
        if len(pc.indices_nonzero(pc.match_substring_regex(found.dictionary, _MAYBE))):
            texts = pc.replace_substring_regex(found.dictionary, RAW_TOKEN, "***")
            rows = rows.set_column(rows.column_names.index(name), name, texts.take(found.indices))
    return rows
