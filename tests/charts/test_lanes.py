import itertools

from hypothesis import given
from hypothesis import strategies as st

from grantlens.charts.lanes import STATES, Span, clip, columns, lay, pack

spans = st.lists(
    st.builds(
        lambda lane, start, width, state, count: Span(lane, start, start + width, state, "x", count),
        st.sampled_from(["granted", "issued", "used", "revoked"]),
        st.integers(0, 100),
        st.integers(0, 40),
        st.sampled_from(STATES),
        st.integers(1, 9),
    ),
    max_size=40,
)


@given(spans, st.integers(1, 6))
def test_packed_rows_never_overlap_and_none_means_too_many_at_once(found, rows):
    found = [span for span in found if span.end > span.start]
    given_rows = pack(found, rows)
    deepest = max((sum(a.start <= b.start < a.end for a in found) for b in found), default=0)
    if given_rows is None:
        assert deepest > rows
        return
    assert max(given_rows, default=-1) + 1 == deepest
    for place, one in enumerate(found):
        for other_place in range(place):
            other = found[other_place]
            if given_rows[place] == given_rows[other_place]:
                assert one.end <= other.start or other.end <= one.start


@given(spans, st.integers(1, 12))
def test_columns_count_what_touches_them(found, number):
    left, right = 0.0, 141.0
    boxes = columns(found, left, right, number, 44, STATES[::-1])
    width = (right - left) / number
    counted = {}
    for span in found:
        for column in range(int(span.start / width), int(span.end / width) + 1):
            counted[column, span.state] = counted.get((column, span.state), 0) + span.count
    drawn = {(round((box.start - left) / width), box.state): box.count for box in boxes}
    assert drawn == counted
    assert all(-1e-9 <= box.top < box.bottom for box in boxes)


@given(spans, st.integers(0, 60), st.integers(0, 60))
def test_clipping_keeps_what_lies_inside(found, left, width):
    right = left + width
    shown = clip(found, left, right)
    assert len(shown) == sum(span.start <= right and span.end >= left for span in found)
    assert all(left <= span.start <= span.end <= right for span in shown)


@given(spans)
def test_lanes_stand_in_order_and_hold_everything(found):
    lanes = lay(found, 0.0, 141.0, most=10)
    assert [lane.name for lane in lanes] == ["granted", "issued", "used", "revoked"]
    for above, below in itertools.pairwise(lanes):
        assert above.top + above.height < below.top
    for lane in lanes:
        mine = [span for span in found if span.lane == lane.name]
        if not lane.note:
            assert len(lane.boxes) == len(mine)
        assert all(box.bottom <= lane.height + 1e-9 for box in lane.boxes)
        assert bool(lane.boxes) == bool(mine)
