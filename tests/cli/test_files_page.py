"""docs/files.md: its tables are the schema's, its examples are read, its commands run.

`python -m tests.cli.test_files_page` writes the tables anew.
"""

import json
import re
from pathlib import Path

import pytest

from grantlens.access_review.accepted import Accepted
from grantlens.loaders.native import LOADER
from grantlens.register.clocks import Clocks
from grantlens.register.decisions import Decisions
from grantlens.register.identities import Identities
from grantlens.register.register import Register
from grantlens.register.server import Servers
from grantlens.schema import LOGS
from grantlens.schema.register import DECISION, DETAILS_TYPE, IDENTITY, REGISTER, SERVER, STATED_CLOCK
from grantlens.schema.vocabulary import ENUMS
from grantlens.store import Store

PAGE = Path(__file__).parents[2] / "docs" / "files.md"
TABLES = {
    "register": REGISTER,
    "details_type": DETAILS_TYPE,
    "server": SERVER,
    "stated_clock": STATED_CLOCK,
    "identity": IDENTITY,
    "decision": DECISION,
    **LOGS,
}
HAND_WRITTEN = {"name": "same_as"}
"""What the identities file calls a column otherwise."""
OURS = ("batch_id", "line_no")
BY_THE_LOADER = ("source", "event_id")
"""Columns that a native record may leave out, although the store always has them."""
KINDS = {
    "VARCHAR": "text", "VARCHAR[]": "list of texts", "TIMESTAMPTZ": "time", "SMALLINT": "number", "BIGINT": "number",
    "DOUBLE": "number", "JSON": "JSON",
}  # fmt: skip


def kind(column) -> str:
    if column.name.endswith("_seconds"):
        return "seconds"
    if column.name == "approved_hours":
        return "list of days and hours"
    if column.name.endswith("_hours"):
        return "hours"
    if column.name.endswith("_bytes"):
        return "bytes"
    if column.name == "networks":
        return "list of networks or addresses"
    if column.type.startswith("STRUCT"):
        return ", ".join(re.findall(r"(\w+) (?:VARCHAR|TIMESTAMPTZ)", column.type))
    if column.type in ENUMS:
        return ", ".join(f"`{value}`" for value in ENUMS[column.type])
    return KINDS[column.type]


def rows(name: str) -> list[str]:
    """Return the table of one format, as the schema has it."""
    table = TABLES[name]
    lines = []
    if name in LOGS:
        lines = [f"`{name}`: {table.doc[0].lower()}{table.doc[1:]}", ""]
    lines += ["| column | what stands in it | what it means |", "|---|---|---|"]
    for column in table.columns:
        if column.name in OURS:
            continue
        written = HAND_WRITTEN.get(column.name, column.name) if name == "identity" else column.name
        required = column.required and not (name in LOGS and column.name in BY_THE_LOADER)
        doc = column.doc.replace("|", "\\|")
        lines.append(f"| `{written}`{' (required)' if required else ''} | {kind(column)} | {doc} |")
    return lines


def written(page: str) -> str:
    for name in TABLES:
        marks = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        head, begin, rest = page.partition(marks[0])
        _, end, tail = rest.partition(marks[1])
        assert begin, name
        assert end, name
        page = head + begin + "\n" + "\n".join(rows(name)) + "\n\n" + end + tail
    return page


@pytest.fixture
def laid_out(tmp_path, monkeypatch) -> Path:
    """Write the files that the page shows."""
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"```\w+ file=(\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_tables_are_what_the_schema_says():
    assert PAGE.read_text() == written(PAGE.read_text()), "write them anew: python -m tests.cli.test_files_page"


def test_every_column_of_a_native_file_is_told():
    told = {name for log in LOGS for name in re.findall(r"^\| `(\w+)`", "\n".join(rows(log)), re.MULTILINE)}
    assert told | {"log", "covered"} == LOADER.known_keys


