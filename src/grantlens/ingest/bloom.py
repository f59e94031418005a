"""Which hashes may have been met before: Bloom filters of one hash function, each larger than the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SPARSE = 64
"""Bits of a filter for each hash in it: of those that differ, less than one in so many is taken for met by each filter."""

LARGEST = 1 << 29
"""Bits of the largest filter, 64 MiB: from ten million hashes on, filters of this size follow each other."""


class Bloom:
    """Remembers 64-bit hashes: what was met is always known, and now and then something that was not.

    Examples
    --------
    >>> import numpy as np
    >>> bloom = Bloom()
    >>> bloom.met(np.array([7, 8, 7], np.uint64)).tolist()
    [False, False, True]
    >>> bloom.met(np.array([8, 9], np.uint64)).tolist()
    [True, False]
    """

    def __init__(self) -> None:
        self._filters: list[np.ndarray] = []
        self._room = 0

    def met(self, hashes: np.ndarray) -> np.ndarray:
        """Return of each hash whether it may have been met before, in an earlier call or further up in this one."""
        import numpy as np

        if not len(hashes):
            return np.zeros(0, bool)
        met = _further_up(hashes)
        for bits in self._filters:
            places = _places(hashes, bits)
            met |= bits[places >> 3] & _bit(places) > 0
        self._room -= len(hashes)
        if self._room < 0:
            last = 8 * len(self._filters[-1]) if self._filters else 0
            size = min(LARGEST, max(4 * last, 1 << (SPARSE * len(hashes)).bit_length()))
            self._filters.append(np.zeros(size >> 3, np.uint8))
            self._room = size // SPARSE - len(hashes)
        self._add(hashes)
        return met

    def _add(self, hashes: np.ndarray) -> None:
        """Set a bit for each in the last filter: those of one byte at once."""
        import numpy as np

        bits = self._filters[-1]
        places = np.sort(_places(hashes, bits))
        bytes_ = places >> 3
        first = np.flatnonzero(np.diff(bytes_, prepend=-1))
        bits[bytes_[first]] |= np.bitwise_or.reduceat(_bit(places), first)


def _places(hashes: np.ndarray, bits: np.ndarray) -> np.ndarray:
    import numpy as np

    return (hashes & np.uint64(8 * len(bits) - 1)).astype(np.int64)


def _bit(places: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.left_shift(1, places & 7).astype(np.uint8)


def _further_up(hashes: np.ndarray) -> np.ndarray:
    """Return of each hash whether an equal one stands further up. To sort is fast; to keep what stands where is not."""
    import numpy as np

    again = np.zeros(len(hashes), bool)
    ordered = np.sort(hashes)
    several = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(several):
        places = np.flatnonzero(np.isin(hashes, several))
        first = np.unique(hashes[places], return_index=True)[1]
        again[np.delete(places, first)] = True
    return again
