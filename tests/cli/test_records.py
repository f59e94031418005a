"""`detect --records`: the log records behind a finding, on the terminal and beside each pointer."""

import json

import pytest

from grantlens.cli.detect import UNREADABLE
from grantlens.store import Store

SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder with a store and its log, in which a revoked token worked on."""
    monkeypatch.chdir(tmp_path)
    ends = {"client_id": "app", "subject_id": "ann", "token_id": "t1"}
    records = [
        {"log": "issuance", "issued_at": "2026-07-01T08:00:00Z", "kind": "token", "outcome": "success",
         "expires_at": "2026-07-01T20:00:00Z", **ends},
        {"log": "revocation", "revoked_at": "2026-07-01T09:00:00Z", "kind": "revoke", "outcome": "success", "target_kind": "token",
         **ends},
        {"log": "usage", "used_at": "2026-07-01T10:00:00Z", "outcome": "success", "resource_server": "mail.example",
         "operation": "read", "validation": "introspection", "user_agent": f"\u202e\x1b[31m {SECRET}", **ends},
        {"log": "usage", "used_at": "2026-07-02T10:00:00Z", "outcome": "success", "client_id": "other", "operation": "read"},
    ]  # fmt: skip
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    with Store("s.duckdb") as store:
        assert store.load("log.ndjson").total("rejected") == 0
    return tmp_path


def asked(run, *more):
    return run("detect", "s.duckdb", "REV-1", "--now", "2026-07-03", *more)


def test_they_stand_below_the_table(run, place):
    ran = asked(run, "--records")
    head, *lines = ran.out.partition("\n\n")[2].splitlines()
    told = json.loads(asked(run, "--format", "json").out)
    assert head == f"REV-1 {told[0]['severity']}: {told[0]['title']}"
    assert [line.split()[0] for line in lines] == [f"log.ndjson:{pointer['line']}" for pointer in told[0]["evidence"]]
    assert '"revoked_at"' in lines[0]
    assert '"used_at"' in lines[1]
    assert not {"\x1b", "\u202e"} & set(ran.out), "a log steers no terminal"
    assert SECRET not in ran.out


def test_they_stand_beside_the_pointers(run, place):
    plain = json.loads(asked(run, "--format", "json").out)
    told = json.loads(asked(run, "--format", "json", "--records").out)
    texts = [pointer.pop("record") for finding in told for pointer in finding["evidence"]]
    assert told == plain
    lines = (place / "log.ndjson").read_text().splitlines()
    assert json.loads(texts[0]) == json.loads(lines[told[0]["evidence"][0]["line"] - 1])
    assert not any(SECRET in text for text in texts)
    rows = [json.loads(line) for line in asked(run, "--format", "ndjson", "--records").out.splitlines()]
    assert [pointer["record"] for finding in rows for pointer in finding["evidence"]] == texts


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("how", ["gone", "changed", "elsewhere"])
def test_what_cannot_be_read_again_is_told(run, place, monkeypatch, how, form):
    log, store = place / "log.ndjson", "s.duckdb"
    if how == "gone":
        log.unlink()
    elif how == "changed":
        log.write_text(log.read_text().replace("ann", "ben"))
    else:
        (place / "in").mkdir()
        monkeypatch.chdir(place / "in")
        store = "../s.duckdb"
    ran = run("detect", store, "REV-1", "--now", "2026-07-03", "--records", "--format", form)
    assert ran.code == 0
    assert "2 of 2 cited records cannot be read again" in ran.err
    if form == "table":
        assert ran.out.count(UNREADABLE) == 2
    else:
        assert [pointer["record"] for pointer in json.loads(ran.out)[0]["evidence"]] == [None, None]


def test_without_rules_it_is_those_of_the_violations(run, place):
    ran = run("detect", "s.duckdb", "--now", "2026-07-03", "--records")
    heads = [
        line for line in ran.out.splitlines() if ": " in line and line.split()[0].count("-") == 1 and line[0] != " "
    ]
    violations = [row for row in json.loads(run("detect", "s.duckdb", "--now", "2026-07-03", "--format", "json").out)
                  if row["verdict"] == "violation"]  # fmt: skip
    assert violations
    assert sorted(heads) == sorted(f"{row['rule']} {row['severity']}: {row['title']}" for row in violations)
