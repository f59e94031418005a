import re
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta

import pytest

from grantlens.errors import WindowError
from grantlens.store import Store
from grantlens.view import View, view_of
from grantlens.window import Window

FIRST = datetime(2026, 7, 1, 8, tzinfo=UTC)
LAST = datetime(2026, 7, 20, 8, tzinfo=UTC)
NOON = datetime(2026, 7, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def store():
    """Return a store whose logs reach from FIRST to LAST."""
    with Store(":memory:") as opened:
        opened.engine.execute(
            "INSERT INTO coverage VALUES ('native', NULL, 'usage', $first, $middle, false, 9, NULL, false, false), "
            "('okta', 't', 'issuance', $middle, $last, false, 9, NULL, false, false)",
            {"first": FIRST, "middle": NOON, "last": LAST},
        )
        yield opened


def day(number, hour=0):
    return datetime(2026, 7, number, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "since", "until", "now"),
    [
        # Left out: all that the logs cover, up to now; the present is the end of the window.
        ({}, FIRST, LAST, LAST),
        ({"now": NOON}, FIRST, NOON, NOON),
        ({"now": "2026-08-01"}, FIRST, LAST, datetime(2026, 8, 1, tzinfo=UTC)),
        ({"since": "2026-07-05"}, day(5), LAST, LAST),
        ({"since": "2026-W28"}, day(6), day(13), day(13)),
        ({"since": day(5)}, day(5), LAST, LAST),
        ({"since": "2026-07-05T06:00:00+02:00", "now": NOON}, day(5, 4), NOON, NOON),
        ({"until": "2026-07-05"}, FIRST, day(5), day(5)),
        ({"since": "2026-07-05", "until": "2026-07-06"}, day(5), day(6), day(6)),
        ({"since": "2026-07-05", "until": "2026-07-06", "now": NOON}, day(5), day(6), NOON),
        # A whole window in one expression.
        ({"since": "2026-07"}, day(1), datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)),
        ({"since": "2026-Q3", "now": NOON}, day(1), datetime(2026, 10, 1, tzinfo=UTC), NOON),
        ({"since": "2026-07-02/2026-07-09"}, day(2), day(9), day(9)),
        ({"since": "2026-07-02/2026-07-03"}, day(2), day(3), day(3)),
        ({"since": "last 3 days", "now": NOON}, day(7, 12), NOON, NOON),
        ({"since": "last 24 hours", "now": NOON}, day(9, 12), NOON, NOON),
        ({"since": "last 2 days"}, LAST - timedelta(days=2), LAST, LAST),
        ({"since": Window(day(2), day(9))}, day(2), day(9), day(9)),
        ({"since": Window(day(2), day(3))}, day(2), day(3), day(3)),
        # Nothing before now: the window is as short as it can be.
        ({"now": FIRST}, FIRST - timedelta(microseconds=1), FIRST, FIRST),
    ],
)
def test_windows(store, given, since, until, now):
    view = view_of(store, **given)
    assert (view.window.since, view.window.until, view.now) == (since, until, now)
    assert store.between(**given) == view


@pytest.mark.parametrize("given", [{"since": "yesterday"}, {"until": "soon"}, {"now": "2026-13-01"}])
def test_what_is_no_window(store, given):
    with pytest.raises(WindowError):
        view_of(store, **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"since": "2026-08-01"},
            "The window begins at 2026-08-01T00:00:00Z, and the logs end at 2026-07-20T08:00:00Z.",
        ),
        ({"since": "2026-07-20", "now": NOON}, "begins at 2026-07-20T00:00:00Z, and now is 2026-07-10T12:00:00Z."),
        ({"until": FIRST}, "The logs begin at 2026-07-01T08:00:00Z, and the window ends at 2026-07-01T08:00:00Z."),
    ],
)
def test_a_window_of_one_end_that_misses_the_logs(store, given, said):
    with pytest.raises(WindowError, match=re.escape(said)):
        view_of(store, **given)


def test_an_end_before_the_beginning(store):
    with pytest.raises(WindowError, match="end after it begins"):
        view_of(store, "2026-07-05", "2026-07-05")


def test_an_empty_store_says_that_it_has_no_event_and_tells_of_no_time():
    with Store(":memory:") as empty:
        for window in (view_of(empty).window, view_of(empty, until="2026-07-02", now=NOON).window):
            assert (str(window), repr(window)) == ("a store without events", "Window of a store without events")
        assert str(view_of(empty, "2026-07-01", "2026-07-02").window) == "2026-07-01 to 2026-07-02"
        assert str(view_of(empty, "2026-07").window) == "2026-07-01 to 2026-08-01"
        assert str(view_of(empty, "2026-07-01", now="2026-07-03").window) == "2026-07-01 to 2026-07-03"
        with pytest.raises(
            WindowError, match=r"begins at 2026-07-01T00:00:00Z, and has no end: the store holds no event\."
        ):
            view_of(empty, "2026-07-01")
        with pytest.raises(WindowError, match="needs to know the present"):
            view_of(empty, "last 30 days")


def test_it_is_frozen_and_says_what_it_shows(store):
    view = view_of(store, "2026-07")
    assert isinstance(view, View)
    assert repr(view) == ":memory:, 2026-07-01 to 2026-08-01"
    with pytest.raises(FrozenInstanceError):
        view.now = NOON
