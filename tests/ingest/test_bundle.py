"""Small files are read together; nothing that is kept tells the difference, but for the time that it takes."""

import gzip
import json
import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.engine.duckdb import Engine
from grantlens.errors import LoadError
from grantlens.ingest import bundle, load, opening
from grantlens.ingest.recognise import choose
from grantlens.loaders import Settings
from grantlens.reading.content import Content
from grantlens.reading.one_file import Reading
from grantlens.store import Store

from .oracle import issuance, ndjson, revocation, usage


def _store(path=":memory:"):
    store = Store(path)
    store.engine.execute("UPDATE meta SET value = repeat('00', 32) WHERE name = 'token_key'")
    return store


def _state(store):
    """Everything but when it was loaded."""
    tables = [name for (name,) in store.engine.rows("SELECT table_name FROM duckdb_tables() WHERE NOT temporary")]
    wanted = {name: "*" for name in tables if name != "meta"} | {"batch": "* EXCLUDE (loaded_at)"}
    wanted["usage_row"] = "* REPLACE (row_number() OVER (ORDER BY usage_id) AS usage_id)"  # duplicates may leave gaps
    return {name: sorted(map(str, store.engine.rows(f"SELECT {what} FROM {name}"))) for name, what in wanted.items()}


def _both(folder, **how):
    """Load a folder, its small files together and one by one; return what came of it and the largest number of files in one turn."""
    turns = []
    accounts = load.Accounts

    def noted(engine, files):
        turns.append(len(files))
        return accounts(engine, files)

    with _store() as together, _store() as alone, pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "Accounts", noted)
        told = together.load(folder, **how)
        most = max(turns, default=0)
        patch.setattr(load, "small_run", lambda paths, first: [paths[first]])
        expected = alone.load(folder, **how)
        states = _state(together), _state(alone)
    for name, rows in states[0].items():
        assert rows == states[1][name], name
    assert told.batches == expected.batches
    assert told.failed == expected.failed
    return told, most


REAL = sorted(
    path.name
    for path in (Path(os.environ.get("GRANTLENS_SHARED") or Path(__file__).parents[3] / "shared") / "real-logs").glob(
        "*"
    )
    if path.is_dir()
)


EACH = 6
"""Records of a small file."""


def _cut(source, folder):
    """Write the first lines of a log in small files, as a bucket holds them; return how many."""
    lines = [line for line in source.read_text().splitlines() if line.strip()][:30]
    folder.mkdir(parents=True)
    for at in range(0, len(lines), EACH):
        (folder / f"{at:04}.ndjson").write_text("".join(line + "\n" for line in lines[at : at + EACH]))
    return len(range(0, len(lines), EACH))


@pytest.mark.parametrize("folder", REAL or ["none"])
def test_real_records_in_small_files(shared, tmp_path, folder):
    sources = [
        path for path in sorted((shared / "real-logs" / folder).rglob("*")) if path.suffix in (".ndjson", ".log")
    ]
    if not sources:
        pytest.skip(f"{folder} holds no lines")
    written = sum(_cut(source, tmp_path / "logs" / source.stem) for source in sources)
    told, most = _both(tmp_path / "logs", settings=Settings(time_zone="UTC", unverified=True))
    assert len(told.batches) + len(told.failed) == written
    assert told.total("records") or told.failed
    assert most > 1 or written < 4


def test_what_is_ignored_is_told_of_each_file(samples, tmp_path):
    known = json.loads((samples / "logs/okta/system-log.ndjson").read_text().splitlines()[0])
    other = known | {"eventType": "user.session.start"}
    for number, events in enumerate(([known, other], [known], [other, known, other])):
        ndjson(tmp_path / f"{number}.ndjson", [event | {"uuid": f"{number}-{n}"} for n, event in enumerate(events)])
    ndjson(tmp_path / "3.ndjson", [issuance(1), usage(1)])
    told, most = _both(tmp_path)
    assert most == 3  # another loader's file is no part of them
    assert [batch["loader"] for batch in told.batches] == ["okta"] * 3 + ["native"]
    assert [(batch["issuance"], batch["ignored"]) for batch in told.batches] == [(1, 1), (1, 0), (1, 2), (1, 0)]


def test_what_reads_a_file_is_equal_to_what_reads_its_like(shared):
    """Else no two files would be read together, and a loader's SELECTs would be looked at anew for each."""
    told = Settings(time_zone="UTC", unverified=True)
    seen = set()
    for path in sorted((shared / "real-logs").rglob("*")):
        if path.suffix not in (".json", ".ndjson", ".log"):
            continue
        with closing(Content(str(path))) as content, closing(Reading(content)) as reading:
            try:
                first, second = (choose(reading, None, told) for _ in range(2))
            except LoadError:
                continue
        assert first == second, path
        seen.add(first.name)
    assert len(seen) > 30


