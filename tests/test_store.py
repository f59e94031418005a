"""The store as people use it: load, ask, cover, verify, export, show."""

from unittest.mock import Mock

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.engine.duckdb import Engine
from grantlens.errors import GrantlensError, StoreError
from grantlens.register.register import Register
from grantlens.relations import registry
from grantlens.store import Store
from tests.ingest.oracle import content, issuance, ndjson, revocation, usage

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)


@pytest.fixture
def log(tmp_path):
    return ndjson(tmp_path / "a.ndjson", [*map(usage, range(30)), *map(issuance, range(9)), *map(revocation, range(4))])


def test_values_are_bound(log):
    with Store(":memory:") as store:
        store.load(log)
        found = store.sql(
            "SELECT count(*) AS n FROM usage WHERE client_id = $client", client="c1'; DROP TABLE usage_row; --"
        )
        assert found.to_pylist() == [{"n": 0}]
        assert store.sql("SELECT count(*) AS n FROM usage WHERE client_id = $client", client="c1").to_pylist() == [
            {"n": 10}
        ]


def test_a_closed_store_says_so(tmp_path, log):
    with Store(tmp_path / "acme.duckdb") as store:
        store.load(log)
    assert repr(store) == f"Store('{tmp_path / 'acme.duckdb'}'): The store is closed."
    assert "The store is closed." in store._repr_html_()
    for ask in (store.coverage, lambda: store.load(log), lambda: store.sql("SELECT 1")):
        with pytest.raises(StoreError, match="The store is closed") as caught:
            ask()
        assert caught.value.remedy == "Open it again: gl.open(PATH)."


def test_a_store_opened_for_reading_is_not_written_to(tmp_path, log):
    Store(tmp_path / "acme.duckdb").close()
    with Store(tmp_path / "acme.duckdb", read_only=True) as store:
        for write in (lambda: store.load(log), lambda: store.add(Register(({"client_id": "a"},)))):
            with pytest.raises(StoreError, match="opened for reading only") as caught:
                write()
            assert caught.value.remedy == "Open it for writing: gl.open(PATH)."
        assert store.sql("SELECT count(*) AS n FROM batch").to_pylist() == [{"n": 0}]


def test_verify_names_what_was_changed_and_what_is_gone(tmp_path, log):
    other = ndjson(tmp_path / "b.ndjson", [usage(99)])
    longer = ndjson(tmp_path / "c.ndjson", [usage(100)])
    with Store(":memory:") as store:
        store.load(log, other, longer)
        assert store.verify() == []
        text = log.read_bytes()
        log.write_bytes(text.replace(b"Mail.Read", b"Mail.Reap", 1))
        other.unlink()
        longer.write_bytes(b"\n" + longer.read_bytes())
        found = store.verify()
        assert len(found) == 3
        assert f"{other} is gone." in found
        assert any("SHA-256 differs" in each and str(log) in each for each in found)
        assert any(str(longer) in each and "bytes" in each for each in found)
        log.write_bytes(text)
        assert len(store.verify()) == 2


@pytest.mark.parametrize("name", ["out.ndjson", "out.ndjson.gz", "out.ndjson.zst", None])
def test_export_and_load_give_the_same_again(tmp_path, log, name):
    with Store(":memory:") as first, Store(":memory:") as second:
        first.load(log)
        written = first.export(tmp_path / name) if name else first.export(tmp_path / "out", parquet=True)
        report = second.load(*written)
        assert not report.failed
        assert report.total("rejected") == 0
        assert content(second, pointers=False) == content(first, pointers=False)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(
        st.builds(
            usage,
            st.integers(0, 99),
            client_name=st.none() | NAMES,
            target=NAMES,
            token_scopes=st.none() | st.lists(NAMES, max_size=3),
        ),
        max_size=12,
    ),
    tokens=st.lists(
        st.builds(
            issuance, st.integers(0, 99), grant_id=st.none() | NAMES, scopes=st.none() | st.lists(NAMES, max_size=3)
        ),
        max_size=5,
    ),
)
def test_anything_that_loads_survives_an_export(tmp_path, calls, tokens):
    path = ndjson(tmp_path / "in.ndjson", [usage(1000), *calls, *tokens])
    with Store(":memory:") as first, Store(":memory:") as second:
        assert first.load(path).total("rejected") == 0
        report = second.load(*first.export(tmp_path / "again.ndjson"))
        assert report.total("rejected") == 0
        assert content(second, pointers=False) == content(first, pointers=False)


