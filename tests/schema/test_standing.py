"""A store that somebody else made: what it brings along is not run, whatever name it has."""

import json
import os
import re
import shutil
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from grantlens import detect, relations, rules
from grantlens.case import Case
from grantlens.errors import StoreError
from grantlens.schema import TABLES, VIEWS, standing
from grantlens.store import Store
from tests.schema.test_migrations import of_version_1

CALL = {"log": "usage", "event_id": "e1", "used_at": "2026-01-01T00:00:00Z", "outcome": "success", "client_id": "c"}
SECRET = "-----BEGIN PRIVATE KEY-----"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    (folder / "a.ndjson").write_text(json.dumps(CALL) + "\n")
    with Store(folder / "acme.duckdb") as store:
        store.load(folder / "a.ndjson")
    return folder / "acme.duckdb"


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "id_ed25519").write_text(SECRET)
    return tmp_path / "id_ed25519"


@pytest.fixture
def sent(made, tmp_path):
    """Return a function that gives a store in which somebody ran some statements."""

    def change(*statements):
        path = shutil.copy(made, tmp_path / "acme.duckdb")
        with duckdb.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)
        return path

    return change


def reading(view, column, file):
    """Return the statement of a view that is like the one of the schema, and has a file in one column."""
    return f"CREATE OR REPLACE VIEW {view} AS SELECT * REPLACE ((SELECT content FROM read_text('{file}')) AS {column}) FROM ({VIEWS[view]})"


def views(store):
    """Return the views of the schema main as DuckDB writes them, but for the columns left out, which come in any order."""
    found = store.engine.rows("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal AND schema_name = 'main'")
    return {name: re.sub(r"EXCLUDE \([^)]*\)", "", sql) for name, sql in found}


MACROS = (
    *("lower(x) AS 'LIE'", "COUNT(x) AS 42", '"+"(a, b) AS 99', "hash(a, b, c) AS 7", "date_trunc(a, b) AS NULL", "unnest(x) AS 5"),
    *("current_database() AS 'x'", '"="(a, b) AS true', "list_value(a) AS 3", "range(a) AS TABLE SELECT 1 AS r"),
    "duckdb_functions() AS TABLE SELECT 'none' AS function_name, true AS internal, 'main' AS schema_name, 'acme' AS database_name",
    "duckdb_tables() AS TABLE SELECT 'meta' AS table_name, false AS internal, false AS temporary",
)  # fmt: skip


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("macro", MACROS)
def test_a_macro_in_the_place_of_a_function_is_refused(sent, macro, read_only):
    path = sent(f"CREATE MACRO {macro}")
    with pytest.raises(StoreError, match="macros stand in the place of functions of DuckDB") as caught:
        Store(path, read_only=read_only)
    assert macro.split("(")[0].strip('"').lower() in caught.value.message
    assert "grantlens load NEW.duckdb LOGS" in caught.value.remedy


def test_all_macros_at_once_hide_none_of_them(sent):
    with pytest.raises(StoreError, match=r"macros stand in the place of functions of DuckDB: \+, =, count"):
        Store(sent(*(f"CREATE MACRO {macro}" for macro in MACROS)))


def test_a_database_without_tables_may_hold_macros_too(tmp_path):
    with duckdb.connect(str(tmp_path / "new.duckdb")) as connection:
        connection.execute("CREATE MACRO lower(x) AS 'LIE'")
    with pytest.raises(StoreError, match="macros stand in the place of functions of DuckDB: lower"):
        Store(tmp_path / "new.duckdb")


def test_a_database_in_memory_with_a_name_is_opened_twice():
    with Store(":memory:shared") as one, Store(":memory:shared") as other:
        one.engine.execute("CREATE TABLE mine AS SELECT 1 AS a")
        assert other.sql("FROM mine").num_rows == 1


ODD = {
    "CREATE TYPE json AS ENUM ('x')": "types stand in the place of those of DuckDB: json",
    "CREATE SCHEMA temp": "schemas are called as databases are: temp",
    "CREATE SCHEMA acme": "schemas are called as databases are: acme",
    "ALTER TABLE batch ALTER note SET DEFAULT upper('x')": (
        "its table batch says \"note VARCHAR DEFAULT(upper('x'))\" where 'note VARCHAR' is expected"
    ),
    "ALTER TABLE batch ADD COLUMN mine INTEGER": "its table batch says 'mine INTEGER' where '' is expected",
    "ALTER TABLE batch DROP COLUMN note": "its table batch says '' where 'note VARCHAR' is expected",
    "ALTER TABLE batch ALTER records TYPE DOUBLE": "says 'records DOUBLE NOT NULL' where 'records BIGINT NOT NULL'",
    "ALTER TABLE batch ADD PRIMARY KEY (batch_id)": "says 'batch_id INTEGER' where 'batch_id INTEGER NOT NULL' is expected",
    "DROP TABLE review_snapshot": "it has no table review_snapshot",
}  # fmt: skip


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("statement", ODD)
def test_what_is_not_as_grantlens_makes_it_is_refused_and_told(sent, statement, read_only):
    path = sent(statement)
    with pytest.raises(StoreError, match="is not as grantlens makes a store: ") as caught:
        Store(path, read_only=read_only)
    assert ODD[statement] in caught.value.message


