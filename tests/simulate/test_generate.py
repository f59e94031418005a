"""Same seed, same bytes; and the bundled samples are what the generator writes today."""

from pathlib import Path

import pytest

from grantlens.simulate import build, generate

SAMPLES = Path(__file__).parents[2] / "data" / "samples"


def contents(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def test_two_runs_are_equal_byte_for_byte(tmp_path):
    generate(tmp_path / "a", seed=11)
    generate(tmp_path / "b", seed=11)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_another_seed_gives_another_world(tmp_path):
    generate(tmp_path / "a", seed=11)
    generate(tmp_path / "b", seed=12)
    assert contents(tmp_path / "a")["truth.json"] != contents(tmp_path / "b")["truth.json"]


def test_the_samples_are_a_fresh_generation(tmp_path):
    generate(tmp_path / "fresh", seed=7, days=90, connections=30)
    fresh, bundled = contents(tmp_path / "fresh"), contents(SAMPLES)
    assert sorted(fresh) == sorted(bundled), "run: python -m grantlens.simulate data/samples"
    for name in fresh:
        assert fresh[name] == bundled[name], f"{name} differs: run python -m grantlens.simulate data/samples"


def test_the_samples_are_small():
    assert sum(map(len, contents(SAMPLES).values())) < 2_300_000


def test_every_incident_stands_in_the_readme():
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for incident in build().truth.incidents:
        assert incident.title in text


def test_too_short_a_period_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 80"):
        generate(tmp_path, days=30)


@pytest.mark.parametrize(("days", "connections"), [(80, 1), (200, 120)])
def test_other_sizes(tmp_path, days, connections):
    world = build(seed=3, days=days, connections=connections)
    assert len(world.grants) >= connections
    assert (world.end - world.begin).days == days
