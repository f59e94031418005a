"""`grantlens load`: what it prints, what it counts, and what its exit code says."""

import json
import stat

import pytest

from grantlens.reading.one_file import Reading
from grantlens.store import Store


def usage(event_id: str, **more: object) -> dict:
    return {
        "log": "usage", "used_at": "2026-07-01T09:00:00Z", "outcome": "success", "client_id": "mail-copilot",
        "token_id": "t1", "method": "GET", "target": "/v1/mail", "event_id": event_id, **more,
    }  # fmt: skip


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def log(tmp_path):
    return write(tmp_path / "usage.ndjson", [usage("u1"), usage("u2")])


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "acme.duckdb"


def test_json_holds_the_keys_of_the_contract(run, store_path, log):
    ran = run("load", store_path, log, "--json")
    assert (ran.code, ran.err) == (0, "")
    (batch,) = json.loads(ran.out)["batches"]
    assert set(batch) >= {
        "path", "loader", "sha256", "records", "issuance", "usage", "revocation", "ignored", "duplicates", "rejected",
        "first", "last", "note",
    }  # fmt: skip
    assert (batch["path"], batch["loader"], batch["records"], batch["usage"]) == (str(log), "native", 2, 2)
    assert batch["first"] == "2026-07-01T09:00:00Z"


def test_a_person_gets_one_line_a_file(run, store_path, log):
    ran = run("load", store_path, log)
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["path", str(log)]


