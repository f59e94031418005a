"""Records of which nothing could be made: kept by line, reason and the start of their text, secrets masked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grantlens.ingest.answers import Reasons, by_record
from grantlens.ingest.unknown_keys import UNKNOWN
from grantlens.loaders.line_header import NO_RECORD, no_record
from grantlens.reading.chunk import int_array, numbers_of, repeated, text_array
from grantlens.reading.tabular import ODD_ROW
from grantlens.secrecy import EXCERPT, fits, masked, nothing_to_mask, part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.reading.chunk import Lines

_STANDS_FOR = "\0"
"""What no JSON text can hold as it is."""

_COLUMNS = ["line_no", "reason", "excerpt"]

SHOWN = 1000
"""Records of a chunk that are shown for each reason: more show nothing new, and would make a store of what was no log large."""


def rejected(lines: Lines, said: pa.Table, *, text: bool) -> pa.Table:
    """Return `line_no`, `reason` and `excerpt` of the records that are rejected; the excerpt of the first `SHOWN` of each reason.

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
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = numbers_of(lines.keys, "int64")
    places, which, reasons = _joined(by_record(said, keys))
    vague, plain_reasons = _vague(reasons, text=text), _plain(reasons)
    shown = _rank(which) < SHOWN
    read = shown | np.isin(which, numbers_of(pc.indices_nonzero(vague), "uint64"))
    parts = [_unread(keys[places[~read]], which[~read], reasons)]
    places, which, shown = places[read], which[read], shown[read]
    done = 0
    for records in lines.taken(places):
        here = slice(done, done := done + len(records))
        reason = int_array(which[here])
        plain = pc.and_(pc.and_not(plain_reasons, vague).take(reason), _plain_records(records))
        known = [int_array(keys[places[here]]), reasons.take(reason), records, int_array(shown[here])]
        rows = pa.record_batch(known, names=["line_no", "reason", "record", "shown"])
        parts += [_as_they_stand(rows.filter(plain)), _looked_at(rows.filter(pc.invert(plain)), text=text)]
    return pa.Table.from_batches(parts)


def _rank(which: np.ndarray) -> np.ndarray:
    """Return for each how many of its kind stand before it.

    Examples
    --------
    >>> import numpy as np
    >>> _rank(np.array([1, 0, 1, 1])).tolist()
    [0, 0, 1, 2]
    """
    import numpy as np

    together = np.argsort(which, kind="stable")
    rank = np.empty(len(which), np.int64)
    rank[together] = np.arange(len(which)) - np.searchsorted(which[together], which[together])
    return rank


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


def _plain(reasons: pa.Array) -> pa.Array:
    """Return for each reason whether it can be shown as it is."""
    import pyarrow.compute as pc

    return pc.and_(fits(reasons, EXCERPT), nothing_to_mask(reasons))


def _vague(reasons: pa.Array, *, text: bool) -> pa.Array:
    """Return for each reason whether the record may be no JSON, which would be the better reason."""
    import pyarrow.compute as pc

    if text:
        return pc.is_null(reasons)  # none is
    return pc.or_(pc.match_like(reasons, "not mapped"), pc.ends_with(reasons, ": missing"))


def _plain_records(records: pa.Array) -> pa.Array:
    """Return for each record whether it is an object, at least by its ends, none of a collector, and can be shown as it is."""
    import pyarrow.compute as pc

    own = pc.starts_with(records, "{")
    for beginning in NO_RECORD:
        own = pc.and_not(own, pc.starts_with(records, beginning))
    closed = pc.ends_with(records, "}\n")
    for end in ("}", "}\r\n"):
        closed = pc.or_(closed, pc.ends_with(records, end))
    return pc.and_(pc.and_(closed, own), nothing_to_mask(records))


def _as_they_stand(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the starts of the records, without the ends of their lines."""
    import pyarrow as pa
    import pyarrow.compute as pc

    line_nos, reasons, records, _ = rows.columns
    start = part(records, 0, 2 * EXCERPT)
    shown = pc.if_else(fits(records, 2 * EXCERPT), pc.ascii_rtrim(start, "\r\n"), start)
    return pa.record_batch([line_nos, reasons, part(shown, 0, EXCERPT)], names=_COLUMNS)


def _looked_at(rows: pa.RecordBatch, *, text: bool) -> pa.RecordBatch:
    """Return what is to be said of records that may hold a secret, and what can be shown of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    line_nos, *columns, shown = rows.columns
    reasons, records = (column.to_pylist() for column in columns)
    records = [record.strip() for record in records]
    told = {reason: _told(reason) for reason in set(reasons)}  # most are the same
    faults = [None if text else _fault(*each) for each in zip(reasons, records, strict=True)]
    said = [fault or told[reason] for fault, reason in zip(faults, reasons, strict=True)]
    starts = text_array([masked(record.removeprefix(ODD_ROW)) for record in records])
    shown = pc.if_else(shown.cast(pa.bool_()), starts, pa.nulls(len(rows), pa.string()))
    return pa.record_batch([line_nos, text_array(said), shown], names=_COLUMNS)


def _unread(keys: np.ndarray, which: np.ndarray, reasons: pa.Array) -> pa.RecordBatch:
    """Return what is to be said of records of which nothing is shown."""
    import numpy as np
    import pyarrow as pa

    used, which = np.unique(which, return_inverse=True)
    said = text_array([_told(reason) for reason in reasons.take(int_array(used)).to_pylist()])
    columns = [int_array(keys), said.take(int_array(which)), pa.nulls(len(which), pa.string())]
    return pa.record_batch(columns, names=_COLUMNS)


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
    """Say of no record what it is, and of one from which something is missing why it is no JSON, or what else than an object; else None."""
    if said := no_record(text):
        return said
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
