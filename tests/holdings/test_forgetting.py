"""Old calls are taken out of a store: what is left is as if they had never been there, and what is gone is said and is gone."""

import json
import shutil
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grantlens as gl
from grantlens.errors import GrantlensError, StoreError
from grantlens.holdings import forgetting
from grantlens.ingest import coverage
from grantlens.loaders import loaders
from grantlens.store import Store

BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
CUT = "2026-08-15"


def call(minutes, number, **other):
    moment = BEGIN + timedelta(minutes=minutes)
    return {
        "log": "usage", "event_id": f"e{number}", "used_at": moment.isoformat(), "outcome": "success", "client_id": f"c{number % 3}",
        "resource_server": "api.example", "method": "GET", "target": f"/things/{number % 5}", **other,
    }  # fmt: skip


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def rows(store, *tables):
    return {table: sorted(map(str, store.sql(f"FROM {table}").to_pylist())) for table in tables}


CALLS = "SELECT * EXCLUDE (usage_id, caller_id, target_id, batch_id, line_no) FROM usage"
COUNTED = "SELECT * EXCLUDE (batch_id) FROM activity WHERE records > 0"
FIRST_CALLERS = "SELECT DISTINCT source, tenant, client_id FROM usage_caller"
TARGETS = "SELECT * EXCLUDE (target_id) FROM usage_target"
KEYS = "SELECT count(*), count(DISTINCT event_key) FROM event_key"


@settings(max_examples=20)
@given(
    minutes=st.lists(st.integers(0, 600).map(lambda tenths: tenths / 10), min_size=1, max_size=40),
    cut=st.integers(0, 59),
    second=st.integers(0, 59),
)
def test_what_is_left_is_what_a_store_holds_that_never_had_the_old_calls(tmp_path_factory, minutes, cut, second):
    folder = tmp_path_factory.mktemp("forget")
    last = call(60, 9999)
    calls = [*(call(minute, number) for number, minute in enumerate(minutes)), last]
    floor = BEGIN + timedelta(minutes=cut)
    young = [each for each in calls if datetime.fromisoformat(each["used_at"]) >= floor]
    with Store(folder / "all.duckdb") as store, Store(":memory:") as other:
        store.load(write(folder / "all.ndjson", calls))
        other.load(write(folder / "young.ndjson", young))
        found = store.forget(floor + timedelta(seconds=second))
        assert (found.before, found.calls, found.kept) == (floor, len(calls) - len(young), len(young))
        for sql in (CALLS, COUNTED, FIRST_CALLERS, TARGETS):
            assert sorted(map(str, store.sql(sql).to_pylist())) == sorted(map(str, other.sql(sql).to_pylist())), sql
        assert store.engine.rows(KEYS) == other.engine.rows(KEYS)
        assert store.verify() == []
        (covered,) = store.coverage()
        begins = floor if found.calls else datetime.fromisoformat(min(each["used_at"] for each in calls))
        assert (covered["covered_from"], covered["records"]) == (begins, len(young))
        assert bool(covered["note"] and "calls before it were forgotten" in covered["note"]) == bool(found.calls)


def compared(finding):
    return {name: value for name, value in finding.items() if name not in ("coverage", "detail")}


