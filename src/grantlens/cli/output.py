"""Results on stdout: an aligned table for people, JSON, NDJSON and CSV for programs."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from grantlens.cli.cell import harmless, json_text, shown

Format = Literal["table", "json", "ndjson", "csv"]

SEVERITY_STYLE = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}


def write_records(
    records: Sequence[Mapping[str, Any]], format: Format, *, columns: Sequence[str] = (), empty: str = "Nothing found."
) -> None:
    """Write records to stdout.

    Parameters
    ----------
    records
        Mappings with the same keys.
    format
        How to write them.
    columns
        Keys that the table shows, in order; all if left out. The other formats always hold all.
    empty
        What the table says when there is no record.
    """
    if format == "json":
        write_json(list(records))
    elif format == "ndjson":
        for record in records:
            print(json_text(record))
    elif format == "csv":
        _write_csv(records, columns)
    elif records:
        write_table(records, columns or list(records[0]))
    else:
        print(empty)


def write_json(value: Any) -> None:
    """Write one JSON document."""
    print(json_text(value, indent=2))


def _write_csv(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    names = list(records[0]) if records else list(columns)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for record in records:
        writer.writerow([harmless(record.get(name)) for name in names])


def write_table(records: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write an aligned table; cut to the terminal's width there, whole in a pipe, coloured only for eyes."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(Text(name.replace("_", " ")), no_wrap=True, overflow="ellipsis")
    for record in records:
        style = SEVERITY_STYLE.get(str(record.get("severity")), "") if "severity" in columns else ""
        cells = [Text(shown(record.get(name)), style if name == "severity" else "") for name in columns]
        for cell, name in zip(cells, columns, strict=True):
            if isinstance(record.get(name), (int, float)):
                cell.justify = "right"
        table.add_row(*cells)
    console = Console(
        file=sys.stdout,
        color_system="standard" if colour else None,
        force_terminal=colour,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=False,
    )
    console.width = console.width if terminal else max(console.measure(table).maximum, 1)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip())