def test_a_column_that_is_worked_out_is_refused(sent):
    columns = next(table for table in TABLES if table.name == "rejected").ddl()
    made = columns.replace("excerpt VARCHAR", "excerpt VARCHAR GENERATED ALWAYS AS (upper(reason))")
    with pytest.raises(StoreError, match="columns are worked out when they are read, of rejected"):
        Store(sent("DROP TABLE rejected", made))
    with pytest.raises(StoreError, match="its table rejected says 'excerpt VARCHAR GENERATED ALWAYS AS"):
        Store(sent("DROP TABLE rejected", made), read_only=True)


def test_a_column_with_other_values_is_another(sent):
    path = sent(
        "CREATE TABLE other AS SELECT * REPLACE (log::VARCHAR::ENUM('usage', 'issuance', 'revocation') AS log) FROM activity",
        "DROP TABLE activity", "ALTER TABLE other RENAME TO activity",
        *(f"ALTER TABLE activity ALTER {column} SET NOT NULL" for column in ("batch_id", "source", "log")),
    )  # fmt: skip
    with pytest.raises(
        StoreError, match="its table activity says \"log ENUM\\('usage'\" where \"log ENUM\\('issuance'\""
    ):
        Store(path, read_only=True)


@pytest.mark.parametrize("table", ["coverage", "batch", "usage_row"])
def test_a_view_in_the_place_of_a_table_is_not_read(sent, secret, table):
    path = sent(
        f"ALTER TABLE {table} RENAME TO kept", f"CREATE VIEW {table} AS SELECT * FROM kept, read_text('{secret}')"
    )
    for read_only in (True, False):
        with pytest.raises(StoreError, match=f"views stand in the place of tables: {table}"):
            Store(path, read_only=read_only)


def test_meta_in_another_schema_is_no_store(sent, secret):
    path = sent(
        "CREATE SCHEMA main2", "CREATE TABLE main2.meta AS FROM meta", "DROP TABLE meta",
        f"CREATE VIEW meta AS SELECT name, coalesce((SELECT content FROM read_text('{secret}')), value) AS value FROM main2.meta",
    )  # fmt: skip
    with pytest.raises(StoreError, match="no grantlens store"):
        Store(path)


@pytest.mark.parametrize("version", [1, 3])
def test_a_trigger_does_not_act_on_what_is_loaded(sent, secret, tmp_path, version):
    trigger = (
        "CREATE TRIGGER t AFTER INSERT ON batch FOR EACH STATEMENT INSERT INTO rejected "
        f"SELECT 1, 1, content, 'x' FROM read_text('{secret}')"
    )
    path = sent(trigger) if version == 3 else of_version_1(tmp_path)
    if version == 1:
        with duckdb.connect(str(path)) as connection:
            connection.execute(trigger)
    with pytest.raises(StoreError, match="triggers act on batch"):
        Store(path)


def test_an_older_store_is_looked_at_before_it_is_brought_up_to_date(tmp_path, secret):
    path = of_version_1(tmp_path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE activity RENAME TO kept")
        connection.execute(f"CREATE VIEW activity AS SELECT k.* FROM kept k, read_text('{secret}')")
    with pytest.raises(StoreError, match="views stand in the place of tables: activity"):
        Store(path)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchall() == [("1",)]


@pytest.mark.parametrize(
    ("view", "column"), [("usage", "client_id"), ("scope_closure", "evidence"), ("cat_scope_name", "name")]
)
def test_a_view_of_the_schema_that_reads_a_file_is_written_anew(sent, secret, view, column):
    path = sent(reading(view, column, secret))
    with pytest.raises(StoreError, match="holds other views than this version of grantlens writes") as caught:
        Store(path, read_only=True)
    assert "once for writing" in caught.value.remedy
    with Store(path) as store:
        assert SECRET not in str(store.sql(f"FROM {view}").to_pylist())
    Store(path, read_only=True).close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE OR REPLACE VIEW named_caller AS SELECT * REPLACE ('LIE' AS client_id) FROM usage_caller",
        "CREATE OR REPLACE VIEW covered_time AS FROM range(100000000000)",
        "CREATE OR REPLACE VIEW usage AS SELECT * REPLACE ('LIE' AS client_id) FROM main2.usage",
        "DROP VIEW token",
    ],
)
def test_a_view_of_ours_that_says_something_else_is_written_anew(sent, statement):
    with Store(sent()) as store:
        expected = views(store)
    path = sent("CREATE SCHEMA main2", "CREATE VIEW main2.usage AS FROM main.usage", statement)
    with pytest.raises(StoreError, match="other views"):
        Store(path, read_only=True)
    with Store(path) as store:
        assert views(store) == expected


