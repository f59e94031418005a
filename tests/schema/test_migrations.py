"""A store is made whole, for its owner only; what is no store of this version is refused and left alone."""

import json
import os
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pytest

from grantlens.engine.duckdb import Engine
from grantlens.errors import StoreError
from grantlens.loaders import loaders
from grantlens.schema import LOGS, TABLES, migrations
from grantlens.store import Store


def test_every_table_has_its_documented_columns(tmp_path):
    with Store(tmp_path / "s.duckdb") as store:
        for table in TABLES:
            found = store.engine.rows(
                "SELECT column_name FROM duckdb_columns() WHERE table_name = $name AND NOT internal ORDER BY column_index",
                {"name": table.name},
            )
            assert [name for (name,) in found] == list(table.names)


def test_the_view_of_usage_has_the_canonical_columns_and_the_keys():
    with Store(":memory:") as store:
        found = [name for name, *_ in store.engine.rows("DESCRIBE usage")]
        assert found == [*LOGS["usage"].names, "usage_id", "caller_id", "target_id"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_store_and_write_ahead_log_are_for_the_owner_only(tmp_path):
    before = os.umask(0o000)
    try:
        path = tmp_path / "s.duckdb"
        store = Store(path)
        with store.engine.transaction():
            store.engine.execute("INSERT INTO review_snapshot VALUES (TIMESTAMPTZ '2026-01-01')")
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600), file
        store.close()
    finally:
        os.umask(before)


def test_two_stores_have_different_token_keys(tmp_path):
    keys = set()
    for name in "ab":
        with Store(tmp_path / f"{name}.duckdb") as store:
            keys.add(store.engine.value("SELECT value FROM meta WHERE name = 'token_key'"))
    assert len(keys) == 2
    assert all(len(key) == 64 for key in keys)


def test_a_newer_store_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "s.duckdb"
    Store(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE meta SET value = '999' WHERE name = 'schema_version'")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer grantlens \(schema 999"):
        Store(path)
    assert path.read_bytes() == before


def test_an_older_store_is_brought_up_to_date(tmp_path, monkeypatch):
    path = tmp_path / "s.duckdb"
    Store(path).close()
    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION + 2)
    done = []
    for step in (1, 2):
        number = migrations.VERSION - 2 + step
        monkeypatch.setitem(migrations.MIGRATIONS, number, lambda engine, number=number: done.append(number))
    with Store(path) as store:
        assert store.engine.value("SELECT value FROM meta WHERE name = 'schema_version'") == str(migrations.VERSION)
    assert done == [migrations.VERSION - 1, migrations.VERSION]


CALL = '{"log":"usage","event_id":"e1","used_at":"2026-01-01T00:00:00Z","outcome":"success","client_id":"c"}\n'


def before_version_14(connection):
    for column in ("approved_hours", "approved_resources", "calls_per_day"):
        connection.execute(f"ALTER TABLE register DROP COLUMN {column}")
    connection.execute("DROP TABLE details_type")
    connection.execute("ALTER TABLE issuance DROP COLUMN auth_time")
    connection.execute("ALTER TABLE usage_caller DROP COLUMN token_issued_at")
    before_version_18(connection)


def before_version_18(connection):
    connection.execute("ALTER TABLE declared DROP COLUMN giving_shown")
    before_version_19(connection)


def before_version_19(connection):
    connection.execute("ALTER TABLE server DROP COLUMN accepts")


