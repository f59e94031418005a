"""Every answer that is a table gives its rows, and gives them as JSON can hold them."""

import json
import re
from datetime import datetime

import pyarrow
import pytest

import grantlens as gl
from grantlens.findings import RevocationLag, UnusedPrivileges
from grantlens.framed import Rows
from grantlens.plain import plain
from grantlens.store import Store

ANSWERS = {
    "findings": lambda scene: scene.found["REV-1"],
    "tally": lambda scene: scene.found["REV-1"].by("client_id"),
    "lag": lambda scene: scene.lag,
    "calls": lambda scene: scene.lag.calls,
    "curve": lambda scene: scene.lag.curve(),
    "acceptance": lambda scene: scene.lag.acceptance(),
    "backtest": lambda scene: gl.detect.backtest(scene.store, "2026-07-10"),
    "smallest": lambda scene: gl.detect.smallest_scopes(scene.store),
    "advice": lambda scene: scene.found["PRV-1"].recommend(),
    "grants": lambda scene: gl.grants(scene.store),
    "coverage": lambda scene: scene.store.coverage(),
    "providers": lambda scene: scene.store.providers(),
    "timeline": lambda scene: gl.Case(scene.store, token="t1").timeline(),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_rows_are_what_json_can_hold(scene, name):
    answer = ANSWERS[name](scene)
    rows = answer.to_dicts()
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert [[*row] for row in answer] == [[*row] for row in rows] == [answer.table.column_names] * len(answer)
    assert rows or name == "backtest"


@pytest.mark.parametrize("name", ANSWERS)
def test_rows_gone_through_one_by_one_have_times_to_reckon_with(scene, name):
    answer = ANSWERS[name](scene)
    times = [field.name for field in answer.table.schema if pyarrow.types.is_timestamp(field.type)]
    rows = list(answer)
    assert {type(row[column]) for row in rows for column in times} <= {datetime, type(None)}
    assert [plain(row) for row in rows] == answer.to_dicts()


@pytest.mark.parametrize("name", ANSWERS)
def test_rows_are_reached_by_number_as_in_a_list(scene, name):
    answer = ANSWERS[name](scene)
    rows = list(answer)
    assert [answer[at] for at in range(-len(rows), len(rows))] == rows + rows
    assert [*reversed(answer)] == rows[::-1]
    for part in (slice(None), slice(1), slice(1, 3), slice(-2, None), slice(None, None, -2), slice(9, 3), slice(10**9)):
        assert answer[part] == rows[part]


def test_a_row_that_is_not_there_is_told(scene):
    findings = scene.found["REV-1"]
    assert isinstance(findings[0]["detail"], dict)
    with pytest.raises(IndexError, match=rf"There is no row 99, of {len(findings)} rows? from 0\."):
        findings[99]
    with pytest.raises(gl.GrantlensError, match=r"^'client_id' is no row\. .*answer\.df\(\)\[NAME\]"):
        findings["client_id"]


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "tally"])  # it is counted by any column
def test_every_column_is_documented(scene, name):
    answer = ANSWERS[name](scene)
    elsewhere = {
        "advice": UnusedPrivileges.recommend,
        "calls": RevocationLag,
        "coverage": Store.coverage,
        "providers": Store.providers,
    }
    assert set(answer.table.column_names) <= set(re.findall(r"\w+", elsewhere.get(name, type(answer)).__doc__))


@pytest.mark.parametrize("name", ANSWERS)
def test_a_notebook_shows_a_title(scene, name):
    answer = ANSWERS[name](scene)
    assert "pyarrow" not in repr(answer)
    assert answer._repr_html_().startswith(("<p>", "<div><p>"))


def test_one_is_singular(scene):
    assert repr(scene.lag.calls) == "Calls after a revocation: 2 rows"
    assert repr(scene.store.providers()) == "Providers: 1 row"


def test_who_stops_early_has_not_waited_for_all_rows(monkeypatch):
    made = []
    monkeypatch.setattr("grantlens.framed.plain_rows", lambda table: made.append(len(table)) or table.to_pylist())
    answer = Rows("numbers", pyarrow.table({"number": range(12_345)}))
    assert next(iter(answer)) == {"number": 0}
    assert sum(made) < len(answer)
    assert [row["number"] for row in answer] == [*range(12_345)]
