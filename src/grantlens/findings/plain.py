"""Rows of an Arrow table as Python values, without pandas, and the first of them in a notebook cell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from grantlens.visible import SHOWN, grid

if TYPE_CHECKING:
    import pyarrow as pa


def plain_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows; times are datetimes in UTC.

    Arrow asks pandas for the zone of a time, which costs a second at the first row. All our times are UTC, so the
    zone is put back here.
    """
    import pyarrow

    if not table.num_rows:
        return []
    schema = pyarrow.schema([field.with_type(_zoneless(field.type)) for field in table.schema])
    return [{name: _zoned(value) for name, value in row.items()} for row in table.cast(schema).to_pylist()]


def first_rows(table: pa.Table, names: Sequence[str] | None = None) -> str:
    """Return the first rows, of all columns or of these, as HTML."""
    names = names or table.column_names
    rows = plain_rows(table.select(list(names)).slice(0, SHOWN))
    return grid(names, (row.values() for row in rows), of=table.num_rows)


def _zoneless(kind: pa.DataType) -> pa.DataType:
    import pyarrow

    if pyarrow.types.is_timestamp(kind):
        return pyarrow.timestamp(kind.unit)
    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([field.with_type(_zoneless(field.type)) for field in kind])
    return kind


def _zoned(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    if isinstance(value, dict):
        return {name: _zoned(item) for name, item in value.items()}
    return value
