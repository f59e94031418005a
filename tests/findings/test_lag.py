import json

import duckdb
import pandas
import polars
import pytest

from grantlens import detect
from grantlens.errors import RuleError
from grantlens.rule.example import revoked, token, use
from grantlens.rules import registry
from grantlens.store import Store

COLUMNS = (
    "revocation_event source tenant client_id subject_id token_id grant_id resource_server revoked_at target_kind initiator "
    "last_success_s first_denial_s lag_lower_s lag_upper_s uses_after censored attempts allowed_s join_key"
)


def test_one_row_for_each_revocation_token_and_server(scene):
    rows = list(scene.lag)
    assert scene.lag.arrow().column_names == COLUMNS.split()
    assert [(row["revocation_event"], row["token_id"], row["resource_server"]) for row in rows] == [
        (scene.lag.arrow()["revocation_event"][0].as_py(), "t1", "mail.example"),
        ("r2", "t2", None),
    ]
    tried = rows[0]
    assert (tried["last_success_s"], tried["first_denial_s"]) == (30.25, 60.0)
    assert tried["lag_lower_s"] < 30.25 < 60.0 < tried["lag_upper_s"]


def test_a_revocation_that_nobody_tried_stays_in(scene):
    untried = list(scene.lag)[-1]
    assert (untried["lag_lower_s"], untried["lag_upper_s"], untried["censored"], untried["attempts"]) == (
        0,
        None,
        "right",
        0,
    )
    assert scene.lag.estimate().n == 2
    assert scene.lag.estimate().right_share == 0.5


def test_the_curve_falls_and_keeps_its_bounds(scene):
    curve = scene.lag.curve()
    frame = curve.pl()
    assert (frame["survival_low"] <= frame["survival_high"]).all()
    assert frame["t"].is_sorted()
    assert frame["survival_low"].is_sorted(descending=True)
    assert frame["survival_high"].is_sorted(descending=True)
    assert curve.chart().json()
    assert repr(curve) == scene.lag.estimate().sentence()
    assert repr(curve) in repr(scene.lag)


def test_one_server(scene):
    assert scene.lag.servers() == ["mail.example"]
    assert [row["resource_server"] for row in scene.lag.at("mail.example")] == ["mail.example"]
    assert "at mail.example" in scene.lag.at("mail.example").curve().chart().title
    assert "at mail.example" not in scene.lag.curve().chart().title
    with pytest.raises(RuleError, match=r"at a server 'files.example'. .*mail.example"):
        scene.lag.at("files.example")
    assert repr(scene.lag.at("mail.example")).startswith("Revocation lag at mail.example, ")
    assert "Which tokens still worked" in scene.lag._repr_html_()
    assert "Which tokens still worked" not in scene.lag.at("mail.example")._repr_html_()
    assert scene.lag.at(None).arrow() == scene.lag.arrow()
    assert scene.lag.at(None).calls.arrow() == scene.lag.calls.arrow()


def test_it_carries_the_rules_of_revocation(scene):
    assert [found.rule.id for found in scene.lag.rules] == [rule for rule in registry() if rule.startswith("REV")]
    for found in scene.lag.rules:
        assert found.to_dicts() == scene.found[found.rule.id].to_dicts()


def test_frames(scene):
    lag = scene.lag
    assert (
        len(lag.pl())
        == len(lag.df())
        == len(polars.DataFrame(lag))
        == len(pandas.DataFrame.from_arrow(lag))
        == len(lag)
    )
    assert duckdb.sql("SELECT count(*) FROM lag").fetchall() == [(len(lag),)]


def test_the_calls_after_a_revocation_by_minute(scene):
    assert list(scene.lag.acceptance().pl().iter_rows()) == [
        (0, 1, 1, 1.0, *scene.lag.acceptance().pl()["low", "high"].row(0)),
        (1, 1, 0, 0.0, *scene.lag.acceptance().pl()["low", "high"].row(1)),
    ]
    assert repr(scene.lag.acceptance()) == scene.lag.acceptance().chart().title
    assert len(scene.lag.at("mail.example").acceptance()) == 2


def test_a_call_that_several_revocations_forbade_is_one_call_after_the_first(tmp_path):
    log = tmp_path / "log.ndjson"
    rows = [
        token("10 11:00", "t1", ["mail.read"], "10 18:00"),
        revoked("10 12:00:01", "grant", event_id="r2"),
        revoked("10 12:00"),
        use("10 12:00:30", "GET /v1/messages/7"),
        use("10 12:01:00.5", "GET /v1/messages/7"),
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Store(":memory:") as store:
        store.load(log)
        lag = detect.revocation_lag(store)
    assert [(row["revocation_event"], row["after_s"]) for row in lag.calls] == [("r1", 30.0), ("r1", 60.5)]
    assert lag.acceptance().pl()["calls"].to_list() == [1, 1]
