"""A point in time as people write it in a register: a date, a time with zone, or either as text."""

from __future__ import annotations

from datetime import UTC, date, datetime

from grantlens.handwritten import Entry


def moment(entry: Entry, key: str) -> datetime:
    """Return the UTC time under a key; a date means its first instant, a time without zone is UTC."""
    value = entry.values[key]
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise entry.mistake(
                f"{key!r} is no date: {value!r}.", key, "Write 2026-12-31 or 2026-12-31T18:00:00Z."
            ) from None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise entry.mistake(f"{key!r} is no date: {value!r}.", key, "Write 2026-12-31 or 2026-12-31T18:00:00Z.")
