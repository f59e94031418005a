"""A store seen through a window: what analyses take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from grantlens.errors import WindowError
from grantlens.ingest.far import near
from grantlens.window import Window, format_time, parse_time

if TYPE_CHECKING:
    from grantlens.store import Store


_SPAN = "SELECT min(covered_from), max(covered_until) FROM coverage"


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
    *,
    far: bool = False,
) -> View:
    """Return a view; without ends it is all that the logs cover, up to `now`, but for records that are years from their log.

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
    far
        Reach to the records that are years from the rest of their log, too.
    """
    present = None if now is None else parse_time(now)
    first, last = store.engine.rows(_SPAN)[0] if far else near(store.engine)
    if isinstance(since, Window) or (isinstance(since, str) and until is None and not _is_time(since)):
        window = Window.parse(since, until, now=present or last)
        return View(store, window, present or window.until)
    if first is None:
        window = _of_nothing(since, until, present)
        return View(store, window, present or window.until)
    end = parse_time(until) if until is not None else min(last, present) if present else last
    start = parse_time(since) if since is not None else min(first, end - timedelta(microseconds=1))
    if until is not None and since is None and end <= first:
        raise WindowError(
            f"The logs begin at {format_time(first)}, and the window ends at {format_time(end)}.", "Give a later end."
        )
    if until is None and start >= end:
        past = f"now is {format_time(end)}" if end == present else f"the logs end at {format_time(end)}"
        raise WindowError(
            f"The window begins at {format_time(start)}, and {past}.", "Give an earlier begin, or its end too."
        )
    window = Window(start, end)
    return View(store, window, present or window.until)


def _is_time(text: str) -> bool:
    """Tell an instant, which begins a window, from an expression that is a whole window."""
    try:
        parse_time(text)
    except WindowError:
        return False
    return True


def _of_nothing(since: str | datetime | None, until: str | datetime | None, present: datetime | None) -> Window:
    """Return the window of a store without events: as it is given, up to the present if it has a begin only, else that of nothing."""
    end = present if until is None else parse_time(until)
    if since is None:
        return Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC), of_nothing=True)
    if end is None:
        raise WindowError(
            f"The window begins at {format_time(parse_time(since))}, and has no end: the store holds no event.",
            "Give its end too, or load logs first.",
        )
    return Window(parse_time(since), end)
