"""The fast way and the careful way give the same store, and the fast way takes nothing that it did not read whole."""

import json
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.ingest import calls, opening
from grantlens.ingest.calls import CallReader
from grantlens.ingest.mapper import Mapper
from grantlens.reading import lines, scan
from grantlens.reading.content import Content
from grantlens.store import Store

from .oracle import content, ndjson, usage


@pytest.fixture(params=["held", "in place"], autouse=True)
def way(request, monkeypatch):
    """A file is held in memory chunk by chunk, as a small one is, or read in place by the database, as a large one."""
    if request.param == "in place":
        monkeypatch.setattr(opening, "FIRST_BYTES", 0)
        for name, small in {"BLOCK": 4096, "ROWS": 50, "FIRST_ROWS": 20}.items():
            monkeypatch.setattr(scan, name, small)
    return request.param


@pytest.fixture
def taken(monkeypatch):
    """Count the chunks that went the fast way."""
    done = []
    read = CallReader.read

    def counted(self, chunk):
        result = read(self, chunk)
        done.append(result is not None)
        return result

    monkeypatch.setattr(calls.CallReader, "read", counted)
    return done


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Return a folder for files that are read in both ways, and so loaded carefully but once."""
    return tmp_path_factory.mktemp("shelf")


_read_once = cache(lambda path: _careful(path))


def _careful(path):
    """Load without the fast way, and without the database reading in place."""
    read, first = CallReader.read, opening.FIRST_BYTES
    CallReader.read = lambda self, chunk: None
    opening.FIRST_BYTES = 1 << 60
    try:
        with Store(":memory:") as store:
            report = store.load(path)
            return report.batches, content(store)
    finally:
        CallReader.read, opening.FIRST_BYTES = read, first


def _fast(path):
    with Store(":memory:") as store:
        report = store.load(path)
        return report.batches, content(store)


@pytest.mark.parametrize("spaced", [False, True])
def test_plain_calls_go_the_fast_way_and_give_the_same(tmp_path, taken, way, spaced):
    path = ndjson(tmp_path / "a.ndjson", [usage(n) for n in range(300)], spaced=spaced)
    fast = _fast(path)
    assert all(taken)
    assert (len(taken) > 1) is (way == "in place")
    assert fast == _careful(path)
    assert fast[0][0]["usage"] == 300


ODD = {
    "unknown key": '{"log":"usage","event_id":"x","used_at":"2026-03-01T00:00:00Z","outcome":"success","secret_extra":"1"}',
    "key of another log": json.dumps(usage(999, issued_at="2026-01-01T00:00:00Z")),
    "escaped text": json.dumps(usage(999, client_name='M\u00fcller \u2028 "x" \\ \u0007')),
    "wrong type": json.dumps(usage(999, token_scopes="a b")),
    "number for text": json.dumps(usage(999, client_id=17)),
    "null": json.dumps(usage(999, session_id=None)),
    "no event id": json.dumps({k: v for k, v in usage(999).items() if k != "event_id"}),
    "broken time": json.dumps(usage(999, used_at="yesterday")),
    "bad list in a caller": json.dumps(usage(999, token_scopes={"a": 1})),
    "no JSON": '{"log":"usage",',
    "no object": "17",
    "blank": "   ",
    "issuance": json.dumps(
        {"log": "issuance", "issued_at": "2026-01-01T00:00:00Z", "kind": "token", "outcome": "success"}
    ),
    "twice the same key": '{"log":"usage","used_at":"2026-03-01T00:00:00Z","outcome":"success","used_at":"2026-03-01T00:00:01Z"}',
    "raw token": json.dumps(usage(999, token_id="eyJhbGciOi.eyJzdWIiOiIx.c2ln")),
    "query": json.dumps(usage(999, target="/a?code=1234567890")),
}


@pytest.mark.parametrize("where", ["first", "last"])
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_record_among_calls(shelf, odd, where):
    records = [json.dumps(usage(n), separators=(",", ":")) for n in range(120)]
    records.insert(0 if where == "first" else 120, ODD[odd])
    path = ndjson(shelf / f"{odd}, {where}.ndjson", records)
    with Store(":memory:") as store:
        batch = store.load(path).batches[0]
        fast = content(store)
        event = store.engine.rows("SELECT event_id, used_at FROM usage WHERE event_id = 'u5'")
    careful_batches, careful = _read_once(path)
    strip = {name: [_without_key(row) for row in rows] for name, rows in fast.items()}
    assert strip == {name: [_without_key(row) for row in rows] for name, rows in careful.items()}
    assert dict(batch) == careful_batches[0]
    assert batch["records"] == (120 if odd == "blank" else 121)
    assert batch["usage"] >= 120
    assert len(event) == 1


def _without_key(row):
    """Each store hashes raw tokens with a key of its own."""
    return tuple("hmac" if cell.startswith("hmac:") else cell for cell in row)


def test_nothing_unknown_is_dropped_by_the_fast_way(tmp_path, taken):
    """A key that comes up after the first records is found, whatever its length."""
    for length in range(1, 60, 7):
        records = [json.dumps(usage(n), separators=(",", ":")) for n in range(80)]
        records += [json.dumps(usage(100, extra="x" * length), separators=(",", ":"))]
        path = ndjson(tmp_path / f"{length}.ndjson", records)
        with Store(":memory:") as store:
            assert store.load(path).total("rejected") == 1
            assert store.engine.rows("SELECT reason FROM rejected")[0][0].startswith("extra: unknown column")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(
        st.builds(
            usage,
            st.integers(0, 50),
            client_name=st.none() | st.text(max_size=8),
            status=st.integers(-5, 700),
            response_bytes=st.none() | st.integers(0, 10**12),
            target=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12),
        ),
        min_size=1,
        max_size=40,
    ),
    ascii_only=st.booleans(),
)
def test_any_calls_give_the_same_either_way(tmp_path, records, ascii_only):
    path = tmp_path / "a.ndjson"
    path.write_text(
        "".join(json.dumps(record, ensure_ascii=ascii_only, separators=(",", ":")) + "\n" for record in records)
    )
    assert _fast(path) == _careful(path)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(300, 4000), count=st.integers(1, 60))
def test_chunks_are_cut_anywhere(tmp_path, monkeypatch, size, count):
    path = ndjson(tmp_path / "a.ndjson", [usage(n, event_id=f"e{n}") for n in range(count)])
    monkeypatch.setattr(lines, "_size_for", lambda content: size)
    with Store(":memory:") as store:
        assert store.load(path).total("usage") == count
        expected = [(f"e{n}", n + 1) for n in range(count)]
        assert sorted(store.engine.rows("SELECT event_id, line_no FROM usage"), key=lambda row: row[1]) == expected
        assert store.engine.value("SELECT count(DISTINCT usage_id) FROM usage_row") == count


def test_what_follows_an_odd_record_goes_the_fast_way_again(tmp_path, taken, way):
    """A value that does not fit costs its chunk the fast way, and a record that is no call or no JSON not more than that and the next ones."""
    records = [json.dumps(usage(n), separators=(",", ":")) for n in range(600)]
    records[250] = json.dumps(usage(250, used_at="yesterday"), separators=(",", ":"))
    report = _fast(ndjson(tmp_path / "a.ndjson", records))[0][0]
    assert (report["usage"], report["rejected"]) == (599, 1)
    if way == "in place":
        assert taken.count(False) == 1
        assert len(taken) > 9


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n", "\n   \n"])
def test_any_end_of_a_file_gives_the_same(shelf, end):
    path = shelf / f"end {end!r}.ndjson"
    path.write_bytes("\n".join(json.dumps(usage(n)) for n in range(200)).encode() + end.encode())
    fast = _fast(path)
    assert fast == _read_once(path)
    assert fast[0][0]["usage"] == 200


@pytest.mark.parametrize("line", ["\r\n", "\n"])
@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf", b"\n"])
def test_any_line_end_and_beginning_gives_the_same(shelf, begin, line):
    path = shelf / f"{begin!r} {line!r}.ndjson"
    path.write_bytes(begin + "".join(json.dumps(usage(n)) + line for n in range(200)).encode())
    fast = _fast(path)
    assert fast == _read_once(path)
    assert fast[0][0]["usage"] == 200


def test_a_line_longer_than_a_block_gives_the_same(tmp_path):
    path = ndjson(tmp_path / "a.ndjson", [usage(n, client_name="x" * (9000 if n == 77 else 5)) for n in range(200)])
    fast = _fast(path)
    assert fast == _careful(path)
    assert fast[0][0]["usage"] == 200


def test_a_file_that_is_no_utf8_is_refused_either_way(tmp_path, way):
    path = tmp_path / "a.ndjson"
    lines_ = [json.dumps(usage(n)).encode() for n in range(200)]
    lines_[150] = lines_[150].replace(b"c0", b"c\xff").replace(b"c1", b"c\xff").replace(b"c2", b"c\xff")
    path.write_bytes(b"\n".join(lines_) + b"\n")
    with Store(":memory:") as store:
        report = store.load(path)
        assert [message for _, message, _ in report.failed] == [f"{path}, line 151: not UTF-8 text."]
        assert store.engine.value("SELECT count(*) FROM batch") == 0


def _while_it_is_read(monkeypatch, change):
    """Do something to the file when its second chunk is about to be mapped."""
    read, seen = Mapper.read, []

    def changing(self, chunk, **rest):
        seen.append(chunk)
        if len(seen) == 2:
            change()
        return read(self, chunk, **rest)

    monkeypatch.setattr(Mapper, "read", changing)


@pytest.mark.parametrize("way", ["in place"], indirect=True)  # one that is held is read once in any case
@pytest.mark.parametrize("change", ["grows", "is written anew", "is touched"])
def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path, monkeypatch, way, change):
    """Its hash is that of the rows that were kept, whatever happened meanwhile."""
    path = ndjson(tmp_path / "a.ndjson", [usage(n) for n in range(400)])
    more = ndjson(tmp_path / "more.ndjson", [usage(n) for n in range(1000, 1400)]).read_text()
    once = path.read_text()

    def happen():
        if change == "grows":
            with path.open("a") as file:
                file.write(more)
        else:
            path.write_text(more if change == "is written anew" else once)

    _while_it_is_read(monkeypatch, happen)
    opened = []
    open_ = opening.Opener.open
    monkeypatch.setattr(
        opening.Opener,
        "open",
        lambda self, path, *, once=False: opened.append(once) or open_(self, path, once=once),
    )
    with Store(":memory:") as store:
        batch = store.load(path).batches[0]
        events = {event for (event,) in store.engine.rows("SELECT event_id FROM usage")}
    with Store(":memory:") as other:
        assert other.load(path).batches[0]["sha256"] == batch["sha256"]
        assert {event for (event,) in other.engine.rows("SELECT event_id FROM usage")} == events
    assert opened[:2] == [False, True]


def test_a_file_that_is_cut_off_while_it_is_read_stops_nothing(tmp_path, monkeypatch, way):
    path = ndjson(tmp_path / "a.ndjson", [usage(n) for n in range(4000)])
    _while_it_is_read(monkeypatch, lambda: path.write_text(path.read_text()[:3000]))
    other = ndjson(tmp_path / "b.ndjson", [usage(n) for n in range(5000, 5010)])
    with Store(":memory:") as store:
        report = store.load(path, other)
        assert report.batches[-1]["usage"] == 10
        assert store.engine.value("SELECT count(*) FROM usage") == report.total("usage")


def test_a_name_that_reads_as_a_pattern_names_one_file(tmp_path, way):
    ndjson(tmp_path / "a1.ndjson", [usage(n) for n in range(100)])
    path = ndjson(tmp_path / "a[1].ndjson", [usage(n) for n in range(500, 600)])
    assert _fast(path) == _careful(path)
    assert Content(str(path)).name != str(path)
