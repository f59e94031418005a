"""The native format: exactly the canonical columns, and nothing dropped without a word."""

import csv
import json

import pytest

from grantlens.loaders import loaders
from grantlens.schema import LOGS, TIMES
from grantlens.schema.vocabulary import ENUMS
from grantlens.store import Store

OURS = ("batch_id", "line_no")
VALUES = {
    "VARCHAR": "text",
    "VARCHAR[]": ["one", "two"],
    "TIMESTAMPTZ": "2026-01-02T03:04:05.678901Z",
    "SMALLINT": 204,
    "BIGINT": 12345678901,
    "JSON": [{"type": "payment", "actions": ["read"]}],
} | {name: values[0] for name, values in ENUMS.items()}


def full(log):
    """A record with every column of its log."""
    return {"log": log} | {c.name: VALUES[c.type] for c in LOGS[log].columns if c.name not in OURS}


def load(tmp_path, records, name="a.ndjson"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    store = Store(":memory:")
    return store, store.load(path)


@pytest.mark.parametrize("log", LOGS)
def test_every_column_arrives_as_it_was(tmp_path, log):
    store, report = load(tmp_path, [full(log)])
    assert report.total(log) == 1
    (row,) = store.sql(f"SELECT * FROM {log}").to_pylist()
    for column in LOGS[log].columns:
        if column.name in OURS:
            continue
        got = row[column.name]
        if column.type == "TIMESTAMPTZ":
            got = got.isoformat().replace("+00:00", "Z")
        elif column.type == "JSON":
            got = json.loads(got)
        assert got == VALUES[column.type], column.name
    assert row["line_no"] == 1
    assert row["source"] == "text"


@pytest.mark.parametrize("log", LOGS)
def test_what_is_not_there_is_null_and_an_empty_list_is_none(tmp_path, log):
    required = {"log": log} | {
        c.name: VALUES[c.type] for c in LOGS[log].columns if c.required and c.name not in (*OURS, "source", "event_id")
    }
    lists = [c.name for c in LOGS[log].columns if c.type == "VARCHAR[]"]
    store, report = load(
        tmp_path, [required | {"event_id": "a"}, required | {"event_id": "b"} | {name: [] for name in lists}]
    )
    assert report.total(log) == 2
    rows = {row["event_id"]: row for row in store.sql(f"SELECT * FROM {log}").to_pylist()}
    for name in lists:
        assert rows["a"][name] is None
        assert rows["b"][name] == []
    assert rows["a"]["source"] == "native"
    given = {*required, "event_id", "source", *OURS}
    assert all(value is None for name, value in rows["a"].items() if name in LOGS[log].names and name not in given)


BAD = [
    ({"used_at": "2026-13-01T00:00:00Z"}, "used_at: '2026-13-01T00:00:00Z' is no time"),
    ({"used_at": 17}, "used_at: '17' is no time"),
    ({"used_at": "infinity"}, "used_at: 'infinity' is no time"),
    ({"used_at": None}, "used_at: missing"),
    ({"outcome": "ok"}, "outcome: 'ok' is none of success, denied, error"),
    ({"ended_at": "later"}, "ended_at: 'later' is no time"),
    ({"status": "many"}, "status: 'many' is no number that fits"),
    ({"status": 99999999}, "status: '99999999' is no number that fits"),
    ({"status": 1000}, "status: '1000' is no number that fits"),
    ({"status": -200}, "status: '-200' is no number that fits"),
    ({"status": 200.7}, "status: '200.7' is no number that fits"),
    ({"status": "200.7"}, "status: '200.7' is no number that fits"),
    ({"actor_chain": "a b"}, "actor_chain: '\"a b\"' is no list"),
    ({"token_scopes": {"a": 1}}, "token_scopes: '{\"a\":1}' is no list"),
    ({"validation": "magic"}, "validation: 'magic' is none of offline, introspection, cached, push"),
    ({"issued_at": "2026-01-01T00:00:00Z"}, "issued_at: no column of usage"),
    ({"revoked_at": "2026-01-01T00:00:00Z"}, "revoked_at: no column of usage"),
    ({"clientid": "c"}, "clientid: unknown column, the nearest is client_id"),
    ({"Authorization": "x"}, "Authorization: unknown column, the nearest is authorization_details"),
    ({"ghp_abcdefghijklmnopqrst": "x"}, "***: unknown column"),
    ({"log": "calls"}, "log: 'calls' is none of issuance, usage, revocation"),
    ({"log": None}, "log: missing"),
]


@pytest.mark.parametrize("status", [0, 7, 100, 999, "200", 200.0, "404.0"])
def test_a_status_is_a_whole_number(tmp_path, status):
    call = {"log": "usage", "event_id": "a", "used_at": "2026-01-01T00:00:00Z", "outcome": "success", "status": status}
    store, report = load(tmp_path, [call])
    assert report.total("rejected") == 0
    assert store.sql("SELECT status FROM usage").to_pylist() == [{"status": int(float(status))}]


@pytest.mark.parametrize(("change", "reason"), BAD)
def test_a_bad_record_is_rejected_by_name_and_the_rest_loads(tmp_path, change, reason):
    good = {"log": "usage", "event_id": "good", "used_at": "2026-01-01T00:00:00Z", "outcome": "success"}
    store, report = load(tmp_path, [good, good | {"event_id": "bad"} | change])
    assert (report.total("usage"), report.total("rejected")) == (1, 1)
    assert store.sql("SELECT line_no, reason FROM rejected").to_pylist() == [{"line_no": 2, "reason": reason}]


@pytest.mark.parametrize("log", LOGS)
def test_records_that_all_lack_what_is_required_are_rejected(tmp_path, log):
    path = tmp_path / "a.ndjson"
    path.write_text(json.dumps({"log": log, "client_id": "app", "event_id": "1"}) + "\n")
    with Store(":memory:") as store:
        report = store.load(path, loader="native")
        assert report.failed == []
        (rejected,) = store.sql("SELECT reason FROM rejected").to_pylist()
        assert rejected["reason"].endswith(": missing")


def test_no_nearest_column_is_sought_for_very_many_unknown_ones(tmp_path):
    good = {"log": "usage", "event_id": "good", "used_at": "2026-01-01T00:00:00Z", "outcome": "success"}
    store, report = load(tmp_path, [good, good | {f"client_{number}": 1 for number in range(150)}])
    assert (report.total("usage"), report.total("rejected")) == (1, 1)
    (reason,) = store.sql("SELECT reason FROM rejected").to_pylist()[0].values()
    assert reason.startswith("client_0: unknown column; client_100: unknown column; ")


def test_a_column_unknown_in_the_whole_file_refuses_the_file(tmp_path):
    record = {"log": "usage", "used_at": "2026-01-01T00:00:00Z", "outcome": "success", "clientid": "c"}
    store, report = load(tmp_path, [record, record])
    ((_, message, remedy),) = report.failed
    assert "unknown column 'clientid'" in message
    assert remedy == "Did you mean 'client_id'?"
    assert store.engine.value("SELECT count(*) FROM batch") == 0


def test_a_csv_with_an_unknown_column_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("log,used_at,outcome,client_idd\nusage,2026-01-01T00:00:00Z,success,\n")
    with Store(":memory:") as store:
        ((_, message, remedy),) = store.load(path).failed
        assert "client_idd" in message
        assert remedy == "Did you mean 'client_id'?"


def test_csv_cells_of_lists_are_joined_by_semicolons_and_those_of_scopes_by_blanks_too(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["log", "used_at", "outcome", "token_scopes", "target"])
        writer.writerow(["usage", "2026-01-01T00:00:00Z", "success", "Mail.Read; User.Read", "/a;b"])
        writer.writerow(["usage", "2026-01-01T00:00:01Z", "success", "", "/a"])
        writer.writerow(["usage", "2026-01-01T00:00:02Z", "success", "mail.read  mail.send", "/a b"])
        writer.writerow(["usage", "2026-01-01T00:00:03Z", "success", "Full access;", "/a"])
    with Store(":memory:") as store:
        assert store.load(path).total("usage") == 4
        rows = store.sql("SELECT token_scopes, target FROM usage ORDER BY used_at").to_pylist()
        assert rows == [
            {"token_scopes": ["Mail.Read", "User.Read"], "target": "/a;b"},
            {"token_scopes": None, "target": "/a"},
            {"token_scopes": ["mail.read", "mail.send"], "target": "/a b"},
            {"token_scopes": ["Full access"], "target": "/a"},
        ]


@pytest.mark.parametrize(
    "cell", ['[{"type": "payment", "actions": ["pay"]}]', '{"type": "payment"}', "payments", "7", '["', ""]
)
def test_a_csv_cell_of_objects_is_their_json_and_any_other_a_text(tmp_path, cell):
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["log", "issued_at", "kind", "outcome", "authorization_details"],
                ["issuance", "2026-01-01T00:00:00Z", "consent", "success", cell],
            ]
        )
    with Store(":memory:") as store:
        assert store.load(path).total("issuance") == 1
        (row,) = store.sql("SELECT authorization_details FROM issuance").to_pylist()
    found = row["authorization_details"] and json.loads(row["authorization_details"])
    assert found == (json.loads(cell) if cell.startswith(("[{", "{")) else cell or None)


