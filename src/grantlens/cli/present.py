"""What `--since`, `--until` and `--now` mean."""

from __future__ import annotations

from datetime import UTC, datetime

from grantlens.cli.message import say
from grantlens.errors import WindowError
from grantlens.window import Window, format_time, parse_time


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


def ends(since: str | None, until: str | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the two ends that the user asked for; None where the coverage of the logs decides.

    Examples
    --------
    >>> now = parse_time("2026-10-01")
    >>> [end.date().isoformat() for end in ends("2026-Q2", None, now)]
    ['2026-04-01', '2026-07-01']
    >>> ends("2026-04-01T06:00", None, now)[1] is None
    True
    """
    if since is None or until is not None:
        return (None if since is None else parse_time(since)), (None if until is None else parse_time(until))
    try:
        return parse_time(since), None
    except WindowError:
        window = Window.parse(since, now=now)
        return window.since, window.until
