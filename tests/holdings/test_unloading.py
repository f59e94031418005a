"""Loaded files are taken out of a store again: what is left is as if they had never been there, and that they were is said."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grantlens as gl
from grantlens.errors import StoreError
from grantlens.loaders import Settings
from grantlens.store import Store

BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
WHO = {"outcome": "success", "client_id": "c"}


def record(number, minutes):
    moment = (BEGIN + timedelta(minutes=minutes)).isoformat()
    log, time, more = (
        ("usage", "used_at", {"target": f"/things/{number % 4}", "method": "GET", "client_id": f"c{number % 3}"}),
        ("issuance", "issued_at", {"kind": "token", "token_id": f"t{number}", "scopes": ["read"]}),
        ("revocation", "revoked_at", {"kind": "revoke", "target_kind": "client"}),
    )[number % 5 if number % 5 < 3 else 0]
    return {"log": log, "event_id": f"e{number}", time: moment, **WHO, **more}


def write(path, records):
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return path


SAME = (
    "SELECT * EXCLUDE (usage_id, caller_id, target_id, batch_id, line_no) FROM usage",
    "SELECT * EXCLUDE (batch_id, line_no) FROM issuance",
    "SELECT * EXCLUDE (batch_id, line_no) FROM revocation",
    "SELECT * EXCLUDE (batch_id) FROM activity",
    "SELECT * EXCLUDE (batch_id, loaded_at) FROM batch",
    "SELECT source, tenant, client_id, first_used_at FROM caller_first JOIN usage_caller USING (caller_id)",
    "SELECT * EXCLUDE (target_id) FROM usage_target",
    "SELECT reason, excerpt FROM rejected",
    "SELECT reason, records FROM ignored",
    "FROM coverage",
    "FROM clock",
    "FROM declared",
    "SELECT count(*), count(DISTINCT event_key) FROM event_key",
)


def same(store, other):
    for sql in SAME:
        assert sorted(map(str, store.sql(sql).to_pylist())) == sorted(map(str, other.sql(sql).to_pylist())), sql


@settings(max_examples=15)
@given(
    parts=st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=15), min_size=2, max_size=4),
    data=st.data(),
)
def test_what_is_left_is_what_a_store_holds_that_never_had_them(tmp_path_factory, parts, data):
    folder = tmp_path_factory.mktemp("unload")
    files, number = [], 0
    for place, minutes in enumerate(parts):
        records = [record(number + at, minute) for at, minute in enumerate(minutes)]
        number += len(minutes)
        broken = ["{"] if data.draw(st.booleans()) else []
        path = write(folder / f"{place}.ndjson", records)
        path.write_text(path.read_text() + "\n".join(broken))
        files.append(path)
    gone = data.draw(st.lists(st.sampled_from(files), unique=True, max_size=len(files)))
    kept = [path for path in files if path not in gone]
    with Store(folder / "all.duckdb") as store, Store(":memory:") as other:
        store.load(*files)
        if kept:
            other.load(*kept)
        found = store.unload(*gone)
        assert sorted(found.paths) == sorted(map(str, gone))
        same(store, other)
        assert store.verify() == []
        store.load(*gone)
        assert store.engine.value("SELECT count(*) FROM usage") == sum(
            each["log"] == "usage" for each in (record(at, 0) for at in range(number))
        )


def test_a_log_whose_clock_was_taken_for_another_is_loaded_again(tmp_path):
    line = '2026-07-01 10:00:00,000 WARN  [org.keycloak.events] (executor-1) type="LOGIN_ERROR", realmId="r", clientId="app", error="x"\n'
    path = tmp_path / "keycloak.log"
    path.write_text(line)
    with Store(tmp_path / "s.duckdb") as store, Store(tmp_path / "other.duckdb") as other:
        store.load(path, settings=Settings(time_zone="UTC"))
        store.unload(path)
        store.load(path, settings=Settings(time_zone="Europe/Berlin"))
        other.load(path, settings=Settings(time_zone="Europe/Berlin"))
        assert store.sql("FROM batch").num_rows == 1
        same(store, other)


def test_rows_that_another_file_left_out_because_of_it_are_not_lost_unseen(tmp_path):
    first = write(tmp_path / "first.ndjson", [record(number, number) for number in range(10)])
    later = write(tmp_path / "later.ndjson", [record(number, number) for number in range(5, 15)])
    other = write(tmp_path / "other.ndjson", [record(number, number + 5000) for number in range(20, 30)])
    with Store(tmp_path / "s.duckdb") as store:
        store.load(first, later, other)
        with pytest.raises(StoreError, match=r"later\.ndjson left out 5 rows .*\n?.*") as caught:
            store.unload(first)
        assert "Name these files too, and load them again" in str(caught.value)
        assert len(store.sql("FROM batch")) == 3
        assert store.unload(later).rows == 5  # what it left out is there
        store.load(later)
        assert store.unload(first, later).rows == 15
        assert store.load(later).total("usage") == sum(record(n, 0)["log"] == "usage" for n in range(5, 15))
        assert store.unload(tmp_path, other).rows == 20


def test_a_file_of_which_nothing_was_new_is_not_lost_unseen_either(tmp_path):
    first = write(tmp_path / "first.ndjson", [record(number, number) for number in range(10)])
    again = write(tmp_path / "again.ndjson", [record(number, number) for number in range(5)])
    with Store(tmp_path / "s.duckdb") as store:
        store.load(first, again)
        with pytest.raises(StoreError, match=r"again\.ndjson left out 5 rows"):
            store.unload(first)


def test_a_file_that_grew_goes_with_all_its_loads_however_its_path_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "log.ndjson", [record(0, 1), record(3, 2)])
    with Store(tmp_path / "s.duckdb") as store:
        store.load("log.ndjson")
        write(path, [record(0, 1), record(3, 2), record(4, 3)])
        store.load(path)
        assert store.unload(f"{tmp_path}/../{tmp_path.name}/log.ndjson").paths == ("log.ndjson", str(path))
        assert store.sql("FROM usage").num_rows == store.sql("FROM batch").num_rows == 0


def test_nothing_of_it_is_left_in_the_file_and_that_it_was_there_is_said(tmp_path):
    mine = write(tmp_path / "mine.ndjson", [record(0, 1), record(3, 900)])
    theirs = write(tmp_path / "theirs.ndjson", [record(5, 5) | {"client_id": "of-another-company"}])
    with Store(tmp_path / "s.duckdb") as store:
        store.load(mine, theirs)
        store.unload(theirs)
        document = gl.review(store).document
        assert store.load(theirs).total("usage") == 1
        again = gl.review(store).document
        store.unload(theirs)
    assert b"of-another-company" not in (tmp_path / "s.duckdb").read_bytes()
    (gone,) = document["manifest"]["unloaded"]
    assert (gone["path"], gone["rows"]) == (str(theirs), 1)
    said = "1 file had been loaded and was taken out of the store"
    assert any(line.startswith(f"{said}:") for line in document["limitations"])
    assert any(line.startswith(f"{said}, 1 of which is there again:") for line in again["limitations"])


def test_what_was_never_loaded_is_named_with_what_was_meant(tmp_path):
    path = write(tmp_path / "a.ndjson", [record(0, 1)])
    with Store(tmp_path / "s.duckdb") as store:
        store.load(path)
        with pytest.raises(StoreError, match="was not loaded into this store") as caught:
            store.unload(tmp_path / "elsewhere" / "a.ndjson")
        assert str(path) in str(caught.value)
        with pytest.raises(StoreError) as caught:
            store.unload("entirely-different")
        assert caught.value.remedy == f"Loaded is {path}.", "no command lists what is loaded"
        assert store.sql("FROM usage").num_rows == 1


def test_an_answer_is_as_it_would_have_been(sample_file, tmp_path):
    with Store(shutil.copy(sample_file, tmp_path / "s.duckdb")) as store:
        before = [each.to_dicts() for each in gl.detect.run(store, now="2026-10-01")]
        stranger = write(tmp_path / "x.ndjson", [record(number, number) for number in range(40)])
        store.load(stranger)
        assert [each.to_dicts() for each in gl.detect.run(store, now="2026-10-01")] != before
        store.unload(stranger)
        assert [each.to_dicts() for each in gl.detect.run(store, now="2026-10-01")] == before


def test_a_store_of_one_tenant_takes_nothing_out(sample_file, tmp_path):
    with (
        gl.open(shutil.copy(sample_file, tmp_path / "s.duckdb"), tenant="brightwater") as store,
        pytest.raises(StoreError, match="`unload` is about a whole store"),
    ):
        store.unload("x")
