"""Words for a reader."""

import pytest

from grantlens.report.labels import period


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z", "2026-07-01 to 2026-07-02"),
        ("2026-07-01T23:00:00Z", "2026-07-02T01:00:00Z", "2026-07-01 to 2026-07-02"),
        ("2026-07-01T08:00:00Z", "2026-07-01T08:00:01Z", "2026-07-01 08:00:00 to 2026-07-01 08:00:01 UTC"),
    ],
)
def test_a_window_within_a_day_is_told_by_its_times(since, until, said):
    """A report on an hour was headed "2026-07-01 to 2026-07-01": as if it were of nothing, or of the whole day."""
    assert period({"since": since, "until": until}) == said
