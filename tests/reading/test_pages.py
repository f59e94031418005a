"""Cutting pages by their brackets gives what parsing them gives, or leaves them to the parser."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.reading import pages
from grantlens.reading.documents import records_of
from grantlens.reading.pages import page_of
from grantlens.store import Store

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\{}[],: \u00e9\n', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='ab"\\]}', max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text(alphabet='abRecords"\\', max_size=4), VALUES, max_size=4), max_size=6)
FRAMES = st.dictionaries(st.sampled_from(("next", "kind", "note")), VALUES, max_size=2)


@settings(max_examples=150, deadline=None)
@given(
    RECORDS,
    FRAMES,
    st.sampled_from(("", "items", "_embedded")),
    st.sampled_from((None, 1)),
    st.booleans(),
    st.integers(5, 80),
)
def test_a_page_is_cut_as_it_is_parsed(records, frame, wrapped, indent, after, step):
    held = {"_embedded": {"items": records}} if wrapped == "_embedded" else {"items": records}
    value = (frame | held if after else held | frame) if wrapped else records
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    before, pages._STEP = pages._STEP, step  # what is open at the end of a step goes on in the next
    try:
        page = page_of(text.encode())
    finally:
        pages._STEP = before
    if page is None:
        return
    cut = page.texts(len(page))
    assert [json.loads(each) for each in cut] == records
    assert cut == list(records_of(text, "page.json"))
    assert [line.strip() for chunk in page.chunks() for line in chunk.lines.texts.to_pylist()] == cut
    assert (page.key, page.frame) == (("items", frame) if wrapped else (None, None))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda records: records,
        lambda records: {"Records": records},
        lambda records: {"_links": {}, "_embedded": {"size": 1, "activities": records}, "count": 50},
        lambda records: {"_embedded": {}, "items": records},
    ],
)
def test_plain_pages_are_cut_and_not_parsed(wrap):
    records = [{"a": n, "b": ["x", {"c": "}]"}]} for n in range(50)]
    page = page_of(json.dumps(wrap(records)).encode())
    assert len(page) == 50


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "[1, 2]",
        '[{"a": 1} {"b": 2}]',
        '[{"a": 1},, {"b": 2}]',
        '[{"a": 1}, 7, {"b": 2}]',
        '[{"a": 1},',
        '[{"a": "]',
        '[{"a": 1}}',
        '[{"a": 1}] tail',
        '{"items": [{"a": 1}], "records": [{"b": 2}]}',
        '{"items": [{"a": 1}]',
        '{"items": {"a": [1]}}',
        '{"_embedded": {"items": [{"a": 1}]}, "records": [{"b": 2}]}',
        '{"_embedded": {"items": [{"a": 1}]}, "items": 2}',
        '{"a": 1}',
        "x",
        "",
    ],
)
def test_what_is_not_plainly_a_page_is_left_to_the_parser(text):
    assert page_of(text.encode()) is None


def test_chunks_number_the_records_by_their_place(monkeypatch):
    monkeypatch.setattr(pages, "CHUNK_BYTES", 40)
    chunks = list(page_of(json.dumps([{"n": n} for n in range(20)]).encode()).chunks())
    assert len(chunks) > 3
    assert [number for chunk in chunks for number in chunk.lines.keys.to_pylist()] == list(range(1, 21))


def test_a_record_of_a_page_that_is_no_json_is_rejected_alone(tmp_path):
    good = '{"log": "usage", "event_id": "%s", "used_at": "2026-07-01T00:00:00Z", "outcome": "success"}'
    path = tmp_path / "page.json"
    path.write_text(f'{{"Records": [{good % "a"},\n {{"log": oops}},\n {good % "b"}]}}')
    with Store(":memory:") as store:
        (batch,) = store.load(path, loader="native")
        assert (batch["records"], batch["usage"], batch["rejected"]) == (3, 2, 1)
        assert store.engine.rows("SELECT line_no FROM rejected") == [(2,)]
