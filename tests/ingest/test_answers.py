"""Which records have an answer, and what is kept of those that are rejected: compared with plain Python."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from grantlens.ingest.answers import Answers
from grantlens.ingest.rejection import SHOWN, rejected
from grantlens.reading.chunk import Lines, int_array, text_array
from grantlens.secrecy import masked

REASON = st.sampled_from(["a sign-in", "no time", "outcome: missing", "not mapped", "bearer abcdefgh", "é: no number"])


@st.composite
def chunks(draw):
    """Keys with and without gaps, and what is said of them in any order."""
    keys = sorted(draw(st.sets(st.integers(1, 40), min_size=1, max_size=12)))
    said = st.lists(st.tuples(st.sampled_from(keys), st.one_of(st.none(), REASON)), max_size=15)
    given_rows = draw(st.lists(st.sampled_from(keys), max_size=5))
    bad = [(key, reason or "no time") for key, reason in draw(said)]
    return keys, given_rows, bad, draw(said)


def table(said):
    columns = [int_array([key for key, _ in said]), pa.array([reason for _, reason in said], pa.string())]
    return pa.Table.from_arrays(columns, names=["line_no", "reason"])


@given(chunks())
def test_each_record_has_one_answer(chunk):
    keys, rows, bad, ignored = chunk
    answers = Answers(np.array(keys))
    answers.give(np.array(rows, np.int64))
    answers.reject(table(bad))
    counted = {row["reason"]: row["records"] for row in answers.ignore(table(ignored)).to_pylist()}
    answered = {*rows, *(key for key, _ in bad)}
    reasons = {}
    for key, reason in ignored:
        if key not in answered and reason is not None:
            reasons[key] = min(reason, reasons.get(key, reason))
    expected = {reason: list(reasons.values()).count(reason) for reason in reasons.values()}
    assert counted == expected
    left = [key for key in keys if key not in answered and key not in reasons]
    assert [key for key, missing in zip(keys, answers.missing(), strict=True) if missing] == left
    answers.reject_missing("not mapped")
    assert not answers.missing().any()
    said = answers.rejected()
    assert [*bad, *((key, "not mapped") for key in left)] == (
        [(row["line_no"], row["reason"]) for row in said.to_pylist()] if said else []
    )


RECORD = st.sampled_from(
    [
        '{"a": 1}',
        '{"token": "abcdefghij"}',
        '{"long": "' + "y" * 300 + '"}',
        '{"long": "' + "y" * 195 + '", "password": "x' + "z" * 300 + '"}',
        '{"é": "' + "é" * 250 + '"}',
        "{" + '"a": 1, ' * 100 + '"b": 2}',
        '{"a": "' + "z" * 192,
        "GET /cb?code=4%2F0AdQt8qh",
        "[1, 2]",
        "7",
    ]
)


@given(
    records=st.lists(st.tuples(RECORD, st.sampled_from(["", "\n", "\r\n", "  \n"])), min_size=1, max_size=9),
    said=st.lists(st.tuples(st.integers(0, 8), REASON), min_size=1, max_size=12),
    size=st.integers(1, 4),
    text=st.booleans(),
)
def test_of_rejected_records_all_reasons_and_a_masked_start_are_kept(records, said, size, text):
    said = [(2 * (number % len(records)) + 1, reason) for number, reason in said]
    keys = [2 * number + 1 for number in range(len(records))]
    columns = {"line_no": int_array(keys), "line": text_array([record + end for record, end in records])}
    whole = pa.record_batch(list(columns.values()), names=list(columns))
    lines = Lines(pa.Table.from_batches([whole.slice(at, size) for at in range(0, len(whole), size)]))
    found = {row["line_no"]: row for row in rejected(lines, table(said), text=text).to_pylist()}
    assert sorted(found) == sorted({key for key, _ in said})
    for key, row in found.items():
        record, _ = records[(key - 1) // 2]
        assert row["excerpt"] == masked(record)
        reason = "; ".join(sorted({each for other, each in said if other == key}))
        fault = not text and (reason == "not mapped" or reason.endswith(": missing"))
        if fault and not record.startswith("{"):
            assert row["reason"].startswith("no JSON")
        elif not (fault and record.endswith("z" * 192)):
            assert row["reason"] == masked(reason)


def test_of_many_records_that_are_rejected_alike_only_the_first_are_shown():
    """But of each the reason is kept, and each is asked whether it is JSON at all."""
    records = ['{"password": "x1"}', '{"a": 1}', "no JSON", '["no object"]'] * (SHOWN // 2 + 1)
    lines = Lines(pa.table({"line_no": int_array(range(len(records))), "line": text_array(records)}))
    reasons = ["secret=abcdefgh is wrong" if number % 4 < 2 else "not mapped" for number in range(len(records))]
    said = pa.table({"line_no": int_array(range(len(records))), "reason": text_array(reasons)})
    found = sorted(rejected(lines, said, text=False).to_pylist(), key=lambda row: row["line_no"])
    assert [row["line_no"] for row in found] == list(range(len(records)))
    expected = ["secret=*** is wrong"] * 2 + ["no JSON: Expecting value at column 1", "no JSON object"]
    assert [row["reason"] for row in found] == expected * (SHOWN // 2 + 1)
    assert [row["excerpt"] for row in found] == [masked(record) for record in records[: 2 * SHOWN]] + [None] * 4


SCRIPT = """
import sys
from grantlens.loaders import Loader
from grantlens.store import Store

loader = Loader(
    "made_up", 1, "Made up", lambda sample: True, carries=("usage",), fields='{"at": "VARCHAR", "ended": "VARCHAR"}',
    usage="SELECT line_no, line_no::VARCHAR AS event_id, r.at AS used_at, 'success' AS outcome FROM record WHERE r.at > '2'",
    revocation=(
        "SELECT line_no, 'r1' AS event_id, r.ended AS revoked_at, 'tenant' AS tenant, 'revoke' AS kind, 'success' AS outcome, "
        "'client' AS target_kind, 'app' AS client_id, [r.ended] AS scopes_removed FROM record WHERE r.ended IS NOT NULL"
    ),
    ignored="SELECT line_no, 'old' AS reason FROM record WHERE r.at < '2'",
)
with Store(":memory:") as store:
    report = store.load(sys.argv[1], loader=loader)
    print([report.total(name) for name in ("usage", "revocation", "ignored", "rejected")], "pandas" in sys.modules)
"""


def test_no_pandas_is_imported(tmp_path):
    """It takes longer to import than most files to load."""
    path = tmp_path / "a.ndjson"
    path.write_text('{"at": "2026-07-01T00:00:00Z"}\n{"at": "1999-07-01"}\n{"token": "abcdefghij"}\n{"b": 1}\n7\n')
    assert loaded_alone(path) == "[1, 0, 1, 3] False"
    path.write_text('{"at": "2026-07-01T00:00:00Z"}\n' * 2)  # nothing is ignored, nothing rejected
    assert loaded_alone(path) == "[2, 0, 0, 0] False"
    path.write_text('{"ended": "2026-07-01T00:00:00Z"}\n{"ended": "2026-07-02T00:00:00Z"}\n')  # of one id
    assert loaded_alone(path) == "[0, 1, 0, 0] False"
    path.write_text('{"ended": "2026-07-01T00:00:00Z"}\n' * 2)  # one event, whose lists are compared
    assert loaded_alone(path) == "[0, 1, 0, 0] False"


def loaded_alone(path):
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr
