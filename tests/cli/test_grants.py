"""`grantlens grants`: a table for people, everything for programs."""

import csv
import io
import json

import pytest

import grantlens as gl
from grantlens.engine.duckdb import Engine


@pytest.fixture
def asked(run, sample_file):
    return lambda *more: run(
        "grants", sample_file, "--since", "2026-07-03", "--until", "2026-10-01", "--now", "2026-10-01", *more
    )


def test_the_table_says_what_no_log_could_show(asked):
    ran = asked()
    assert ran.code == 0
    (row,) = [line for line in ran.out.splitlines() if "0oaLLA8CAVH5qveTrLpE" in line]
    assert row.endswith("not observable")
    assert ran.err.splitlines()[-1].endswith("not observable of 4.")


def test_scopes_that_are_not_approved_stand_in_the_table_where_there_are_some(asked, run, sample_file, tmp_path):
    assert "not approved" not in asked().out
    store, register = tmp_path / "copy.duckdb", tmp_path / "register.csv"
    store.write_bytes(sample_file.read_bytes())
    register.write_text("client_id,approved_scopes\nsales-pulse,offline_access\n")
    assert run("register", "add", store, register).code == 0
    ran = run("grants", store, "--now", "2026-10-01")
    assert "not approved" in ran.out.splitlines()[0]
    rows = json.loads(run("grants", store, "--now", "2026-10-01", "--format", "json").out)
    assert {str(row["not_approved"]) for row in rows if row["client_id"] == "sales-pulse"} == {"['mail.read']"}
    assert {row["not_approved"] for row in rows if row["client_id"] != "sales-pulse"} == {None}


def test_live_grants_are_those_without_an_end(asked):
    rows, live = (json.loads(asked("--format", "json", *more).out) for more in ((), ("--live",)))
    assert live == [row for row in rows if row["state"] == "live"]
    assert {row["ended_at"] for row in live} == {None}
    assert len(live) < len(rows)


def test_what_may_have_ended_stays_among_the_live_and_says_why(run, tmp_path):
    issued = {
        "log": "issuance",
        "issued_at": "2026-07-01T00:00:00Z",
        "outcome": "success",
        "client_id": "app",
        "subject_id": "ann",
    }
    rows = [
        {**issued, "kind": "consent", "tenant": "north", "event_id": "c1"},
        {**issued, "kind": "consent", "tenant": "south", "event_id": "c2"},
        {**issued, "kind": "consent", "client_id": "other", "event_id": "c3"},
        {"log": "revocation", "revoked_at": "2026-07-02T00:00:00Z", "kind": "revoke", "outcome": "success", "target_kind": "client",
         "client_id": "app", "event_id": "r1"},
    ]  # fmt: skip
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run("load", tmp_path / "s.duckdb", tmp_path / "log.ndjson")
    ran = run("grants", tmp_path / "s.duckdb", "--live")
    head, *lines = ran.out.splitlines()
    assert "perhaps ended at" in head
    reason = "a revocation that names no tenant may have ended it, and several have this client"
    told = {word: ("indeterminate" in line, reason in line) for line in lines for word in line.split()[:1]}
    assert told == {"north": (True, True), "south": (True, True), "other": (False, False)}
    assert ran.err.splitlines()[-1].startswith("3 grants; whether 2 of them had ended is undecided; ")


def test_programs_get_every_column(asked):
    rows = json.loads(asked("--format", "json").out)
    told = list(csv.DictReader(io.StringIO(asked("--format", "csv").out)))
    assert [row["grant_id"] for row in told] == [row["grant_id"] for row in rows]
    assert list(told[0]) == list(rows[0])
    assert {"grant_id", "consent_kind", "watched", "ended_by"} <= set(told[0])


def test_the_advice_is_by_the_numbers_that_are_set_and_works_nothing_out_twice(asked, monkeypatch):
    made = []
    execute = Engine.execute
    monkeypatch.setattr(
        Engine, "execute", lambda engine, sql, *more: (made.append(sql), execute(engine, sql, *more))[1]
    )
    usual = json.loads(asked("--advice", "--format", "json").out)
    tables = [sql.split(" AS ")[0] for sql in made if sql.startswith("CREATE OR REPLACE TEMP TABLE")]
    assert len(tables) == len(set(tables)) > 10
    patient = json.loads(
        asked("--advice", "--set", "floor_days=9999", "--set", "floor_sessions=9999", "--format", "json").out
    )
    assert sum(len(row["remove"] or ()) for row in usual) > sum(len(row["remove"] or ()) for row in patient) == 0
    assert "--set changes the advice, and none is asked for. Add --advice." in asked("--set", "floor_days=9").err


def test_the_advice_is_that_of_the_rule_for_live_grants_alone(asked, sample_file):
    with gl.open(sample_file, read_only=True) as store:
        view = store.between("2026-07-03", "2026-10-01", now="2026-10-01")
        advised = {row["grant_id"]: row for row in gl.detect.unused_privileges(view).recommend().to_dicts()}
    rows, plain = json.loads(asked("--advice", "--format", "json").out), json.loads(asked("--format", "json").out)
    names = ("keep", "remove", "replace", "ask", "wait", "calls_unknown")
    assert [{name: value for name, value in row.items() if name not in names} for row in rows] == plain
    taken_away = 0
    for row in rows:
        expected = advised.get(row["grant_id"], {}) if row["state"] == "live" else {}
        told = {scope.partition(" -> ")[0]: name for name in names[:-1] for scope in row[name] or ()}
        held = {scope.partition(" -> ")[0]: name for name in names[:-1] for scope in expected.get(name, ())}
        assert told == {scope: name for scope, name in held.items() if scope in (row["scopes"] or ())}
        assert row["calls_unknown"] == expected.get("calls_unknown")
        assert sorted(told) == sorted(row["scopes"] or ()) or not expected, (
            "each scope that is held stands in one column"
        )
        taken_away += len(held) - len(told)
    assert taken_away, "nothing is advised on a scope that the grant holds no more"
    assert any(row["remove"] for row in rows)
    assert any(row["state"] == "ended" for row in rows)


def test_the_table_shows_what_is_to_be_done(asked):
    head, *lines = asked("--live", "--advice").out.splitlines()
    assert head.split("  ")[0] == "source"
    assert " remove " in head
    assert " keep " not in head
    (row,) = [line for line in lines if "stagehand-coder" in line]
    assert " account.all -> infra.manage " in row


def test_no_grant_is_said(asked, run, tmp_path):
    ran = run("grants", tmp_path / "none.duckdb")
    assert (ran.code, ran.out) == (2, "")
    (tmp_path / "log.ndjson").write_text(
        '{"log": "usage", "used_at": "2026-07-01T00:00:00Z", "outcome": "success", "client_id": "a"}\n'
    )
    assert run("load", tmp_path / "s.duckdb", tmp_path / "log.ndjson").code == 0
    ran = run("grants", tmp_path / "s.duckdb", "--live")
    window = "2026-07-01 to 2026-07-01T00:00:00.000001Z"
    assert (ran.code, ran.out) == (2, f"No live grant is in the logs held from {window}.\n")
    assert ran.err.endswith(
        f"Too thin to judge: no issuance log covers any of {window}, so who holds access is not known.\n"
    )
    (tmp_path / "refused.ndjson").write_text(
        '{"log": "issuance", "issued_at": "2026-07-01T00:00:00Z", "kind": "consent", "outcome": "denied", "client_id": "a"}\n'
    )
    run("load", tmp_path / "s.duckdb", tmp_path / "refused.ndjson")
    assert run("grants", tmp_path / "s.duckdb", "--live").code == 0
