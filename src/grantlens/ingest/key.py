"""The key of a record, `line_no` while it is mapped: the number of its file among those read together, and its place in that file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.loaders import PLACE_BITS

if TYPE_CHECKING:
    import numpy as np


def number(key: str) -> str:
    """Return the SQL that gives the number of a record's file.

    Examples
    --------
    >>> number("s.line_no")
    '(s.line_no >> 32)'
    """
    return f"({key} >> {PLACE_BITS})"


def place(key: str) -> str:
    """Return the SQL that gives the place of a record in its file.

    Examples
    --------
    >>> place("s.line_no")
    '(s.line_no & 4294967295)'
    """
    return f"({key} & {(1 << PLACE_BITS) - 1})"


def file_of(keys: np.ndarray) -> np.ndarray:
    """Return the number of the file of each record.

    Examples
    --------
    >>> import numpy as np
    >>> file_of(np.array([7, (1 << 32) + 7])).tolist()
    [0, 1]
    """
    return keys >> PLACE_BITS
