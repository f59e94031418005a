import re
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta

import pytest

from grantlens.access_review import review
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
            "INSERT INTO coverage VALUES ('native', NULL, 'usage', $first, $middle, false, 9, NULL, false), "
            "('okta', 't', 'issuance', $middle, $last, false, 9, NULL, false)",
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


def test_an_empty_store_has_a_day_of_nothing():
    with Store(":memory:") as empty:
        window = view_of(empty).window
        assert str(window) == "no time (no event is held)"
        with pytest.raises(WindowError, match="no event, so a window needs both its ends"):
            view_of(empty, "2026-07-01")
        assert str(view_of(empty, "2026-07-01", "2026-08-01").window) == "2026-07-01 to 2026-08-01"


def test_it_is_frozen_and_says_what_it_shows(store):
    view = view_of(store, "2026-07")
    assert isinstance(view, View)
    assert repr(view) == ":memory:, 2026-07-01 to 2026-08-01"
    with pytest.raises(FrozenInstanceError):
        view.now = NOON


def test_a_review_of_an_empty_store_names_no_time(tmp_path):
    with Store(":memory:") as empty:
        found = review(empty)
    page = tmp_path / "review.html"
    found.to_html(page)
    shown = page.read_text()
    assert "<title>Access review no time (no event is held)</title>" in shown
    assert "<h1>no time (no event is held)</h1>" in shown
    assert "<dt>Period</dt><dd>no time (no event is held)</dd>" in shown
    assert repr(found).startswith("Review no time (no event is held): ")
    assert "and of no time (no event is held) only" in shown
