"""Counts and durations as a sentence has them: 1 grant, 1,200 calls; 1 s, 15 min, 4 h 12 min, 3 d 6 h."""

from __future__ import annotations

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def plural(count: float, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> plural(1, "finding"), plural(2000, "finding"), plural(2, "entry", "entries")
    ('1 finding', '2,000 findings', '2 entries')
    """
    text = f"{count:,.0f}"
    return f"{text} {one if text == '1' else many or one + 's'}"


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