@pytest.mark.parametrize("reader", [Register, Servers, Clocks, Identities, Decisions])
def test_toml_and_csv_say_the_same(laid_out, reader):
    stem = {
        Register: "connections",
        Servers: "servers",
        Clocks: "clocks",
        Identities: "identities",
        Decisions: "decisions",
    }[reader]
    toml, table = reader.read(f"{stem}.toml"), reader.read(f"{stem}.csv")
    if reader is not Register:
        rows = (lambda read: read.servers) if reader is Servers else (lambda read: read.rows)
        assert rows(toml) == rows(table)
        return
    first, second = toml.clients, table.clients
    assert first[0] | {"exceptions": None} == second[0] | {"exceptions": None}
    assert [each["network"] for each in first[0]["networks"]] == ["198.51.100.7", "203.0.113.0/24", "2001:db8::/32"]
    assert [(one["rule"], one["until"]) for one in first[0]["exceptions"]] == [
        (one["rule"], one["until"]) for one in second[0]["exceptions"]
    ]
    assert (first[1]["approved_operations"], second[1]["approved_operations"]) == ([], None)


def test_the_types_of_the_page_are_read(laid_out):
    (kind,) = Register.read("types.toml").details_types
    assert [each["action"] for each in kind["operations"]] == ["initiate", "status"]
    assert {name: kind[name] for name in ("source", "absent_actions", "passed_over")} == {
        "source": "keycloak",
        "absent_actions": "none",
        "passed_over": ["creditorName"],
    }


def test_accepted_findings_say_the_same_in_both_forms(laid_out):
    toml, table = (Accepted.read(f"accepted.{form}") for form in ("toml", "csv"))
    assert toml.rows == table.rows != {}


def test_its_commands_run(laid_out, run):
    commands = [line.split() for line in re.findall(r"^(grantlens .*)$", PAGE.read_text(), re.MULTILINE)]
    loads = [words for words in commands if words[1] == "load"]
    assert len(loads) == 1
    assert len(commands) == 7
    for words in sorted(commands, key=lambda words: words[1] != "load"):
        ran = run(*words[1:])
        assert ran.code == 0, ran
        assert "rejected" not in ran.err
    with Store("acme.duckdb") as store:
        counts = [store.engine.value(f"SELECT count(*) FROM {log}") for log in LOGS]
        assert counts == [2, 2, 1]
        assert store.sql("SELECT scopes FROM issuance LIMIT 1").to_pylist() == [{"scopes": ["mail.read"]}]
        assert store.sql("SELECT token_scopes AS s FROM usage WHERE event_id = 'u2'").to_pylist() == [
            {"s": ["mail.read", "mail.send"]}
        ]


@pytest.mark.parametrize("words", ["register", "server", "clock", "identities", "decision"])
def test_the_help_and_the_readme_lead_to_it(run, words):
    assert "docs/files.md" in run(words, "add", "--help").out
    for page in ("README.md", "docs/catalogues.md"):
        assert "files.md)" in (PAGE.parents[1] / page).read_text()


def test_what_it_says_of_times_and_columns_holds(laid_out, run):
    base = json.loads((laid_out / "native.ndjson").read_text().splitlines()[2])
    log = laid_out / "times.ndjson"
    times = ("2026-07-01T09:00:00", "2026-07-01T11:00:00+02:00", 1782900000)
    log.write_text(
        "".join(json.dumps({**base, "used_at": at, "event_id": str(n)}) + "\n" for n, at in enumerate(times))
    )
    (batch,) = json.loads(run("load", "t.duckdb", log, "--json").out)["batches"]
    assert (batch["usage"], batch["rejected"], batch["first"], batch["last"]) == (
        2, 1, "2026-07-01T09:00:00Z", "2026-07-01T09:00:00Z",
    )  # fmt: skip
    log.write_text(json.dumps({**base, "clientid": "x"}) + "\n")
    ran = run("load", "t.duckdb", log)
    assert ran.code == 2
    assert "client_id" in ran.err


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
