"""A store seen through a window: what `--since` and `store.between` mean."""

import json

import pytest

from grantlens.errors import WindowError
from grantlens.view import view_of
from grantlens.window import Window, parse_time


@pytest.fixture
def seen(store, tmp_path):
    """Return a store whose logs cover 1 June to 30 September."""
    log = tmp_path / "usage.ndjson"
    times = ("2026-06-01T00:00:00Z", "2026-09-30T00:00:00Z")
    log.write_text(
        "".join(
            json.dumps({"log": "usage", "used_at": time, "outcome": "success", "client_id": "c", "event_id": time})
            + "\n"
            for time in times
        )
    )
    store.load(log)
    return store


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-07-01", None, "2026-07-01 to 2026-09-30T"),
        ("2026-07-01", "2026-08-01", "2026-07-01 to 2026-08-01"),
        (None, "2026-08-01", "2026-06-01 to 2026-08-01"),
        (None, None, "2026-06-01 to 2026-09-30T"),
        ("2026-Q3", None, "2026-07-01 to 2026-10-01"),
        ("2026-07", None, "2026-07-01 to 2026-08-01"),
        ("last 30 days", None, "2026-09-11 to 2026-10-11"),
        ("last 24 hours", None, "2026-10-10 to 2026-10-11"),
        ("last day", None, "2026-10-10 to 2026-10-11"),
        ("2026-07-01/2026-07-02", None, "2026-07-01 to 2026-07-02"),
        (Window.parse("2026-07-05"), None, "2026-07-05 to 2026-07-06"),
        (parse_time("2026-07-05"), "2026-07-07", "2026-07-05 to 2026-07-07"),
    ],
)
def test_a_time_begins_a_window_and_an_expression_is_one(seen, since, until, expected):
    assert str(view_of(seen, since, until, now="2026-10-11").window).startswith(expected)


def test_the_present_cuts_what_the_logs_cover(seen):
    assert view_of(seen, now="2026-08-01").window.until == parse_time("2026-08-01")


def test_without_a_present_the_end_of_the_window_is_it(seen):
    assert view_of(seen, "2026-07").now == parse_time("2026-08-01")


def test_an_empty_store_has_a_window_too(store):
    assert view_of(store).window.days == 1


@pytest.mark.parametrize("since", ["soon", "2026-13", "last month of the year"])
def test_what_is_neither_is_refused(seen, since):
    with pytest.raises(WindowError):
        view_of(seen, since, now="2026-10-11")
