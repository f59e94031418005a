"""Acceptance by minute: counted as by hand, and an interval that reckons by revocation."""

import numpy as np
import pytest

from grantlens.analysis.acceptance import acceptance_by_minute


@pytest.mark.parametrize("clusters", [None, 1, 7, 500])
def test_it_counts_as_by_hand(clusters):
    generator = np.random.default_rng(8)
    seconds = generator.uniform(-30, 400, 500)
    accepted = generator.random(500) < 0.4
    cluster = None if clusters is None else [("s", f"r{n}") for n in generator.integers(0, clusters, 500)]
    rows = acceptance_by_minute(seconds, accepted, cluster, minutes=5)
    for row in rows:
        inside = [place for place, t in enumerate(seconds) if t >= 0 and t // 60 == row["minute"]]
        assert (row["calls"], row["accepted"]) == (len(inside), sum(accepted[place] for place in inside))
        names = [place if cluster is None else cluster[place] for place in inside]
        effective = len(inside) ** 2 / sum(names.count(name) ** 2 for name in set(names))
        for end in (row["low"], row["high"]):  # where the score test of 5 % just fails
            assert (row["share"] - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / effective)
        assert row["low"] < row["share"] < row["high"]
    assert [row["minute"] for row in rows] == [0, 1, 2, 3, 4]


def test_minutes_without_calls_are_absent():
    assert acceptance_by_minute([], []) == []
    assert [row["minute"] for row in acceptance_by_minute([-1, 59.999, 180, 3600], [True] * 4)] == [0, 3]


def test_a_thousand_calls_of_one_revocation_say_little():
    (row,) = acceptance_by_minute([1.0] * 1000, [True] * 1000, ["r"] * 1000)
    assert row["low"] < 0.3
    (row,) = acceptance_by_minute([1.0] * 1000, [True] * 1000)
    assert row["low"] > 0.99


@pytest.mark.parametrize("calls", range(1, 60))
def test_an_interval_ends_at_none_and_all_where_none_and_all_were_accepted(calls):
    (some,) = acceptance_by_minute([1.0] * calls, [True] * calls)
    assert some["high"] == 1.0
    (none,) = acceptance_by_minute([1.0] * calls, [False] * calls)
    assert none["low"] == 0.0


def test_a_call_in_the_moment_of_the_revocation_is_of_its_first_minute():
    found = acceptance_by_minute([0.0, 59.999999, 60.0, 3600.0], [True, True, False, True])
    assert [(row["minute"], row["calls"]) for row in found] == [(0, 2), (1, 1)]
