"""Durations for people: 1 s, 15 min, 1 h, 3 d."""

from __future__ import annotations

STEPS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))

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


def duration(seconds: float) -> str:
    """Return seconds in the unit that fits.

    Examples
    --------
    >>> [duration(s) for s in (0, 0.25, 12.5, 90, 3600, 100000)]
    ['0 s', '0.25 s', '12.5 s', '1.5 min', '1 h', '1.16 d']
    """
    for size, unit in STEPS:
        amount = seconds / size
        if amount >= 1:
            return f"{amount:,.0f} {unit}" if amount >= 1000 else f"{amount:.3g} {unit}"
    return f"{seconds:.3g} s"
