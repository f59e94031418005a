"""The filter that tells which events may have been met before: it never forgets, and seldom errs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grantlens.ingest.bloom import Bloom

# Few places, so that hashes share them.
HASHES = st.integers(0, 40) | st.integers(0, 9).map(lambda n: n << 60) | st.integers(0, 9).map(lambda n: n | 1 << 40)


@given(st.lists(st.lists(HASHES, max_size=12), max_size=6))
def test_what_was_met_is_always_known(calls):
    bloom, before = Bloom(), set()
    for hashes in calls:
        told = bloom.met(np.array(hashes, np.uint64))
        for at, (hashed, met) in enumerate(zip(hashes, told.tolist(), strict=True)):
            assert met or hashed not in before | set(hashes[:at])
        before |= set(hashes)


def test_little_else_is_taken_for_met():
    bloom, random = Bloom(), np.random.default_rng(7)
    met = sum(bloom.met(random.integers(0, 1 << 64, 50_000, np.uint64)).sum() for _ in range(20))
    assert met < 40_000, "4 % of a million different hashes"
