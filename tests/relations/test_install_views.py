"""The relations stand in the store as views, and are written again only when they are others."""

from dataclasses import replace

from grantlens import relations
from grantlens.store import Store


def written(engine):
    return dict(engine.rows("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal"))


def test_every_relation_without_a_window_is_a_view(tmp_path):
    with Store(tmp_path / "s.duckdb") as store:
        views = written(store.engine)
        unwindowed = {name for name, relation in relations.registry().items() if not relation.windowed}
        assert unwindowed <= set(views)
        for name in unwindowed:  # DuckDB does not look at a view before it is read
            assert (store.sql(f"FROM {name}").num_rows == 0) == (name != "protocol_scope")


def test_opening_again_writes_nothing(tmp_path):
    path = tmp_path / "s.duckdb"
    Store(path).close()
    before = path.read_bytes()
    Store(path).close()
    assert path.read_bytes() == before


def test_a_relation_that_reads_otherwise_is_written_again(tmp_path, monkeypatch):
    path = tmp_path / "s.duckdb"
    with Store(path) as store:
        before = written(store.engine)
    old = relations.registry()
    changed = replace(old["token"], sql=f"SELECT *, 1 AS more FROM ({old['token'].sql} -- changed\n)")
    monkeypatch.setattr(relations, "registry", lambda: {**old, "token": changed})
    with Store(path) as store:
        after = written(store.engine)
        assert store.sql("SELECT more FROM token").num_rows == 0
    assert {name for name in after if after[name] != before[name]} == {"token"}


def test_a_view_gives_what_rules_read(sample_store):
    """The one of which only the samples hold rows; the others stand in tests/rule/test_written.py."""
    engine = sample_store.engine
    seen = engine.rows("FROM effective_revocation")
    with relations.worked_out(engine, ["effective_revocation"], {}):
        told = engine.rows("FROM effective_revocation")
    assert seen
    assert sorted(map(repr, seen)) == sorted(map(repr, told))
