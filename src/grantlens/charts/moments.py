"""Times on charts: read from whatever the table holds, written in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def milliseconds(value: Any) -> float | None:
    """Return a time as milliseconds since 1970, for Vega; None for no time or one that cannot be read.

    A time without a zone is UTC.

    Examples
    --------
    >>> milliseconds("2026-08-20T11:02:03Z")
    1787223723000.0
    >>> milliseconds("yesterday") is None
    True
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime) or value != value:
        return None
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value.timestamp() * 1000


def written(moment: float, precise: bool = True) -> str:
    """Return milliseconds since 1970 as text in UTC.

    Examples
    --------
    >>> written(1787223723250.0)
    '20 Aug 2026 11:02:03.25'
    >>> written(1787223723250.0, precise=False)
    '20 Aug 2026'
    """
    when = datetime.fromtimestamp(moment / 1000, UTC)
    day = f"{when.day} {when:%b %Y}"
    if not precise:
        return day
    second = f"{when:%H:%M:%S}"
    if when.microsecond:
        second += f".{when.microsecond:06d}".rstrip("0")
    return f"{day} {second}"


def axis_format(span: float) -> str:
    """Return how a time axis over `span` milliseconds writes its ticks.

    Examples
    --------
    >>> axis_format(1500), axis_format(86400000.0 * 30)
    ('%H:%M:%S.%L', '%-d %b')
    """
    day = 86_400_000.0
    for limit, pattern in (
        (8_000, "%H:%M:%S.%L"),
        (900_000, "%H:%M:%S"),
        (day, "%H:%M"),
        (5 * day, "%-d %b %H:%M"),
        (300 * day, "%-d %b"),
        (1500 * day, "%b %Y"),
    ):
        if span < limit:
            return pattern
    return "%Y"
