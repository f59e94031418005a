"""Records of which nothing could be made: kept by line, reason and the start of their text, secrets masked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grantlens.ingest.answers import Reasons, by_record
from grantlens.ingest.chunk import int_array, numbers_of, repeated, text_array
from grantlens.ingest.secrecy import EXCERPT, fits, masked, nothing_to_mask, part
from grantlens.ingest.tabular import ODD_ROW
from grantlens.ingest.unknown_keys import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.ingest.chunk import Lines

_STANDS_FOR = "\0"
"""What no JSON text can hold as it is."""

_COLUMNS = ["line_no", "reason", "excerpt"]


def rejected(lines: Lines, said: pa.Table, *, text: bool) -> pa.Table:
    """Return `line_no`, `reason` and `excerpt` of the records that are rejected.

    Most hold nothing to mask, which is asked of all at once; the others are looked at one by one.

    Parameters
    ----------
    lines
        The records.
    said
        Columns `line_no` and `reason`, a row for each reason.
    text
        True if the records are lines of text, and no JSON is missing.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = numbers_of(lines.keys, "int64")
    places, which, reasons = _joined(by_record(said, keys))
    plain_reasons = _plain_reasons(reasons, text=text)
    parts: list[pa.RecordBatch] = []
    done = 0
    for records in lines.taken(places):
        here = slice(done, done := done + len(records))
        reason = int_array(which[here])
        plain = pc.and_(plain_reasons.take(reason), _plain_records(records))
        known = [int_array(keys[places[here]]), reasons.take(reason), records]
        rows = pa.record_batch(known, names=["line_no", "reason", "record"])
        parts += [_as_they_stand(rows.filter(plain)), _looked_at(rows.filter(pc.invert(plain)), text=text)]
    return pa.Table.from_batches(parts)


def _joined(reasons: Reasons) -> Reasons:
    """Put the reasons of each record into one text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    places, which, texts = reasons
    first = np.flatnonzero(np.diff(places, prepend=-1))
    if len(first) == len(places):
        return reasons
    ends = pa.py_buffer(np.append(first, len(places)).astype(np.int32))
    each = pa.ListArray.from_arrays(
        pa.Array.from_buffers(pa.int32(), len(first) + 1, [None, ends]), texts.take(int_array(which))
    )
    together = pc.binary_join(each, repeated("; ", len(first))).dictionary_encode()
    return Reasons(places[first], numbers_of(together.indices, "int32"), together.dictionary)


def _plain_reasons(reasons: pa.Array, *, text: bool) -> pa.Array:
    """Return for each reason whether it can be shown as it is, and says all that there is to say."""
    import pyarrow.compute as pc

    plain = pc.and_(fits(reasons, EXCERPT), nothing_to_mask(reasons))
    if text:
        return plain
    vague = pc.or_(pc.match_like(reasons, "not mapped"), pc.ends_with(reasons, ": missing"))
    return pc.and_not(plain, vague)


def _plain_records(records: pa.Array) -> pa.Array:
    """Return for each record whether it is an object, at least by its ends, and can be shown as it is."""
    import pyarrow.compute as pc

    closed = pc.ends_with(records, "}\n")
    for end in ("}", "}\r\n"):
        closed = pc.or_(closed, pc.ends_with(records, end))
    return pc.and_(pc.and_(closed, pc.starts_with(records, "{")), nothing_to_mask(records))


def _as_they_stand(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the starts of the records, without the ends of their lines."""
    import pyarrow as pa
    import pyarrow.compute as pc

    line_nos, reasons, records = rows.columns
    start = part(records, 0, 2 * EXCERPT)
    shown = pc.if_else(fits(records, 2 * EXCERPT), pc.ascii_rtrim(start, "\r\n"), start)
    return pa.record_batch([line_nos, reasons, part(shown, 0, EXCERPT)], names=_COLUMNS)


def _looked_at(rows: pa.RecordBatch, *, text: bool) -> pa.RecordBatch:
    """Return what is to be said of records that may hold a secret, and what can be shown of them."""
    import pyarrow as pa

    line_nos, *columns = rows.columns
    reasons, records = (column.to_pylist() for column in columns)
    records = [record.strip() for record in records]
    told = {reason: _told(reason) for reason in set(reasons)}  # most are the same
    faults = [None if text else _fault(*each) for each in zip(reasons, records, strict=True)]
    said = [fault or told[reason] for fault, reason in zip(faults, reasons, strict=True)]
    shown = [masked(record.removeprefix(ODD_ROW)) for record in records]
    return pa.record_batch([line_nos, text_array(said), text_array(shown)], names=_COLUMNS)


def _told(reason: str) -> str:
    """Return a reason with the secrets masked that it quotes.

    Behind the name of a key stand our own words, which are no secret, whatever the key is called.

    Examples
    --------
    >>> _told("Authorization: unknown column; operation: 'Bearer abcdefgh' is no list")
    "Authorization: unknown column; operation: 'Bearer ***' is no list"
    """
    return masked(reason.replace(UNKNOWN, _STANDS_FOR)).replace(_STANDS_FOR, UNKNOWN)


def _fault(reason: str, text: str) -> str | None:
    """Say of a record from which something is missing why it is no JSON, or what else than an object; else None."""
    if reason != "not mapped" and not reason.endswith(": missing"):
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if text.startswith(ODD_ROW):
            return text.partition(": ")[0].removeprefix(ODD_ROW)
        return f"no JSON: {error.msg.removesuffix(' at')} at column {error.colno}"
    except RecursionError:
        return "no JSON: nested too deeply"
    return None if isinstance(value, dict) else "no JSON object"