HELD = "SELECT source, tenant, log::VARCHAR, covered_from, covered_until, is_gap, in_part, is_far, records FROM coverage ORDER BY ALL"


@pytest.mark.parametrize("parquet", [False, True])
def test_an_export_covers_what_the_store_covered(sample_store, tmp_path, parquet):
    """Okta's log shows some calls only: an export that said otherwise would make privileges unused that nobody could see used."""
    held = sample_store.engine.rows(HELD)
    written = sample_store.export(tmp_path / ("lake" if parquet else "all.ndjson"), parquet=parquet)
    with Store(":memory:") as again:
        again.load(*written)
        rows = again.engine.rows(HELD)
    both = {row[:3] for row in held if row[6]} & {row[:3] for row in held if not row[6]}
    assert [row for row in rows if row[:3] not in both] == [row for row in held if row[:3] not in both]
    assert all(row[6] for row in rows if row[:3] in both)
    assert {(row[0], row[2], row[6]) for row in held if row[:3] not in both} >= {
        ("okta", "usage", True),
        ("okta", "issuance", False),
    }


def test_of_a_log_that_one_file_shows_whole_and_another_in_part_an_export_shows_a_part(tmp_path):
    whole = {"source": "ours", "log": "usage", "from": "2026-03-01", "until": "2026-03-02"}
    files = [
        ndjson(
            tmp_path / f"{number}.ndjson",
            [usage(number, source="ours", covered=covered), usage(number + 10, source="theirs")],
        )
        for number, covered in enumerate(([whole, whole | {"source": "theirs"}], [whole | {"source": "theirs"}]))
    ]
    with Store(":memory:") as store, Store(":memory:") as again:
        store.load(*files)
        again.load(*store.export(tmp_path / "all.ndjson"))
        parts = "SELECT source, bool_or(in_part), bool_and(in_part) FROM coverage GROUP BY source ORDER BY source"
        assert store.engine.rows(parts) == [("ours", True, False), ("theirs", False, False)]
        assert again.engine.rows(parts) == [("ours", True, True), ("theirs", False, False)]


def test_what_a_store_knows_of_a_source_is_the_same_right_after_a_load_and_when_it_is_opened_again(tmp_path):
    """Native records name sources whose loaders read nothing here, as those of an export do."""
    path = ndjson(
        tmp_path / "in.ndjson",
        [usage(1), usage(2, source="okta"), issuance(3, source="slack"), usage(4, source="ours")],
    )
    known = "SELECT * FROM declared ORDER BY source"
    with Store(tmp_path / "a.duckdb") as store:
        store.load(path)
        first = store.engine.rows(known)
    with Store(tmp_path / "a.duckdb") as store:
        assert store.engine.rows(known) == first
    assert [row[0] for row in first] == ["native", "okta", "slack"]


HOSTILE = "</script><img src=x onerror=alert(1)>"


def test_the_card_escapes_everything(tmp_path):
    path = ndjson(
        tmp_path / "<b>.ndjson", [usage(1, tenant=HOSTILE, source=HOSTILE), usage(2, outcome=HOSTILE, source=HOSTILE)]
    )
    with Store(":memory:") as store:
        report = store.load(path)
        for card in (store._repr_html_(), report._repr_html_()):
            assert "<img" not in card
            assert "<b>.ndjson" not in card
        assert "&lt;img" in store._repr_html_()
        assert "outcome:" in store._repr_html_()


