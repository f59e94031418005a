import json

import pytest

import grantlens as gl
from grantlens.errors import RuleError, WindowError
from grantlens.findings.backtest import OUTCOMES
from grantlens.rule.example import CATALOGUE, revoked, use
from grantlens.rules.unused_scope import RULE

AT = "2026-07-21"
"""Ann's app has not read files until then, and is advised to give that up."""


def tried(tmp_path, *records, **parameters):
    """Return the advice of that moment about her app, and how it fared with these records besides."""
    (tmp_path / "catalogue.toml").write_text(CATALOGUE)
    rows = [*RULE.fires[0].records, *records]
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps({"event_id": f"e{n}", **row}) + "\n" for n, row in enumerate(rows)))
    with gl.open(":memory:") as store:
        store.add(gl.Catalogue.build("toml", tmp_path / "catalogue.toml"))
        assert store.load(log).total("rejected") == 0
        found = gl.detect.backtest(store.between("2026-07-01", "2026-08-01"), AT, **{"floor_days": 10, **parameters})
    return found, next((row for row in found.arrow().to_pylist() if row["client_id"] == "app"), None)


def files(when, **more):
    return use(when, "GET /v1/files/1", None, "files.example", grant_id="g1", **more)


@pytest.mark.parametrize(
    ("records", "outcome", "uses", "unknown"),
    [
        ((), "not needed", 0, 0),
        ((files("25 09:00"),), "needed", 1, 0),
        ((files("25 09:00", status=403),), "not needed", 0, 0),
        ((files("25 09:00"), use("25 10:00", "GET /v1/odd/7", None, grant_id="g1")), "needed", 1, 1),
        ((use("25 10:00", "GET /v1/odd/7", None, grant_id="g1"),), "may be needed", 0, 1),
        ((revoked("21 00:00", "grant"),), "untested", 0, 0),
    ],
)
def test_what_came_after_is_held_against_the_advice(tmp_path, records, outcome, uses, unknown):
    found, row = tried(tmp_path, *records)
    assert (row["scope"], row["action"]) == ("files.read", "remove")
    assert (row["outcome"], row["uses"], row["calls_unknown"]) == (outcome, uses, unknown)
    assert row["reason"].endswith(".")
    (removed, *_) = found.summary()
    assert removed["scopes"] == sum(removed[each.replace(" ", "_")] for each in OUTCOMES)
    assert removed[outcome.replace(" ", "_")] >= 1


def test_what_is_to_be_watched_longer_is_no_advice_to_try(tmp_path):
    found, row = tried(tmp_path, floor_days=25, floor_sessions=1000)
    assert row is None
    assert {each["action"] for each in found.arrow().to_pylist()} <= {"remove", "replace", "ask"}


def test_the_advice_knows_nothing_of_what_comes_after(tmp_path):
    plain, _ = tried(tmp_path)
    after, _ = tried(tmp_path, *(files(f"{day} 09:00") for day in range(21, 31)))
    known = ("source", "client_id", "subject_id", "grant_id", "scope", "action", "replacement", "p_needed")
    assert sorted(map(str, plain.arrow().select(known).to_pylist())) == sorted(
        map(str, after.arrow().select(known).to_pylist())
    )


def test_the_chance_is_that_of_the_time_that_was_tried(tmp_path):
    _, row = tried(tmp_path)
    with pytest.raises(RuleError, match="Leave horizon_days out"):
        tried(tmp_path, horizon_days=90)
    assert 0 < row["p_needed"] < 0.05


def test_a_time_of_centuries_after_the_moment_is_as_long_as_a_chance_is_asked_for(store):
    """A report since the year 1 failed for a parameter that nobody had set."""
    found = gl.detect.backtest(store.between("1000-01-01", "2026-08-01"), "1700-01-01")
    assert found.summary()[0]["scopes"] == 0


def test_in_the_samples_it_would_have_stopped_what_the_thief_did(sample_file):
    with gl.open(sample_file, read_only=True) as store:
        found = gl.detect.backtest(store.between("2026-07-03", "2026-10-01"), "2026-09-01")
    removed, *_ = found.summary()
    assert removed["needed"] > removed["expected"]
    needed = {row["client_id"] for row in found.arrow().to_pylist() if row["outcome"] == "needed"}
    assert needed == {"chatrelay"}
    said = repr(found)
    assert f"calls would have failed without {removed['needed']} of them" in said
    assert said in found._repr_html_()


@pytest.mark.parametrize("at", ["2026-06-30", "2026-07-01", "2026-08-01"])
def test_the_moment_lies_inside(store, at):
    with pytest.raises(WindowError, match="does not lie inside 2026-07-01 to 2026-08-01"):
        gl.detect.backtest(store.between("2026-07-01", "2026-08-01"), at)
