"""Results on stdout: an aligned table for people, JSON, NDJSON and CSV for programs."""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from grantlens.cli.cell import harmless, json_text, shown

Format = Literal["table", "json", "ndjson", "csv"]

COLOURS = {"critical": "1;31", "high": "31", "medium": "33", "low": "36"}
"""Terminal colours of severities."""

NARROWEST = 12
"""Width below which no text column is cut."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


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


def write_table(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write an aligned table; columns that are empty are left out.

    On a terminal wide texts are cut to its width and severities coloured; a pipe gets everything, plain.
    """
    from rich.cells import cell_len, set_cell_size

    kept = [name for name in columns if any(record.get(name) not in (None, "", []) for record in records)]
    rows = [[_brief(record.get(name)) for name in kept] for record in records]
    titles = [name.replace("_", " ") for name in kept]
    number = [all(isinstance(record.get(name), (int, float, type(None))) for record in records) for name in kept]
    widths = [max(map(cell_len, column)) for column in zip(titles, *rows, strict=True)]
    if sys.stdout.isatty():
        _narrow(widths, number, os.get_terminal_size(sys.stdout.fileno()).columns)
    paint = _paint if _coloured() else lambda text, name: text
    for row in (titles, *rows):
        cells = []
        for text, width, right, name in zip(row, widths, number, kept, strict=True):
            if cell_len(text) > width:
                text = set_cell_size(text, width - 1) + "…"
            room = " " * (width - cell_len(text))
            painted = text if row is titles else paint(text, name)
            cells.append(room + painted if right else painted + room)
        print("  ".join(cells).rstrip())


def _brief(value: Any) -> str:
    """Return a cell; an instant as people read it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return f"{value[:10]} {value[11:19]}"
    return shown(value)


def _narrow(widths: list[int], number: list[bool], room: int) -> None:
    """Take from the widest text columns until the line fits, or nothing is left to take."""
    while sum(widths) + 2 * (len(widths) - 1) > room:
        texts = [index for index, is_number in enumerate(number) if not is_number]
        widest = max(texts, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _paint(text: str, name: str) -> str:
    code = COLOURS.get(text.strip()) if name == "severity" else None
    return f"\x1b[{code}m{text}\x1b[0m" if code else text
