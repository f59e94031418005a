"""Names in a sentence: a few of them, and how many more there are."""

from __future__ import annotations

FEW = 5
"""Names that a sentence gives before it counts."""


def listed(names: list[str]) -> str:
    """Return names as a sentence has them.

    Examples
    --------
    >>> listed(["read"]), listed(["read", "send", "write"])
    ('read', 'read, send and write')
    >>> listed(list("abcdefg"))
    'a, b, c, d, e and 2 more'
    """
    if len(names) > FEW:
        return ", ".join(names[:FEW]) + f" and {len(names) - FEW} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
