"""A time that a person wrote in a file."""

from __future__ import annotations

from datetime import datetime

from grantlens.errors import WindowError
from grantlens.handwritten import Entry
from grantlens.window import parse_time


def moment(entry: Entry, key: str) -> datetime:
    """Return the UTC time under a key: a date or a time, as TOML has them or as text."""
    value = entry.values[key]
    try:
        return parse_time(value)
    except WindowError:
        raise entry.mistake(
            f"{key!r} is no date: {value!r}.", key, "Write 2026-12-31 or 2026-12-31T18:00:00Z."
        ) from None
