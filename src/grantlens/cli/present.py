"""What `--now` means."""

from __future__ import annotations

from datetime import UTC, datetime

from grantlens.cli.message import say
from grantlens.window import format_time, parse_time


def present(now: str | None) -> datetime:
    """Return the instant that `--now` names, or the clock's, and say so: the answer depends on it.

    Examples
    --------
    >>> present("2026-10-01").isoformat()
    '2026-10-01T00:00:00+00:00'
    """
    if now is not None:
        return parse_time(now)
    read = datetime.now(UTC).replace(microsecond=0)
    say(f"Now is {format_time(read)}; give --now {format_time(read)} to get the same answer again.")
    return read
