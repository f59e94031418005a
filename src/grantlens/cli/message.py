"""What a person reads beside the results: sentences on stderr."""

from __future__ import annotations

import sys

from grantlens.visible import visible


def say(text: str) -> None:
    """Tell something that is no result."""
    print(visible(text), file=sys.stderr)


def complain(message: str, remedy: str = "") -> None:
    """Tell what went wrong, and what to do about it."""
    say(f"grantlens: {message} {remedy}".rstrip())
