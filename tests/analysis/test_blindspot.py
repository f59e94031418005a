import random

import pytest

from grantlens.analysis.blindspot import expected_unseen, review_interval, unseen


def test_a_stretch_is_seen_only_if_a_snapshot_falls_into_it():
    generator = random.Random(1)
    start = [generator.uniform(0, 300) for _ in range(500)]
    end = [begin + generator.expovariate(1 / 20) for begin in start]
    looks = [30.0, 120.0, 210.0]
    seen = [any(begin <= look < finish for look in looks) for begin, finish in zip(start, end, strict=True)]
    spot = unseen(start, end, looks, actions=list(range(500)))
    assert list(spot.seen) == seen
    assert spot.grants == pytest.approx(1 - sum(seen) / 500)
    lost = sum(number for number in range(500) if not seen[number])
    assert spot.actions == pytest.approx(lost / sum(range(500)))
    open_time = [finish - begin for begin, finish in zip(start, end, strict=True)]
    hidden = sum(time for time, was_seen in zip(open_time, seen, strict=True) if not was_seen)
    assert spot.access == pytest.approx(hidden / sum(open_time))


@pytest.mark.parametrize(("start", "end", "seen"), [(10, 20, True), (0, 10, False), (9, 10.5, True)])
def test_the_end_is_outside_and_the_start_inside(start, end, seen):
    assert unseen([start], [end], [10]).seen == (seen,)


def test_an_entitlement_that_recurs_counts_as_seen_once_it_was():
    spot = unseen([0, 50, 50], [1, 100, 51], [75], entitlement=["mail", "mail", "files"])
    assert spot.entitlements == 0.5
    assert spot.grants == pytest.approx(2 / 3)


def test_nothing_given_is_not_a_share():
    spot = unseen([], [], [1.0], actions=[])
    assert spot.grants is None
    assert spot.actions is None
    assert spot.entitlements is None


def test_expected_share_agrees_with_reviews_on_every_phase():
    durations = [0.5, 3, 10, 45, 200]
    period, phases = 90.0, 9000
    counted = 0
    for phase in range(phases):
        offset = period * phase / phases
        looks = [offset + period * number for number in range(-1, 5)]
        spot = unseen([0.0] * 5, durations, looks)
        counted += sum(1 for was_seen in spot.seen if not was_seen)
    assert expected_unseen(durations, period) == pytest.approx(counted / phases / 5, abs=1e-3)


def test_half_of_equal_stretches_are_unseen_at_half_the_period():
    assert expected_unseen([45.0] * 7, 90) == pytest.approx(0.5)


def test_review_interval_inverts_the_expected_share():
    generator = random.Random(2)
    durations = [generator.expovariate(1 / 5) for _ in range(300)]
    weights = [generator.randint(1, 50) for _ in range(300)]
    for share in (0.5, 0.9, 0.95, 0.99):
        period = review_interval(durations, share, weights)
        assert 1 - expected_unseen(durations, period, weights) == pytest.approx(share)
        assert 1 - expected_unseen(durations, period * 1.01, weights) < share


def test_no_interval_sees_what_has_no_duration():
    assert review_interval([0.0] * 10 + [5.0] * 10, 0.95) is None
