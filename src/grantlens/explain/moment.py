"""How the times of an unknown log are written, so that a mapping can say it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from grantlens.loaders.mapped.rule import UNITS

_FORMATS = {
    r"\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}": "%d/%b/%Y:%H:%M:%S %z",
    r"\d{1,2}/\d{1,2}/\d{4}, \d{1,2}:\d\d:\d\d\.\d{3} [AP]M": "%m/%d/%Y, %I:%M:%S.%g %p",
}
"""Forms that many logs share: that of web servers, and that of the Azure portal."""


def written_as(value: Any) -> str | None:
    """Return how a time is written: "ISO 8601", "local", the unit of a number, or a format; None if it is none.

    Examples
    --------
    >>> written_as("2026-07-01T10:00:00Z"), written_as("2026-07-01 10:00:00"), written_as(1782900000250), written_as("mail")
    ('ISO 8601', 'local', 'ms', None)
    >>> written_as("01/Jul/2026:10:00:00 +0200")
    '%d/%b/%Y:%H:%M:%S %z'
    """
    text = str(value).strip()
    if re.fullmatch(r"\d{9,20}(\.\d+)?", text):
        for unit, each in UNITS.items():
            if 946_684_800 <= float(text) / each < 4_102_444_800:
                return unit
        return None
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", text):
        return next((form for pattern, form in _FORMATS.items() if re.fullmatch(pattern, text)), None)
    plain = re.sub(r"([.,]\d{6})\d+", r"\1", text)
    plain = re.sub(r" ([+-]\d\d(?::?\d\d)?)(?: [A-Z]{3,4})?$", r"\1", plain)
    try:
        moment = datetime.fromisoformat(re.sub(r" ?UTC$", "Z", plain))
    except ValueError:
        return None
    return "ISO 8601" if moment.tzinfo else "local"
