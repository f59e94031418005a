"""Relations are worked out once, however blocks that need them stand in each other or follow each other, and each block sees its own window."""

import json
import random
import shutil
from contextlib import suppress

import pytest

import grantlens as gl
from grantlens import detect, relations
from grantlens.engine.duckdb import Engine
from grantlens.store import Store

WHOLE = {"since": "2026-07-01", "until": "2026-10-01", "every_call": False}
MONTH = WHOLE | {"since": "2026-09-01"}
_LATER = {"client_id": "c later", "subject_id": "u", "grant_id": "g later", "outcome": "success"}
LATER = [
    {
        "log": "issuance",
        "issued_at": "2026-09-20T09:00:00Z",
        "event_id": "given later",
        "kind": "consent",
        "scopes": ["mail.read"],
        **_LATER,
    },
    {"log": "usage", "used_at": "2026-09-20T10:00:00Z", "event_id": "used later", **_LATER},
]


@pytest.fixture
def made(sample_store, monkeypatch):
    """Return the names of the tables made so far, in their order."""
    names, execute = [], Engine.execute

    def told(engine, sql, parameters=None):
        words = sql.split(maxsplit=6)
        if words[:5] == ["CREATE", "OR", "REPLACE", "TEMP", "TABLE"]:
            names.append(words[5])
        return execute(engine, sql, parameters)

    relations.let_go(sample_store.engine)
    monkeypatch.setattr(Engine, "execute", told)
    return names


def temporary(engine):
    found = {name for (name,) in engine.rows("SELECT table_name FROM duckdb_tables() WHERE temporary")}
    return {name for name in found if not name.startswith("at_rest_")}


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


def test_a_block_takes_what_one_before_it_worked_out(sample_store, made):
    engine = sample_store.engine
    before = temporary(engine)
    with relations.worked_out(engine, ["revoked_use"], WHOLE):
        assert made == names("revoked_use")
        whole = rows(engine)
    del made[:]
    with relations.worked_out(engine, ["revoked_use"], WHOLE):
        assert made == []
        assert rows(engine) == whole
    with relations.worked_out(engine, ["revoked_use"], MONTH):
        assert set(made) == {name for name in names("revoked_use") if relations.registry()[name].windowed}
        assert rows(engine) < whole
    assert temporary(engine) == before


def test_what_an_error_broke_off_is_worked_out_anew(sample_store, made):
    engine = sample_store.engine
    with pytest.raises(ZeroDivisionError), relations.worked_out(engine, ["revoked_use"], WHOLE):
        1 / 0  # noqa: B018
    del made[:]
    with relations.worked_out(engine, ["revoked_use"], WHOLE):
        assert made == names("revoked_use")


def test_what_waits_is_none_of_the_tables_that_a_user_sees(sample_store):
    relations.let_go(sample_store.engine)
    before = sample_store.sql("SHOW TABLES").to_pylist()
    gl.grants(sample_store)
    assert any(
        name.startswith("at_rest_") for (name,) in sample_store.engine.rows("SELECT table_name FROM duckdb_tables()")
    )
    with pytest.raises(gl.GrantlensError) as refused:
        sample_store.sql("FROM at_rest_toke")
    assert "at_rest" not in refused.value.remedy
    assert sample_store.sql("SHOW TABLES").to_pylist() == before


@pytest.fixture(scope="module")
def some_store(sample_file, tmp_path_factory):
    """Return a function that opens a copy of the samples' store for writing."""
    folder = tmp_path_factory.mktemp("some")

    def new(name):
        path = folder / f"{name}.duckdb"
        shutil.copy(sample_file, path)
        return Store(path)

    return new


def loaded(store, folder, name="later"):
    path = folder / f"{name}.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in LATER).replace("later", name))
    store.load(path, loader="native")


def twice_open(store, folder):
    with Store(store.path) as other:
        loaded(other, folder)


def taken_back(store, _):
    with suppress(ZeroDivisionError), store.engine.transaction():
        store.engine.execute("DELETE FROM revocation")
        gl.grants(store, "2026-07-01", "2026-10-01")
        1 / 0  # noqa: B018


CHANGES = {
    "a load": loaded,
    "a load by another store of the file": twice_open,
    "something brought": lambda store, _: store.add(gl.Servers(())),
    "calls forgotten": lambda store, _: store.forget("2026-08-01"),
    "SQL of the user": lambda store, _: store.sql("WITH r AS (FROM revocation LIMIT 1) INSERT INTO revocation FROM r"),
    "a statement of ours": lambda store, _: store.engine.execute("-- all\nDELETE FROM usage_row WHERE line_no % 2 = 0"),
    "a change taken back": taken_back,
}


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_all_is_worked_out_anew(some_store, tmp_path, made, change):
    with some_store(change) as store:
        gl.grants(store, "2026-07-01", "2026-10-01")
        CHANGES[change](store, tmp_path)
        del made[:]
        gl.grants(store, "2026-07-01", "2026-10-01")
        assert "grant_life" in made


def test_a_case_between_two_questions_changes_neither(some_store, made):
    with some_store("case") as store:
        whole = gl.grants(store, "2026-07-01", "2026-10-01").table.to_pylist()
        case = list(gl.Case(store, client="mail-copilot").answers().items())
        del made[:]
        assert gl.grants(store, "2026-07-01", "2026-10-01").table.to_pylist() == whole
        assert made == []
        assert list(gl.Case(store, client="mail-copilot").answers().items()) == case
        assert "grant_life" in made


def answers(store, question):
    kind, since, more = question
    if kind == "case":
        return list(gl.Case(store, client=more).answers().items())
    view = store.between(since, "2026-10-01")
    if kind == "grants":
        return gl.grants(view).table.to_pylist()
    if kind == "lag":
        return detect.revocation_lag(view).table.to_pylist()
    return [found.table.to_pylist() for found in detect.run(view, more, evidence="all" if since[6] == "8" else "few")]


@pytest.mark.parametrize("seed", range(2))
def test_a_long_session_answers_as_new_ones_do(some_store, tmp_path, seed):
    rng = random.Random(seed)
    changes = {
        "nothing": lambda step: None,
        "a load": lambda step: loaded(store, tmp_path, f"later {step}"),
        "calls forgotten": lambda step: store.forget(f"2026-07-{2 + step:02}"),
        "another question": lambda step: answers(store, ("grants", "2026-09-15", None)),
        "a case": lambda step: answers(store, ("case", None, rng.choice(clients))),
    }
    with some_store(f"session-{seed}") as store:
        clients = [client for (client,) in store.engine.rows("SELECT DISTINCT client_id FROM usage ORDER BY ALL")]
        for step, (what, change) in enumerate(rng.sample([*changes.items()], len(changes))):
            kind = rng.choice(("grants", "lag", "rules", "case")) if what != "a load" else "grants"
            more = rng.choice(clients) if kind == "case" else rng.sample(sorted(detect.registry()), 3)
            question = kind, rng.choice(("2026-07-01", "2026-08-01")), more
            answers(store, question)
            change(step)
            told = answers(store, question)
            with Store(store.path) as new:
                assert told == answers(new, question), (what, question)
