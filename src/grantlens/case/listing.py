"""Names in a sentence: a few of them, and how many more there are."""

from __future__ import annotations

from grantlens.wording import first_few, listed

FEW = 5
"""Names that a sentence gives before it counts."""


def few(names: list[str]) -> str:
    """Return the first names as a sentence lists them.

    Examples
    --------
    >>> few(["read", "send", "write"]), few([])
    ('read, send and write', '')
    >>> few(list("abcdefg"))
    'a, b, c, d, e and 2 more'
    """
    return listed(first_few(names, FEW))
