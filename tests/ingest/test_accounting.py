"""Every record comes out somewhere, and the counts add up: compared with plain Python."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.loaders import Loader
from grantlens.store import Store

from .oracle import CANONICAL, issuance, load_file, ndjson, revocation, usage

TIMES = {"usage": "used_at", "issuance": "issued_at", "revocation": "revoked_at"}

GOOD = st.one_of(
    st.builds(usage, st.integers(0, 30)),
    st.builds(issuance, st.integers(0, 30)),
    st.builds(revocation, st.integers(0, 30)),
)


@st.composite
def bad(draw):
    """A record with one thing wrong."""
    record = draw(GOOD)
    time = TIMES[record["log"]]
    return draw(
        st.sampled_from(
            [
                record | {time: "not a time"},
                record | {time: None},
                {name: value for name, value in record.items() if name != "outcome"},
                record | {"outcome": "maybe"},
                record | {"log": "other"},
                record | {"zzz": 1},
                "{" + json.dumps(record),
                json.dumps(record)[:-3],
                "[1, 2]",
            ]
        )
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(st.one_of(GOOD, GOOD, bad()), min_size=1, max_size=30).filter(
        lambda each: isinstance(each[0], dict)
    )
)
def test_counts_are_those_of_plain_python(tmp_path, records):
    path = ndjson(tmp_path / "a.ndjson", [usage(1000), *records])
    records = [usage(1000), *records]
    good = [record for record in records if _is_good(record)]
    distinct = {log: {record["event_id"] for record in good if record["log"] == log} for log in CANONICAL}
    with Store(":memory:") as store:
        batch = load_file(store, path)
        assert batch["records"] == len(records)
        assert batch["rejected"] == len(records) - len(good)
        for log in CANONICAL:
            assert batch[log] == len(distinct[log]) == store.engine.value(f"SELECT count(*) FROM {log}")
        assert batch["duplicates"] == len(good) - sum(map(len, distinct.values()))
        bad_lines = [line for line, record in enumerate(records, 1) if not _is_good(record)]
        assert [line for (line,) in store.engine.rows("SELECT line_no FROM rejected ORDER BY 1")] == bad_lines
        assert all(reason for (reason,) in store.engine.rows("SELECT reason FROM rejected"))
        kept = store.engine.rows("SELECT line_no, event_id FROM usage")
        assert all(records[line - 1]["event_id"] == event for line, event in kept)


def _is_good(record):
    if not isinstance(record, dict) or record.get("log") not in TIMES or "zzz" in record:
        return False
    return record.get(TIMES[record["log"]]) not in (None, "not a time") and record.get("outcome") == "success"


BOTH = Loader(
    name="both",
    version=3,
    title="a loader for this test",
    recognise=lambda records: "n" in records[0],
    fields='{"n": "BIGINT", "t": "TIMESTAMPTZ", "what": "VARCHAR"}',
    carries=("issuance", "usage"),
    usage="SELECT line_no, 'u' || r.n AS event_id, r.t AS used_at, 'success' AS outcome FROM record WHERE r.what IN ('use', 'both')",
    issuance="SELECT line_no, 'i' || r.n AS event_id, r.t AS issued_at, 'token' AS kind, 'success' AS outcome FROM record "
    "WHERE r.what IN ('issue', 'both')",
    ignored="SELECT line_no, 'login' AS reason FROM record WHERE r.what IN ('login', 'both')",
    rejected="SELECT line_no, 'spoilt' AS reason FROM record WHERE r.what = 'spoilt'",
)


def test_a_record_in_two_logs_counts_once_and_others_are_named(tmp_path):
    whats = ["use", "issue", "both", "login", "login", "spoilt", "strange", "use"]
    records = [{"n": n, "t": "2026-01-01T00:00:00Z", "what": what} for n, what in enumerate(whats)]
    records[-1]["t"] = "never"
    path = ndjson(tmp_path / "a.ndjson", records)
    with Store(":memory:") as store:
        batch = load_file(store, path, BOTH)
        assert {name: batch[name] for name in ("records", "usage", "issuance", "ignored", "rejected", "duplicates")} == {
            "records": 8, "usage": 2, "issuance": 2, "ignored": 2, "rejected": 3, "duplicates": 0,
        }  # fmt: skip
        assert store.engine.rows("SELECT line_no, reason FROM rejected ORDER BY 1") == [
            (6, "spoilt"),
            (7, "not mapped"),
            (8, "used_at: missing"),
        ]
        assert store.engine.rows("SELECT reason, records FROM ignored") == [("login", 2)]
        assert store.engine.rows("SELECT DISTINCT source FROM usage") == [("both",)]


def test_rows_of_one_record_without_an_id_are_told_apart(tmp_path):
    loader = Loader(
        name="many",
        version=1,
        title="",
        recognise=lambda records: True,
        fields='{"events": ["VARCHAR"]}',
        carries=("usage",),
        usage="SELECT line_no, TIMESTAMPTZ '2026-01-01' AS used_at, 'success' AS outcome, unnest(r.events) AS operation FROM record",
        ignored="SELECT line_no, 'nothing' AS reason FROM record WHERE len(r.events) = 0",
    )
    path = ndjson(
        tmp_path / "a.ndjson", [{"events": ["a", "b"]}, {"events": ["a"]}, {"events": ["a", "b"]}, {"events": []}]
    )
    with Store(":memory:") as store:
        batch = load_file(store, path, loader)
        assert (batch["records"], batch["usage"], batch["duplicates"], batch["ignored"]) == (4, 3, 2, 1)


def test_an_export_cut_off_at_a_known_cap_is_noted(tmp_path):
    path = ndjson(tmp_path / "a.ndjson", [usage(n, event_id=f"e{n}") for n in range(50_000)])
    with Store(":memory:") as store:
        assert "cut off" in store.load(path).batches[0]["note"]


SEVERAL = Loader(
    name="several",
    version=1,
    title="Records that are ignored for several reasons",
    recognise=lambda sample: True,
    fields='{"id": "VARCHAR", "at": "VARCHAR", "why": ["VARCHAR"]}',
    carries=("usage",),
    usage="SELECT line_no, r.id AS event_id, r.at AS used_at, 'success' AS outcome FROM record WHERE r.at IS NOT NULL",
    ignored="SELECT line_no, unnest(r.why) AS reason FROM record",
    rejected="SELECT line_no, 'wrong' AS reason FROM record WHERE r.id = 'bad'",
)


@given(
    records=st.lists(
        st.tuples(st.sampled_from(["good", "bad", "mute"]), st.lists(st.sampled_from("abc"), max_size=3)),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_record_is_ignored_once_for_the_first_of_its_reasons(tmp_path, records):
    path = tmp_path / "a.ndjson"
    lines = [
        {"id": f"e{number}" if kind == "good" else kind, "at": "2026-01-01" if kind == "good" else None, "why": why}
        for number, (kind, why) in enumerate(records)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ignored = [min(why) for kind, why in records if kind == "mute" and why]
    with Store(":memory:") as store:
        batch = load_file(store, path, SEVERAL)
        assert batch["usage"] == sum(kind == "good" for kind, _ in records)
        assert batch["ignored"] == len(ignored)
        assert batch["rejected"] == sum(kind == "bad" or (kind == "mute" and not why) for kind, why in records)
        found = dict(store.engine.rows("SELECT reason, records FROM ignored"))
        assert found == {reason: ignored.count(reason) for reason in set(ignored)}
