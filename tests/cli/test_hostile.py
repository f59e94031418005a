"""Names chosen by an attacker, from the log to the terminal, the spreadsheet and the program behind a pipe."""

import csv
import io
import json
import shlex

import pytest

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://evil.example","click")',
    "+cmd|' /C calc'!A0",
    "\x1b[2J\x1b]0;owned\x07\x1b[31mred",
    "\x9b31mred",
    "'; DROP TABLE usage; --",
    "pay\u202egpj.exe\u2066x\u2069",
    "line\nbreak\ttab\rreturn",
    "../../etc/passwd",
    "%s%n{0}{{client}}$since",
    "[red]markup[/red] :smile:",
    "\u200b\ufeffinvisible",
)
STEERING = {
    chr(code)
    for code in (
        *range(9),
        *range(11, 32),
        0x7F,
        *range(0x80, 0xA0),
        0x200B,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
}


@pytest.fixture(scope="module")
def hostile_file(tmp_path_factory):
    from grantlens.store import Store

    folder = tmp_path_factory.mktemp("hostile")
    with (folder / "usage.ndjson").open("w") as file:
        for number, name in enumerate(HOSTILE):
            record = {
                "log": "usage",
                "used_at": f"2026-07-01T09:00:{number:02d}Z",
                "outcome": "success",
                "client_id": name,
                "client_name": name,
                "subject_id": name,
                "grant_id": name,
                "token_id": name,
                "target": f"/{name}",
                "method": "GET",
                "operation": name,
                "resource_server": name,
                "user_agent": name,
                "event_id": name,
                "tenant": name,
            }
            file.write(json.dumps(record) + "\n")
    with Store(folder / "hostile.duckdb") as store:
        report = store.load(folder / "usage.ndjson")
        assert report.total("usage") == len(HOSTILE)
    return folder / "hostile.duckdb"


@pytest.mark.parametrize(
    "words",
    [
        ("coverage",),
        ("coverage", "--json"),
        ("verify",),
        ("detect", "GOV-1"),
        ("detect", "GOV-1", "--format", "json"),
        ("detect", "GOV-1", "--format", "ndjson"),
        ("detect", "GOV-1", "--format", "csv"),
    ],
    ids=" ".join,
)
def test_nothing_steers_the_terminal(run, hostile_file, words):
    ran = run(words[0], hostile_file, *words[1:], *(["--now", "2026-10-01"] if words[0] == "detect" else []))
    assert ran.code == 0
    assert not STEERING & set(ran.out + ran.err)
    assert "red" in ran.out or words[0] == "verify"


def test_a_table_has_one_line_a_finding(run, hostile_file):
    out = run("detect", hostile_file, "GOV-1", "--now", "2026-10-01").out
    assert len(out.splitlines()) == 1 + len(HOSTILE)
    assert "</script><img src=x onerror=alert(1)>" in out


def test_programs_get_the_names_as_they_are(run, hostile_file):
    found = json.loads(run("detect", hostile_file, "GOV-1", "--now", "2026-10-01", "--format", "json").out)
    assert {finding["client_id"] for finding in found} == set(HOSTILE)


def test_no_cell_of_the_csv_is_a_formula(run, hostile_file):
    text = run("detect", hostile_file, "GOV-1", "--now", "2026-10-01", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(HOSTILE)
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("name", HOSTILE[::3])
def test_a_case_about_such_a_name(run, hostile_file, name):
    ran = run("case", hostile_file, f"--client={name}")
    assert ran.code == 0, ran.err
    assert not STEERING & set(ran.out + ran.err)


def test_the_command_of_a_case_takes_no_name_for_an_option(run, tmp_path):
    call = {"log": "usage", "used_at": "2026-07-01T09:00:00Z", "outcome": "success", "client_id": "--help; $(id)"}
    (tmp_path / "a.ndjson").write_text(json.dumps(call) + "\n")
    run("load", tmp_path / "a.duckdb", tmp_path / "a.ndjson")
    assert run("case", tmp_path / "a.duckdb", "--client=--help; $(id)", "-o", tmp_path / "one").code == 0
    command = json.loads((tmp_path / "one/custody.json").read_text())["command"]
    places = {"STORE": tmp_path / "a.duckdb", "DIR": tmp_path / "two"}
    assert run(*(places.get(word, word) for word in shlex.split(command)[1:])).code == 0
    assert (tmp_path / "two/case.json").read_bytes() == (tmp_path / "one/case.json").read_bytes()


def test_the_logs_are_all_there_afterwards(run, hostile_file):
    whole = json.loads(run("coverage", hostile_file, "--json").out)
    assert sum(row["records"] for row in whole["coverage"] if row["log"] == "usage") == len(HOSTILE)