def test_a_review_since_that_time_says_what_it_said_before(sample_file, tmp_path):
    with Store(shutil.copy(sample_file, tmp_path / "s.duckdb")) as store:
        before = gl.review(store, CUT, "2026-10-01", "2026-10-01").document
        found = store.forget(CUT)
        after = gl.review(store, CUT, "2026-10-01", "2026-10-01").document
        assert found.calls > 1000
        assert found.kept > 1000
        # Of a dormant grant also the last call before the window is told: it is gone, and with it how long the silence is.
        one, other = ([row for row in each["findings"] if row["rule"] != "PRV-3"] for each in (before, after))
        assert list(map(compared, one)) == list(map(compared, other))
        dormant = [[row for row in each["findings"] if row["rule"] == "PRV-3"] for each in (before, after)]
        assert [row["verdict"] for row in dormant[0]] == ["violation"]
        assert [(row["verdict"], row["detail"]["silent_days"]) for row in dormant[1]] == [("indeterminate", 47)]
        # How far the clock of the labs is off, the calls tell that are left.
        one, other = (
            [row for row in each["revocations"] if row["tenant"] != "brightwater-labs"] for each in (before, after)
        )
        assert one == other
        (said,) = [line for line in after["limitations"] if "taken out of the store" in line]
        assert said == (
            "Calls before 2026-08-15 were taken out of the store: what was done until then this cannot show. The manifest tells when, "
            "and of which 3 files."
        )
        assert sum(row["calls"] for row in after["manifest"]["forgotten"]) == found.calls
        assert not any("taken out" in line for line in before["limitations"])


def test_of_the_time_before_nothing_is_called_unused(sample_file, tmp_path):
    with Store(shutil.copy(sample_file, tmp_path / "s.duckdb")) as store:
        store.forget(CUT)
        (found,) = gl.detect.run(store.between("2026-06-03", CUT, "2026-10-01"), ["PRV-1"])
        judged = [row for row in found.to_dicts() if row["source"] == "native"]
        # That tokens were refreshed stands in the issuance log.
        assert {row["detail"]["scope"] for row in judged if row["verdict"] != "indeterminate"} == {"offline_access"}
        assert {row["verdict"] for row in judged} == {"indeterminate", "clear"}


def test_silence_counts_from_where_the_log_of_calls_begins(tmp_path):
    grant = {"client_id": "app", "grant_id": "g", "subject_id": "ann", "outcome": "success", "log": "issuance"}
    issued = [
        {**grant, "event_id": "i1", "issued_at": "2024-01-01T00:00:00Z", "kind": "consent", "scopes": ["mail.read", "offline_access"]},
        {**grant, "event_id": "i2", "issued_at": "2024-01-01T00:00:00Z", "kind": "token", "token_id": "r", "token_kind": "refresh"},
    ]  # fmt: skip
    calls = [call(minutes, minutes, client_id="other") for minutes in (0, 100 * 1440)]
    ended = {
        "log": "revocation",
        "event_id": "e",
        "revoked_at": "2024-01-01T00:00:00Z",
        "kind": "revoke",
        "target_kind": "grant",
        "grant_id": "of old",
        "outcome": "success",
    }
    with Store(tmp_path / "s.duckdb") as store:
        store.load(write(tmp_path / "issuance.ndjson", [*issued, ended]), write(tmp_path / "calls.ndjson", calls))
        (found,) = gl.detect.run(store.between("2026-10-01", "2026-10-09", "2026-10-09"), ["PRV-3"])
        (row,) = found.to_dicts()
        assert (row["verdict"], row["detail"]["silent_days"]) == ("violation", 100)
        assert row["title"].endswith("not seen used for 100 days")


