"""Results on stdout: an aligned table for people, JSON, NDJSON and CSV for programs."""

from __future__ import annotations

import csv
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from grantlens.cli.cell import harmless, json_text, shown

Format = Literal["table", "json", "ndjson", "csv"]

COLOURS = {"critical": "1;31", "high": "31", "medium": "33", "low": "36"}
"""Terminal colours of severities."""

ROOM_FOR_WORDS = 30
"""A column of words that is wrapped is at least so wide."""

INDENT = "  "
"""Before what stands below its row."""

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


def with_whose(columns: Sequence[str], records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Put source and tenant before the client in a table whose records are of several: there a client alone does not say whose it is."""
    sources = {record["source"] for record in records}
    among = {(record["source"], record["tenant"]) for record in records if record["tenant"] is not None}
    whose = ["source"] if len(sources) > 1 else []
    if len(among) > len({source for source, _ in among}):
        whose.append("tenant")
    place = columns.index("client_id")
    return (*columns[:place], *whose, *columns[place:])


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

    On a terminal severities are coloured. Of a table that is too wide the last column is wrapped if there is room for its
    words, else the widest columns stand below their row, each with its name: an id that is cut could not be copied. A
    pipe gets everything in one line, plain.
    """
    from rich.cells import cell_len

    kept = [name for name in columns if any(_says(record.get(name)) for record in records)]
    rows = [[_brief(record.get(name)) for name in kept] for record in records]
    titles = [name.replace("_", " ") for name in kept]
    number = [all(isinstance(record.get(name), (int, float, type(None))) for record in records) for name in kept]
    widths = [max(map(cell_len, column)) for column in zip(titles, *rows, strict=True)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    if not number[-1] and ROOM_FOR_WORDS <= room - before < widths[-1]:
        widths[-1] = room - before
    beside = _beside(widths, room)
    paint = _paint if _coloured() else lambda text, name: text
    for row in (titles, *rows):
        row[-1], *more = _packed([row[-1]], widths[-1])
        cells = []
        for index in beside:
            empty = " " * (widths[index] - cell_len(row[index]))
            painted = row[index] if row is titles else paint(row[index], kept[index])
            cells.append(empty + painted if number[index] else painted + empty)
        print("  ".join(cells).rstrip())
        for line in more:
            print(" " * before + line)
        if row is not titles:
            below = [f"{titles[index]}: {text}" for index, text in enumerate(row) if text and index not in beside]
            for line in _packed(below, room - len(INDENT)):
                print(INDENT + line)


def _beside(widths: list[int], room: int) -> list[int]:
    """Return the columns that fit into one line: as long as they do not, the widest is taken out.

    The first column says what the row is about: it goes only if it would take more than half of the line.
    """
    beside = list(range(len(widths)))
    first = 1 if widths[0] <= room / 2 else 0
    while len(beside) > 1 and sum(widths[index] + 2 for index in beside) - 2 > room:
        beside.remove(max(beside[first:], key=lambda index: (widths[index], index)))
    return beside


def _packed(texts: list[str], room: int) -> list[str]:
    """Return lines no wider than the room: as many texts in each as fit, one that is too wide in lines of its own."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    lines: list[str] = []
    for text in texts:
        if lines and cell_len(lines[-1]) + 2 + cell_len(text) <= room:
            lines[-1] += "  " + text
        elif cell_len(text) <= room:
            lines.append(text)
        else:
            lines += [line.plain.rstrip() for line in Text(text).wrap(Console(width=room), room)]
    return lines


def _says(value: Any) -> bool:
    """Tell whether a cell says anything; a 0 does, a no does not."""
    return value is not False and value not in (None, "", [])


def _brief(value: Any) -> str:
    """Return a cell; an instant as people read it."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return f"{value[:10]} {value[11:19]}"
    return shown(value)


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _paint(text: str, name: str) -> str:
    code = COLOURS.get(text.strip()) if name == "severity" else None
    return f"\x1b[{code}m{text}\x1b[0m" if code else text
