"""The fast way and the careful way give the same store, and the fast way takes nothing that it did not read whole."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.ingest import calls, lines
from grantlens.ingest.calls import CallReader
from grantlens.store import Store

from .oracle import content, ndjson, usage


@pytest.fixture
def taken(monkeypatch):
    """Count the chunks that went the fast way."""
    done = []
    read = CallReader.read

    def counted(self, chunk):
        result = read(self, chunk)
        done.append(result.calls is not None)
        return result

    monkeypatch.setattr(calls.CallReader, "read", counted)
    return done


def _careful(path):
    """Load without the fast way."""
    read = CallReader.read
    CallReader.read = lambda self, chunk: chunk
    try:
        with Store(":memory:") as store:
            report = store.load(path)
            return report.batches, content(store)
    finally:
        CallReader.read = read


def _fast(path):
    with Store(":memory:") as store:
        report = store.load(path)
        return report.batches, content(store)


@pytest.mark.parametrize("spaced", [False, True])
def test_plain_calls_go_the_fast_way_and_give_the_same(tmp_path, taken, spaced):
    path = ndjson(tmp_path / "a.ndjson", [usage(n) for n in range(300)], spaced=spaced)
    fast = _fast(path)
    assert taken == [True]
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
def test_an_odd_record_among_calls(tmp_path, odd, where):
    records = [json.dumps(usage(n), separators=(",", ":")) for n in range(120)]
    records.insert(0 if where == "first" else 120, ODD[odd])
    path = ndjson(tmp_path / "a.ndjson", records)
    with Store(":memory:") as store:
        batch = store.load(path).batches[0]
        fast = content(store)
        event = store.engine.rows("SELECT event_id, used_at FROM usage WHERE event_id = 'u5'")
    careful_batches, careful = _careful(path)
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