def test_times_with_offsets_are_the_same_moment(tmp_path):
    texts = ["2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z", "2026-01-01 00:00:00", "2025-12-31T19:00:00-05:00"]
    records = [
        {"log": "usage", "event_id": str(n), "used_at": text, "outcome": "success"} for n, text in enumerate(texts)
    ]
    store, _ = load(tmp_path, records)
    assert store.engine.value("SELECT count(DISTINCT used_at) FROM usage") == 1


def test_recognised_only_by_log_and_its_time():
    recognise = loaders()["native"].recognise
    for log, time in TIMES.items():
        assert recognise([{"log": log, time: "x"}])
        assert not recognise([{"log": log}])
    assert not recognise([{"used_at": "x"}])
    assert not recognise([])


CALL = {"log": "usage", "used_at": "2026-07-01T08:00:00Z", "outcome": "success"}
WHOLE = {
    "source": "native",
    "tenant": None,
    "log": "revocation",
    "from": "2026-06-01",
    "until": "2026-07-02T02:00:00+02:00",
}
STRETCHES = "SELECT log::VARCHAR, covered_from, covered_until, in_part FROM coverage ORDER BY log::VARCHAR"


@pytest.mark.parametrize("name", ["a.ndjson", "a.json", "a.csv"])
def test_the_first_record_says_what_a_file_covers(tmp_path, name):
    records = [CALL | {"covered": [WHOLE], "event_id": "1"}, CALL | {"event_id": "2"}]
    path = tmp_path / name
    if name.endswith("csv"):
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, [*records[0]])
            table.writeheader()
            table.writerows([records[0] | {"covered": json.dumps([WHOLE])}, records[1]])
    else:
        path.write_text(
            json.dumps(records) if name == "a.json" else "".join(json.dumps(record) + "\n" for record in records)
        )
    with Store(":memory:") as store:
        assert store.load(path).total("usage") == 2
        assert [
            (log, f"{since:%m-%d %H:%M}", f"{until:%m-%d %H:%M}", part)
            for log, since, until, part in store.engine.rows(STRETCHES)
        ] == [
            ("revocation", "06-01 00:00", "07-02 00:00", False),
            ("usage", "07-01 08:00", "07-01 08:00", True),
        ]


