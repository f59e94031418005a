"""coverage, verify, export, notebooks."""

import gzip
import json
import shutil
import subprocess
import sys
from datetime import datetime

import pytest

from grantlens.store import Store


def test_coverage_lists_stretches_and_what_was_set_aside(run, sample_file):
    ran = run("coverage", sample_file)
    assert (ran.code, ran.err) == (0, "")
    assert {"issuance", "usage", "revocation", "native", "okta", "github"} <= set(ran.out.split())
    whole = json.loads(run("coverage", sample_file, "--json").out)
    assert set(whole) == {"providers", "coverage", "ignored", "rejected"}
    for stretch in whole["coverage"]:
        assert datetime.fromisoformat(stretch["covered_from"]) < datetime.fromisoformat(stretch["covered_until"])
    assert any(stretch["is_gap"] for stretch in whole["coverage"]), "the samples have a planted gap"


@pytest.mark.parametrize(
    "arguments",
    [
        ["coverage", "STORE"],
        ["report", "STORE", "-o", "report.json", "--now", "2026-10-01"],
        ["case", "STORE", "--client", "mailbox-mirror", "--format", "timeline"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_command_waits_for_pandas(sample_file, tmp_path, arguments):
    given = [str(sample_file) if word == "STORE" else word for word in arguments]
    program = (
        "import sys; from grantlens.cli import main; code = main(sys.argv[1:]); print(code, 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *given], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 False"


@pytest.fixture
def evidence(tmp_path):
    """Return a store and the file that it loaded."""
    log = tmp_path / "usage.ndjson"
    log.write_text(
        '{"log": "usage", "used_at": "2026-07-01T09:00:00Z", "outcome": "success", "client_id": "c", "event_id": "u"}\n'
    )
    with Store(tmp_path / "acme.duckdb") as store:
        store.load(log)
    return tmp_path / "acme.duckdb", log


COUNTED = "The rows of the store were counted, not compared with the files: load these into an empty store for that."


def test_verify_is_content_with_files_that_are_what_they_were(run, evidence):
    ran = run("verify", evidence[0])
    assert (ran.code, ran.out) == (0, f"The loaded file is what it was.\n{COUNTED}\n")


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_verify_names_a_file_that_is_not(run, evidence, change):
    store, log = evidence
    log.unlink() if change == "gone" else log.write_text(log.read_text().replace('"c"', '"d"'))
    ran = run("verify", store)
    assert ran.code == 2
    assert "usage.ndjson" in ran.out
    assert ran.err.startswith("grantlens: The evidence is not whole.")


def test_verify_in_another_folder_says_where_it_looked(run, evidence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store("relative.duckdb") as store:
        store.load("usage.ndjson")
    assert run("verify", "relative.duckdb").code == 0
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    ran = run("verify", "../relative.duckdb")
    assert (ran.code, ran.out) == (
        2,
        f"usage.ndjson is not found from {tmp_path / 'other'}: a path is looked up as it was given at load.\n",
    )
    assert "run this in the folder in which they were loaded" in ran.err


def test_verify_does_not_fail_for_a_log_that_grew_and_was_loaded_again(run, evidence):
    store, log = evidence
    first = log.read_text()
    for number, told in ((1, "the earlier version is"), (2, "the 2 earlier versions are")):
        log.write_text(log.read_text() + first.replace('"u"', f'"u{number}"'))
        ran = run("verify", store)
        assert (ran.code, ran.err) == (0, "")
        assert f"{log} begins with what its last load saw, and grew since" in ran.out, "it was not loaded again yet"
        run("load", store, log)
        ran = run("verify", store)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines() == [
            f"{log} is what its last load saw; it grew, and {told} its beginning, unchanged.",
            "The loaded file is what it was.",
            COUNTED,
        ]
    log.write_text(first)
    assert run("verify", store).code == 2, "what was replaced is not what the last load saw"
    log.write_text(first + first.replace('"u"', '"v"') * 5)
    assert run("verify", store).code == 2, "it is longer, and begins otherwise"


def test_verify_tells_a_log_that_was_written_anew_from_one_that_grew(run, evidence):
    store, log = evidence
    log.write_text(log.read_text().replace('"u"', '"u1"'))
    run("load", store, log)
    ran = run("verify", store)
    assert ran.out.splitlines()[0] == (
        f"{log} is what its last load saw; an earlier version was replaced by a later load: evidence of it is no longer in the file."
    )


def test_verify_finds_a_log_that_was_packed_since(run, evidence):
    store, log = evidence
    text = log.read_bytes()
    packed = log.with_name(f"{log.name}.gz")
    packed.write_bytes(gzip.compress(text))
    log.unlink()
    ran = run("verify", store)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == f"{log} was packed since: {packed} unpacks to what its last load saw."
    for other in (gzip.compress(text + text), gzip.compress(text)[:-9], b"no gzip"):
        packed.write_bytes(other)
        assert run("verify", store).code == 2


def test_verify_sees_that_rows_were_taken_out_of_the_store(run, evidence):
    store, log = evidence
    with Store(store) as opened:
        opened.engine.execute("DELETE FROM usage_row")
    ran = run("verify", store)
    assert (ran.code, ran.out) == (2, f"The load of {log} wrote 1 usage row, and the store holds 0.\n")
    assert ran.err.startswith("grantlens: The store was changed after the load.")


def test_verify_does_not_say_that_it_compared_the_rows(run, evidence):
    store, _ = evidence
    with Store(store) as opened:
        opened.engine.execute("UPDATE usage_row SET outcome = 'denied'")
    assert run("verify", store).out.splitlines()[-1] == COUNTED


def test_export_round_trips(run, sample_file, tmp_path):
    ran = run("export", sample_file, "-o", tmp_path / "all.ndjson.gz")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'all.ndjson.gz'}\n")
    loaded = json.loads(run("load", tmp_path / "again.duckdb", tmp_path / "all.ndjson.gz", "--json").out)
    with Store(shutil.copy(sample_file, tmp_path / "copy.duckdb")) as store:
        counts = {log: store.engine.value(f"SELECT count(*) FROM {log}") for log in ("issuance", "usage", "revocation")}
    assert {log: loaded["batches"][0][log] for log in counts} == counts
    assert loaded["batches"][0]["rejected"] == 0


@pytest.mark.parametrize("command", [("notebooks", "copy"), ("demo", "-o"), ("case", "{store}", "--client", "c", "-o")])
def test_a_file_where_a_folder_is_needed_gets_a_next_step(run, evidence, command):
    store, log = evidence
    before = log.read_bytes()
    ran = run(*(word.format(store=store) for word in command), log)
    assert ran.code == 2
    assert "Name another" in ran.err
    assert "unexpected" not in ran.err
    assert log.read_bytes() == before


def test_one_is_not_spoken_of_as_many(run, evidence, tmp_path):
    store, _ = evidence
    one = {"register": 'client]]\nclient_id = "c"', "server": 'server]]\nresource_server = "s"'}
    for words, text in one.items():
        (tmp_path / f"{words}.toml").write_text(f"[[{text}\n")
        told = run(words, "add", store, tmp_path / f"{words}.toml").err
        assert told.endswith({"register": "has 1 entry now.\n", "server": "knows 1 server now.\n"}[words])


def test_a_note_on_a_catalogue_names_the_options_of_the_command(run, tmp_path):
    scheme = {"type": "oauth2", "flows": {"implicit": {"authorizationUrl": "https://a.example", "scopes": {}}}}
    operation = {"security": [{"o": ["mail.read", "mail.write"]}], "responses": {}}
    (tmp_path / "api.json").write_text(
        json.dumps(
            {
                "openapi": "3.0.0",
                "info": {"title": "Mail", "version": "1"},
                "paths": {"/mail": {"get": operation}},
                "components": {"securitySchemes": {"o": scheme}},
            }
        )
    )
    ran = run("catalogue", "build", "openapi", tmp_path / "api.json", "-o", tmp_path / "api.parquet")
    assert ran.code == 0, ran
    assert "1 operation lists several scopes" in ran.err
    assert "build again with --list-rule all or --list-rule any." in ran.err
    assert "Give --server to bind them to one." in ran.err
    ran = run(
        "catalogue", "build", "openapi", tmp_path / "api.json", "-o", tmp_path / "api.parquet", "--list-rule", "any",
        "--server", "mail.example",
    )  # fmt: skip
    assert "Note" not in ran.err


def test_notebooks_are_copied_and_never_overwritten(run, tmp_path):
    ran = run("notebooks", "copy", tmp_path / "mine")
    assert ran.code == 0
    copied = sorted(path.name for path in (tmp_path / "mine").iterdir())
    assert copied == [line.rsplit("/", 1)[1] for line in ran.out.splitlines()]
    assert copied
    first = tmp_path / "mine" / copied[0]
    first.write_text("my own work")
    again = run("notebooks", "copy", tmp_path / "mine")
    assert again.failed_well()
    assert first.read_text() == "my own work"
