"""`grantlens case`: answers on stdout, the whole case in a folder."""

import hashlib
import json
import subprocess

import pytest

from grantlens.rules import registry


@pytest.fixture(scope="module")
def written(sample_file, tmp_path_factory, command):
    """Return a folder that holds the case of mailbox-mirror, and what the command that wrote it printed."""
    folder = tmp_path_factory.mktemp("written") / "case"
    arguments = [*command, "case", sample_file, "--client", "mailbox-mirror", "-o", folder]
    return folder, subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def test_the_answers_are_words(run, sample_file):
    ran = run("case", sample_file, "--client", "mailbox-mirror")
    assert (ran.code, ran.err) == (0, "")
    assert "Who consented to what, and when?" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    whole = json.loads(run("case", sample_file, "--client", "mailbox-mirror", "--format", "json").out)
    assert whole["about"] == {"client": "mailbox-mirror"}
    told = " ".join(ran.out.split())
    for answer in whole["answers"]:
        assert answer["question"] in told
        assert " ".join(answer["answer"].split()) in told


def test_paragraphs_are_no_wider_than_the_terminal(run, sample_file, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    ran = run("case", sample_file, "--client", "mailbox-mirror")
    assert 50 < max(map(len, ran.out.splitlines())) <= 60
    explained = run("coverage", "--explain").out.splitlines()
    assert sum(len(line) > 60 for line in explained if " " in line[20:]) == 0


def test_the_timeline_is_one_event_a_line_with_what_became_of_it(run, sample_file):
    ran = run("case", sample_file, "--client", "mailbox-mirror", "--format", "timeline")
    heading, *lines = ran.out.splitlines()
    assert heading.split() == ["time", "until", "lane", "state", "count", "what"]
    assert len(lines) == 46
    late = [line for line in lines if "after revocation" in line]
    assert len(late) == 13
    assert late[-1].startswith("2026-08-05 19:58:42")
    assert sum("refused" in line for line in lines) == 1
    assert [line.split()[2] for line in lines if "2026-08-05 08:30:00" in line[:20]] == ["revoked"]
    decided = next(line for line in lines if " decided " in line)
    assert decided.split(maxsplit=6)[:5] == ["2026-08-05", "06:55:00", "2026-08-05", "08:30:00", "decided"]


def test_the_terminal_says_where_the_other_rules_are_and_the_written_case_does_not(run, sample_file, written):
    hint = "-o DIR asks them too, and writes the whole case."
    told = " ".join(run("case", sample_file, "--client", "mailbox-mirror").out.split())
    assert (
        f"Asked were OOS-1, OOS-3, OOS-9, REV-1, REV-2, REV-9 and REV-11. {len(registry()) - 7} other rules, such as INT-3 and INT-7, "
        "compare it with the rest of the store, and were not asked here." in told
    )
    assert hint in told
    folder, out = written
    assert hint not in " ".join(out.split())
    document = json.loads((folder / "case.json").read_text())
    (answer,) = [row["answer"] for row in document["answers"] if row["question"] == "Which rules did it break?"]
    others = "The other rules compare it with the rest of the store, and found REV-3 (1 violation), REV-4 (1 violation) and REV-10 (1 violation)."
    assert answer.endswith(others)
    assert others in " ".join(out.split())
    assert {"REV-1", "REV-3", "REV-4"} <= {finding["rule"] for finding in document["findings"]}


def test_the_folder_holds_the_case_and_the_hashes_of_its_files(run, sample_file, written, tmp_path):
    ran = run("case", sample_file, "--client", "mailbox-mirror", "-o", tmp_path / "again")
    assert ran.code == 0
    files = {path.name: path for path in (tmp_path / "again").iterdir()}
    assert {"case.html", "case.json", "evidence.ndjson", "custody.json"} == set(files)
    assert all(f"Wrote {path}" in ran.err for path in files.values())
    custody = files["custody.json"].read_text()
    for name in ("case.html", "case.json", "evidence.ndjson"):
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() in custody
    assert all(path.read_bytes() == (written[0] / name).read_bytes() for name, path in files.items())


def test_the_command_of_a_case_makes_it_again(run, sample_file, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    run("case", sample_file, "--client", "mailbox-mirror", "--now", "2026-08-01T12:00:00+02:00", "-o", one)
    custody = json.loads((one / "custody.json").read_text())
    assert custody["command"] == "grantlens case STORE --client=mailbox-mirror --now 2026-08-01T10:00:00Z -o DIR"
    told = json.loads((one / "case.json").read_text())
    assert told["window"]["until"] == "2026-08-01T10:00:00Z"
    assert max(row["time"] for row in told["evidence"]) < "2026-08-01T10"
    places = {"STORE": sample_file, "DIR": other}
    assert run(*(places.get(word, word) for word in custody["command"].split()[1:])).code == 0
    assert all((other / path.name).read_bytes() == path.read_bytes() for path in one.iterdir())


def test_a_present_that_is_no_time_is_refused(run, sample_file):
    assert run("case", sample_file, "--client", "mailbox-mirror", "--now", "soon").failed_well()


@pytest.mark.parametrize(
    ("kind", "name"), [("client", "mailbox-miror"), ("token", "x"), ("subject", "u-0"), ("grant", "g-99999")]
)
def test_an_id_that_occurs_nowhere_gets_the_nearest(run, sample_file, kind, name):
    ran = run("case", sample_file, f"--{kind}", name)
    assert ran.failed_well()
    assert f"No {kind} {name} occurs" in ran.err
    assert "Nearest are" in ran.err
