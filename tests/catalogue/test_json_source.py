"""Files of JSON in every shape that sources and collectors give them."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.catalogue.json_source import document, record_files, records, sha256
from grantlens.errors import CatalogueError

RECORD = st.dictionaries(st.sampled_from(["a", "b"]), st.integers() | st.text(max_size=3) | st.none(), max_size=2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(listed=st.lists(RECORD, max_size=4), shape=st.sampled_from(["lines", "list", "pretty", "page", "gz"]))
def test_every_shape_gives_the_same_records(tmp_path, listed, shape):
    lines = "\n\n".join(json.dumps(record) for record in listed)
    raw = {
        "lines": lines,
        "gz": lines,
        "list": json.dumps(listed),
        "pretty": json.dumps(listed, indent=2),
        "page": json.dumps({"Records": listed, "next": None}, indent=1),
    }[shape].encode()
    path = tmp_path / ("x.gz" if shape == "gz" else "x.json")
    path.write_bytes(gzip.compress(raw) if shape == "gz" else raw)
    assert [record for _, record in records(path)] == listed


def test_places_name_line_or_item(tmp_path):
    path = tmp_path / "x.ndjson"
    path.write_text('{"a": 1}\n\n{"items": [{"a": 2}, {"a": 3}]}\n')
    places = [place.removeprefix(str(path)) for place, _ in records(path)]
    assert places == [" line 1", " line 3, item 1", " line 3, item 2"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1}\n{"b" 2}\n', "line 2"),
        ('{\n"a": 1,\n"b" 2}\n', "line 3"),
        ("7\n", "'7' is no record"),
        ('[{"a": 1}, 7]', "item 2"),
    ],
)
def test_a_mistake_names_its_place(tmp_path, text, says):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says):
        list(records(path))


def test_a_compressed_file_that_is_cut(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-20])
    with pytest.raises(CatalogueError, match="cut off"):
        list(records(path))


def test_a_document_with_a_mark_of_its_order_and_one_that_is_no_text(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert document(path) == [1]
    path.write_bytes(b'"\xff"')
    with pytest.raises(CatalogueError, match="UTF-8"):
        document(path)


def test_files_of_a_folder_and_their_hash(tmp_path):
    for name in ("b.ndjson", "a.json", "PROVENANCE.txt"):
        (tmp_path / name).write_text("{}")
    files = record_files(tmp_path)
    assert [file.name for file in files] == ["a.json", "b.ndjson"]
    assert record_files(files[0]) == [files[0]]
    assert sha256(files) == sha256(reversed(files)) != sha256(files[:1])
