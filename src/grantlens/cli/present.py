"""What `--now` means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from grantlens.cli.message import say
from grantlens.window import format_time, parse_time

if TYPE_CHECKING:
    from grantlens.store import Store

AHEAD = timedelta(days=1)
"""Logs that are further ahead of the clock make one doubt it; a zone that is wrong is less."""


def present(now: str | None) -> datetime:
    """Return the instant that `--now` names, or the clock's.

    Examples
    --------
    >>> present("2026-10-01").isoformat()
    '2026-10-01T00:00:00+00:00'
    """
    return datetime.now(UTC).replace(microsecond=0) if now is None else parse_time(now)


def tell_present(now: str | None, instant: datetime, store: Store) -> None:
    """Say which instant the clock gave, where none was named: the answer depends on it. Doubt it if logs are ahead of it."""
    if now is not None:
        return
    say(f"Now is {format_time(instant)}; give --now {format_time(instant)} to get the same answer again.")
    last = store.engine.value("SELECT max(covered_until) FROM coverage")
    if last and last - instant > AHEAD:
        say(
            f"A log goes on until {format_time(last)}: the clock of this machine is wrong, or that of the log. "
            "If it is this one, give --now."
        )