def test_an_empty_store_says_what_to_do():
    with Store(":memory:") as store:
        assert "store.load(" in store._repr_html_()
        assert repr(store) == "Store(':memory:'): 0 files, 0 records"
        assert len(store.coverage()) == 0


def test_one_is_singular(tmp_path):
    with Store(":memory:") as store:
        assert repr(store.load(ndjson(tmp_path / "a.ndjson", [usage(0)]))).startswith("1 file: 1 record, ")
        assert repr(store) == "Store(':memory:'): 1 file, 1 record"


def test_a_grant_is_derived_only_where_a_client_is_known(tmp_path):
    rows = [
        issuance(1),
        issuance(2),
        issuance(3, audience=["another.example.com"]),
        issuance(4, subject_id="someone else"),
        issuance(5, client_id=None),
        issuance(6, grant_id="g"),
    ]
    for row in rows[:4]:
        row["client_id"] = "c"
    path = ndjson(tmp_path / "a.ndjson", rows)
    with Store(":memory:") as store:
        store.load(path)
        grants = dict(store.engine.rows("SELECT event_id, grant_id FROM issuance"))
        assert grants["i1"] == grants["i2"]
        assert grants["i1"].startswith("derived:")
        assert len({grants[f"i{n}"] for n in (1, 4)}) == 2
        assert grants["i5"] is None
        assert grants["i6"] == "g"


@pytest.mark.parametrize("loads", [[], ["there"], ["not there"], ["not there", "there"]])
def test_the_relations_are_views_in_the_file_whatever_was_done_with_it(tmp_path, log, loads):
    path = tmp_path / "s.duckdb"
    with Store(path) as store:
        for load in loads:
            store.load(log if load == "there" else tmp_path / "missing.ndjson")
    with duckdb.connect(str(path), read_only=True) as plain:
        views = {
            name for (name,) in plain.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        }
        assert views >= {name for name, relation in registry().items() if not relation.windowed}
        assert bool(plain.execute("FROM caller_segment").fetchall()) == ("there" in loads)


def test_views_that_could_not_be_made_are_made_the_next_time(tmp_path, monkeypatch):
    path = tmp_path / "s.duckdb"
    with monkeypatch.context() as broken:
        broken.setattr("grantlens.store.install_views", Mock(side_effect=StoreError("The disk is full.")))
        with pytest.raises(StoreError):
            Store(path)
    with Store(path) as again:
        assert again.sql("SELECT count(*) AS n FROM issued").to_pylist() == [{"n": 0}]


@pytest.mark.parametrize("small", [0, 1 << 20])
def test_what_a_large_file_brings_does_not_go_through_the_write_ahead_log(tmp_path, log, monkeypatch, small):
    monkeypatch.setattr("grantlens.ingest.load.SMALL", small)
    path = tmp_path / "s.duckdb"
    with Store(path) as store:
        store.load(log)
        ahead = path.with_name(path.name + ".wal")
        assert (ahead.exists() and ahead.stat().st_size > 10_000) == (
            small > 0
        )  # coverage comes after it, and is little
        store.load(ndjson(tmp_path / "b.ndjson", [usage(70)]))
        assert store.sql("SELECT count(*) AS n FROM usage").to_pylist() == [{"n": 31}]
        assert (
            store.engine.value("SELECT current_setting('wal_autocheckpoint')") == "16.0 MiB"
        )  # for what else is written


