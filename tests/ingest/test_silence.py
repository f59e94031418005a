"""Which silences of a log are gaps: told against plain Python, and on logs whose holes are known."""

import math
import random
from datetime import UTC, datetime
from itertools import accumulate, pairwise

import pytest

from grantlens.ingest import silence
from grantlens.ingest.coverage import refresh_coverage
from grantlens.store import Store

HOUR, DAY, WEEK = 3600, 86400, 7 * 86400
START = datetime(2026, 7, 6, tzinfo=UTC)  # a Monday


def coverage(moments, *, marked=True):
    """Return the rows of coverage of one log whose records have these seconds after the start.

    The counts per minute are written as a load would write them, `marked` with the ends of a file that carries the log.
    """
    minutes = {}
    for moment in moments:
        minutes.setdefault(int(moment // 60), []).append(moment)
    rows = [(minute, len(inside), min(inside), max(inside)) for minute, inside in minutes.items()]
    if marked:
        rows += [(int(end // 60), 0, end, end) for end in (min(moments), max(moments))]
    with Store(":memory:") as store:
        store.engine.execute(
            """
            INSERT INTO activity
            SELECT 1, 'native', NULL, 'usage', $start::TIMESTAMPTZ + to_minutes(r[1]::BIGINT), r[2]::BIGINT,
                   $start::TIMESTAMPTZ + to_microseconds((r[3] * 1000000)::BIGINT),
                   $start::TIMESTAMPTZ + to_microseconds((r[4] * 1000000)::BIGINT), true
            FROM (SELECT unnest($rows::DOUBLE[][]) AS r)""",
            {"start": START, "rows": [[float(value) for value in row] for row in rows]},
        )
        store.engine.execute("INSERT INTO meta VALUES ('coverage_due_from_batch', '0')")
        refresh_coverage(store.engine)
        return list(store.coverage())


def gaps(moments):
    """Return the gaps as (from, until) in seconds after the start."""
    return [
        (round((row["covered_from"] - START).total_seconds()), round((row["covered_until"] - START).total_seconds()))
        for row in coverage(moments)
        if row["is_gap"]
    ]


def expected(moments):
    """Return the gaps of one log from its records alone, in plain Python."""
    moments = sorted(moments)
    base = START.timestamp()
    times = [base + moment for moment in moments]
    has_rhythm = times[-1] - times[0] >= silence.RHYTHM_SECONDS
    if len(times) < (silence.MIN_EVENTS if has_rhythm else silence.MIN_EVENTS_SHORT):
        return []
    hours = [int(time // HOUR) for time in times]
    first, last, alive = hours[0], hours[-1], set(hours)
    share = []
    for of_week in range(168):
        there = [hour for hour in range(first, last + 1) if hour % 168 == of_week]
        before = silence.BEFOREHAND * len(alive) / (last - first + 1)
        share.append(
            min(1.0, (len(alive & set(there)) + before) / (max(0, len(there) - 1) + silence.BEFOREHAND))
            if has_rhythm
            else 1.0
        )
    sums = [0.0, *accumulate(share)]

    def reached(time):
        hour = int(time // HOUR)
        return hour // 168 * sums[-1] + sums[hour % 168] + share[hour % 168] * (time / HOUR - hour)

    # As the counts per minute show them: from the last record of one minute to the first of the next.
    silences = [(b, a) for a, b in pairwise(times) if a // 60 != b // 60]
    missed = sorted(((reached(b) - reached(a), a, b) for b, a in silences), reverse=True)
    factor = silence.GAP_FACTOR if has_rhythm else silence.GAP_FACTOR_SHORT
    floor = silence.MIN_MISSED if has_rhythm else silence.MIN_GAP_SECONDS / HOUR
    whole = (times[-1] - times[0]) / HOUR * sums[-1] / 168
    for count in range(min(silence.MOST_GAPS, len(missed) - 1), 0, -1):
        following = missed[count][0]
        alike = sum(1 for each, _, _ in missed[count:] if each >= following / 2)
        if alike < 2 or sum(each for each, _, _ in missed[:count]) > whole / 2:
            continue
        least = max(floor, following * max(factor, 1 - math.log(silence.CHANCE) / (2 * math.log(alike))))
        if missed[count - 1][0] > least:
            told = missed[:count]
            return sorted((round(a - base), round(b - base)) for _, a, b in told if b - a > silence.MIN_GAP_SECONDS)
    return []


def at_random(rng, records, days, weight):
    """Return so many moments, likely by hour of the week."""
    hours = range(days * 24)
    chosen = rng.choices(hours, [weight(hour % 24, hour // 24 % 7) for hour in hours], k=records)
    return sorted(hour * HOUR + rng.randrange(HOUR) for hour in chosen)


def always(hour, day):
    return 1


def office(hour, day):
    return 1 if day < 5 and 8 <= hour < 18 else 0


def people(hour, day):
    return 0.1 if day >= 5 else 1 if 8 <= hour < 18 else 0.15 if 6 <= hour < 23 else 0.03


def bursts(rng, records, days, weight):
    """Return moments of which some thirty each fall into five minutes."""
    return sorted(
        begin + rng.randrange(300) for begin in at_random(rng, records // 30, days, weight) for _ in range(30)
    )


def without(moments, *holes):
    """Take out what lies in the holes, given in days after the start."""
    return [moment for moment in moments if not any(a * DAY <= moment < b * DAY for a, b in holes)]


def told(moments, *holes):
    """Return how many of the holes are told, and how many gaps are none of them."""
    found = gaps(moments)
    right = [any(a <= since * DAY + 1 and b >= until * DAY - 1 for a, b in found) for since, until in holes]
    return sum(right), len(found) - sum(right)


@pytest.mark.parametrize("seed", range(12))
def test_the_steps_say_what_plain_python_says(seed):
    rng = random.Random(seed)
    days = rng.choice((3, 10, 13, 15, 30, 60))
    weight = rng.choice((always, office, people))
    moments = at_random(rng, rng.choice((99, 130, 400, 999, 1000, 2500)), days, weight)
    holes = [(begin, begin + rng.choice((0.1, 0.5, 2.0))) for begin in (rng.uniform(0, days) for _ in range(seed % 4))]
    moments = without(moments, *holes)
    assert gaps(moments) == expected(moments)


def test_the_oracle_meets_gaps_and_none():
    moments = at_random(random.Random(1), 800, 42, always)
    assert expected(moments) == []
    assert len(expected(without(moments, (10, 13), (20, 23)))) == 2


@pytest.mark.parametrize("weight", [always, people, office])
@pytest.mark.parametrize("records", [400, 1200, 1900, 5000])
def test_outages_of_like_length_do_not_hide_each_other(weight, records):
    """Each had to be twice as long as nearly all others, and of a log under two thousand records that was the other outage."""
    holes = ((14.3, 23.3), (44.3, 53.5), (72.3, 81.0))
    moments = at_random(random.Random(records), records, 91, weight)
    for some in (holes[:1], holes[:2], holes):
        assert told(without(moments, *some), *some) == (len(some), 0)


@pytest.mark.parametrize("weight", [always, people, office])
@pytest.mark.parametrize("records", [100, 300, 1000, 5000, 20_000])
def test_nights_and_weekends_are_no_gaps(weight, records):
    false = sum(bool(gaps(at_random(random.Random(seed), records, 63, weight))) for seed in range(3))
    assert false == 0


@pytest.mark.parametrize("records", [300, 1500, 6000])
@pytest.mark.parametrize("days", [6, 13, 30, 90])
def test_bursts_with_long_silences_between_are_no_gaps(records, days):
    false = sum(bool(gaps(bursts(random.Random(seed), records, days, people))) for seed in range(3))
    assert false == 0


def test_a_day_that_is_missing_is_told_where_the_log_is_busy_and_hides_where_it_never_is():
    moments = at_random(random.Random(3), 5000, 63, office)
    tuesday, sunday = (15.0, 16.0), (20.0, 21.0)
    assert told(without(moments, tuesday), tuesday) == (1, 0)
    assert told(without(moments, sunday), sunday) == (0, 0)


def test_a_job_that_did_not_run_for_three_nights_is_told():
    rng = random.Random(4)
    moments = [day * DAY + 2 * HOUR + rng.randrange(1500) for day in range(60) for _ in range(6)]
    hole = (20.0, 23.0)
    assert told(moments) == (0, 0)
    found = gaps(without(moments, hole))
    assert len(found) == 1
    assert found[0][0] < 20 * DAY < 23 * DAY < found[0][1]


def test_what_is_silent_for_most_of_its_time_has_no_gaps():
    rng = random.Random(5)
    some_days = [0, 1, 2, 20, 21, 22, 50, 51, 52, 80, 81, 82]
    moments = sorted(day * DAY + rng.randrange(DAY) for day in some_days for _ in range(100))
    assert gaps(moments) == []


@pytest.mark.parametrize(
    ("records", "days", "note"),
    [
        (99, 20, "under 100 records: no gap can be told"),
        (999, 12, "under 1,000 records in less than two weeks: no gap can be told"),
    ],
)
def test_a_log_in_which_no_gap_can_be_told_says_so(records, days, note):
    apart = days * DAY // records
    assert [row["note"] for row in coverage([apart * number for number in range(records)])] == [note]


def test_a_log_of_two_bursts_tells_no_gap():
    moments = [number % 60 + number // 600 * DAY for number in range(1200)]
    assert [row["note"] for row in coverage(moments)] == [
        "its own silences are too long or too few: no gap can be told"
    ]


def test_the_log_says_which_gap_can_hide():
    """A record every other hour, day and night: twice their distance, and so of four hours' length, is the least that is told."""
    moments = [2 * HOUR * number for number in range(12 * 70)]
    assert [row["note"] for row in coverage(moments)] == ["a gap of under 4 hours can hide"]
    assert gaps([moment for moment in moments if not 30 * DAY < moment < 30 * DAY + 4 * HOUR]) == []
    assert gaps([moment for moment in moments if not 30 * DAY < moment < 30 * DAY + 6 * HOUR]) == [
        (30 * DAY, 30 * DAY + 6 * HOUR)
    ]


def test_a_log_that_is_shown_in_part_says_that_alone():
    moments = at_random(random.Random(6), 500, 30, always)
    assert {row["note"] for row in coverage(moments, marked=False)} == {"shown in part: its silence proves nothing"}


@pytest.mark.parametrize(("records", "days"), [(1, 1), (19, 800), (99, 1), (99, 40)])
@pytest.mark.parametrize("marked", [True, False])
def test_small_logs_are_told_the_same_without_looking_at_their_silences(records, days, marked, monkeypatch):
    moments = at_random(random.Random(3), records, days, office)
    shortly = coverage(moments, marked=marked)
    monkeypatch.setattr(silence, "NONE_JUDGED", silence.SILENCES)
    assert coverage(moments, marked=marked) == shortly
