"""Events without a name, beside plain Python."""

import hashlib
import json
from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from grantlens.engine.duckdb import Engine
from grantlens.ingest.event_names import named

RECORDS = st.lists(st.sampled_from(['{"a": 1}', '{"a":1}\n', '{"b" : "x y"}', "no JSON", "{"]), min_size=1, max_size=8)


@given(RECORDS, st.data(), st.booleans(), st.booleans())
def test_each_event_is_called_by_its_record(records, data, text, tight):
    rows = data.draw(
        st.lists(
            st.tuples(st.integers(0, len(records) - 1), st.sampled_from([None, None, "given"])), min_size=1, max_size=12
        )
    )
    lines = pa.table({"line_no": [10 + at for at in range(len(records))], "line": records})
    if tight:
        lines = lines.append_column("tight", pa.array([record == same(record) for record in records]))
    table = pa.table(
        {
            "line_no": pa.array([10 + at for at, _ in rows], pa.int64()),
            "event_id": pa.array([name for _, name in rows], pa.string()),
        }
    )
    if all(name is None for _, name in rows) and data.draw(st.booleans()):
        table = table.drop_columns(["event_id"])
    engine = Engine(":memory:")
    with engine.registered("chunk_line", lines):
        found = named(engine, table, text=text, tight=tight)
    engine.close()
    assert found["event_id"].to_pylist() == expected(records, rows)
    assert found["line_no"].to_pylist() == table["line_no"].to_pylist()


def expected(records, rows):
    nameless = Counter(at for at, name in rows if name is None)
    met: Counter = Counter()
    names = []
    for at, name in rows:
        if name is None:
            met[at] += 1
            name = f"md5:{hashlib.md5(same(records[at]).encode()).hexdigest()}"
            name += f"#{met[at]}" if nameless[at] > 1 else ""
        names.append(name)
    return names


def same(record):
    """The record as it would stand without blanks between."""
    try:
        return json.dumps(json.loads(record), separators=(",", ":"))
    except ValueError:
        return record
