"""The same records give the same store, whatever they are wrapped and packed in."""

import csv
import gzip
import io
import json
import os
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grantlens.reading.shape import WRAPPERS, shape_of
from grantlens.store import Store

from .oracle import content, issuance, revocation, usage

RECORDS = [*map(usage, range(40)), *map(issuance, range(7)), *map(revocation, range(3))]


def _csv(records):
    names = sorted({name for record in records for name in record})
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for record in records:
        writer.writerow({name: ";".join(cell) if isinstance(cell, list) else cell for name, cell in record.items()})
    return text.getvalue()


def _parquet(records):
    names = sorted({name for record in records for name in record})
    table = pa.table({name: [record.get(name) for record in records] for name in names})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


SHAPES = {
    "lines": lambda records: "".join(json.dumps(record) + "\n" for record in records),
    "compact lines": lambda records: "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records),
    "lines without the last end": lambda records: "\n".join(map(json.dumps, records)),
    "lines with CR": lambda records: "".join(json.dumps(record) + "\r\n" for record in records),
    "lines with a byte order mark": lambda records: "\ufeff" + "".join(json.dumps(record) + "\n" for record in records),
    "array": json.dumps,
    "pretty array": lambda records: json.dumps(records, indent=2),
    "pretty objects": lambda records: "\n".join(json.dumps(record, indent=1) for record in records),
    "pages as lines": lambda records: "".join(
        json.dumps({"records": records[at : at + 9]}) + "\n" for at in range(0, 50, 9)
    ),
    "csv": _csv,
    "parquet": _parquet,
} | {
    f"wrapped in {key}": lambda records, key=key: json.dumps({"kind": "page", "next": None, key: records})
    for key in WRAPPERS
}
SHAPES |= {
    "embedded": lambda records: json.dumps({"_links": {}, "_embedded": {"activities": records}, "size": 50}),
    "embedded, pretty": lambda records: json.dumps({"_embedded": {"items": records}, "_links": {}}, indent=2),
    "embedded, pages as lines": lambda records: "".join(
        json.dumps({"_links": {}, "_embedded": {"activities": records[at : at + 9]}}) + "\n" for at in range(0, 50, 9)
    ),
    "each alone": lambda records: "".join(json.dumps({"audit_log": record}) + "\n" for record in records),
}


def _zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(data)
    return sink.getvalue().to_pybytes()


PACKINGS = {"plain": bytes, "gzip": gzip.compress, "zstd": _zstd}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    path = tmp_path_factory.mktemp("expected") / "a.ndjson"
    path.write_text(SHAPES["lines"](RECORDS))
    with Store(":memory:") as store:
        assert store.load(path).total("rejected") == 0
        return content(store, pointers=False)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_shape_and_packing_make_no_difference(tmp_path, expected, shape, packing):
    data = SHAPES[shape](RECORDS)
    path = tmp_path / "log"  # the name says nothing: content does
    path.write_bytes(PACKINGS[packing](data if isinstance(data, bytes) else data.encode()))
    with Store(":memory:") as store:
        report = store.load(path)
        assert not report.failed
        assert report.batches[0]["records"] == len(RECORDS)
        assert report.batches[0]["rejected"] == 0
        assert content(store, pointers=False) == expected


def test_one_pretty_record_is_one_record(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(usage(1), indent=4))
    with Store(":memory:") as store:
        assert store.load(path).total("usage") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n",
        "[]",
        '{"items":[]}',
        '{"_embedded": {"activities": []}}',
        '{"records": []}\n{"records": []}\n',
        "log,used_at\n",
        '{"took": 3, "timed_out": false, "hits": {"total": {"value": 0}, "hits": []}}',
        '{\n  "hits": {"hits": []}\n}\n',
        '{"hits": {"hits": []}}\n{"hits": {"hits": []}}\n',
        '{"preview":false,"lastrow":true}\n',
        '{"kind": "admin#reports#activities", "etag": "e"}',
    ],
)
def test_an_empty_page_is_normal(tmp_path, text):
    path = tmp_path / "empty.json"
    path.write_text(text)
    with Store(":memory:") as store:
        report = store.load(path)
        assert not report.failed
        batch = report.batches[0]
        assert batch["records"] == 0
        assert batch["loader"] is None
        assert "empty" in batch["note"] or "no rows" in batch["note"]
        assert store.engine.value("SELECT count(*) FROM batch") == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"took": 3, "timed_out": true, "hits": {"hits": []}}',
        '{"preview":true}\n',
        '{"hits": {"hits": []}}\n{"hits": {"hits": []}}\n{"hits": 7}\n',
    ],
)
def test_an_answer_that_is_not_whole_is_no_empty_page(tmp_path, text):
    path = tmp_path / "search.json"
    path.write_text(text)
    with Store(":memory:") as store:
        assert "no loader knows these records" in store.load(path).failed[0][1]


