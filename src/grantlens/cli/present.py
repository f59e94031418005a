"""What `--now` means."""

from __future__ import annotations

from datetime import UTC, datetime

from grantlens.cli.message import say
from grantlens.window import format_time, parse_time


def present(now: str | None) -> datetime:
    """Return the instant that `--now` names, or the clock's.

    Examples
    --------
    >>> present("2026-10-01").isoformat()
    '2026-10-01T00:00:00+00:00'
    """
    return datetime.now(UTC).replace(microsecond=0) if now is None else parse_time(now)


def tell_present(now: str | None, instant: datetime) -> None:
    """Say which instant the clock gave, where none was named: the answer depends on it."""
    if now is None:
        say(f"Now is {format_time(instant)}; give --now {format_time(instant)} to get the same answer again.")
