"""The same event is kept once: within a file, across files, in any order; loading again changes nothing."""

import random
from dataclasses import replace

import pyarrow as pa
import pytest

from grantlens.ingest.mapper import in_order
from grantlens.ingest.pipeline import first_of_each
from grantlens.loaders import Loader
from grantlens.loaders.native import LOADER
from grantlens.store import Store

from .oracle import content, issuance, ndjson, revocation, usage


def test_loading_the_same_file_again_changes_nothing(tmp_path):
    path = ndjson(tmp_path / "a.ndjson", [*map(usage, range(20)), *map(issuance, range(5)), {"log": "x"}])
    with Store(":memory:") as store:
        first = store.load(path).batches[0]
        before = _everything(store)
        again = store.load(path).batches[0]
        assert _everything(store) == before
        assert (again["usage"], again["issuance"], again["duplicates"]) == (0, 0, 25)
        assert again["records"] == first["records"] == again["duplicates"] + again["rejected"]
        assert "already loaded" in again["note"]


def test_overlapping_files_give_what_one_file_would(tmp_path):
    records = [*map(usage, range(60)), *map(issuance, range(20)), *map(revocation, range(9))]
    random.Random(1).shuffle(records)
    whole = ndjson(tmp_path / "whole.ndjson", records)
    parts = [ndjson(tmp_path / f"part{at}.ndjson", records[at : at + 40]) for at in (0, 20, 49)]
    with Store(":memory:") as one, Store(":memory:") as many:
        one.load(whole)
        report = many.load(*reversed(parts))
        assert content(many, pointers=False) == content(one, pointers=False)
        assert report.total("duplicates") == 120 - 89
        rows = sum(report.total(log) for log in ("usage", "issuance", "revocation"))
        assert rows == 89
        assert many.engine.value("SELECT count(*) FROM event_key") == 60
        assert many.engine.value("SELECT sum(records) FROM activity") == 89


def test_within_a_file_the_first_is_kept(tmp_path):
    path = ndjson(tmp_path / "a.ndjson", [usage(1), usage(2), usage(1, status=500), usage(1)])
    with Store(":memory:") as store:
        batch = store.load(path).batches[0]
        assert (batch["usage"], batch["duplicates"]) == (2, 2)
        assert store.engine.rows("SELECT event_id, line_no, status FROM usage ORDER BY 1") == [
            ("u1", 1, 200),
            ("u2", 2, 200),
        ]


def test_the_first_line_is_kept_in_whatever_order_the_rows_come(tmp_path):
    records = [usage(1), issuance(1), usage(1, status=500), issuance(1, client_id="other"), usage(2)]
    path = ndjson(tmp_path / "a.ndjson", records)
    backwards = {log: f"{getattr(LOADER, log)} ORDER BY line_no DESC" for log in ("usage", "issuance")}
    with Store(":memory:") as store:
        batch = store.load(path, loader=replace(LOADER, dialect=None, **backwards)).batches[0]
        assert (batch["usage"], batch["issuance"], batch["duplicates"]) == (2, 1, 2)
        assert store.engine.rows("SELECT line_no, status FROM usage ORDER BY 1") == [(1, 200), (5, 200)]
        assert store.engine.rows("SELECT line_no, client_id FROM issuance") == [(2, "c1")]


def test_the_same_id_of_another_source_or_log_is_another_event(tmp_path):
    path = ndjson(
        tmp_path / "a.ndjson",
        [
            usage(1),
            usage(1, source="okta"),
            usage(1, source="okta"),
            issuance(1, event_id="u1"),
            revocation(1, event_id="u1"),
        ],
    )
    with Store(":memory:") as store:
        batch = store.load(path).batches[0]
        assert (batch["usage"], batch["issuance"], batch["revocation"], batch["duplicates"]) == (2, 1, 1, 1)


def test_without_an_id_the_record_itself_decides(tmp_path):
    same = {name: value for name, value in usage(1).items() if name != "event_id"}
    ndjson(tmp_path / "a.ndjson", [same, same, same | {"status": 201}])
    ndjson(tmp_path / "b.ndjson", [same], spaced=True)
    with Store(":memory:") as store:
        report = store.load(tmp_path)
        assert (report.total("usage"), report.total("duplicates")) == (2, 2)
        assert all(event.startswith("md5:") for (event,) in store.engine.rows("SELECT event_id FROM usage"))


def test_equal_hashes_of_different_ids_are_different_events(tmp_path):
    first = ndjson(tmp_path / "a.ndjson", [usage(1)])
    second = ndjson(tmp_path / "b.ndjson", [usage(2)])
    with Store(":memory:") as store:
        store.load(first)
        salted = "hash((SELECT value FROM meta WHERE name = 'token_key'), 'native', 'u2')"
        store.engine.execute(f"UPDATE event_key SET event_key = {salted}")  # as if u1 hashed like u2
        assert store.load(second).total("usage") == 1


def _everything(store):
    tables = store.engine.rows("SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY 1")
    return {name: sorted(map(str, store.engine.rows(f"SELECT * FROM {name}"))) for (name,) in tables}


def test_the_first_row_of_an_event_is_told_by_its_line():
    times = pa.array([0, 0, 0], pa.timestamp("us", "UTC"))
    rows = pa.table({"line_no": [3, 1, 2], "event_id": ["a", "a", "b"], "issued_at": times})
    assert first_of_each(in_order(rows), "issuance")["line_no"].to_pylist() == [1, 2]


RECORDS = {"usage": (usage, "used_at"), "issuance": (issuance, "issued_at"), "revocation": (revocation, "revoked_at")}
DAY = "2026-03-01T"