RECORD = st.one_of(
    st.builds(usage, st.integers(0, 40), token_id=st.sampled_from(["t1", "t2", None])),
    st.builds(issuance, st.integers(0, 20)),
    st.builds(revocation, st.integers(0, 20)),
    st.builds(usage, st.integers(0, 40), status=st.just("strange")),
    st.builds(issuance, st.integers(0, 20), strange=st.just(1)),
    st.sampled_from(["{broken", "[]", "", '{"log": "usage"}', json.dumps(usage(3)) + "\r"]),
)
FILE = st.one_of(
    st.lists(RECORD, max_size=6).map(lambda records: ("lines", records)),
    st.lists(st.builds(issuance, st.integers(0, 20)), max_size=6).map(lambda records: ("page", records)),
    st.lists(st.builds(revocation, st.integers(0, 9)), min_size=1, max_size=6).map(lambda records: ("packed", records)),
    st.sampled_from([b"\x1f\x8bcut", b"\xff{}", b"no log\n", b""]).map(lambda data: ("bytes", data)),
)


@settings(max_examples=20)
@given(files=st.lists(FILE, min_size=2, max_size=8))
def test_any_small_files_are_as_if_loaded_one_by_one(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    for number, (kind, held) in enumerate(files):
        path = folder / f"{number}.log"
        if kind == "bytes":
            path.write_bytes(held)
        elif kind == "page":
            path.write_text(json.dumps({"Records": held}))
        elif kind == "packed":
            text = "".join(json.dumps(each) + "\n" for each in held)
            path.write_bytes(gzip.compress(text.encode(), mtime=0))
        else:
            ndjson(path, held)
    told, _ = _both(folder)
    assert len(told.batches) + len(told.failed) == len(files)


def _many(folder, files, records=1):
    """Files of all three logs, which one loader reads."""
    folder.mkdir(exist_ok=True)
    for number in range(files):
        first = number * records
        rows = [issuance(first), *(usage(at) for at in range(first, first + records))]
        ndjson(folder / f"{number:05}.ndjson", rows)
    return folder


def test_a_statement_more_for_each_file_and_not_fifty(tmp_path, monkeypatch):
    """Each statement takes a millisecond: what a load does for each of thousands of files decides how long it takes."""
    ran = []
    for name in ("execute", "arrow", "repeated"):
        method = getattr(Engine, name)
        monkeypatch.setattr(Engine, name, lambda *given, _run=method: ran.append(given[1]) or _run(*given))
    counts = []
    for files in (100, 400):
        folder = _many(tmp_path / f"{files}", files)
        with Store(":memory:") as store:
            ran.clear()
            assert len(store.load(folder).batches) == files
            counts.append(len(ran))
    assert counts[1] - counts[0] <= 300 * 2


def test_files_are_closed_when_they_were_read(tmp_path, monkeypatch):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no list of open files")
    folder, most = _many(tmp_path / "logs", 120), []
    chunks = bundle.Bundle.chunks
    monkeypatch.setattr(
        bundle.Bundle, "chunks", lambda self: most.append(len(os.listdir("/proc/self/fd"))) or chunks(self)
    )
    before = len(os.listdir("/proc/self/fd"))
    with Store(":memory:") as store:
        store.load(folder)
    assert most
    assert max(most) < before + 40


def test_a_bundle_ends_where_it_is_full(tmp_path, monkeypatch):
    turns = []
    gathered = opening.Opener._gathered
    monkeypatch.setattr(opening.Opener, "_gathered", lambda *given: turns.append(gathered(*given)) or turns[-1])
    folder = _many(tmp_path / "logs", 20)
    for limit, value, expected in (("FILES", 7, [7, 7, 6]), ("BYTES", 700, None)):
        turns.clear()
        with pytest.MonkeyPatch.context() as patch, Store(":memory:") as store:
            patch.setattr(bundle, limit, value)
            assert len(store.load(folder).batches) == 20
        sizes = [len(files) for files, _ in turns]
        assert sum(sizes) == 20
        assert sizes == expected if expected else 1 < max(sizes) < 5


def test_a_bad_file_among_small_ones_is_named_and_the_others_are_loaded(tmp_path):
    folder = _many(tmp_path / "logs", 9)
    ndjson(folder / "00004.ndjson", [issuance(4, strange=1), issuance(44, strange=2)])  # known when all of it was read
    (folder / "00006.ndjson").write_bytes(b'{"log": "usage", "event_id": "\xff"}\n')
    told, _ = _both(folder)
    assert [Path(path).name for path, *_ in told.failed] == ["00004.ndjson", "00006.ndjson"]
    assert "strange" in told.failed[0][1]
    assert [Path(batch["path"]).stem for batch in told.batches] == [f"{n:05}" for n in (0, 1, 2, 3, 5, 7, 8)]


def test_copies_among_small_files_are_told(tmp_path):
    folder = _many(tmp_path / "logs", 6)
    (folder / "00003.ndjson").write_bytes((folder / "00001.ndjson").read_bytes())
    (folder / "00007.ndjson").write_bytes((folder / "00001.ndjson").read_bytes())
    told, _ = _both(folder)
    again = [batch for batch in told.batches if batch["note"]]
    assert [Path(batch["path"]).stem for batch in again] == ["00003", "00007"]
    assert all("00001.ndjson: nothing was changed" in batch["note"] for batch in again)


def test_each_file_keeps_its_account(tmp_path):
    """Records, periods, duplicates and what was rejected or left out stand beside the file they are of."""
    folder = tmp_path / "logs"
    folder.mkdir()
    ndjson(folder / "a.ndjson", [issuance(1), usage(1), usage(2), revocation(1)])
    ndjson(
        folder / "b.ndjson",
        [issuance(2), usage(2), usage(2), "{broken", revocation(1, revoked_at="2026-03-05T00:00:00Z")],
    )
    ndjson(folder / "c.ndjson", [issuance(2), usage(9), {"log": "usage"}, {"log": "usage"}, revocation(1)])
    told, most = _both(folder)
    assert most == 3
    counts = [
        {name: batch[name] for name in ("records", "issuance", "usage", "revocation", "duplicates", "rejected")}
        for batch in told.batches
    ]
    assert [tuple(each.values()) for each in counts] == [(4, 1, 2, 1, 0, 0), (5, 1, 0, 0, 3, 1), (5, 0, 1, 0, 2, 2)]
    assert told.batches[1]["note"].startswith("1 revocation left out")
    assert told.batches[2]["first"] == "2026-02-28T00:00:02Z"


def test_the_first_of_what_is_the_same_is_that_of_the_first_file(tmp_path):
    """Its line may be further down in its own file; exports cut times, so the two need not be equal."""
    folder = tmp_path / "logs"
    folder.mkdir()
    same = {"event_id": "e", "tenant": "x", "client_id": "c"}
    ndjson(folder / "a.ndjson", [issuance(1), usage(5), usage(6), usage(7, used_at="2026-03-01T10:00:00.5Z", **same)])
    ndjson(folder / "b.ndjson", [usage(8, used_at="2026-03-01T10:00:00Z", **same), issuance(2)])
    told, most = _both(folder)
    assert most == 2
    assert [(batch["usage"], batch["duplicates"]) for batch in told.batches] == [(3, 0), (0, 1)]


def test_a_revocation_with_the_id_of_one_that_is_stored_is_left_out_wherever_it_stands(tmp_path):
    early, folder = tmp_path / "early.ndjson", _many(tmp_path / "logs", 3)
    ndjson(early, [issuance(90), revocation(1)])
    ndjson(folder / "00001.ndjson", [issuance(91), revocation(1, revoked_at="2026-03-05T00:00:00Z")])
    with Store(":memory:") as store:
        store.load(early)
        notes = [batch["note"] for batch in store.load(folder).batches]
        assert store.engine.value("SELECT count(*) FROM revocation") == 1
    assert [bool(note) for note in notes] == [False, True, False]


def test_the_name_of_each_file_tells_when_it_was_delivered(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    for minute in (5, 10, 15):
        event = {
            "eventVersion": "1.08", "eventID": f"e{minute}", "eventTime": "2026-07-01T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "GetObject", "awsRegion": "eu-west-1", "recipientAccountId": "111122223333", "eventType": "AwsApiCall",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a", "accessKeyId": "AKIAEXAMPLE"},
        }  # fmt: skip
        name = f"111122223333_CloudTrail_eu-west-1_20260701T12{minute:02}Z_abc.json.gz"
        (folder / name).write_bytes(gzip.compress(json.dumps({"Records": [event]}).encode()))
    with Store(":memory:") as store:
        store.load(folder)
        found = store.engine.rows("SELECT event_id, received_at FROM usage ORDER BY received_at")
    assert found == [(f"e{minute}", datetime(2026, 7, 1, 12, minute, tzinfo=UTC)) for minute in (5, 10, 15)]
