"""Windows of time: half-open UTC intervals, as people write them.

Everything in grantlens that asks about a stretch of time takes a `Window`. Relative windows such as
`last 30 days` need `now`, which is always given by the caller: nothing here reads the clock.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from grantlens.errors import WindowError

FORMS = "2026-07-01, 2026-07-01T12:30:00Z, or 2026-07-01T14:30:00+02:00"
"""The forms of a time, as error messages show them."""

WINDOWS = "2026, 2026-Q3, 2026-07, 2026-W36, 2026-07-01, 'last 30 days', or 2026-07-01/2026-10-01"
"""The forms of a window, as error messages show them."""

NO_TIME = "a store without events"
"""What is said in place of a window where no log says of which time it could be."""

_UNITS = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_LAST = re.compile(r"last\s+(?:(\d{1,6})\s+)?(minute|hour|day|week)s?")
_CALENDAR = re.compile(r"(\d{4})(?:-(?:q([1-4])|(\d{2})))?")
_WEEK = re.compile(r"(\d{4})-?w(\d{2})", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Window:
    """A stretch of time: `since` belongs to it, `until` does not.

    Parameters
    ----------
    since
        First instant, as an aware datetime; kept in UTC.
    until
        The instant at which it ends, later than `since`.
    of_nothing
        It is that of a store without events, which has none: its ends stand for no time, and are not shown.

    Examples
    --------
    >>> q3 = Window.parse("2026-Q3")
    >>> q3
    Window('2026-07-01', '2026-10-01')
    >>> print(q3)
    2026-07-01 to 2026-10-01
    >>> q3.days
    92.0
    """

    since: datetime
    until: datetime
    of_nothing: bool = field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "since", parse_time(self.since))
        object.__setattr__(self, "until", parse_time(self.until))
        if not self.since < self.until:
            raise WindowError(
                f"A window must end after it begins; this one runs from {format_time(self.since)} to "
                f"{format_time(self.until)}.",
                "The end does not belong to the window: for all of July give 2026-07-01 and 2026-08-01.",
            )

    @classmethod
    def parse(
        cls, window: str | date | Window, until: str | date | None = None, *, now: str | datetime | None = None
    ) -> Window:
        """Read a window from one expression, or from its two ends.

        Parameters
        ----------
        window
            A year, quarter, month, ISO week or day in UTC, `last N days` (minutes, hours, weeks), two times joined by `/`,
            or, if `until` is given, the first instant.
        until
            The instant at which the window ends.
        now
            End of a `last ...` window.

        Raises
        ------
        WindowError
            If the text is no window, or `last ...` is asked without `now`.

        Examples
        --------
        >>> print(Window.parse("2026-07-01", "2026-10-01"))
        2026-07-01 to 2026-10-01
        >>> print(Window.parse("last 36 hours", now="2026-07-02T12:00Z"))
        2026-07-01 to 2026-07-02T12:00:00Z
        """
        if until is not None:
            if isinstance(window, Window):
                raise WindowError("A window and an end were both given.", "Give a window, or its two ends.")
            return cls(parse_time(window), parse_time(until))
        if isinstance(window, Window):
            return window
        text = window.strip().lower() if isinstance(window, str) else window.isoformat()
        if match := _LAST.fullmatch(text):
            return _last(match, now)
        if match := _CALENDAR.fullmatch(text):
            return _calendar_part(match)
        if match := _WEEK.fullmatch(text):
            return _week(match)
        try:
            if text.count("/") == 1:
                since, until = map(parse_time, text.split("/"))
            else:
                day = date.fromisoformat(text)
                since, until = _midnight(day), _midnight(day + timedelta(days=1))
        except (ValueError, OverflowError, WindowError):
            zone = " A zone is written as an offset, such as 2026-07-01T14:30:00+02:00." if ":" in text else ""
            raise WindowError(f"{window!r} is no window.", f"Write it like one of {WINDOWS}.{zone}") from None
        return cls(since, until)

    @property
    def days(self) -> float:
        """Length in days."""
        return (self.until - self.since) / timedelta(days=1)

    def parameters(self) -> dict[str, datetime]:
        """Return the two ends as bound parameters `since` and `until`."""
        return {"since": self.since, "until": self.until}

    def __contains__(self, instant: datetime) -> bool:
        return self.since <= instant < self.until

    def __and__(self, other: Window) -> Window | None:
        """The part that two windows share, or None.

        Examples
        --------
        >>> print(Window.parse("2026-Q3") & Window.parse("2026-09"))
        2026-09-01 to 2026-10-01
        """
        since, until = max(self.since, other.since), min(self.until, other.until)
        return Window(since, until) if since < until else None

    def __repr__(self) -> str:
        return f"Window of {self}" if self.of_nothing else f"Window({_short(self.since)!r}, {_short(self.until)!r})"

    def __str__(self) -> str:
        return NO_TIME if self.of_nothing else f"{_short(self.since)} to {_short(self.until)}"


def parse_time(value: str | date) -> datetime:
    """Read one instant; what has no time zone is UTC, what has no time of day is midnight.

    Parameters
    ----------
    value
        An ISO 8601 date or time, or a `date` or `datetime`.

    Raises
    ------
    WindowError
        If it is no instant.

    Examples
    --------
    >>> parse_time("2026-07-01T14:30:00+02:00").isoformat()
    '2026-07-01T12:30:00+00:00'
    """
    try:
        if isinstance(value, str):
            if _WEEK.fullmatch(value.strip()):  # Python takes a week for its Monday
                raise ValueError
            value = datetime.fromisoformat(value.strip().upper())
        elif not isinstance(value, datetime):
            value = _midnight(value)
        if value != value:  # pandas has a time that is none, NaT, and calls it a datetime
            raise ValueError
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise WindowError(
            f"{value!r} is no date or time.", f"Write it like {FORMS}; without a zone it is UTC."
        ) from None


def format_time(instant: datetime) -> str:
    """Write an instant as every output of grantlens does: UTC, with `Z`, microseconds only where there are any.

    Examples
    --------
    >>> format_time(parse_time("2026-07-01"))
    '2026-07-01T00:00:00Z'
    """
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def in_time(text: str | None) -> str:
    """Return what a time that `format_time` wrote is ordered by: as it stands, a whole second would come after its fractions.

    Examples
    --------
    >>> max("2026-07-01T12:00:00Z", "2026-07-01T12:00:00.250000Z", key=in_time)
    '2026-07-01T12:00:00.250000Z'
    """
    return (text or "").removesuffix("Z")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _short(instant: datetime) -> str:
    return instant.date().isoformat() if instant == _midnight(instant.date()) else format_time(instant)


def _last(match: re.Match[str], now: str | datetime | None) -> Window:
    if now is None:
        raise WindowError(f"{match[0]!r} needs to know the present.", "Give `now` too, such as now='2026-10-01'.")
    until = parse_time(now)
    try:
        return Window(until - timedelta(seconds=int(match[1] or 1) * _UNITS[match[2]]), until)
    except OverflowError:
        raise WindowError(f"{match[0]!r} reaches back beyond the calendar.", "Ask for a shorter time.") from None


def _calendar_part(match: re.Match[str]) -> Window:
    year, quarter, month = int(match[1]), match[2], match[3]
    first, length = (int(quarter) * 3 - 2, 3) if quarter else (int(month), 1) if month else (1, 12)
    last = first + length - 1
    if not 1 <= first <= 12 or not 1 <= year <= 9998:
        raise WindowError(f"{match[0]!r} is no month of the calendar.", f"Write a window like one of {WINDOWS}.")
    end = date(year, last, calendar.monthrange(year, last)[1]) + timedelta(days=1)
    return Window(_midnight(date(year, first, 1)), _midnight(end))


def _week(match: re.Match[str]) -> Window:
    try:
        monday = _midnight(date.fromisocalendar(int(match[1]), int(match[2]), 1))
        return Window(monday, monday + timedelta(days=7))
    except (ValueError, OverflowError):
        raise WindowError(
            f"{match[0]!r} is no week of the calendar.", f"Write a window like one of {WINDOWS}."
        ) from None