@pytest.mark.parametrize(
    "doing",
    [
        "counting the rows of the object registered as 'chunk_call'",
        "reading the schema of the object registered as 'chunk_call'",
        "reading the object registered as 'chunk_call' as Arrow data",
    ],
)
def test_an_interrupt_while_duckdb_asks_python_is_an_interrupt(monkeypatch, doing):
    """The signal may come while DuckDB looks into a registered table: it hands that on as a mistake of the table's."""

    class Interrupted:
        def execute(self, sql, parameters=None):
            raise duckdb.InvalidInputException(f"Invalid Input Error: {doing} failed: KeyboardInterrupt: ")

    engine = Engine(":memory:")
    monkeypatch.setattr(engine, "_connection", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        engine.execute("FROM chunk_call")


def test_an_interrupt_while_a_table_is_registered_is_an_interrupt():
    class Table:
        def __arrow_c_stream__(self, requested_schema=None):
            raise KeyboardInterrupt

    engine = Engine(":memory:")
    with pytest.raises(KeyboardInterrupt):
        engine.register("chunk_call", Table())


def test_an_interrupt_before_a_result_is_read_stays_one():
    """To forget the registered table is refused then; that must not take the place of the interrupt."""
    engine = Engine(":memory:")

    def interrupted() -> None:
        with engine.transaction(), engine.registered("one", pa.table({"a": [1]})):
            engine.execute("FROM range(1000000)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert engine.value("SELECT count(*) FROM duckdb_views() WHERE view_name = 'one'") == 0
    engine.close()


def test_an_interrupt_while_a_result_is_fetched_is_an_interrupt(monkeypatch):
    class Result:
        def fetchall(self):
            raise RuntimeError("Query interrupted")

    engine = Engine(":memory:")
    monkeypatch.setattr(engine, "execute", lambda sql, parameters=None: Result())
    for question in (engine.rows, engine.value):
        with pytest.raises(KeyboardInterrupt):
            question("FROM usage")


@pytest.mark.parametrize(
    ("step", "call"),
    [
        (lambda engine: engine.registered("one", pa.table({"a": [1]})), "unregister"),
        (lambda engine: engine.filters_in_place(), "SET disabled_optimizers = 'projection_pullup'"),
        (lambda engine: engine.transaction(large=True), "RESET wal_autocheckpoint"),
    ],
)
def test_an_interrupt_while_it_is_tidied_up_is_an_interrupt(monkeypatch, step, call):
    """It is no mistake of the file that is loaded, after which the load would go on."""
    engine = Engine(":memory:")
    connection = engine._connection

    class Interrupted:
        def __getattr__(self, name):
            return lambda *given: self._do(name, *given)

        def _do(self, name, *given):
            if call in (name, *(getattr(each, "query", each) for each in given)):
                raise RuntimeError("Query interrupted")
            return getattr(connection, name)(*given)

    monkeypatch.setattr(engine, "_connection", Interrupted())
    with pytest.raises(KeyboardInterrupt), step(engine):
        pass


def test_the_pass_that_is_left_out_stays_so_after_a_load_and_after_a_failure():
    engine = Engine(":memory:")

    def left_out():
        return engine.value("SELECT current_setting('disabled_optimizers')")

    assert left_out() == "projection_pullup"
    with engine.filters_in_place():
        assert set(left_out().split(",")) == {"filter_pushdown", "projection_pullup"}
    assert left_out() == "projection_pullup"
    engine.leave_filters()
    with pytest.raises(duckdb.CatalogException), engine.transaction():
        engine.execute("FROM nothing")
    assert left_out() == "projection_pullup"


def test_what_is_added_is_read_first(tmp_path):
    with Store(":memory:") as store:
        whole = Register(({"client_id": "c"},))
        for wrong in ("x.toml", 3):
            with pytest.raises(
                GrantlensError, match="is no catalogue, register, servers, identities, clocks or decisions"
            ):
                store.add(whole, wrong)
        assert store.sql("FROM register").num_rows == 0


def test_a_limit_that_is_none_leaves_the_file_to_others(tmp_path):
    path = tmp_path / "store.duckdb"
    Store(path).close()
    with pytest.raises(StoreError, match="'lots' is no limit of memory") as raised:
        Store(path, memory_limit="lots")
    # The frames of the error still hold the connection: one left open for writing would refuse a reader.
    assert raised.tb is not None
    Store(path, read_only=True).close()
