"""The hash table that tells which callers and targets were met, beside a dict of Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grantlens.ingest.dictionary import Seen

HASHES = st.integers(0, 2**64 - 1) | st.integers(0, 20) | st.integers(0, 20).map(lambda n: n << 40)
"""Any, and such as want the same few places; 0 stands where nothing does."""


@given(st.lists(st.sets(HASHES, max_size=40), max_size=8))
def test_each_hash_has_the_key_it_was_given(pieces):
    seen, known = Seen(), {}
    for piece in pieces:
        hashes = np.array(sorted(piece), np.uint64)
        keys = seen.keys_of(hashes)
        assert keys.tolist() == [known.get(each, 0) for each in sorted(piece)]
        new = hashes[keys == 0]
        numbered = np.arange(len(known) + 1, len(known) + 1 + len(new), dtype=np.int32)
        seen.add(new, numbered)
        known |= dict(zip(new.tolist(), numbered.tolist(), strict=True))
    everything = np.array(list(known), np.uint64)
    assert seen.keys_of(everything).tolist() == list(known.values())


def test_it_grows():
    seen = Seen()
    hashes = np.arange(50_000, dtype=np.uint64) * np.uint64(2**32 + 15)
    for part in np.split(hashes, 10):
        seen.add(part, np.arange(len(part), dtype=np.int32) + 1)
    assert seen.keys_of(hashes).tolist() == list(range(1, 5_001)) * 10
    assert not seen.keys_of(hashes + np.uint64(1)).any()
