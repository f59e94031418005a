"""Values as JSON can hold them, and Arrow tables read and made without pandas, whose import takes a second."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from grantlens.visible import SHOWN, grid
from grantlens.window import format_time

if TYPE_CHECKING:
    import pyarrow as pa

_AS_IT_IS = frozenset((str, int, float, bool))


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Examples
    --------
    >>> plain({"first": datetime(2026, 7, 1, tzinfo=UTC), "scopes": ["a", None]})
    {'first': '2026-07-01T00:00:00Z', 'scopes': ['a', None]}
    """
    if (
        value is None or type(value) in _AS_IT_IS
    ):  # most are, and to ask whether each is a Mapping takes longer than all else
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def plain_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows; times are datetimes in UTC.

    Arrow asks pandas for the zone of a time. All our times are UTC, so the zone is put back here.
    """
    if not table.num_rows:
        return []
    columns = []
    for column in table.columns:
        zoneless = _zoneless(column.type)
        values = column.cast(zoneless).to_pylist()
        # To look at each value of seventy thousand findings would take a third of the time.
        columns.append(values if zoneless == column.type else [_zoned(value) for value in values])
    names = table.column_names
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def table_of(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return rows as an Arrow table; by way of JSON, since `Table.from_pylist` looks whether it was given something of pandas.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table_of([{"scope": "mail.read", "uses": None}], pa.schema({"scope": pa.string(), "uses": pa.int64()})).to_pylist()
    [{'scope': 'mail.read', 'uses': None}]
    """
    import pyarrow
    from pyarrow.json import ParseOptions, read_json

    text = "\n".join(json.dumps(row, allow_nan=False) for row in rows)
    if not text:
        return pyarrow.Table.from_batches([], schema)
    known = ParseOptions(schema, unexpected_field_behavior="ignore")
    return read_json(io.BytesIO(text.encode()), parse_options=known)


def first_rows(table: pa.Table, names: Sequence[str] = ()) -> str:
    """Return the first rows, of these columns or of all, as HTML."""
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
