"""Arguments that several commands share, each with its help."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from grantlens.cli.output import Format
from grantlens.errors import RuleError

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
Set = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        metavar="NAME=NUMBER",
        help="A parameter of the rules, such as dormant_days=60; as often as there are some to set. Those of a rule stand at the "
        "head of `grantlens sql RULE`.",
    ),
]
AcceptedFile = Annotated[
    Path | None,
    Parameter(
        name="--accepted",
        metavar="FILE",
        help="Findings that are accepted, until when and why: the list that `detect --format csv` prints, with that written into it. "
        "They count for no --fail-on.",
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


def numbers(settings: Sequence[str]) -> dict[str, float]:
    """Return what `--set` says, by name.

    Raises
    ------
    RuleError
        If one of them is no name and number, or a name is set twice.

    Examples
    --------
    >>> numbers(["dormant_days=60", "min_coverage=0.9"])
    {'dormant_days': 60, 'min_coverage': 0.9}
    """
    told: dict[str, float] = {}
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        number = _number(text)
        if not name or not equals or number is None:
            raise RuleError(f"--set takes NAME=NUMBER, not {setting!r}.", "Write it like --set dormant_days=60.")
        if name in told:
            raise RuleError(f"{name} is set twice.", "Leave one of them out.")
        told[name] = number
    return told


def _number(text: str) -> float | None:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return None
