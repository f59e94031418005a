"""The database in which records are mapped: one for all mappers, and a place for each."""

import pyarrow as pa
import pytest

from grantlens.ingest.workbench import Workbench, Workshop


@pytest.fixture
def shop():
    shop = Workshop()
    yield shop
    shop.close()


def threads(bench):
    return bench.engine.value("SELECT current_setting('threads')")


def test_each_bench_has_temporary_tables_of_its_own(shop):
    first, second = Workbench(shop), Workbench(shop)
    first.engine.execute("CREATE TEMP TABLE step AS SELECT 1 AS n")
    second.engine.execute("CREATE TEMP TABLE step AS SELECT 2 AS n")
    assert [bench.engine.value("FROM step") for bench in (first, second)] == [1, 2]
    second.close()
    assert first.engine.value("FROM step") == 1


def test_the_processor_is_shared_by_all_that_work_there(shop):
    first, second = Workbench(shop), Workbench(shop)
    first.engine.execute("SET threads = 8")
    for parts, each in ((2, 4), (1, 8), (2, 4), (4, 2)):
        shop.share(parts)
        assert threads(first) == threads(second) == each


def test_a_shop_that_was_closed_opens_again(shop):
    shop.share(2)
    bench = Workbench(shop)
    assert bench.engine.value("SELECT 1") == 1
    bench.close()
    shop.close()
    assert bench.engine.value("SELECT 'success'::outcome_t::VARCHAR") == "success"


def test_a_query_that_is_repeated_sees_the_rows_of_the_day_and_is_bound_once(shop):
    """Each piece of a file comes under the same name, and so do the tables that are made of it."""
    engine = Workbench(shop).engine
    query, bound = "SELECT a + $more AS b FROM piece JOIN made USING (a)", []
    connection, engine._connection = engine._connection, Counting(engine._connection, bound)
    for a, more in [(1, 1), (2, 1), (2, 5)]:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE made AS SELECT {a}::BIGINT AS a")
        with engine.registered("piece", pa.table({"a": [a]})):
            assert engine.repeated(query, {"more": more, "unused": 0}).to_pylist() == [{"b": a + more}]
    assert bound == [query, query]  # again only where a parameter is another one
    assert engine.cursor()._asked == {}


class Counting:
    """A connection that notes what is bound."""

    def __init__(self, connection, bound):
        self._connection, self._bound = connection, bound

    def sql(self, query, params):
        self._bound.append(query)
        return self._connection.sql(query, params=params)

    def __getattr__(self, name):
        return getattr(self._connection, name)
