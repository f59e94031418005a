"""Every answer that is a table gives its rows in one form."""

import json

import pytest

import grantlens as gl

ANSWERS = {
    "findings": lambda scene: scene.found["REV-1"],
    "tally": lambda scene: scene.found["REV-1"].by("client_id"),
    "lag": lambda scene: scene.lag,
    "curve": lambda scene: scene.lag.curve(),
    "acceptance": lambda scene: scene.lag.acceptance(),
    "backtest": lambda scene: gl.detect.backtest(scene.store, "2026-07-10"),
    "smallest": lambda scene: gl.detect.smallest_scopes(scene.store),
    "grants": lambda scene: gl.grants(scene.store),
    "timeline": lambda scene: gl.Case(scene.store, token="t1").timeline(),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_rows_are_what_json_can_hold(scene, name):
    answer = ANSWERS[name](scene)
    rows = list(answer)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows == answer.to_dicts()
    assert len(rows) == len(answer)
    assert [*rows[0]] == answer.table.column_names if rows else name == "backtest"
