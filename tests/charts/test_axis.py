from hypothesis import given
from hypothesis import strategies as st

from grantlens.charts.axis import ticks
from grantlens.charts.moments import axis_format, milliseconds, written


@given(st.integers(0, 10**12))
def test_ticks_are_few_whole_and_reach_nearly_the_end(most):
    marks = ticks(most)
    step = marks[1]
    assert 2 <= len(marks) <= 6
    assert marks == list(range(0, max(most, 1) + 1, step))
    assert str(step).rstrip("0") in ("1", "2", "5")


@given(st.datetimes())
def test_a_time_survives_the_way_to_the_chart(moment):
    if moment.year < 1900:
        return
    back = milliseconds(moment)
    assert milliseconds(f"{moment.isoformat()}Z") == back
    assert written(back).startswith(f"{moment.day} ")


@given(st.floats(1, 1e12))
def test_axis_shows_seconds_only_when_they_matter(span):
    pattern = axis_format(span)
    assert ("%S" in pattern) == (span < 900_000)
    assert ("%Y" in pattern) == (span >= 300 * 86_400_000)
