"""What every loader declares."""

from itertools import combinations

import pytest

from grantlens.loaders import STRENGTHS, loaders

LOGS = ("issuance", "usage", "revocation")


@pytest.mark.parametrize("name", loaders())
def test_every_pair_of_logs_says_how_it_joins(name):
    loader = loaders()[name]
    given = [log for log in LOGS if getattr(loader, log) or log in loader.carries]
    assert [(join.first, join.second) for join in loader.joins] == list(combinations(given, 2))
    assert {join.strength for join in loader.joins} <= set(STRENGTHS)
    assert all(join.key or join.strength == "none" for join in loader.joins), "name what joins"
    assert all(join.note for join in loader.joins if join.strength == "none"), "say why nothing joins"
