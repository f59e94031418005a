import random
from datetime import UTC, datetime, timedelta

import pytest

from grantlens.charts.lag_curve import lag_curve
from grantlens.charts.scope_actions import scope_actions
from grantlens.charts.tally import tally
from grantlens.charts.timeline import timeline
from grantlens.charts.used_granted import used_granted

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "=HYPERLINK(1)",
    "\x1b[31mred\x00",
    "\u202egnp.exe",
    "line\u2028break",
    "'; DROP TABLE usage; --",
    "\ud800",
    "n" * 100_000,
    "&amp;",
    "",
)
START = datetime(2026, 8, 9, 11, 51, 13, tzinfo=UTC)


def hostile_charts():
    """Draw every chart with names written by an attacker in every place that takes a name."""
    moments = [START + timedelta(minutes=number) for number in range(len(HOSTILE))]
    return [
        scope_actions([{"client_id": a, "operation": b, "events": 2} for a in HOSTILE[:6] for b in HOSTILE], what="x"),
        scope_actions([{"client_id": HOSTILE[0], "operation": name} for name in HOSTILE]),
        used_granted([{"client_id": a, "scope": b, "state": "unused"} for a in HOSTILE for b in HOSTILE[:5]]),
        tally([{"client_id": name, "events": 1} for name in HOSTILE], by="client_id"),
        lag_curve({"t": [0, 9], "survival_low": [1, 0], "survival_high": [1, 0]}, where=HOSTILE[0]),
        timeline(
            [
                {"lane": lane, "start": moment, "label": name, "state": name}
                for moment, name in zip(moments, HOSTILE, strict=True)
                for lane in ("granted", "issued", "used", "revoked")
            ],
            case=HOSTILE[0],
        ),
    ]


def empty_charts():
    """Draw every chart without a single row."""
    return [
        scope_actions([]),
        used_granted([]),
        tally([], by="client_id"),
        lag_curve({"t": [], "survival_low": [], "survival_high": [], "npmle": []}),
        timeline([], case="copilot"),
    ]


@pytest.fixture(scope="session")
def hostile():
    return hostile_charts()


@pytest.fixture(scope="session")
def empty():
    return empty_charts()


@pytest.fixture
def dice():
    return random.Random(17)