def test_nothing_of_a_forgotten_call_is_left_in_the_folder(tmp_path):
    path = tmp_path / "s.duckdb"
    old = [
        call(n, n, client_id="gone-client", target="/gone-target", ip="203.0.113.99", subject_id="gone-person")
        for n in range(500)
    ]
    log = write(tmp_path / "log.ndjson", [*old, "gone-record", call(1440, 9999, client_id="kept-client")])
    with Store(path) as store:
        store.load(log)
        assert any(b"gone-client" in file.read_bytes() for file in tmp_path.glob("s.duckdb*") if file.is_file())
        store.forget("2026-07-02")
        assert store.engine.value("SELECT count(*) FROM usage") == 1
        assert store.forget("2026-07-02").calls == 0
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file() and file != log}
    assert set(left) == {"s.duckdb"}
    assert b"kept-client" in left["s.duckdb"]
    for word in (b"gone-client", b"gone-target", b"203.0.113.99", b"gone-person"):
        assert word not in left["s.duckdb"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_store_keeps_its_permissions_and_nothing_that_a_killed_process_left(tmp_path):
    path, left, copy = (tmp_path / name for name in ("s.duckdb", ".s.duckdb.12345", ".s.duckdb.bak"))
    with Store(path) as store:
        store.load(write(tmp_path / "log.ndjson", [call(0, 0), call(1440, 1)]))
        path.chmod(0o640)
        left.write_text("half a store")
        left.with_name(f"{left.name}.wal").touch()
        copy.write_text("somebody's own copy of it")
        assert store.forget("2026-07-02").calls == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert {file.name for file in tmp_path.iterdir()} == {"s.duckdb", "log.ndjson", copy.name}


def test_what_is_quoted_of_bad_records_goes_with_a_file_that_ended_before(tmp_path):
    with Store(tmp_path / "s.duckdb") as store:
        for name, minute in (("old", 0), ("new", 3000)):
            (tmp_path / f"{name}.ndjson").write_text(json.dumps(call(minute, minute)) + '\n{"log": "usage"}\n')
            store.load(tmp_path / f"{name}.ndjson")
        store.forget("2026-07-02")
        told = store.sql(
            "SELECT path, excerpt IS NULL AS gone, reason IS NULL AS unsaid FROM rejected JOIN batch USING (batch_id)"
        )
        assert {(row["path"].rsplit("/")[-1], row["gone"], row["unsaid"]) for row in told.to_pylist()} == {
            ("old.ndjson", True, False),
            ("new.ndjson", False, False),
        }


def test_what_people_keep_in_a_store_comes_along(tmp_path):
    with Store(tmp_path / "s.duckdb") as store:
        store.load(write(tmp_path / "log.ndjson", [call(0, 0), call(1440, 1)]))
        for made in (
            "TABLE notes AS SELECT 'seen' AS note",
            "VIEW busy AS SELECT count(*) AS calls FROM usage",
            "MACRO twice(x) AS 2 * x",
        ):
            store.engine.execute(f"CREATE {made}")
        store.forget("2026-07-02")
    with Store(tmp_path / "s.duckdb") as store:
        assert store.engine.rows("SELECT note, calls, twice(4) FROM notes, busy") == [("seen", 1, 8)]


def test_a_store_that_would_hold_no_call_any_more_is_left_alone(tmp_path):
    with Store(tmp_path / "s.duckdb") as store:
        store.load(write(tmp_path / "log.ndjson", [call(0, 0)]))
        with pytest.raises(StoreError, match=r"Every call of .* is before 2026-08-01"):
            store.forget("2026-08-01")
        with pytest.raises(GrantlensError, match="no date or time"):
            store.forget("soon")
        assert store.engine.value("SELECT count(*) FROM usage") == 1


@pytest.mark.parametrize("at", ["COPY", "DETACH", "CHECKPOINT"])
def test_what_was_stopped_half_way_is_done_by_the_next(tmp_path, monkeypatch, at):
    path = tmp_path / "s.duckdb"
    log = write(tmp_path / "log.ndjson", [call(0, 0, client_id="gone-client"), call(1440, 1)])
    with Store(path) as store:
        store.load(log)
        execute = store.engine.execute

        def stopped(sql, parameters=None):
            if sql.startswith(at):
                raise KeyboardInterrupt
            return execute(sql, parameters)

        monkeypatch.setattr(store.engine, "execute", stopped)
        with pytest.raises(KeyboardInterrupt):
            store.forget("2026-07-02")
    with Store(path) as store:
        assert store.engine.value("SELECT count(*) FROM usage") == 1
        assert [row["records"] for row in store.coverage()] == [1]
        assert store.forget("2026-07-02").calls == 0
    assert b"gone-client" not in path.read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"s.duckdb", "log.ndjson"}


