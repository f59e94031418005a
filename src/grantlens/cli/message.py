"""What a person reads beside the results: sentences on stderr."""

from __future__ import annotations

import sys

from grantlens.cli.cell import shown


def say(text: str) -> None:
    """Tell something that is no result, in one line: a name in it that breaks a line could forge the next one."""
    print(shown(text), file=sys.stderr)


def complain(message: str, remedy: str = "") -> None:
    """Tell what went wrong, and what to do about it."""
    say(f"grantlens: {message} {remedy}".rstrip())
