"""Statements of ours are parsed once a process, and mean the same whatever somebody set."""

import duckdb
import pytest

from grantlens.engine.duckdb import Engine
from grantlens.engine.parsing import parsed
from grantlens.store import Store


def test_another_database_runs_what_was_parsed_for_one_before():
    text = "SELECT $word || ' again' AS said"
    for number, word in enumerate(("once", "twice")):
        hits = parsed.cache_info().hits
        engine = Engine(":memory:")
        hits_of_opening = parsed.cache_info().hits - hits
        assert engine.value(text, {"word": word}) == f"{word} again"
        assert parsed.cache_info().hits == hits + hits_of_opening + number
        engine.close()


def test_a_setting_changes_what_its_user_asks_and_nothing_of_ours():
    ours = "SELECT 7 / 2 AS half"
    with Store(":memory:") as store, Store(":memory:") as other:
        store.sql("SET integer_division = true")
        assert store.sql(ours).to_pylist() == [{"half": 3}]
        assert [each.engine.value(ours) for each in (store, other)] == [3.5, 3.5]
        store.sql("SET integer_division = false")
        assert store.sql(ours).to_pylist() == [{"half": 3.5}]


def test_what_is_no_sql_is_refused_where_it_is_run():
    engine = Engine(":memory:")
    with pytest.raises(duckdb.ParserException, match="SELEC 1"):
        engine.execute("SELEC 1")
    engine.execute("CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (1)")
    assert engine.rows("FROM a") == [(1,)]
    engine.close()
