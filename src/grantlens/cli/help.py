"""How help looks: two aligned columns and wrapped paragraphs, the same on a terminal and in a pipe."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

WIDEST = 100
NARROWEST = 40
"""Narrower windows break the lines themselves; where no width is known, COLUMNS may be 0."""

LEFT = 26
"""Width of the left column, indent and gap included."""


class Columns:
    """Help formatter in the form that cyclopts asks for.

    Parameters
    ----------
    function
        The command, whose usage line is to name the arguments that may be left out: cyclopts writes ARGS for all of them.
    """

    def __init__(self, function: Callable[..., int] | None = None) -> None:
        self._optional = " ".join(_optional(function)) if function else ""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Write one panel: its title, and a line for each entry."""
        if panel.entries:
            _write(console, f"{panel.title}:")
            for entry in panel.entries:
                _write(console, _entry(_names(panel, entry), _about(entry), _width(console)))
            _write(console)

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Any) -> None:
        """Write how the command is called."""
        if usage:
            line = re.sub(r"\[ARGS(\.\.\.)?\]$", self._optional, _text(usage).removeprefix("Usage: "))
            _write(console, f"Usage: {line}\n")

    def render_description(self, console: Console, options: ConsoleOptions, description: Any) -> None:
        """Write what the command does, each paragraph wrapped."""
        paragraphs = _text(description).split("\n\n") if description else []
        for paragraph in paragraphs:
            _write(console, textwrap.fill(" ".join(paragraph.split()), _width(console)) + "\n")


def _optional(function: Callable[..., int]) -> Iterator[str]:
    for argument in inspect.signature(function).parameters.values():
        if argument.kind is argument.VAR_POSITIONAL:
            yield f"[{argument.name.upper()}...]"
        elif argument.kind is argument.POSITIONAL_ONLY and argument.default is not argument.empty:
            yield f"[{argument.name.upper()}]"


def _names(panel: HelpPanel, entry: HelpEntry) -> str:
    if panel.format == "parameter":
        return ", ".join(entry.display_labels_with_metavar)
    return ", ".join((*entry.positive_names, *entry.positive_shorts))


def _about(entry: HelpEntry) -> str:
    parts = [_text(entry.description)]
    if entry.choices:
        parts.append(f"[{', '.join(entry.choices)}]")
    if entry.required:
        parts.append("[required]")
    return " ".join(" ".join(parts).split())


def _entry(names: str, about: str, width: int) -> str:
    left = f"  {names}"
    if len(left) <= LEFT - 2:
        return textwrap.fill(about, width, initial_indent=left.ljust(LEFT), subsequent_indent=" " * LEFT)
    return left + "\n" + textwrap.fill(about, width, initial_indent=" " * LEFT, subsequent_indent=" " * LEFT)


def page_width() -> int:
    """Return how wide a paragraph is: as wide as the terminal, within bounds, and the widest in a pipe."""
    return max(NARROWEST, min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST))


def _width(console: Console) -> int:
    return max(NARROWEST, min(console.width, WIDEST))


def _text(value: Any) -> str:
    """Return the words of what cyclopts hands over, which rich may have wrapped up."""
    from rich.console import Console

    if not hasattr(value, "__rich_console__"):
        return str(value or "").strip()
    plain = Console(width=10_000, force_terminal=False, no_color=True, highlight=False, markup=False, emoji=False)
    with plain.capture() as capture:
        plain.print(value)
    return capture.get().strip()


def _write(console: Console, text: str = "") -> None:
    print(text, file=console.file)  # rich itself prints nothing where it takes the width for 0
