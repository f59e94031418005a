"""Arguments that several commands share, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from grantlens.cli.output import Format

StorePath = Annotated[Path, Parameter(help="The store: a DuckDB file made by `grantlens load`.")]
Since = Annotated[
    str | None,
    Parameter(
        metavar="TIME",
        help="First instant, UTC unless it has a zone; or a whole window: 2026-Q3, 2026-07, 'last 30 days'. "
        "All that the logs cover, if left out.",
    ),
]
Until = Annotated[
    str | None, Parameter(metavar="TIME", help="The instant at which the window ends; it does not belong to it.")
]
Now = Annotated[
    str | None,
    Parameter(metavar="TIME", help="The present. Give it to get the same answer again; the clock's time, if left out."),
]
Tenant = Annotated[
    str | None,
    Parameter(
        metavar="NAME",
        help="Look at this tenant alone, as the logs name it; what names none may be its own. All, if left out.",
    ),
]
AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON.")]
FormatChoice = Annotated[
    Format,
    Parameter(name="--format", metavar="FORM", help="How to print. A table, if left out."),
]
Level = Literal["info", "low", "medium", "high", "critical"]
FailOn = Annotated[
    Level | None,
    Parameter(
        metavar="LEVEL",
        help="Exit with 1 if there is a violation at or above this severity, with 2 if the data is too thin to tell: a log is "
        "missing, many records were rejected, or a log ends before the period does (or before now) by more than two days and "
        "more than twice its longest silence.",
    ),
]
