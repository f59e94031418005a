"""Every answer that is a table gives its rows, and gives them as JSON can hold them."""

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
    "advice": lambda scene: scene.found["PRV-1"].recommend(),
    "grants": lambda scene: gl.grants(scene.store),
    "timeline": lambda scene: gl.Case(scene.store, token="t1").timeline(),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_rows_are_what_json_can_hold(scene, name):
    answer = ANSWERS[name](scene)
    rows = answer.to_dicts()
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert [[*row] for row in answer] == [[*row] for row in rows] == [answer.table.column_names] * len(answer)
    assert rows or name == "backtest"
