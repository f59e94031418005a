"""The database in which records are mapped: one for all mappers, and a place for each."""

import os
import subprocess
import sys
from dataclasses import replace

import pyarrow as pa
import pytest

from grantlens.ingest import workbench
from grantlens.ingest.workbench import Workbench, Workshop
from grantlens.loaders import loaders


@pytest.fixture(autouse=True)
def _nothing_left():
    workbench._AT_REST.clear()


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


def test_what_one_load_leaves_the_next_one_takes(shop):
    bench = Workbench(shop)
    every = threads(bench)
    bench.engine.execute("CREATE TABLE mark AS SELECT 7 AS n")
    bench.engine.execute("CREATE TEMP TABLE step AS SELECT 1 AS n")
    okta = loaders()["okta"]
    shop.learn(okta, {"step": "SELECT"}, [])
    bench.close()
    shop.close()
    shop.close()  # a load may end twice
    [(engine, _)] = workbench._AT_REST
    assert engine.value("SELECT current_setting('threads')") == 1
    second, third = Workshop(), Workshop()
    taken = Workbench(second)
    assert taken.engine.value("FROM mark") == 7
    assert "step" not in {name for (name,) in taken.engine.rows("SELECT table_name FROM duckdb_tables()")}
    assert threads(taken) == every
    assert second.known(okta) == ({"step": "SELECT"}, [])
    other = Workbench(third)
    assert "mark" not in {name for (name,) in other.engine.rows("SELECT table_name FROM duckdb_tables()")}
    assert third.known(okta) is None
    for each in (taken, other, second, third):
        each.close()
    assert len(workbench._AT_REST) == 1


def test_no_more_is_remembered_than_of_so_many_loaders(shop):
    okta = loaders()["okta"]
    read = [replace(okta, version=number) for number in range(workbench._REMEMBERED + 1)]
    for loader in read:
        shop.learn(loader, {"step": f"SELECT {loader.version}"}, [])
    assert shop.known(read[0]) is None
    assert shop.known(read[1]) == ({"step": "SELECT 1"}, [])
    assert shop.known(read[-1]) == ({"step": f"SELECT {workbench._REMEMBERED}"}, [])


def test_one_that_met_an_error_of_its_own_is_forgotten(shop):
    Workbench(shop).engine.value("SELECT 1")
    shop._engine.close()
    shop.close()
    assert not workbench._AT_REST
    assert Workbench(shop).engine.value("SELECT 1") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_was_forked_after_a_load_loads_as_well(samples):
    log = samples / "logs" / "google_workspace" / "token.json"
    script = f"""
import os
from grantlens.store import Store

def loaded():
    with Store(":memory:") as store:
        return store.load({str(log)!r}).total("records")

number = loaded()
child = os.fork()
if not child:
    os._exit(0 if number and loaded() == number else 1)
print(number, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), loaded() == number)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.split()[1:] == ["0", "True"], done.stderr


def test_a_query_that_is_repeated_sees_the_rows_of_the_day_and_is_bound_once(shop):
    """Each piece of a file comes under the same name, and so do the tables that are made of it."""
    engine = Workbench(shop).engine
    query, bound = "SELECT a + $more AS b FROM piece JOIN made USING (a)", []
    connection, engine._connection = engine._connection, Counting(engine._connection, bound)
    for a, more in [(1, 1), (2, 1), (2, 5)]:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE made AS SELECT {a}::BIGINT AS a")
        with engine.registered("piece", pa.table({"a": [a]})):
            assert engine.repeated(query, {"more": more, "unused": 0}).to_pylist() == [{"b": a + more}]
    assert [statement.query for statement in bound] == [query, query]  # again only where a parameter is another one
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
