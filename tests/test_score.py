"""The rules, and the list of grants, against the simulator's truth: precision and recall 1.0 on everything that is not statistical."""

import json

import pytest

from grantlens.simulate import generate
from grantlens.simulate.score import compare, compare_grants
from grantlens.simulate.truth import KEYS


@pytest.fixture(scope="module", params=[7, 404])
def scored(request, tmp_path_factory):
    import grantlens as gl

    path = tmp_path_factory.mktemp(f"scored{request.param}")
    generate(path, seed=request.param)
    truth = json.loads((path / "truth.json").read_text(encoding="utf-8"))
    with gl.open(":memory:") as store:
        store.load(path / "logs")
        store.add(
            gl.Catalogue.build("toml", path / "catalogue.toml"),
            gl.Register.read(path / "register.toml"),
            gl.Servers.read(path / "servers.toml"),
            gl.Decisions.read(path / "decisions.toml"),
        )
        findings = [finding for found in gl.detect.run(store, now=truth["now"]) for finding in found.to_dicts()]
        listed = gl.grants(store, now=truth["now"]).arrow().to_pylist()
    return truth, findings, {**compare(truth, findings), "grants": compare_grants(truth, listed)}


@pytest.mark.parametrize("rule", KEYS)
def test_every_planted_finding_is_found(scored, rule):
    truth, _, result = scored
    assert any(row["rule"] == rule for row in truth["expected"])
    assert [row for row in result["missed"] if row["rule"] == rule] == []


@pytest.mark.parametrize("rule", KEYS)
def test_nothing_else_is_found(scored, rule):
    _, _, result = scored
    assert [finding for finding in result["wrong"] if finding["rule"] == rule] == []


def test_the_list_of_grants_says_what_stands_what_ended_when_and_what_was_used(scored):
    truth, _, result = scored
    assert result["grants"] == {"missed": [], "wrong": []}
    keys = {row["ended_at"] is None for row in truth["grants"] if row["source"] == "aws_cloudtrail"}
    assert keys == {True, False}


def test_what_must_stay_silent_is_silent(scored):
    truth, findings, _ = scored
    for incident in truth["incidents"]:
        for forbidden in incident["must_not_fire"]:
            key = {name: value for name, value in forbidden.items() if name not in ("rule", "why")}
            for finding in findings:
                if finding["rule"] == forbidden["rule"] and finding["verdict"] != "clear":
                    seen = {**finding["detail"], **finding}
                    assert any(seen.get(name) != value for name, value in key.items()), (incident["name"], finding)


def test_lags_are_exact_to_the_millisecond(scored):
    _, _, result = scored
    for row, finding in result["hits"]:
        for name, value in row.get("detail", {}).items():
            assert finding["detail"][name] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value), (
                name
            )


def test_what_explains_a_lag_is_named(scored):
    _, _, result = scored
    explained = [
        (row.get("explained_by"), found["explained_by"]) for row, found in result["hits"] if row["rule"] == "REV-1"
    ]
    assert {"cache", "offline_jwt", None} <= {right for right, _ in explained}
    assert all(right == said for right, said in explained)
