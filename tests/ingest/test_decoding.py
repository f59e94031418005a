"""Lines decoded at once, beside each of them decoded by itself."""

import json

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grantlens.engine.duckdb import Engine
from grantlens.ingest import decoding
from grantlens.ingest.decoding import decoded
from grantlens.loaders.mapped.forms import KEYS, WORDS, forms_of
from grantlens.loaders.mapped.place import Place
from grantlens.loaders.mapped.unpacking import Unpacker, record_of

PAIRS = [
    "a=1", "b.c=2", "@d=%", "app=mail", "app=cal", "tool=", "to=a=b", "x.y=%s", "n=1,", "l=a,b", 'q="a b"', 'q="', 'm=""', 'm="k=v a=1"',
    'e="\\n"', "9=1", "k", "[w]", "é=1", 'u="é"', "a=\\", "-", "ip=[::1]:80", "o={}", 'o="{}"', "$1=${1}", "z=$0", 't="a\tb"', '{"y":', '"j":1}',
    r'e="a \"b\" \\"', r'e="\t\r \\\""', r'e="\x41"', r'e="a {\"k\":1"', "{", "}", "a=1\x0b", "x=\x7f", "time=2026-07-01T10:00:00Z", 'z="x",',
]  # fmt: skip
HEADS = [
    "2026-07-01T10:00:00Z",
    "2026-07-01T",
    "2026-07-01",
    "2026-07-01 10:00:00",
    "info",
    "a::b:",
    "w,",
    "[w]",
    "#1",
    '"said"',
    "",
]
LINE = st.builds(
    lambda head, pairs, between, around, end: between.join([*head, around.join(pairs)]) + end,
    st.lists(st.sampled_from(HEADS), max_size=3),
    st.lists(st.sampled_from(PAIRS), max_size=6),
    st.sampled_from([" ", " ", "\t", "  ", "\x0b"]),
    st.sampled_from([" ", " ", " ", "  ", ", ", "\t"]),
    st.sampled_from(["\n", " \r\n", "", "\x0b"]),
)
LINES = st.lists(LINE | st.text(max_size=30), min_size=1, max_size=12)


@pytest.fixture(autouse=True)
def _not_few(monkeypatch):
    monkeypatch.setattr(decoding, "FEW", 0)


def table(lines):
    whole = pa.table({"line_no": pa.array(range(1, len(lines) + 1), pa.int64()), "line": pa.array(lines, pa.string())})
    return pa.Table.from_batches(whole.to_batches(max_chunksize=5))


def one_by_one(lines):
    """The texts of the records, and by number of the line why it is none."""
    texts, refused = [], {}
    for number, line in enumerate(lines, 1):
        try:
            texts.append(Unpacker()(line.strip()))
        except ValueError as error:
            texts.append(line)
            refused[number] = str(error)
    return texts, refused


@given(LINES)
@settings(max_examples=300)
@example(["a=1 b=2\n", "b=2 a=1\n", "a=1 a=1\n", "a=1 a=2\n", "T a=1\n", '2026-07-01T10:00:00Z info a="b c" d=e=f\n'])
def test_what_is_decoded_at_once_is_what_each_line_says(lines):
    made, refused = decoded(table(lines), Unpacker())
    texts, reasons = one_by_one(lines)
    assert made["line"].to_pylist() == texts
    assert dict(zip(refused["line_no"].to_pylist(), refused["reason"].to_pylist(), strict=True)) == reasons
    assert made["line_no"].to_pylist() == list(range(1, len(lines) + 1))


@given(LINES)
@settings(max_examples=50)
def test_what_is_decoded_at_once_is_written_as_the_database_would(lines):
    made, _ = decoded(table(lines), Unpacker())
    engine = Engine(":memory:")
    with engine.registered("chunk_line", made):
        odd = engine.rows("SELECT line FROM chunk_line WHERE tight AND json(line)::VARCHAR IS DISTINCT FROM line")
    engine.close()
    assert odd == []


TIME = "2026-07-01T10:00:00Z"


@pytest.mark.parametrize(
    "lines",
    [
        [f"{TIME}\tinfo\trequest gateway=a http.status=200", f"{TIME}  info request  gateway=b error=c d=e"],
        ["time=2026-07-01T10:00:00Z level=info app=mail", "time=2026-07-01T10:00:00Z level=warn code=7 app=mail"],
        [f"{TIME} a=1 b=2", f"{TIME} a=1 c=3", f"{TIME} c=3 d=4", f"{TIME} info d=4 a=1"],
        [r'level=info msg="said \"a=1\"" path=/x?y=z', "level=info path=/x", 'level=info msg="" by=me'],
        [f"{TIME} info agentgateway::proxy: a=1"],
        ["a=1", "b=1 a=1", "a=1 b=1"],
    ],
)
def test_forms_of_real_logs_are_decoded_at_once(lines):
    lines = [line + "\n" for line in lines] * 2000
    made, _ = decoded(table(lines), Unpacker())
    assert set(made["tight"].to_pylist()) == {True}
    assert [json.loads(text) for text in made["line"].to_pylist()[:4]] == [
        record_of(line.strip()) for line in lines[:4]
    ]


def test_a_log_of_no_order_and_much_in_it_is_decoded_all_the_same():
    keys = [f"k{number}{'x' * 96}" for number in range(KEYS)]
    lines = [" ".join(f"{key}={at}" for key in keys[at:] + keys[:at]) for at in range(KEYS)]
    lines += [
        f"{TIME} {'w ' * (WORDS - 1)}a=1",
        f"{TIME} {'w ' * 1000}a=1",
        f"{'long' * 1000}=1",
        f"{keys[0]}=1 more=2",
    ]
    made, _ = decoded(table(lines), Unpacker())
    assert made["line"].to_pylist() == one_by_one(lines)[0]
    assert 0 < sum(made["tight"].to_pylist()) < len(lines)


def test_keys_of_one_order_are_one_form_in_whatever_order_the_lines_come():
    assert [form.keys for form in forms_of(["a=1 d=4", "a=1 b=2 d=4", "a=1 c=3 d=4", "a=1 b=2 c=3 d=4"])] == [
        ("a", "b", "c", "d")
    ]


def test_few_lines_are_read_one_by_one(monkeypatch):
    monkeypatch.setattr(decoding, "FEW", 100)
    made, _ = decoded(table(["a=1", "a=2"]), Unpacker())
    assert made["tight"].to_pylist() == [False, False]
    assert made["line"].to_pylist() == ['{"a":"1"}', '{"a":"2"}']


def test_text_that_may_hold_json_is_looked_at():
    unpack = Unpacker([Place("tags", (("tags",),))])
    made, _ = decoded(table(["app=mail tags=[1,2]", 'app=mail tags="[]"']), unpack)
    assert [json.loads(text)["tags"] for text in made["line"].to_pylist()] == [[1, 2], []]