def test_many_files_are_told_by_their_folder(run, store_path, tmp_path):
    """A bucket holds thousands: a line for each would hide the few of which something else is said."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(30):
            record = {
                "log": "usage",
                "event_id": f"{name}{number}",
                "used_at": "2026-07-01T12:00:00Z",
                "outcome": "success",
            }
            (tmp_path / name / f"{number}.ndjson").write_text(json.dumps(record) + "\n")
    (tmp_path / "b" / "30.ndjson").write_text("")
    _, *lines = run("load", store_path, tmp_path / "a", tmp_path / "b").out.splitlines()
    assert [line.split()[:6] for line in lines] == [
        [str(tmp_path / "a"), "(30", "files)", "native", "30", "0"],
        [str(tmp_path / "b"), "(30", "files)", "native", "30", "0"],
        [str(tmp_path / "b" / "30.ndjson"), "0", "0", "0", "0", "0"],
    ]
    assert lines[2].endswith("empty file")
    again = run("load", store_path, tmp_path / "a", tmp_path / "b").out.splitlines()[1:]
    assert len(again) == 3
    assert all("already loaded: nothing was changed" in line for line in again[:2])
    loaded = json.loads(run("load", store_path, tmp_path / "a", tmp_path / "b", "--json").out)["batches"]
    assert len(loaded) == 61


def test_loading_again_changes_nothing(run, store_path, log):
    run("load", store_path, log)
    ran = run("load", store_path, log, "--json")
    (batch,) = json.loads(ran.out)["batches"]
    assert (ran.code, batch["usage"], batch["duplicates"]) == (0, 0, 2)
    with Store(store_path) as store:
        assert store.engine.value("SELECT count(*) FROM usage") == 2


def test_a_file_that_was_read_by_another_loader_says_how_to_correct_it(run, store_path, log):
    ran = run("load", store_path, log, "--loader", "github")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        f"2 records were rejected and kept aside; see: grantlens coverage {store_path}",
        f"grantlens: Nothing of {log} could be read as github: action is missing. Load it again without --loader. "
        f"See what it holds: grantlens load --explain {log}",
    ]
    (batch,) = json.loads(run("load", store_path, log, "--json").out)["batches"]
    assert (batch["loader"], batch["usage"], batch["rejected"]) == ("native", 2, 0)
    for loader, note in (
        ("github", "it was read as native: to read it as github, take it out first (grantlens unload)"),
        ("native", "nothing was changed"),
    ):
        (batch,) = json.loads(run("load", store_path, log, "--loader", loader, "--json").out)["batches"]
        assert batch["note"].startswith(f"already loaded as {log}: nothing was changed")
        assert batch["note"].endswith(note)
    ran = run("load", store_path, log, "--loader", "octa")
    assert ran.code == 2
    assert "There is no loader 'octa'. Did you mean 'okta'?" in ran.err
    (batch,) = json.loads(run("load", store_path.with_name("new.duckdb"), log, "--json").out)["batches"]
    assert (batch["loader"], batch["usage"]) == ("native", 2)


def test_an_unknown_loader_is_told_once_and_not_for_each_file(run, store_path, log, tmp_path):
    write(tmp_path / "more.ndjson", [usage("u3")])
    assert run("load", store_path, tmp_path, "--loader", "natve").failed_well()
    assert not store_path.exists()


def test_files_that_fail_alike_are_told_together(run, store_path, tmp_path):
    for number in range(6):
        (tmp_path / f"readme-{number}.txt").write_text(f"Log {number} of the year\n")
    (tmp_path / "broken.json").write_text('[{"a": ')
    ran = run("load", store_path, tmp_path)
    first, others, broken = sorted(ran.err.splitlines(), key=lambda line: "broken" in line)
    assert f"{tmp_path}/readme-0.txt is neither JSON nor CSV" in first
    named = ", ".join(f"{tmp_path}/readme-{number}.txt" for number in (1, 2, 3))
    assert others == f"grantlens: The same is true of 5 other files: {named}, 2 more."
    assert "broken.json" in broken
    assert ran.code == 2


def test_a_file_of_which_something_was_read_is_not_called_misread(run, store_path, tmp_path):
    path = write(tmp_path / "half.ndjson", [usage("u1"), usage("u2", used_at="never")])
    ran = run("load", store_path, path, "--loader", "native")
    assert ran.err == f"1 record was rejected and kept aside; see: grantlens coverage {store_path}\n"
    empty = tmp_path / "empty.ndjson"
    empty.touch()
    assert run("load", store_path, empty, "--loader", "native").err == ""


def test_a_file_of_which_nothing_was_read_is_a_failure_however_often_it_is_loaded(run, store_path, log, tmp_path):
    bad = write(tmp_path / "bad.ndjson", [usage("u8", used_at="25.09.2026"), usage("u9", used_at="25.09.2026")])
    for _ in range(2):
        ran = run("load", store_path, log, bad)
        assert ran.code == 2
        assert (
            f"grantlens: Nothing of {bad} could be read as native: used_at: '25.09.2026' is no time. See what it holds: "
            in ran.err
        )
    with Store(store_path) as store:
        assert store.engine.value("SELECT count(*) FROM usage") == 2


def test_a_mapping_that_fits_no_record_is_named(run, store_path, tmp_path):
    log = write(tmp_path / "gateway.ndjson", [{"when": "no time", "who": "app"}] * 2)
    mapping = tmp_path / "gateway.toml"
    mapping.write_text(
        'name = "gateway"\ntitle = "Gateway"\n\n[recognise]\nkeys = ["when"]\n\n'
        '[usage]\nused_at = "when"\nclient_id = "who"\noutcome = { constant = "success" }\n'
    )
    ran = run("load", store_path, log, "--mapping", mapping)
    assert ran.code == 2, ran
    assert f"See what it holds: grantlens load --explain {log} --mapping {mapping}\n" in ran.err
    assert "Load it again with a better mapping." in ran.err


def test_a_wrong_record_is_set_aside_with_its_reason_and_the_rest_loads(run, store_path, tmp_path):
    bad = [
        usage("ok"),
        usage("when", used_at="the day after"),
        usage("type", status="many"),
        {"log": "usage", "event_id": "key"},
    ]
    path = write(tmp_path / "mixed.ndjson", bad)
    ran = run("load", store_path, path, "--json")
    (batch,) = json.loads(ran.out)["batches"]
    assert (ran.code, batch["usage"], batch["rejected"]) == (0, 1, 3)
    assert "3 records were rejected" in ran.err
    reasons = {row["reason"] for row in json.loads(run("coverage", store_path, "--json").out)["rejected"]}
    assert len(reasons) == 3
    assert any("used_at" in reason for reason in reasons)
    assert any("status" in reason for reason in reasons)


def test_one_bad_file_does_not_stop_the_others(run, store_path, log, tmp_path):
    noise = tmp_path / "noise.ndjson"
    noise.write_bytes(bytes(range(256)) * 50)
    other = write(tmp_path / "z.ndjson", [usage("u3")])
    ran = run("load", store_path, log, noise, tmp_path / "missing.ndjson", other, "--json")
    assert ran.code == 2
    told = json.loads(ran.out)
    assert {batch["path"] for batch in told["batches"]} == {str(log), str(other)}
    assert {failed["path"] for failed in told["failed"]} == {str(noise), str(tmp_path / "missing.ndjson")}
    assert all(failed["message"] and failed["remedy"] for failed in told["failed"])
    assert [line for line in ran.err.splitlines() if "noise.ndjson" in line]
    assert [line for line in ran.err.splitlines() if "missing.ndjson" in line]


def test_json_comes_also_if_a_file_meets_a_mistake_of_ours(run, store_path, tmp_path, log, monkeypatch):
    strange = write(tmp_path / "a.ndjson", [usage("u9")])
    hollow = Reading.hollow
    monkeypatch.setattr(Reading, "hollow", lambda each: (each.path == str(strange) and {}["gone"]) or hollow(each))
    ran = run("load", store_path, strange, log, "--json")
    assert ran.code == 2
    assert [batch["path"] for batch in json.loads(ran.out)["batches"]] == [str(log)]
    assert ran.err.startswith(
        f"grantlens: {strange}: Something unexpected happened: KeyError: 'gone'. This is a mistake"
    )


@pytest.mark.parametrize(
    ("name", "content"), [("empty.ndjson", ""), ("page.json", '{"value": []}'), ("list.json", "[]")]
)
def test_an_empty_file_is_normal(run, store_path, tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    ran = run("load", store_path, path, "--json")
    (batch,) = json.loads(ran.out)["batches"]
    assert (ran.code, ran.err, batch["records"]) == (0, "", 0)
    assert batch["note"]


def test_the_store_belongs_to_its_maker_only(run, store_path, log):
    run("load", store_path, log)
    assert stat.S_IMODE(store_path.stat().st_mode) == 0o600


def test_no_progress_in_a_pipe(shell, store_path, log):
    ran = shell("load", store_path, log)
    assert (ran.code, ran.err) == (0, "")
