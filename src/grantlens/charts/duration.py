"""Durations for people: 1 s, 15 min, 4 h 12 min, 3 d 6 h."""

from __future__ import annotations

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))

LOG_TICKS = (1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1, 10, 60, 900, 3600, 21600, 86400, 604800, 2592000, 31536000)
"""Where a logarithmic time axis has its ticks, in seconds."""

LOG_LABELS = (
    "1 µs",
    "10 µs",
    "0.1 ms",
    "1 ms",
    "10 ms",
    "0.1 s",
    "1 s",
    "10 s",
    "1 min",
    "15 min",
    "1 h",
    "6 h",
    "1 d",
    "7 d",
    "30 d",
    "1 y",
)


def duration(seconds: float | None) -> str:
    """Return a duration in the unit a person would choose.

    Examples
    --------
    >>> duration(0.25), duration(12.5), duration(200), duration(15120), duration(280000)
    ('0.25 s', '12.5 s', '3 min 20 s', '4 h 12 min', '3 d 6 h')
    >>> duration(-5), duration(None)
    ('-5 s', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 120:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"
    smaller = "s"
    for index, (size, unit) in enumerate(_UNITS):
        if seconds >= size * (2 if unit != "min" else 1):
            below, smaller = _UNITS[index + 1] if index + 1 < len(_UNITS) else (1.0, "s")
            whole, rest = divmod(round(seconds / below), round(size / below))
            return f"{whole} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds:.0f} {smaller}"
