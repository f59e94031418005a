"""What relations tell of grants and tokens does not depend on clocks that are off and stated: the oracles say what it is, these say that it stays."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from .conftest import FOREVER, SECOND

BY_ISSUANCE = (
    *(
        "issued_at",
        "expires_at",
        "issued_before",
        "revoked_at",
        "covered_until",
        "closed_at",
        "opened_at",
        "ended_at",
        "reopened_at",
    ),
    *("valid_from", "valid_until", "taken_at", "off_at", "on_at", "at"),
)
"""Moments that relations tell by the clock of the issuance log; in a record, and set right, they are as they are."""
OWN = {"issuance": ("issued_at", "expires_at", "issued_before"), "revocation": ("revoked_at",), "usage": ("used_at",)}
"""What the clock of each log stamps: a cut-off is one of the issuer's, and ends what is issued before it."""
TOLD = (
    "issued",
    "token",
    "effective_revocation",
    "covered_token",
    "token_life",
    "grant_state",
    "grant_end",
    "grant_life",
)


@pytest.mark.parametrize(
    ("seed", "ahead"),
    [
        (0, {"issuance": 90}),
        (1, {"issuance": -600}),
        (2, {"revocation": 90}),
        (3, {"revocation": -2.5, "issuance": 41}),
    ],
)
def test_the_lives_of_grants_and_tokens_are_the_same_by_clocks_that_are_off(bench, worlds, parties, seed, ahead):
    laid = [*worlds(seed), *parties(seed)]
    right, off = told(bench, laid, dict.fromkeys(ahead, 0)), told(bench, laid, ahead)
    for name in TOLD:
        assert right[name], name
        assert off[name] == right[name], name


def told(bench, laid, ahead):
    """Return the rows of each relation, their moments set right, where the clocks are ahead by so many seconds and that is stated."""
    moved = {log: round(seconds * SECOND) for log, seconds in ahead.items()}
    bench.lay([off(world, moved) | {"stated": ahead, "clock": {}} for world in laid])
    return {name: Counter(plain(row, moved.get("issuance", 0)) for row in bench.answers(name)) for name in TOLD}


def off(world, moved):
    def stamped(row):
        late = {name: by for log, by in moved.items() for name in OWN[log] if row.get(name) is not None}
        return row | {name: row[name] + by for name, by in late.items()}

    return world | {log: list(map(stamped, world[log])) for log in OWN}


def plain(value, ahead, name=""):
    """Return a row as what can be counted, its moments set right."""
    if isinstance(value, dict):
        # A record is where it was logged, and how far its stamp may be from the truth is told against the clock of the issuance.
        mine = {key: what for key, what in value.items() if key not in ("record", "before_s", "after_s")}
        return tuple((key, plain(what, ahead, key)) for key, what in mine.items())
    if isinstance(value, list):
        return tuple(plain(what, ahead, name) for what in value)
    if name in BY_ISSUANCE and isinstance(value, datetime):
        return value - timedelta(microseconds=ahead)
    if name in BY_ISSUANCE and value not in (None, FOREVER):
        return value - ahead
    return value
