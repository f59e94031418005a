"""`grantlens load --explain` and `--mapping`: which field went where, what was left over, and how a mapping begins."""

import json
import os
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grantlens.explain.explanation import explain
from grantlens.explain.leaves import leaves, safe
from grantlens.explain.moment import written_as
from grantlens.explain.suggestion import suggest
from grantlens.loaders.mapped import mapping
from grantlens.store import Store
from grantlens.toml_text import toml_text

GATE = {
    "ts": 1782900000250,
    "app": {"id": "mail", "secret": "hunter2-hunter2", "token": "t1"},
    "user": {"id": "u1", "name": "Jo\x1b[31m"},
    "tool": "send",
    "result": "ok",
    "http": {"status": 200, "path": "/mcp"},
    "authorization": "Bearer abcdefghijklmnop",
    "scope": "a b",
    "trace": "0af7651916cd43dd8448eb211c80319c",
    "jwt": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJqbyJ9.c2ln",
}
ENVOY = {
    "start_time": "2026-07-01T10:00:00.250Z", "response_code": 200, "mcp.method.name": "tools/call", "mcp.provider.name": "tickets",
    "route_name": "mcp-route", "authorization": "Bearer abcdefghijklmnop",
}  # fmt: skip
OKTA = {
    "uuid": "e1", "published": "2026-07-01T10:00:00.123Z", "eventType": "app.oauth2.as.consent.grant", "legacyEventType": "x_success",
    "actor": {"id": "00u1", "type": "User", "displayName": "Ada"}, "outcome": {"result": "SUCCESS"}, "severity": "INFO",
    "client": {"ipAddress": "198.51.100.7"}, "debugContext": {"debugData": {}},
    "target": [{"id": "oag1", "type": "ConsentGrant", "displayName": "mail.read", "detailEntry": {"publicclientapp": "0oa1", "user": "00u1"}}],
}  # fmt: skip


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a log into an empty folder, in which everything runs."""
    monkeypatch.chdir(tmp_path)

    def log(*records, name="gate.ndjson"):
        path = tmp_path / name
        path.write_text("".join(each if isinstance(each, str) else json.dumps(each) + "\n" for each in records))
        return path

    return log


def squeezed(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines()]


def test_a_mapped_log_shows_where_each_field_went(run, write):
    ran = run("load", "--explain", write(ENVOY))
    lines = squeezed(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert "envoy_ai_gateway" in lines[0]
    assert "start_time -> used_at = 2026-07-01T10:00:00.250000Z" in lines
    assert "mcp.method.name -> operation = tools/call" in lines
    assert "response_code -> outcome = success" in lines
    left = lines[lines.index("left over") :]
    assert left == ["left over", "route_name = mcp-route", "authorization = ***"]


def test_a_loader_in_sql_is_explained_by_its_values(run, write):
    lines = squeezed(run("load", "--explain", write(OKTA)).out)
    assert "the paths were found by comparing values" in lines[1]
    assert "published -> issued_at = 2026-07-01T10:00:00.123000Z" in lines
    assert "target[0].id -> grant_id = oag1" in lines
    assert 'target[0].displayName -> scopes = ["mail.read"]' in lines
    assert "(worked out) -> outcome = success" in lines
    assert "actor.id or target[0].detailEntry.user -> subject_id = 00u1" in lines
    assert "outcome.result = SUCCESS" in lines[lines.index("read, but in no column") : lines.index("not read")]
    assert "severity = INFO" in lines[lines.index("not read") :]


def test_a_field_named_like_its_column_is_where_that_came_from(run, write):
    """What else has the same value is not, as the first record of an export shows: it tells what the log covers."""
    covered = [
        {
            "source": "okta",
            "tenant": "acme",
            "log": "usage",
            "from": "2026-07-01T10:00:00Z",
            "until": "2026-08-01T00:00:00Z",
        }
    ]
    record = {
        "log": "usage",
        "covered": covered,
        "used_at": "2026-07-01T10:00:00Z",
        "outcome": "denied",
        "tenant": "acme",
    }
    lines = squeezed(run("load", "--explain", write(record)).out)
    assert "used_at -> used_at = 2026-07-01T10:00:00Z" in lines
    assert "tenant -> tenant = acme" in lines
    assert "outcome -> outcome = denied" in lines
    assert "covered[0].tenant = acme" in lines[lines.index("read, but in no column") :]


@pytest.mark.parametrize(
    ("record", "fate"),
    [
        (OKTA | {"eventType": "user.session.start"}, "line 1: ignored: sign-in of a person"),
        (OKTA | {"published": "never"}, "line 1: rejected: published is no time"),
        ("not json\n", "line 1: rejected: no JSON: Expecting value at column 1"),
        ('{"a": "b\n', "line 1: rejected: no JSON: Unterminated string starting at column 7"),
    ],
)
def test_what_is_set_aside_says_why(run, write, record, fate):
    lines = squeezed(run("load", "--explain", write(record, OKTA, OKTA)).out)
    assert fate in lines


def test_a_rejected_record_of_a_mapping_still_shows_its_fields(run, write):
    lines = squeezed(run("load", "--explain", write(ENVOY | {"start_time": "never"}, ENVOY)).out)
    assert "line 1: rejected: used_at: 'never as ISO 8601' is no time" in lines
    assert "start_time -> used_at = never" in lines


def test_an_unknown_log_gives_a_mapping_that_loads(run, write, tmp_path):
    log = write(GATE, GATE | {"result": "denied", "ts": 1782900001250}, GATE | {"result": "broke", "ts": 1782900002250})
    ran = run("load", "--explain", log)
    assert (ran.code, ran.err) == (0, "")
    lines = squeezed(ran.out)
    assert "# ts 3 1782900000250 -> used_at?" in lines
    assert "# app.id 3 mail -> client_id?" in lines
    toml = tmp_path / "gate.toml"
    toml.write_text(ran.out)  # as the shell's > does
    loader = mapping(toml)
    assert loader.recognise([GATE])
    with Store(":memory:") as store:
        (batch,) = store.load(log, loader=loader)
        assert (batch["usage"], batch["rejected"]) == (3, 0)
        found = store.sql(
            "SELECT client_id, subject_id, operation, target, status, outcome::VARCHAR AS outcome FROM usage ORDER BY used_at"
        )
        assert found.to_pylist() == [
            {
                "client_id": "mail",
                "subject_id": "u1",
                "operation": "send",
                "target": "/mcp",
                "status": 200,
                "outcome": outcome,
            }
            for outcome in ("success", "denied", "error")
        ]
    again = squeezed(run("load", "--explain", log, "--mapping", toml).out)
    assert "ts -> used_at = 2026-07-01T10:00:00.250000Z" in again
    assert "trace = 0af7651916cd43dd8448eb211c80319c" in again[again.index("left over") :]


@pytest.mark.parametrize(
    ("name", "content", "path", "example"),
    [
        ("gate.csv", "time,app id\n2026-07-01T10:00:00Z,mail\n", "app id", "mail"),
        ("gate.log", '2026-07-01T10:00:00Z info app="mail box" code=200\n', "app", "mail box"),
        ("gate.json", '[{"time": "2026-07-01T10:00:00Z", "app": {"id": "mail"}}]', "app.id", "mail"),
        ("gate.json", '{"items": [{"time": "2026-07-01T10:00:00Z", "app": {"id": "mail"}}]}', "app.id", "mail"),
        ("gate.log", "Jul  1 09:00:00 gateway sshd: hello\n", "#4", "gateway"),
    ],
)
def test_every_shape_can_begin_a_mapping(run, write, tmp_path, name, content, path, example):
    ran = run("load", "--explain", write(content, name=name))
    assert f"# {path} 1 {example}" in "\n".join(squeezed(ran.out))
    (tmp_path / "begun.toml").write_text(ran.out)
    mapping(tmp_path / "begun.toml")


def test_secrets_are_masked_and_nothing_steers_the_terminal(run, write):
    log = write(GATE, ENVOY)
    unknown = run("load", "--explain", log)
    known = run("load", "--explain", log, "--loader", "envoy_ai_gateway")
    packed = run("load", "--explain", log, "--loader", "envoy_ai_gateway", "--json")
    for ran in (unknown, known, packed):
        assert ran.code == 0
        for secret in ("hunter2", "abcdefghijklmnop", "eyJzdWIiOiJqbyJ9", "\x1b"):
            assert secret not in ran.out


def test_a_raw_token_that_stands_as_a_key_is_masked(run, write):
    token = "ghp_abcdefghijklmnopqrst"
    for log in (GATE | {token: "x"}, ENVOY | {"by": {token: "x"}}):
        for options in ([], ["--json"]):
            ran = run("load", "--explain", write(log), *options)
            assert ran.code == 0
            assert token not in ran.out
            assert "***" in ran.out


def test_a_path_that_sounds_like_a_secret_is_never_suggested_nor_mapped(run, write, tmp_path):
    out = run("load", "--explain", write(GATE)).out
    rules = [line for line in out.splitlines() if not line.startswith("#")]
    assert not any("authorization" in line or "secret" in line for line in rules)
    toml = tmp_path / "secret.toml"
    toml.write_text('name = "x_y"\n[usage]\nused_at = "ts"\noutcome = "o"\ntoken_id = "authorization"\n')
    ran = run("load", "--explain", tmp_path / "gate.ndjson", "--mapping", toml)
    assert ran.failed_well()
    assert "line 5: 'authorization' sounds like a secret" in ran.err
    toml.write_text(toml.read_text().replace('"authorization"', '{ path = "authorization", hash = true }'))
    assert mapping(toml).name == "x_y"


def test_nothing_is_written(run, write, tmp_path):
    log = write(ENVOY)
    before = sorted(os.listdir(tmp_path))
    assert run("load", "--explain", log).code == 0
    assert run("load", "acme.duckdb", "--explain", log).code == 0
    assert sorted(os.listdir(tmp_path)) == before


def test_json_says_the_same(run, write):
    found = json.loads(run("load", "--explain", write(ENVOY, "broken\n"), "--json").out)
    assert (found["loader"], found["by_value"], found["shape"]) == ("envoy_ai_gateway", False, "lines")
    first, second = found["records"]
    assert (first["line"], first["ignored"], first["rejected"]) == (1, None, None)
    columns = {each["column"]: (each["value"], each["paths"]) for each in first["rows"][0]["columns"]}
    assert columns["operation"] == ("tools/call", ["mcp.method.name"])
    assert {"path": "route_name", "value": "mcp-route", "read": False} in first["left_over"]
    assert second["rejected"].startswith("no JSON")
    unknown = json.loads(run("load", "--explain", write(GATE), "--json").out)
    assert unknown["loader"] is None
    assert {"path": "tool", "records": 1, "example": "send", "column": "operation"} in unknown["suggestion"]["paths"]


def test_spans_of_one_line_are_explained_one_by_one(run, write):
    spans = [
        {"traceId": "t", "spanId": "1", "startTimeUnixNano": "1782900000250000000",
         "attributes": [{"key": "mcp.method.name", "value": {"stringValue": "tools/call"}}, {"key": "acme.team", "value": {"stringValue": "blue"}}]},
        {"traceId": "t", "spanId": "2", "startTimeUnixNano": "1782900000250000000", "attributes": []},
    ]  # fmt: skip
    lines = squeezed(run("load", "--explain", write({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})).out)
    assert "traceId + spanId -> event_id = t-1" in lines
    assert "attributes.'mcp.method.name' -> operation = tools/call" in lines
    assert "attributes.'acme.team' = blue" in lines[lines.index("left over") :]
    assert "line 1: ignored: span of something else" in lines


def test_an_empty_file_is_no_riddle(run, write):
    assert run("load", "--explain", write("", name="empty.ndjson")).out == f"{os.getcwd()}/empty.ndjson: empty file.\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--explain", "gat.ndjson"), "gat.ndjson does not exist. Did you mean gate.ndjson?"),
        (("--explain", "gate.ndjson", "--loader", "okto"), "Did you mean 'okta'?"),
        (("--explain", "gate.ndjson", "--mapping", "gate.tml"), "gate.tml does not exist. Did you mean gate.toml?"),
        (("--explain", "gate.ndjson", "--mapping", "gate.toml"), "gate.toml line 1: 'nam' is no key"),
        (("acme.duckdb", "gate.ndjson", "--mapping", "gate.toml", "--loader", "okta"), "both say how to read"),
        ((), "No store was named."),
        (("logs",), "logs was taken for the store; no log was named."),
    ],
)
def test_mistakes(run, write, tmp_path, arguments, says):
    write(GATE)
    (tmp_path / "gate.toml").write_text('nam = "x"\n')
    ran = run("load", *arguments)
    assert ran.failed_well(), ran
    assert says in ran.err


def test_a_mapping_loads(run, write, tmp_path):
    log = write(GATE)
    (tmp_path / "gate.toml").write_text(run("load", "--explain", log).out)
    ran = run("load", "acme.duckdb", log, "--mapping", "gate.toml", "--json")
    (batch,) = json.loads(ran.out)["batches"]
    assert (ran.code, batch["loader"], batch["usage"]) == (0, "my_gate", 1)


WRONG = """name = "my_gate"
[usage]
when = { result = "ok" }
used_at = { path = "tz", unit = "ms" }
outcome = { constant = "success", unless = { eror = "*" } }
client_id = ["ap.id", "client"]
operation = "tool"
resource_id = "http.stat.code"
"""


def test_a_path_that_no_record_has_is_named_with_its_line_and_the_nearest(run, write, tmp_path):
    log = write(GATE, GATE | {"error": {"code": "x"}})
    (tmp_path / "gate.toml").write_text(WRONG)
    lines = squeezed(run("load", "--explain", log, "--mapping", "gate.toml").out)
    assert lines[lines.index("none of the first records has") + 1 :] == [
        "tz line 4 used_at",
        "eror line 5 a condition of outcome",
        "ap.id line 6 client_id did you mean app.id?",
        "client line 6 client_id",
        "http.stat.code line 8 resource_id",
    ]
    ran = run("load", "acme.duckdb", log, "--mapping", "gate.toml", "--json")
    (batch,) = json.loads(ran.out)["batches"]
    assert batch["note"].endswith(
        "none of the first records has tz (line 4, used_at), ap.id (line 6, client_id; did you mean app.id?)"
    )


def test_a_path_that_is_there_or_means_nothing_here_is_not_called_wrong(run, write, tmp_path):
    right = WRONG.replace('"tz"', '"ts"').replace('"ap.id"', '"app.id"').replace('"http.stat.code"', '"http.status"')
    (tmp_path / "gate.toml").write_text(right.replace("eror", "error"))
    log = write(GATE, GATE | {"error": "x"})
    lines = squeezed(run("load", "--explain", log, "--mapping", "gate.toml").out)
    assert lines[-2:] == ["none of the first records has", "client line 6 client_id"]
    (batch,) = json.loads(run("load", "acme.duckdb", log, "--mapping", "gate.toml", "--json").out)["batches"]
    assert "none of" not in batch["note"]


def test_a_mapping_that_would_not_have_known_the_file_says_so(run, write, tmp_path):
    """A folder may hold other logs, and a time by the same name is all that a row needs."""
    mapped = WRONG.replace('{ path = "tz", unit = "ms" }', '"time"').replace('when = { result = "ok" }\n', "")
    (tmp_path / "gate.toml").write_text(mapped.replace("[usage]", '[recognise]\nkeys = ["gate"]\n[usage]'))
    unlike, like = (
        write({"time": "2026-07-01T10:00:00Z"}),
        write({"time": "2026-07-01T10:00:00Z", "gate": 1}, name="own.ndjson"),
    )
    assert "Is it the right one?" in run("load", "--explain", unlike, "--mapping", "gate.toml").out
    assert "Is it the right one?" not in run("load", "--explain", like, "--mapping", "gate.toml").out
    batches = json.loads(run("load", "acme.duckdb", unlike, like, "--mapping", "gate.toml", "--json").out)["batches"]
    assert ["; the first records are not as it recognises its own" in batch["note"] for batch in batches] == [
        True,
        False,
    ]


def test_a_raw_token_is_not_the_nearest_path(run, write, tmp_path):
    (tmp_path / "gate.toml").write_text(
        WRONG.replace('"tz"', '"ts"').replace('"ap.id"', '"by.ghp_abcdefghijklmnopqrsx"')
    )
    log = write(GATE | {"by": {"ghp_abcdefghijklmnopqrst": "x"}})
    for ran in (
        run("load", "--explain", log, "--mapping", "gate.toml"),
        run("load", "acme.duckdb", log, "--mapping", "gate.toml"),
    ):
        assert "ghp_abcdefghijklmnopqrst" not in ran.out + ran.err


def test_a_record_that_no_table_takes_shows_what_was_asked_and_what_it_says(run, write, tmp_path):
    (tmp_path / "gate.toml").write_text(WRONG)
    lines = squeezed(run("load", "--explain", write(GATE | {"result": "odd"}), "--mapping", "gate.toml").out)
    assert lines[3:5] == [
        "line 1: rejected: not mapped: write a table whose when holds for it, or [[ignored]]",
        "decided by: result",
    ]
    assert "result = odd" in lines[lines.index("left over") :]


def test_wrong_times_of_many_records_are_one_line_of_the_coverage(run, write, tmp_path):
    (tmp_path / "gate.toml").write_text(WRONG.replace('"tz", unit = "ms"', '"ts"'))
    log = write(*(GATE | {"ts": day} for day in ("day 0", "day 1", "day 2", "day 3\nor 4")), GATE | {"result": "odd"})
    assert run("load", "acme.duckdb", log, "--mapping", "gate.toml").code == 2
    rejected = [line for line in squeezed(run("coverage", "acme.duckdb").out) if line.startswith("rejected")]
    assert rejected == [
        "rejected my_gate not mapped 1",
        "rejected my_gate used_at: 'day 0 as ISO 8601' is no time, and 3 other values 4",
    ]
    exact = json.loads(run("coverage", "acme.duckdb", "--json").out)["rejected"]
    assert sum(row["records"] for row in exact) == len(exact) == 5


@pytest.mark.parametrize(
    ("rule", "time", "say"),
    [
        ('"ts"', 1782900000250, 'say unit = "ms"'),
        ('{ path = "ts", unit = "ms" }', 1782900000, 'say unit = "s"'),
        ('{ path = "ts", unit = "s" }', "2026-07-01T10:00:00Z", "leave unit and format out"),
        ('"ts"', "2026-07-01 10:00:00", 'say zone = "UTC", or the zone in which it was written'),
        ('"ts"', "01/Jul/2026:10:00:00 +0200", 'say format = "%d/%b/%Y:%H:%M:%S %z"'),
        ('{ path = "ts", format = "%Y" }', "2026-07-01T10:00:00Z", "leave unit and format out"),
    ],
)
def test_a_time_that_was_read_wrongly_says_how_it_is_written(run, write, tmp_path, rule, time, say):
    (tmp_path / "gate.toml").write_text(WRONG.replace('{ path = "tz", unit = "ms" }', rule))
    log = write(GATE | {"ts": time})
    lines = squeezed(run("load", "--explain", log, "--mapping", "gate.toml").out)
    assert lines[2].startswith("line 1: rejected: used_at: ")
    assert lines[2].endswith(f" is no time: {say}")
    assert f" is no time: {say}. Load it again" in run("load", "acme.duckdb", log, "--mapping", "gate.toml").err


@pytest.mark.parametrize(
    ("record", "fate"),
    [
        ({"result": "odd"}, "not mapped: write a table whose when holds for it, or [[ignored]]"),
        (
            {"state": 'DENIED "x"'},
            'outcome: \'DENIED "x"\' is none of success, denied, error: say what it means: values = { "DENIED \\"x\\"" = "..." }',
        ),
        (
            {"state": "FAILED"},
            'outcome: \'FAILED\' is none of success, denied, error: say what it means: values = { "FAILED" = "error" }',
        ),
        (
            {"http": {"status": "200 OK"}},
            "status: '200 OK' is no number that fits: take the number out of it by a pattern, or leave the column out",
        ),
    ],
)
def test_a_value_that_does_not_fit_says_what_to_write(run, write, tmp_path, record, fate):
    mapped = WRONG.replace('"tz"', '"ts"').replace('{ constant = "success", unless = { eror = "*" } }', '"state"')
    (tmp_path / "gate.toml").write_text(mapped + 'status = "http.status"\n')
    log = write(GATE | {"state": "success"} | record)
    assert f"line 1: rejected: {fate}" in squeezed(run("load", "--explain", log, "--mapping", "gate.toml").out)
    assert fate in run("load", "acme.duckdb", log, "--mapping", "gate.toml").err


def test_an_unknown_log_names_the_way_on(run, write):
    log = write({"colour": "green", "shape": "round"})
    ran = run("load", "acme.duckdb", log)
    assert ran.code == 2
    assert f"grantlens load --explain {log}" in ran.err


# --- the parts ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@example(records=[{"status": "¹"}])  # a digit that is no number
@given(st.lists(st.dictionaries(st.text(min_size=1, max_size=6), JSON, min_size=1, max_size=4), min_size=1, max_size=3))
@settings(max_examples=30)
def test_whatever_stands_in_a_log_the_mapping_to_begin_with_can_be_read(tmp_path_factory, records):
    toml = tmp_path_factory.mktemp("any") / "any.toml"
    toml.write_text(suggest("any thing.log", records).mapping)
    assert mapping(toml).name == "my_any_thing"


@given(st.dictionaries(st.text(min_size=1, max_size=6), JSON, min_size=1, max_size=4))
@settings(max_examples=10)
def test_whatever_stands_in_a_log_it_is_explained(tmp_path_factory, record):
    log = tmp_path_factory.mktemp("any") / "any.ndjson"
    log.write_text(json.dumps(record) + "\n")
    found = explain(log, "envoy_ai_gateway")
    (each,) = found.records
    assert each.rejected or each.rows or each.ignored


@given(st.text())
def test_a_text_is_written_as_toml_reads_it(value):
    import tomllib

    assert tomllib.loads(f"x = {toml_text(value)}")["x"] == value


@pytest.mark.parametrize(
    ("value", "how"),
    [
        ("2026-07-01T10:00:00Z", "ISO 8601"), ("2026-07-01T10:00:00.123456789+02:00", "ISO 8601"), ("2026-07-01 10:00:00", "local"),
        (1782900000, "s"), (1782900000.25, "s"), ("1782900000250", "ms"), (1782900000250000, "us"), ("1782900000250000000", "ns"),
        (12345, None), ("mail", None), ("2026-99-01T10:00:00Z", None), (True, None), (None, None), (99999999999999999999, None),
    ],
)  # fmt: skip
def test_how_a_time_is_written(value, how):
    assert written_as(value) == how


@pytest.mark.parametrize(
    "path", ["password", "a.client_secret", "x.'api_key'", "req[0].authorization", "refresh_token"]
)
def test_secrets_by_their_key(path):
    assert safe(path, "some words that are long") == "***"


def test_a_long_list_is_looked_at_in_part():
    found = leaves({"items": [{"n": number} for number in range(50)]})
    assert [path for path, _ in found] == [f"items[{number}].n" for number in range(5)]
    assert not re.search(r"\n", safe("a", "x" * 500))
    assert len(safe("a", "x" * 500)) == 121


def test_a_folder_is_called_a_folder(run, tmp_path):
    ran = run("load", "--explain", tmp_path)
    assert ran.failed_well()
    assert f"{tmp_path} is a folder. Name one of its files." in ran.err