def test_a_file_that_grew_brings_its_calls_back_until_the_next_time(tmp_path):
    log = write(tmp_path / "log.ndjson", [call(0, 0), call(1440, 1)])
    with Store(tmp_path / "s.duckdb") as store:
        store.load(log)
        store.forget("2026-07-02")
        assert store.load(log).batches[0]["note"].startswith("already loaded")
        write(log, [call(0, 0), call(1440, 1), call(1500, 2)])
        assert store.load(log).batches[0]["usage"] == 2
        assert [row["covered_from"] for row in store.coverage()] == [BEGIN]
        assert store.forget("2026-07-02").calls == 1
        assert store.engine.rows("SELECT event_id FROM usage ORDER BY 1") == [("e1",), ("e2",)]
        assert store.verify() == []


def test_a_source_of_which_no_call_is_left_covers_no_calls(tmp_path):
    revoked = {
        "log": "revocation",
        "event_id": "r",
        "revoked_at": "2026-07-01T00:00:00Z",
        "kind": "revoke",
        "target_kind": "client",
    }
    other = [{**revoked, "outcome": "success", "client_id": "c0"}, call(0, 0)]
    with Store(tmp_path / "s.duckdb") as store:
        store.load(write(tmp_path / "new.ndjson", [call(1440, 1)]))
        store.load(
            write(tmp_path / "old.ndjson", other), loader=replace(loaders()["native"], name="ended", dialect=None)
        )
        store.forget("2026-07-02")
        assert {(row["source"], row["log"]) for row in store.coverage()} == {
            ("native", "usage"),
            ("ended", "issuance"),
            ("ended", "revocation"),
        }
        assert {row["loader"]: row["attributed"] for row in store.providers()} == {"native": 0.0, "ended": None}


def test_coverage_that_a_killed_process_left_due_is_worked_out_at_the_next_opening(tmp_path, monkeypatch):
    with Store(tmp_path / "s.duckdb") as store:
        store.load(write(tmp_path / "log.ndjson", [call(0, 0), call(1440, 1)]))
        monkeypatch.setattr(forgetting, "refresh_coverage", lambda engine: None)
        forgetting.forget_calls(store.engine, BEGIN + timedelta(days=1))
        assert coverage.coverage_is_due(store.engine)
    with Store(tmp_path / "s.duckdb") as store:
        assert [row["covered_from"] for row in store.coverage()] == [BEGIN + timedelta(days=1)]


def test_a_client_of_which_calls_may_have_been_forgotten_is_not_called_new(tmp_path):
    issued = {"log": "issuance", "kind": "token", "outcome": "success", "client_id": "other", "scopes": ["a"]}
    kept = [{**issued, "event_id": f"k{day}", "issued_at": f"2026-07-{day:02}T08:00:00Z"} for day in range(1, 32)]
    given = [
        {**issued, "event_id": f"g{n}", "issued_at": f"2026-08-05T09:0{n}:00Z", "kind": "consent", "client_id": "app",
         "subject_id": f"p{n}", "subject_kind": "user", "consent_kind": "user"} for n in range(5)
    ]  # fmt: skip
    calls = [call(4 * 1440, 1, client_id="app"), call(31 * 1440, 2, client_id="other")]
    with Store(tmp_path / "s.duckdb") as store:
        store.load(write(tmp_path / "issuance.ndjson", [*kept, *given]), write(tmp_path / "calls.ndjson", calls))
        window = store.between("2026-08-01", "2026-08-10", "2026-08-10")
        assert len(gl.detect.run(window, ["GOV-2"])[0]) == 0
        store.forget("2026-07-25")
        (row,) = gl.detect.run(store.between("2026-08-01", "2026-08-10", "2026-08-10"), ["GOV-2"])[0].to_dicts()
        assert (row["verdict"], row["detail"]["reason"]) == (
            "indeterminate",
            "calls of the time before were taken out of the store, and with them perhaps traces of the client, which may be older",
        )
