"""`grantlens load --explain`: what a loader makes of the first records of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from grantlens.cli.cell import shown
from grantlens.given_path import in_shell
from grantlens.ingest.recognise import UNLIKE

if TYPE_CHECKING:
    from grantlens.explain.explanation import Explained, Explanation
    from grantlens.explain.suggestion import Suggestion


def write(explanation: Explanation) -> None:
    """Print an explanation; of a log that no loader knows a mapping to begin with, all else in comments of it."""
    if explanation.note:
        print(f"{shown(explanation.path)}: {explanation.note}.")
        return
    if explanation.suggestion:
        _write_suggestion(explanation.path, explanation.suggestion)
        return
    print(
        f"{shown(explanation.path)} is read as {explanation.loader} ({shown(explanation.title)}). Nothing was written."
    )
    if UNLIKE in explanation.doubts:
        print(f"Is it the right one? {UNLIKE.capitalize()}.")
    if explanation.by_value:
        print("This loader is written in SQL: the paths were found by comparing values.")
    for record in explanation.records:
        print()
        _write_record(record, by_value=explanation.by_value)
    if explanation.unfound:
        print("\nnone of the first records has")
        _write_aligned(
            [
                (each.path, f"line {each.line}", each.what, f"did you mean {each.near}?" if each.near else "")
                for each in explanation.unfound
            ],
            "  ",
        )


def _write_record(record: Explained, *, by_value: bool) -> None:
    print(f"line {record.line}:{_fate(record)}")
    for log, columns in record.rows:
        print(f"  {log}")
        rows = [
            (" or ".join(each.paths) if by_value else " + ".join(each.paths), each.column, each.value)
            for each in columns
        ]
        _write_aligned(
            [
                (path or ("(worked out)" if by_value else "(constant)"), "->", column, "=", value)
                for path, column, value in rows
            ],
            "    ",
        )
    if record.decided_by:
        print(f"  decided by: {shown(', '.join(record.decided_by))}")
    for title, read in (("read, but in no column", True), ("not read" if by_value else "left over", False)):
        rest = [(each.path, "=", each.value) for each in record.left_over if each.read is read]
        if rest:
            print(f"  {title}")
            _write_aligned(rest, "    ")


def _fate(record: Explained) -> str:
    if record.rejected:
        return f" rejected: {shown(record.rejected)}"
    if record.rows:
        return ""
    return f" ignored: {shown(record.ignored)}" if record.ignored else " nothing came of it"


def _write_suggestion(path: str, suggestion: Suggestion) -> None:
    first = "first record" if suggestion.records == 1 else f"first {suggestion.records} records"
    comments = [
        f"No loader knows {shown(path)}: this is what stands in its {first}, and a mapping to begin with.",
        "Save it, correct it, and look again:",
        f"  grantlens load --explain {shown(in_shell(os.path.basename(path)))} --mapping THIS_FILE.toml",
        "",
    ]
    for line in comments:
        print(f"# {line}".rstrip())
    rows = [
        (each.path, str(each.records), each.example, f"-> {each.column}?" if each.column else "")
        for each in suggestion.paths
    ]
    _write_aligned([("path", "records", "for example", ""), *rows], "#   ")
    print()
    print(suggestion.mapping, end="")


def _write_aligned(rows: Iterable[Sequence[str]], indent: str) -> None:
    """Print rows as columns; only the last may be of any length."""
    from rich.cells import cell_len

    cells = [[shown(cell) for cell in row] for row in rows]
    widths = [min(max(map(cell_len, column)), 60) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        print((indent + " ".join(padded)).rstrip())
