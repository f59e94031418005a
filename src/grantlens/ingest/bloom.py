"""Which hashes may have been met before: a Bloom filter of one hash function."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BITS = 28
"""As a power of 2. Of ten million hashes that differ, this takes less than two in a hundred for met; 32 MiB, used as they fill."""

_NEAR_BITS = 22
"""The same for those of one call, which are few."""


class Bloom:
    """Remembers 64-bit hashes: what was met is always known, and now and then something that was not.

    Examples
    --------
    >>> import numpy as np
    >>> bloom, hashes = Bloom(), np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    >>> bloom.met(hashes[[0, 1, 0]]).tolist()
    [False, False, True]
    >>> bloom.met(hashes[[1, 2]]).tolist()
    [True, False]
    """

    def __init__(self) -> None:
        import numpy as np

        self._bits = np.zeros(1 << BITS >> 3, np.uint8)
        self._place = np.zeros(1 << _NEAR_BITS, np.int32)

    def met(self, hashes: np.ndarray) -> np.ndarray:
        """Return of each hash whether it may have been met before, in an earlier call or further up in this one."""
        import numpy as np

        places = (hashes & np.uint64((1 << BITS) - 1)).astype(np.int64)
        bytes_, bits = places >> 3, np.left_shift(1, places & 7).astype(np.uint8)
        before = self._bits[bytes_] & bits > 0
        np.bitwise_or.at(self._bits, bytes_, bits)
        near, order = (hashes >> np.uint64(64 - _NEAR_BITS)).astype(np.int64), np.arange(len(hashes), dtype=np.int32)
        self._place[near[::-1]] = order[::-1]  # of several the last counts: here the first of all
        return before | (self._place[near] != order)