def as_version_1(path):
    with duckdb.connect(str(path)) as connection:
        for (view,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
            connection.execute(f"DROP VIEW {view}")
        connection.execute("DROP TABLE identity")
        connection.execute("DROP TABLE stated_clock")
        connection.execute("DROP TABLE forgotten")
        connection.execute("DROP TABLE decision")
        connection.execute("ALTER TABLE register DROP COLUMN networks")
        connection.execute("ALTER TABLE register DROP COLUMN approved_tenants")
        before_version_14(connection)
        connection.execute("DROP TABLE declared")
        connection.execute("DROP TABLE unloaded")
        connection.execute("DROP TABLE other_path")
        connection.execute("DROP TYPE decision_t")
        connection.execute("DROP TYPE cause_t")
        connection.execute("ALTER TABLE issuance DROP COLUMN denial_reason")
        connection.execute("ALTER TABLE issuance DROP COLUMN earlier_keys")
        connection.execute("DROP TYPE issuance_denial_t")
        connection.execute("ALTER TABLE clock ADD COLUMN assumed BOOLEAN DEFAULT true")
        connection.execute("ALTER TABLE coverage DROP COLUMN in_part")
        connection.execute("ALTER TABLE coverage DROP COLUMN is_far")
        connection.execute("ALTER TABLE server DROP COLUMN scopes_supported")
        connection.execute("UPDATE meta SET value = '1' WHERE name = 'schema_version'")


def of_version_1(folder):
    """Return the path of a store of version 1 that holds one call."""
    (folder / "a.ndjson").write_text(CALL)
    with Store(folder / "s.duckdb") as store:
        store.load(folder / "a.ndjson")
    as_version_1(folder / "s.duckdb")
    return folder / "s.duckdb"


def test_a_store_of_version_1_gets_what_this_version_has_and_keeps_its_rows(tmp_path):
    path = of_version_1(tmp_path)
    with pytest.raises(StoreError, match="older schema 1"):
        Store(path, read_only=True)
    fresh = (
        "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE NOT internal AND table_name IN "
        "('identity', 'declared', 'coverage', 'clock', 'stated_clock', 'forgotten', 'decision', 'unloaded', 'other_path', 'issuance', 'register', "
        "'server', 'details_type', 'usage_caller') "
        "ORDER BY table_name, column_index"
    )
    with Store(path) as store, Store(":memory:") as new:
        assert store.engine.rows(fresh) == new.engine.rows(fresh) != []
        assert store.sql("SELECT name FROM canonical_identity").num_rows == 1
        assert store.engine.value("SELECT value FROM meta WHERE name = 'schema_version'") == str(migrations.VERSION)
        assert store.engine.rows("SELECT * FROM declared") == [("native", "token", True, "nested", False, False)]


def test_of_the_logs_of_version_10_those_are_known_that_tell_of_a_key_first_when_it_is_made(tmp_path):
    path = tmp_path / "s.duckdb"
    Store(path).close()
    with duckdb.connect(str(path)) as connection:
        before_version_14(connection)
        connection.execute("ALTER TABLE declared DROP COLUMN keys_begin")
        connection.execute("DROP TABLE other_path")
        for name in ("cloudflare", "gitlab", "my_mapping", "openai_audit"):
            connection.execute("INSERT INTO declared VALUES ($name, 'token', false, NULL)", {"name": name})
        connection.execute("UPDATE meta SET value = '10' WHERE name = 'schema_version'")
    with Store(path) as store:
        begin = store.engine.rows("SELECT source FROM declared WHERE keys_begin ORDER BY source")
        assert begin == [("cloudflare",), ("openai_audit",)]
        assert begin == [(name,) for name, loader in sorted(loaders().items()) if loader.keys_begin]
        assert (
            store.engine.value("SELECT count(*) FROM declared WHERE NOT keys_begin AND issuance_usage = 'token'") == 2
        )


def test_of_the_logs_of_version_17_those_are_known_that_show_what_gives_where_they_show_what_takes_away(tmp_path):
    path = tmp_path / "s.duckdb"
    Store(path).close()
    with duckdb.connect(str(path)) as connection:
        before_version_18(connection)
        for name in loaders():
            connection.execute("INSERT INTO declared VALUES ($name, 'token', false, NULL, false)", {"name": name})
        connection.execute("UPDATE meta SET value = '17' WHERE name = 'schema_version'")
    with Store(path) as store:
        shown = store.engine.rows("SELECT source FROM declared WHERE giving_shown ORDER BY source")
        assert shown == [(name,) for name, loader in sorted(loaders().items()) if loader.giving_shown] != []


def test_the_coverage_of_a_store_of_version_8_is_told_anew(tmp_path):
    path = tmp_path / "s.duckdb"
    (tmp_path / "a.ndjson").write_text(CALL)
    with Store(path) as store:
        store.load(tmp_path / "a.ndjson")
        told = list(store.coverage())
    with duckdb.connect(str(path)) as connection:
        before_version_14(connection)
        connection.execute("UPDATE coverage SET is_gap = true")
        connection.execute("ALTER TABLE coverage DROP COLUMN is_far")
        connection.execute("DROP TABLE other_path")
        connection.execute("UPDATE meta SET value = '8' WHERE name = 'schema_version'")
    with Store(path) as store:
        assert list(store.coverage()) == told
        assert not store.engine.value("SELECT count(*) FROM meta WHERE name = 'coverage_due_from_batch'")


def test_a_register_of_version_6_names_no_networks_or_tenants_and_is_kept(tmp_path):
    path = tmp_path / "s.duckdb"
    with Store(path) as store:
        store.engine.execute("INSERT INTO register (client_id, owner) VALUES ('c', 'jo')")
    as_version_1(path)
    with Store(path) as store:
        assert store.engine.rows(
            "SELECT client_id, owner, networks, approved_tenants, approved_hours FROM register"
        ) == [("c", "jo", None, None, None)]


REFUSED = (
    '{"log":"issuance","event_id":"i1","issued_at":"2026-01-01T00:00:00Z","kind":"refresh","outcome":"denied","client_id":"c"}\n'
    '{"log":"issuance","event_id":"i2","issued_at":"2026-01-02T00:00:00Z","kind":"token","outcome":"success","scopes":["a"]}\n'
)


def test_why_an_issue_of_version_4_was_refused_is_not_known_and_the_rest_of_it_is_kept(tmp_path):
    path, columns = tmp_path / "s.duckdb", "SELECT * FROM issuance ORDER BY issued_at"
    (tmp_path / "a.ndjson").write_text(REFUSED)
    with Store(path) as store:
        store.load(tmp_path / "a.ndjson")
        before = store.sql(columns).to_pylist()
    as_version_1(path)
    (tmp_path / "b.ndjson").write_text(
        REFUSED.replace('"denied"', '"denied","denial_reason":"reuse"').replace("i1", "i3")
    )
    with Store(path) as store:
        assert store.sql(columns).to_pylist() == before
        assert [row["denial_reason"] for row in before] == [None, None]
        store.load(tmp_path / "b.ndjson")
        assert store.engine.rows("SELECT denial_reason::VARCHAR FROM issuance WHERE event_id = 'i3'") == [("reuse",)]


def as_version(connection, version):
    """Take from a store what versions after this one added, from version 12 on."""
    if version < 14:
        before_version_14(connection)
    else:
        connection.execute("ALTER TABLE usage_caller DROP COLUMN token_issued_at")
        if version < 15:
            connection.execute("ALTER TABLE issuance DROP COLUMN auth_time")
        before_version_19(connection)
    if version < 13:
        connection.execute("ALTER TABLE issuance DROP COLUMN earlier_keys")
    connection.execute("UPDATE meta SET value = $version WHERE name = 'schema_version'", {"version": str(version)})


ISSUED_LATER = {"log": "issuance", "event_id": "new", "issued_at": "2026-01-03T00:00:00Z", "outcome": "success"}
CALLED_LATER = {"log": "usage", "event_id": "new", "used_at": "2026-01-03T00:00:00Z", "outcome": "success"}
MOMENT = datetime(2026, 1, 2, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("version", "column", "value", "record"),
    [
        (12, "earlier_keys", ["k1", "k2"], ISSUED_LATER | {"kind": "credential", "earlier_keys": ["k1", "k2"]}),
        (14, "auth_time", MOMENT, ISSUED_LATER | {"kind": "token", "auth_time": MOMENT.isoformat()}),
        (15, "token_issued_at", MOMENT, CALLED_LATER | {"token_id": "t", "token_issued_at": MOMENT.isoformat()}),
    ],
)
def test_what_a_later_version_keeps_is_not_known_of_what_was_there_and_the_rest_is_kept(
    tmp_path, version, column, value, record
):
    path, log = tmp_path / "s.duckdb", record["log"]
    (tmp_path / "a.ndjson").write_text(REFUSED + CALL)
    (tmp_path / "b.ndjson").write_text(json.dumps(record) + "\n")
    with Store(path) as store:
        store.load(tmp_path / "a.ndjson")
        before = store.sql(f"SELECT * FROM {log} ORDER BY event_id").to_pylist()
    with duckdb.connect(str(path)) as connection:
        as_version(connection, version)
    with Store(path) as store:
        assert store.sql(f"SELECT * FROM {log} ORDER BY event_id").to_pylist() == before
        assert {row[column] for row in before} == {None}
        store.load(tmp_path / "b.ndjson")
        (row,) = store.sql(f"SELECT * FROM {log} WHERE event_id = 'new'").to_pylist()
        assert row[column] == value


def test_what_somebody_said_of_a_clock_in_version_2_is_kept_as_a_statement(tmp_path):
    path = of_version_1(tmp_path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE clock SET error_s = 0.5, offset_s = 2, assumed = false")
    with Store(path) as store:
        assert store.engine.rows(
            "SELECT source, tenant, log::VARCHAR, error_seconds, offset_seconds FROM stated_clock"
        ) == [("native", None, "usage", 0.5, 2.0)]
        assert store.engine.rows("SELECT before_s, after_s, assumed FROM clock_error") == [(2.5, -0.5, False)]


@pytest.mark.parametrize("files", [("issuance",), ("usage",), ("usage", "issuance"), ()])
def test_coverage_of_version_1_is_told_as_it_is_now_of_the_same_files(tmp_path, files):
    path = tmp_path / "s.duckdb"
    with Store(path) as store:
        for number, carried in enumerate(files or (None,)):
            log = tmp_path / f"{number}.ndjson"
            log.write_text(CALL.replace("e1", f"e{number}"))
            native = loaders()["native"]
            store.load(
                log, loader=replace(native, name="other", dialect=None, carries=(carried,)) if carried else native
            )
        told = list(store.coverage())
    assert {row["in_part"] for row in told if row["log"] == "usage"} == {
        name == "issuance" for name in files or ("usage",)
    }
    as_version_1(path)
    with Store(path) as store:
        assert list(store.coverage()) == told


def test_a_failed_step_leaves_the_version_it_had(tmp_path, monkeypatch):
    path = tmp_path / "s.duckdb"
    Store(path).close()
    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION + 1)

    def fail(engine):
        engine.execute("CREATE TABLE half_done (x INTEGER)")
        raise RuntimeError("no")

    monkeypatch.setitem(migrations.MIGRATIONS, migrations.VERSION, fail)
    with pytest.raises(RuntimeError):
        Store(path)
    with closing(Engine(path)) as engine:
        assert engine.value("SELECT value FROM meta WHERE name = 'schema_version'") == str(migrations.VERSION - 1)
        assert not engine.value("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'half_done'")


def test_event_keys_are_computed_again_when_duckdb_hashes_differently(tmp_path):
    path = tmp_path / "s.duckdb"
    log = tmp_path / "a.ndjson"
    log.write_text(
        '{"log":"usage","event_id":"e1","used_at":"2026-01-01T00:00:00Z","outcome":"success","client_id":"c"}\n'
    )
    with Store(path) as store:
        store.load(log)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE meta SET value = '1' WHERE name = 'hash_probe'")
        connection.execute("UPDATE event_key SET event_key = 7")
    again = tmp_path / "b.ndjson"
    again.write_text(log.read_text() + log.read_text().replace("e1", "e2"))
    with Store(path) as store:
        assert store.load(again).total("duplicates") == 1


def _text_file(path):
    path.write_text("this is no database at all, but long enough to be looked at\n" * 100)


def _other_database(path):
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE meta (name VARCHAR, value VARCHAR)")


def _odd_version(path):
    _other_database(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO meta VALUES ('made_by', 'grantlens'), ('schema_version', '²')")


def _empty_file(path):
    path.touch()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_text_file, "no DuckDB file"),
        (_empty_file, "no DuckDB file"),
        (_other_database, "no grantlens store"),
        (_odd_version, "no grantlens store"),
    ],
)
def test_what_is_no_store_is_refused_and_not_touched(tmp_path, make, says):
    path = tmp_path / "s.duckdb"
    make(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=says) as caught:
        Store(path)
    assert caught.value.remedy
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["s.duckdb"]


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="is a folder"):
        Store(tmp_path)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(StoreError, match="does not exist") as caught:
        Store(tmp_path / "no" / "s.duckdb")
    assert "mkdir -p" in caught.value.remedy


def test_a_store_held_by_another_process_is_named(tmp_path):
    path = tmp_path / "s.duckdb"
    Store(path).close()
    code = "import sys, duckdb; connection = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout.readline().strip() == "open"
            with pytest.raises(StoreError, match="held open by another process"):
                Store(path)
        finally:
            other.stdin.close()


def test_a_store_can_be_read_only(tmp_path):
    path = tmp_path / "s.duckdb"
    with pytest.raises(StoreError):
        Store(path, read_only=True)
    Store(path).close()
    with Store(path, read_only=True) as store:
        assert store.sql("SELECT count(*) AS n FROM usage").to_pylist() == [{"n": 0}]
