"""The name of an event to which the log gives none: the hash of its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.reading.chunk import int_array, numbers_of, repeated, replaced

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine


def named(engine: Engine, rows: pa.Table, *, text: bool, tight: bool = False) -> pa.Table:
    """Return the staged rows with an `event_id` in each of them; several rows of one record are numbered.

    Parameters
    ----------
    engine
        Where the records are, in `chunk_line`.
    rows
        The staged rows, at least one.
    text
        Whether the records are lines of text.
    tight
        Whether `chunk_line` tells of which this is the text already, see `Lines`.
    """
    import pyarrow.compute as pc

    same = "coalesce(TRY(json(line))::VARCHAR, line)"
    if text:  # to try what is mostly no JSON costs more than to ask first
        same = "CASE WHEN json_valid(line) THEN json(line)::VARCHAR ELSE replace(line, chr(13) || chr(10), chr(10)) END"
    if tight:
        same = f"CASE WHEN tight THEN line ELSE {same} END"

    line_nos = numbers_of(rows["line_no"], "int64")
    if "event_id" not in rows.column_names:
        return rows.append_column("event_id", _names(engine, line_nos, same)["name"])
    if not rows["event_id"].null_count:
        return rows
    nameless = numbers_of(pc.indices_nonzero(rows["event_id"].is_null()), "uint64")
    names = _names(engine, line_nos[nameless], same)["name"].combine_chunks()
    return replaced(rows, "event_id", nameless, names)


def _names(engine: Engine, line_nos: np.ndarray, same: str) -> pa.Table:
    """Return a `name` for each of these rows: `same` is the text of its record, the same however that is spaced or ended."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    records, which = line_nos, np.arange(len(line_nos))
    if np.diff(line_nos).min(initial=1) <= 0:
        records, which = np.unique(line_nos, return_inverse=True)
    names = pa.Table.from_arrays([_hashes(engine, records, same).take(int_array(which))], names=["name"])
    rows_of = np.bincount(which, minlength=len(records))
    several = np.flatnonzero(rows_of[which] > 1)
    if not len(several):
        return names
    order = np.argsort(which[several], kind="stable")
    nth = np.empty(len(several), np.int64)
    sizes = rows_of[rows_of > 1]
    nth[order] = np.arange(len(several)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
    numbered = pc.binary_join_element_wise(
        names["name"].combine_chunks().take(int_array(several)),
        int_array(nth).cast(pa.string()),
        repeated("#", len(several)),
    )
    return replaced(names, "name", several, numbered)


def _hashes(engine: Engine, line_nos: np.ndarray, same: str) -> pa.Array:
    """Return the hashes of these records."""
    import numpy as np
    import pyarrow as pa

    with engine.registered("nameless", pa.Table.from_arrays([int_array(line_nos)], names=["line_no"])):
        hashed = engine.arrow(
            f"SELECT line_no, 'md5:' || md5({same}) AS name FROM chunk_line SEMI JOIN nameless USING (line_no)"
        )
    names = hashed["name"].combine_chunks()
    found = numbers_of(hashed["line_no"], "int64")
    return names if np.array_equal(found, line_nos) else names.take(int_array(np.argsort(found)))
