"""Relations are worked out once, however blocks that need them stand in each other, and each block sees its own window."""

import pytest

from grantlens import relations
from grantlens.engine.duckdb import Engine

WHOLE = {"since": "2026-07-01", "until": "2026-10-01", "every_call": False}
MONTH = WHOLE | {"since": "2026-09-01"}


@pytest.fixture
def made(sample_store, monkeypatch):
    """Return the names of the tables made so far, in their order."""
    names, execute = [], Engine.execute

    def told(engine, sql, parameters=None):
        words = sql.split(maxsplit=6)
        if words[:5] == ["CREATE", "OR", "REPLACE", "TEMP", "TABLE"]:
            names.append(words[5])
        return execute(engine, sql, parameters)

    monkeypatch.setattr(Engine, "execute", told)
    return names


def temporary(engine):
    return {name for (name,) in engine.rows("SELECT table_name FROM duckdb_tables() WHERE temporary")}


def rows(engine):
    return engine.value("SELECT count(*) FROM revoked_use")


def names(*wanted):
    return [relation.name for relation in relations.ordered(wanted)]


def test_what_a_block_around_keeps_is_not_worked_out_again_and_stays(sample_store, made):
    engine = sample_store.engine
    before = temporary(engine)
    with relations.worked_out(engine, ["revoked_use", "grant_state"], WHOLE):
        kept = temporary(engine)
        del made[:]
        with relations.worked_out(engine, ["grant_state"], {}), relations.worked_out(engine, ["revoked_use"], WHOLE):
            assert made == []
            assert temporary(engine) == kept
        assert temporary(engine) == kept
    assert temporary(engine) == before


def test_another_window_has_tables_of_its_own_and_gives_them_back(sample_store, made):
    engine = sample_store.engine
    before = temporary(engine)
    with relations.worked_out(engine, ["revoked_use"], WHOLE):
        whole = rows(engine)
        windowed = {name for name in names("revoked_use") if relations.registry()[name].windowed}
        del made[:]
        with relations.worked_out(engine, ["revoked_use"], MONTH):
            assert set(made) == windowed
            assert 0 < rows(engine) < whole
            with relations.worked_out(engine, ["revoked_use"], WHOLE):
                assert rows(engine) == whole
            assert 0 < rows(engine) < whole
        assert rows(engine) == whole
        with pytest.raises(ZeroDivisionError), relations.worked_out(engine, ["revoked_use"], MONTH):
            1 / 0  # noqa: B018
        assert rows(engine) == whole
    assert temporary(engine) == before


def test_after_the_block_it_is_worked_out_anew(sample_store, made):
    engine = sample_store.engine
    for _ in range(2):
        del made[:]
        with relations.worked_out(engine, ["revoked_use"], WHOLE):
            assert made == names("revoked_use")
