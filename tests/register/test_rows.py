"""Rows that people wrote, in their table: all of them at once."""

from datetime import UTC, datetime

import pytest

from grantlens.engine.duckdb import Engine
from grantlens.register.identities import Identities
from grantlens.register.register import Register


def register(number):
    return Register(tuple({"client_id": f"c{each}", "owner": "jo"} for each in range(number)))


def identities(number):
    return Identities(tuple({"kind": "client", "name": f"n{n}", "source": "a", "id": str(n)} for n in range(number)))


@pytest.mark.parametrize(("made", "table"), [(register, "register"), (identities, "identity")])
def test_many_rows_take_as_many_statements_as_one(engine, monkeypatch, made, table):
    execute, sent = Engine.execute, []
    monkeypatch.setattr(Engine, "execute", lambda *given: sent.append(given[1]) or execute(*given))
    made(1).write_to(engine)
    one = len(sent)
    made(300).write_to(engine)
    assert len(sent) == 2 * one
    assert engine.value(f"SELECT count(*) FROM {table}") == 300


def test_of_rows_with_one_key_the_last_stands(engine):
    Register(({"client_id": "c", "owner": "jo"}, {"client_id": "c", "owner": "ann"})).write_to(engine)
    assert engine.rows("SELECT client_id, owner FROM register") == [("c", "ann")]


def test_what_stands_in_a_row_comes_back_as_it_was(engine):
    until = datetime(2026, 12, 31, 23, 59, 59, 999999, UTC)
    row = {
        "client_id": "'\"\\\0\u202e {}",
        "name": "",
        "approved_operations": [],
        "approved_scopes": ["a;b", "'"],
        "exceptions": [{"rule": "PRV-1", "reason": "a, b", "until": until}],
        "registered_at": until,
    }
    Register((row,)).write_to(engine)
    names = ", ".join(row)
    assert engine.rows(f"SELECT {names}, owner FROM register") == [(*row.values(), None)]
