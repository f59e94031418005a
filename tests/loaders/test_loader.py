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


MISREAD = {
    "elastic-assume-role.ndjson",
    "webhook-installation-created.json",
    "webhook-installation-new_permissions_accepted.json",
}
"""Single records with a list inside, which `foreign_samples` takes for the records."""


def provider(path):
    folder = path.parts[path.parts.index("real-logs") + 1]
    return {"saas_misc": path.stem.removeprefix("panther-"), "mcp_gateway": "envoy_ai_gateway"}.get(folder, folder)


@pytest.mark.parametrize("name", loaders())
def test_a_loader_claims_every_real_log_of_its_provider_and_no_other(name, foreign_samples):
    own = {path for path, _ in foreign_samples if provider(path) == name and path.name not in MISREAD}
    assert {path for path, sample in foreign_samples if sample and loaders()[name].recognise(sample)} == own