def test_lines_are_the_true_lines(tmp_path):
    path = tmp_path / "a.ndjson"
    records = [json.dumps(usage(n)) for n in range(3)]
    path.write_text("\n" + records[0] + "\n\n  \n" + records[1] + "\n{broken\n" + records[2])
    with Store(":memory:") as store:
        store.load(path)
        assert store.engine.rows("SELECT event_id, line_no FROM usage ORDER BY 2") == [("u0", 2), ("u1", 5), ("u2", 7)]
        assert store.engine.rows("SELECT line_no FROM rejected") == [(6,)]


def test_records_of_a_page_share_its_line(tmp_path):
    path = tmp_path / "a.ndjson"
    path.write_text(
        json.dumps({"records": [usage(1), usage(2)]}) + "\n\n" + json.dumps({"records": [usage(3), {"log": "x"}]})
    )
    with Store(":memory:") as store:
        assert store.load(path).total("records") == 4
        assert store.engine.rows("SELECT event_id, line_no FROM usage ORDER BY 1") == [("u1", 1), ("u2", 1), ("u3", 3)]
        assert store.engine.rows("SELECT line_no FROM rejected") == [(3,)]


def test_a_record_with_an_empty_list_is_no_page_among_records(tmp_path):
    """Such a list bears the name under which pages wrap their records; the record is rejected, not lost."""
    records = [{"a": 1}, {"kind": "x", "result": []}, {"a": 2}]
    path = tmp_path / "a.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        batch = store.load(path, loader="ping_one").batches[0]
    assert batch["records"] == batch["rejected"] + batch["ignored"] == 3


def test_csv_rows_point_at_the_line_where_they_begin(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        'log,event_id,used_at,outcome,client_name\nusage,a,2026-01-01T00:00:00Z,success,"two\nlines"\n'
        "usage,b,2026-01-01T00:00:00Z,success,x\nusage,c\n"
    )
    with Store(":memory:") as store:
        report = store.load(path)
        assert (report.total("records"), report.total("rejected")) == (3, 1)
        assert store.engine.rows("SELECT event_id, line_no, client_name FROM usage ORDER BY 1") == [
            ("a", 2, "two\nlines"),
            ("b", 4, "x"),
        ]
        assert store.engine.rows("SELECT line_no, reason FROM rejected") == [(5, "2 cells, the header has 5")]


@pytest.mark.parametrize(
    ("head", "shape"),
    [
        ('{"a": {"b": [1, 2]}}\n{"a": 1}', "lines"),
        ('{"a": 1, broken\n{"a": 1}\n', "lines"),
        ('{\n "a": 1\n}', "document"),
        ('{"Records": [{"a": 1},\n{"a": 2}]}', "document"),
        ("2026-01-01 INFO [org] hello", "text"),
        ('name-1  | {"a": 1}', "text"),
        ("keycloak-1  | 2026-01-01 10:00:00,000 INFO  [org.keycloak] (main) hello\n", "text"),
        ("[2026-01-01T10:00:00Z] GET /mail", "text"),
        ("level=info msg=called, status=200", "text"),
        ("eyJhbGciOiJFUzI1NiJ9.eyJldmVudHMiOnt9fQ.c2ln", "text"),
        ("\x01\x02\x03", "unknown"),
        ("a;b\n1;2", "csv"),
    ],
)
def test_shape_is_told_from_content(head, shape):
    assert shape_of(head, whole=True) == shape


def test_a_line_of_many_commas_is_told_at_once():
    """It took twice as long for each comma."""
    assert shape_of("a" + ",b" * 500 + "{\n1,2\n", True) == "text"


@pytest.mark.parametrize("damage", [lambda data: data, lambda data: data[:-20]])
def test_the_unpacked_copy_of_a_parquet_file_is_removed(tmp_path, monkeypatch, damage):
    made = []
    temporary = tempfile.NamedTemporaryFile
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", lambda **given: made.append(temporary(**given)) or made[-1])
    path = tmp_path / "log.parquet.gz"
    path.write_bytes(gzip.compress(damage(_parquet(RECORDS))))
    with Store(":memory:") as store:
        report = store.load(path)
        assert len(report) + len(report.failed) == 1
    copies = [each for each in made if each.name.endswith(".parquet")]
    assert [(each.file.closed, os.path.exists(each.name)) for each in copies] == [(True, False)]
