"""Windows: what people write, and what comes of it."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlens.errors import WindowError
from grantlens.window import Window, format_time, parse_time

instants = st.datetimes(
    min_value=datetime(1970, 1, 3),
    max_value=datetime(2200, 1, 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026", utc(2026, 1, 1), utc(2027, 1, 1)),
        ("2026-Q1", utc(2026, 1, 1), utc(2026, 4, 1)),
        ("2026-q4", utc(2026, 10, 1), utc(2027, 1, 1)),
        ("2026-12", utc(2026, 12, 1), utc(2027, 1, 1)),
        ("2024-02", utc(2024, 2, 1), utc(2024, 3, 1)),
        ("2026-02-28", utc(2026, 2, 28), utc(2026, 3, 1)),
        ("2026-W01", utc(2025, 12, 29), utc(2026, 1, 5)),
        ("2026w53", utc(2026, 12, 28), utc(2027, 1, 4)),
        (" 2026-07-01/2026-07-03 ", utc(2026, 7, 1), utc(2026, 7, 3)),
        ("2026-07-01T10:00+02:00/2026-07-01T10:00Z", utc(2026, 7, 1, 8), utc(2026, 7, 1, 10)),
        ("last 30 days", utc(2026, 9, 1), utc(2026, 10, 1)),
        ("last week", utc(2026, 9, 24), utc(2026, 10, 1)),
        ("Last 90 minutes", utc(2026, 9, 30, 22, 30), utc(2026, 10, 1)),
    ],
)
def test_what_people_write(text, since, until):
    window = Window.parse(text, now=utc(2026, 10, 1))
    assert (window.since, window.until) == (since, until)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-Q5",
        "2026-13",
        "2026-00",
        "0000",
        "9999",
        "2026-02-30",
        "2026-W54",
        "9999-W52",
        "last -3 days",
        "1/2/3",
        "a/b",
    ],
)
def test_what_is_no_window_says_how_to_write_one(text):
    with pytest.raises(WindowError) as caught:
        Window.parse(text, now=utc(2026, 10, 1))
    assert "2026-07" in caught.value.remedy


def test_a_window_that_reaches_before_the_calendar_is_refused():
    with pytest.raises(WindowError, match="beyond the calendar"):
        Window.parse("last 999999 weeks", now=utc(2026, 1, 1))


@pytest.mark.parametrize("text", ["2026-W36", "2026w36", "2026-09", "2026-Q3"])
def test_a_stretch_is_no_instant(text):
    """Python reads a week as its Monday: as a begin, weeks after it came with it unasked, and as an end it was left out."""
    with pytest.raises(WindowError, match="is no date or time"):
        parse_time(text)


def test_last_needs_now():
    with pytest.raises(WindowError, match="now"):
        Window.parse("last 30 days")


def test_the_ends_must_be_in_order():
    with pytest.raises(WindowError, match="must end after it begins"):
        Window.parse("2026-07-01", "2026-07-01")


def test_a_window_and_an_end_are_too_much():
    with pytest.raises(WindowError):
        Window.parse(Window.parse("2026"), "2027-01-01")


@pytest.mark.parametrize("value", ["yesterday", "2026-02-30", "12:00", "0001-01-01T00:00+05:00", 12, None])
def test_what_is_no_time_says_how_to_write_one(value):
    with pytest.raises(WindowError) as caught:
        parse_time(value)
    assert "2026-07-01" in caught.value.remedy


def test_a_naive_time_is_utc_and_a_date_is_midnight():
    assert parse_time(datetime(2026, 7, 1, 5)) == parse_time("2026-07-01 05:00") == utc(2026, 7, 1, 5)
    assert parse_time(date(2026, 7, 1)) == parse_time("2026-07-01") == utc(2026, 7, 1)


@given(instants)
def test_every_instant_survives_being_written_and_read(instant):
    text = format_time(instant)
    assert text.endswith("Z")
    assert parse_time(text) == instant
    assert parse_time(text).tzinfo is UTC


@given(instants, instants, instants)
def test_half_open(first, second, probe):
    if first == second:
        return
    window = Window(min(first, second), max(first, second))
    assert window.since in window
    assert window.until not in window
    assert (probe in window) == (window.since <= probe < window.until)


@given(st.lists(instants, min_size=4, max_size=4, unique=True), instants)
def test_the_shared_part_holds_what_both_hold(ends, probe):
    one, other = Window(*sorted(ends[:2])), Window(*sorted(ends[2:]))
    shared = one & other
    assert (shared is not None and probe in shared) == (probe in one and probe in other)
    assert shared == (other & one)


@given(instants, instants)
def test_printed_windows_read_back(first, second):
    if first == second:
        return
    window = Window(min(first, second), max(first, second))
    assert Window.parse(str(window).replace(" to ", "/")) == window
    assert eval(repr(window)) == window


def test_what_was_typed_is_repeated_as_it_was_typed():
    with pytest.raises(WindowError) as caught:
        Window.parse("2026-09-24T03:00 Europe/Berlin")
    assert caught.value.message == "'2026-09-24T03:00 Europe/Berlin' is no window."
    assert "as an offset, such as 2026-07-01T14:30:00+02:00" in caught.value.remedy