def test_a_table_in_the_place_of_a_view_is_named(sent):
    path = sent("DROP VIEW token", "CREATE TABLE Token AS SELECT 1 AS a")
    with pytest.raises(StoreError, match="holds a table called token, where grantlens keeps a view") as caught:
        Store(path)
    assert caught.value.remedy == "Rename it in DuckDB: ALTER TABLE token RENAME TO my_token"


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX")
def test_what_people_keep_in_a_store_stays_and_is_not_read(sent, tmp_path):
    """To open the pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe.csv")
    path = sent(
        "CREATE TABLE known AS SELECT 'c' AS client_id", "CREATE TABLE u AS SELECT 1 AS a", "CREATE MACRO risk(x) AS x || '!'",
        "CREATE MACRO calls() AS TABLE FROM usage", "CREATE VIEW mine AS SELECT risk(client_id) AS told FROM known JOIN usage USING (client_id)",
        "CREATE TYPE shade AS ENUM ('dark')", "CREATE SEQUENCE s", "CREATE SCHEMA mine", "CREATE TABLE mine.usage_row AS SELECT 1 AS a",
        "CREATE INDEX i ON usage_caller (client_id)", "COMMENT ON TABLE batch IS 'as sent'",
        f"CREATE VIEW waits WITH (DEFER_BINDING) AS FROM read_csv('{tmp_path}/pipe.csv')",
    )  # fmt: skip
    before = Path(path).read_bytes()
    for read_only in (True, False):
        with Store(path, read_only=read_only) as store:
            assert store.sql("SELECT told FROM mine").to_pylist() == [{"told": "c!"}]
            assert store.sql("SELECT client_id FROM calls()").to_pylist() == [{"client_id": "c"}]
            assert len(store.coverage()) == 1
    assert Path(path).read_bytes() == before


def test_tables_of_the_names_that_steps_of_ours_have_change_no_answer(sample_file, tmp_path):
    steps = {name for name, relation in relations.registry().items() if relation.windowed}
    for each in (*relations.registry().values(), *rules.registry().values()):
        steps |= set(re.findall(r"(?:WITH|,)\s+(\w+) AS \(", each.sql))
    steps |= {"case_pair", "case_token", "focus_grant", "focus_caller", "used_token", "grantlens_catalogue", "record"}
    with Store(sample_file, read_only=True) as store:
        found = [part.to_dicts() for part in detect.run(store)]
        case = Case(store, client="mail-copilot").to_dict()
    path = shutil.copy(sample_file, tmp_path / "samples.duckdb")
    with duckdb.connect(path) as connection:
        for step in sorted(steps):
            connection.execute(f"CREATE TABLE \"{step}\" AS SELECT 'LIE' AS source, 1 AS x")
    with Store(path, read_only=True) as store:
        assert [part.to_dicts() for part in detect.run(store)] == found
        assert Case(store, client="mail-copilot").to_dict() == case
    assert len(steps) > 50


def test_a_duckdb_that_writes_tables_otherwise_is_asked_for_its_own(sent, monkeypatch):
    as_it_is = standing._written
    monkeypatch.setattr(standing, "_written", lambda table: as_it_is(table).replace("INTEGER", "INT4"))
    Store(sent(), read_only=True).close()
    with pytest.raises(StoreError, match="its table batch says"):
        Store(sent("ALTER TABLE batch ALTER note SET DEFAULT upper('x')"), read_only=True)


def test_a_confined_store_reads_and_writes_no_other_file(sent, secret, tmp_path):
    path = sent(f"CREATE VIEW mine AS FROM read_text('{secret}')")
    for read_only in (True, False):
        with Store(path, read_only=read_only, confined=True) as store:
            for sql in (
                "FROM mine",
                f"FROM read_text('{secret}')",
                "COPY (SELECT 1) TO 'out.csv'",
                "ATTACH 'b.duckdb'",
            ):
                with pytest.raises(StoreError, match="opened to read and write no other file"):
                    store.engine.rows(sql)
            with pytest.raises(duckdb.Error, match="Cannot enable external access"):
                store.engine.execute("SET enable_external_access = true")
            assert len(store.coverage()) == 1
            with pytest.raises(StoreError, match="no other file"):
                store.export(tmp_path / "all.ndjson")
    with Store(path, read_only=True) as store:
        assert store.sql("SELECT content FROM mine").to_pylist() == [{"content": SECRET}]


def test_a_confined_store_spills_and_writes(sent, tmp_path):
    path = sent()
    with Store(path, confined=True, memory_limit="60MB") as store:
        store.engine.execute("SET threads = 1")
        with store.engine.transaction(large=True):
            store.engine.execute(
                "CREATE TABLE sorted AS SELECT md5(range::VARCHAR) AS a FROM range(3_000_000) ORDER BY a"
            )
    with closing(duckdb.connect(path, read_only=True)) as connection:
        assert connection.execute("SELECT count(*) FROM sorted").fetchall() == [(3_000_000,)]
