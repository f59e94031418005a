"""Any table as a list of rows, so that a chart takes what its caller has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grantlens.plain import plain_rows

Row = dict[str, Any]


def rows(table: Any) -> list[Row]:
    """Read a table as dicts.

    Parameters
    ----------
    table
        Arrow table, polars or pandas frame, anything with an Arrow stream, list of dicts, or dict of columns.

    Examples
    --------
    >>> rows({"client": ["a", "b"], "events": [1, 2]})
    [{'client': 'a', 'events': 1}, {'client': 'b', 'events': 2}]
    """
    if table is None:
        return []
    if isinstance(table, Mapping):
        names = list(table)
        return [dict(zip(names, values, strict=True)) for values in zip(*table.values(), strict=True)]
    if hasattr(table, "to_pylist"):
        return plain_rows(table)
    if hasattr(table, "to_dicts"):
        return table.to_dicts()
    if hasattr(table, "__arrow_c_stream__"):
        import pyarrow as pa

        return plain_rows(pa.table(table))
    if isinstance(table, Sequence) and not isinstance(table, str | bytes):
        return [dict(row) for row in table]
    raise TypeError(f"A chart takes a table or a list of dicts, not {type(table).__name__}.")


def number(row: Row, name: str, default: float = 0) -> float:
    """Return a number of a row; `default` where it is absent, null or NaN."""
    value = row.get(name)
    return default if value is None or value != value else value
