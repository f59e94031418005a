"""A store seen through a window: what analyses take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from grantlens.errors import WindowError
from grantlens.window import NOTHING_FROM, NOTHING_UNTIL, NoEvents, Window, format_time, parse_time

if TYPE_CHECKING:
    from grantlens.store import Store


@dataclass(frozen=True)
class View:
    """A store, a window of it, and the instant taken as the present.

    Parameters
    ----------
    store
        The store.
    window
        Half-open: what happens at its end does not belong to it.
    now
        The present. Nothing reads the clock: left out, it is the end of the window.
    """

    store: Store
    window: Window
    now: datetime

    def __repr__(self) -> str:
        return f"{self.store.path}, {self.window}"


def view_of(
    store: Store,
    since: str | datetime | Window | None = None,
    until: str | datetime | None = None,
    now: str | datetime | None = None,
) -> View:
    """Return a view; without ends it is all that the logs cover, up to `now`.

    Parameters
    ----------
    store
        The store.
    since
        First instant, or a whole window such as "2026-Q3" or "last 30 days".
    until
        The instant at which the window ends.
    now
        The present.
    """
    present = None if now is None else parse_time(now)
    if isinstance(since, Window) or (isinstance(since, str) and until is None and not _is_time(since)):
        window = Window.parse(since, until, now=present or _covered(store)[2])
        return View(store, window, present or window.until)
    is_empty, first, last = _covered(store)
    end = parse_time(until) if until is not None else min(last, present) if present else last
    start = parse_time(since) if since is not None else min(first, end - timedelta(microseconds=1))
    if until is not None and since is None and end <= first:
        raise WindowError(
            f"The logs begin at {format_time(first)}, and the window ends at {format_time(end)}.", "Give a later end."
        )
    if until is None and start >= end:
        if is_empty and present is None:
            raise WindowError("The store holds no event, so a window needs both its ends.", "Give its end too.")
        past = f"now is {format_time(end)}" if end == present else f"the logs end at {format_time(end)}"
        raise WindowError(
            f"The window begins at {format_time(start)}, and {past}.", "Give an earlier begin, or its end too."
        )
    window = (NoEvents if is_empty and since is None else Window)(start, end)
    return View(store, window, present or window.until)


def _is_time(text: str) -> bool:
    """Tell an instant, which begins a window, from an expression that is a whole window."""
    try:
        parse_time(text)
    except WindowError:
        return False
    return True


def _covered(store: Store) -> tuple[bool, datetime, datetime]:
    """Return whether there is no log, and where the logs begin and end; a day of nothing for an empty store."""
    first, last = store.engine.rows("SELECT min(covered_from), max(covered_until) FROM coverage")[0]
    if first is None:
        return True, parse_time(NOTHING_FROM), parse_time(NOTHING_UNTIL)
    return False, first, last