def _pairs(log):
    """Return pairs of records with one id, and how many events each pair is."""
    make, time = RECORDS[log]
    noon = make(1, **{time: f"{DAY}12:00:00Z", "tenant": "a"})
    return {
        "another tenant": ([noon, noon | {"tenant": "b"}], 2),
        "another day": ([noon, noon | {time: "2026-03-02T12:00:00Z"}], 2),
        "an hour before": ([noon, noon | {time: f"{DAY}11:00:00Z"}], 2),
        "delivered later": ([noon | {"received_at": f"{DAY}12:00:05Z"}, noon | {"received_at": f"{DAY}18:00:00Z"}], 1),
        "a second before": ([noon | {time: f"{DAY}11:59:59Z"}, noon], 2),
        "cut to whole seconds": ([noon | {time: f"{DAY}12:00:00.999999Z"}, noon], 1),
        "told by two devices": ([noon, noon | {time: f"{DAY}12:00:00.000173Z"}], 1),
        "no tenant said": ([noon, noon | {"tenant": None}], 1),
        "no tenant said at first": ([noon | {"tenant": None}, noon], 1),
        "two tenants, twice": ([noon | {"tenant": tenant} for tenant in "abab"], 2),
    }


@pytest.mark.parametrize("case", _pairs("usage"))
@pytest.mark.parametrize("log", RECORDS)
def test_equal_ids_of_another_tenant_or_time_are_other_events(tmp_path, log, case):
    records, events = _pairs(log)[case]
    kept = 1 if log == "revocation" and "tenant" not in case else events  # rules know a revocation by tenant and id
    together = ndjson(tmp_path / "together.ndjson", records)
    (tmp_path / "apart").mkdir()
    for number, record in enumerate(records):
        ndjson(tmp_path / "apart" / f"{number}.ndjson", [record])
    for path in (together, tmp_path / "apart"):
        with Store(":memory:") as store:
            report = store.load(path)
            assert (report.total(log), report.total("duplicates")) == (kept, len(records) - kept)
            assert store.engine.value(f"SELECT count(*) FROM {log}") == kept
            assert any("left out" in (batch["note"] or "") for batch in report) == (kept != events)
            again = store.load(ndjson(tmp_path / "again.ndjson", [*records, {}]))
            assert (again.total(log), again.total("duplicates")) == (0, len(records))


def test_a_revocation_with_the_id_of_another_is_left_out_and_told(tmp_path):
    first = [revocation(n, revoked_at=f"2025-05-{n + 1:02}T08:00:00Z") for n in range(5)]
    second = [revocation(n, revoked_at=f"2026-01-{n + 1:02}T08:00:00Z") for n in range(7)]
    with Store(":memory:") as store:
        store.load(ndjson(tmp_path / "a.ndjson", first))
        (batch,) = store.load(ndjson(tmp_path / "b.ndjson", second)).batches
        assert (batch["revocation"], batch["duplicates"]) == (2, 5)
        assert (
            batch["note"]
            == "5 revocations left out: they have the id of another one, of another time or where a tenant is not named"
        )
        assert store.engine.value("SELECT count(DISTINCT event_id) FROM revocation") == 7
        assert store.engine.value("SELECT sum(records) FROM activity WHERE log = 'revocation'") == 7


def test_two_installations_that_both_count_from_one_are_kept_apart(tmp_path):
    first = [issuance(n, issued_at=f"2025-05-{n + 1:02}T08:00:00Z") for n in range(20)]
    second = [issuance(n, issued_at=f"2026-01-{n + 1:02}T08:00:00Z") for n in range(20)]
    mixed = [record for pair in zip(first, second, strict=True) for record in pair]
    with Store(":memory:") as store:
        assert store.load(ndjson(tmp_path / "a.ndjson", first)).total("issuance") == 20
        report = store.load(ndjson(tmp_path / "b.ndjson", mixed))
        assert (report.total("issuance"), report.total("duplicates")) == (20, 20)


def test_revocations_of_a_log_that_names_no_source_are_told_apart_piece_by_piece(tmp_path):
    """A record that tells the same again is a duplicate; only another revocation is left out, and counted."""
    told = Loader(
        name="told",
        version=1,
        title="Ends of grants",
        recognise=lambda sample: True,
        fields='{"at": "VARCHAR", "id": "VARCHAR", "tenant": "VARCHAR"}',
        carries=("revocation",),
        revocation="SELECT line_no, r.id AS event_id, r.at AS revoked_at, r.tenant AS tenant, 'revoke' AS kind, "
        "'success' AS outcome, 'grant' AS target_kind FROM record",
    )
    noon = {"id": "r", "at": f"{DAY}12:00:00Z", "tenant": "a"}
    again = [noon | {"at": f"{DAY}12:00:00.000173Z"}, noon | {"tenant": None}]
    others = [noon | {"at": f"{DAY}12:00:01Z"}, noon | {"tenant": "b"}, noon | {"tenant": "b"}]
    said = []
    for records in ([noon, *again], [noon, *again, others[0]], [noon, *again, *others]):
        path = ndjson(tmp_path / f"{len(records)}.ndjson", records)
        with Store(":memory:") as store:
            (batch,) = store.load(path, loader=told).batches
            tenants = len({record["tenant"] for record in records} - {None})
            assert (batch["revocation"], batch["duplicates"]) == (tenants, len(records) - tenants)
            how, _, more = batch["note"].partition("; ")
            assert how.startswith("read as told of SHA-256 ")
            said.append(more)
    assert said == [
        "",
        "1 revocation left out: it has the id of another one, of another time or where a tenant is not named",
        "1 revocation left out: it has the id of another one, of another time or where a tenant is not named",
    ]
