"""A plain HTML table of the first rows of a result."""

from __future__ import annotations

import html
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens.window import format_time

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 20
"""Rows that a notebook cell shows."""


def grid(table: pa.Table, names: tuple[str, ...] | None = None) -> str:
    """Return the first rows as HTML; everything in them is text, whatever it says."""
    columns = names or tuple(table.column_names)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    rows = table.select(list(columns)).slice(0, SHOWN).to_pylist()
    body = "".join("<tr>" + "".join(f"<td>{_cell(row[name])}</td>" for name in columns) + "</tr>" for row in rows)
    more = f"<p>{table.num_rows - SHOWN:,} more rows.</p>" if table.num_rows > SHOWN else ""
    return f"<table><tr>{head}</tr>{body}</table>{more}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return html.escape(str(value))
