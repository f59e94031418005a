import pytest

from grantlens.report.change import cautions
from grantlens.report.html import review_page
from grantlens.report.markdown import review_markdown

BASELINE = {
    "window": {"since": "2026-04-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"},
    "new_findings": [0, 1],
    "worse": [1],
    "still_found": 0,
    "gone": [{"rule": "REV-1", "severity": "critical", "title": "it", "client_id": "c", "now": "not covered"}],
    "lost_logs": [{"source": "github", "tenant": None, "log": "usage"}],
    "otherwise_made": ["rule REV-1 was version 3 and is version 4"],
}


@pytest.mark.parametrize("form", [review_page, review_markdown])
def test_what_is_gone_is_not_called_solved(document, finding, form):
    text = form(document([finding(0), finding(1)], baseline=BASELINE))
    assert "1 new, 1 worse, 0 still found, 1 gone" in text
    assert "Whether 1 finding of this source, which is gone, would be found is not known." in text
    assert "The two reviews were not made alike: rule REV-1 was version 3 and is version 4." in text


def test_what_is_worse_is_not_marked_as_new(document, finding):
    page = review_page(document([finding(0), finding(1)], baseline=BASELINE))
    in_short, _, below = page.partition('<h2 id="findings-title">')
    for part in (in_short, below):
        assert part.count('<span class="badge new">new</span>') == 1
        assert part.count('<span class="badge new">worse</span>') == 1


def test_the_lost_logs_of_a_source_stand_in_one_sentence():
    lost = [{"source": "okta", "tenant": None, "log": log} for log in ("issuance", "usage")]
    (told, *_) = cautions(BASELINE | {"lost_logs": lost})
    assert told.startswith("No issuance or usage log of okta covers any part of this period")