@pytest.mark.parametrize("loads", [1, 2])
def test_small_files_cover_each_what_it_says(tmp_path, loads):
    paths = [tmp_path / f"{name}.ndjson" for name in "abc"]
    for path, covered in zip(paths, [[WHOLE], [], [WHOLE | {"log": "usage"}]], strict=True):
        path.write_text(
            json.dumps(
                CALL | {"covered": covered, "event_id": path.name, "source": path.stem if covered == [] else "native"}
            )
        )
    with Store(":memory:") as store:
        for _ in range(loads):
            store.load(*paths)
        rows = store.engine.rows("SELECT source, log::VARCHAR, in_part FROM coverage WHERE NOT is_gap ORDER BY ALL")
        assert rows == [
            ("b", "usage", True),
            ("native", "revocation", False),
            ("native", "usage", False),
            ("native", "usage", True),
        ]


@pytest.mark.parametrize("later", [[], [WHOLE | {"log": "usage"}], "what", 5])
def test_what_is_covered_is_said_once(tmp_path, later):
    """Two exports in one file: what the second covers must not be taken for what the first says."""
    store, report = load(
        tmp_path, [CALL | {"covered": [WHOLE]}, CALL | {"covered": [WHOLE]}, CALL | {"covered": later}]
    )
    assert (report.total("usage") + report.total("duplicates"), report.total("rejected")) == (2, 1)
    assert (
        store.engine.value("SELECT reason FROM rejected")
        == "covered: the first record of a file says it, and only that"
    )


@pytest.mark.parametrize(
    "said",
    [
        "what",
        5,
        {},
        [5],
        [[]],
        [{}],
        [WHOLE | {"log": "use"}],
        [WHOLE | {"log": ["usage"]}],
        [WHOLE | {"source": None}],
        [WHOLE | {"tenant": 5}],
        [WHOLE | {"from": "soon"}],
        [WHOLE | {"from": 1751328000}],
        [WHOLE | {"until": "2026-05-01"}],
        [WHOLE | {"until": "9999-12-31T23:59:59Z"}],
        [WHOLE | {"from": "0001-01-01"}],
        [WHOLE | {"since": "2026-05-01"}],
        [{name: WHOLE[name] for name in WHOLE if name != "from"}],
    ],
)
def test_what_does_not_say_what_is_covered_refuses_the_file(tmp_path, said):
    _, report = load(tmp_path, [CALL | {"covered": said}])
    assert "does not say which logs the file holds whole" in report.failed[0][1]
