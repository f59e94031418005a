"""The contract that every command keeps: help, wrong usage, quick start."""

import re
import subprocess
import sys

import pytest

import grantlens
from grantlens.cli.app import COMMANDS, GROUPS

WORDS = [words for words, _, _ in COMMANDS]


@pytest.mark.parametrize(("words", "function", "examples"), COMMANDS, ids=WORDS)
def test_help_tells_what_it_does_how_it_is_called_and_an_example(run, words, function, examples):
    ran = run(*words.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: grantlens {words}")
    first = " ".join(function.__doc__.split("\n\n")[0].split())
    assert first in " ".join(ran.out.split())
    assert examples in ran.out
    assert f"grantlens {words}" in examples
    assert max(map(len, ran.out.splitlines())) <= 80


@pytest.mark.parametrize("words", WORDS)
def test_help_explains_every_argument(run, words):
    lines = run(*words.split(), "--help").out.splitlines()
    entries = [line for line in lines if line.startswith("  ") and not line.startswith(("   ", "  grantlens"))]
    for line in entries:
        names, _, about = line.strip().partition("  ")
        follows = lines[lines.index(line) + 1] if line is not lines[-1] else ""
        assert about.strip() or follows.startswith(" " * 26), f"{names} is not explained"


@pytest.mark.parametrize("words", WORDS)
def test_usage_names_every_argument_as_its_explanation_does(run, words):
    usage, _, rest = run(*words.split(), "--help").out.partition("\n")
    arguments = rest.partition("Arguments:\n")[2].partition("\n\n")[0]
    names = re.findall(r"^  (\S+)", arguments, re.MULTILINE)
    told = re.sub(r"[][.]", "", usage).split()
    assert told[len(told) - len(names) :] == names


def test_help_needs_no_known_width(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    ran = run("load", "--help")
    assert ran.code == 0, ran.err
    assert max(map(len, ran.out.splitlines()[2:])) > 30


def test_help_lists_every_command(run):
    ran = run("--help")
    assert all(f"\n  {words.split()[0]} " in ran.out for words in WORDS)
    assert "Exit codes" in ran.out


@pytest.mark.parametrize("group", GROUPS)
def test_a_first_word_alone_shows_its_help(run, group):
    ran = run(group)
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: grantlens {group}")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["detct"], "detect"),
        (["catalogue", "bild"], "build"),
        (["load", "x.duckdb", "y", "--lodaer", "okta"], "--loader"),
        (["detect", "x.duckdb", "--format", "jsn"], "json"),
        (["report", "x.duckdb", "-o", "r.html", "--fail-on", "hihg"], "high"),
    ],
)
def test_a_slip_of_the_pen_gets_the_right_word(run, arguments, expected):
    ran = run(*arguments)
    assert ran.failed_well()
    assert f'Did you mean "{expected}"' in ran.err or f"Did you mean {expected}" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["load"],
        ["load", "x.duckdb"],
        ["report", "x.duckdb"],
        ["case"],
        ["case", "x.duckdb"],
        ["case", "x.duckdb", "--client", "a", "--token", "b"],
        ["register", "add", "x.duckdb"],
        ["detect", "x.duckdb", "--since"],
        ["coverage", "x.duckdb", "one-too-many"],
        ["verify"],
        ["export", "x.duckdb"],
        ["notebooks", "copy"],
        ["catalogue", "build", "openapi", "api.yaml"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_and_names_the_help(run, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run(*arguments)
    assert ran.failed_well()
    assert "--" in ran.err or "grantlens load acme.duckdb logs/" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["detect", "x.duckdb", "REV-2", "--since"], "--since needs a value: TIME. See: grantlens detect --help"),
        (["detect", "x.duckdb", "--since", "--until", "2026"], "--since needs a value: TIME."),
        (["load", "x.duckdb", "-"], "- is no file: nothing is read from standard input"),
        (["report", "x.duckdb", "-o"], "-o needs a value: FILE. See: grantlens report --help"),
        (
            ["case", "x.duckdb", "--token", "-x 7"],
            "--token needs a value: ID. If it is -x 7, write '--token=-x 7'. See: grantlens case --help",
        ),
        (["case", "x.duckdb", "--token", "-o", "d"], "--token needs a value: ID. See: grantlens case --help"),
        (["report", "x.duckdb"], "--out is missing."),
        (["detect", "x.duckdb", "--format"], "--format needs a value: FORM."),
        (["catalogue", "build", "openapi", "x.yaml", "-o", "y", "--name"], "--name needs a value."),
        (["verify"], "STORE is missing."),
        (["sql", "REV-1", "SELECT 1"], "'SELECT 1' is more than this command takes. See: grantlens sql --help"),
        (["detect", "x.duckdb", "--since", "last", "30", "days"], "Put it into quotes: --since 'last 30 days'."),
        (["version", "1", "2"], "'1 2' are more than this command takes."),
        (
            ["detect", "x.duckdb", "--rule", "REV-1"],
            "RULES are named without an option: --rule is none. See: grantlens detect",
        ),
        (["report", "--store", "x.duckdb"], "STORE is named without an option: --store is none."),
        (["detect", "x.duckdb", "--unitl", "2026"], "Unknown option: --unitl. Did you mean --until?"),
        (["detect", "x.duckdb", "--json"], "Unknown option: --json. Did you mean --format json?"),
        (["case", "x.duckdb", "--client", "c", "--json"], "Unknown option: --json. Did you mean --format json?"),
        (["coverage", "x.duckdb", "--format", "json"], "Unknown option: --format. Did you mean --json?"),
        (["verify", "x.duckdb", "--json"], "Unknown option: --json. See"),
        (["case", "x.duckdb", "--person", "ana"], "Unknown option: --person. Did you mean --subject ID?"),
        (
            ["case", "x.duckdb", "ana"],
            "Of what 'ana' is the id, an option says: --client, --token, --subject or --grant.",
        ),
        (["case", "x.duckdb", "--tokn=t1"], "Unknown option: --tokn. Did you mean --token?"),
    ],
)
def test_wrong_usage_is_said_in_words_of_the_command(run, arguments, says):
    ran = run(*arguments)
    assert ran.failed_well()
    assert says in ran.err


def test_a_file_that_begins_with_a_dash_is_told_how_to_be_written(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-old.ndjson").touch()
    ran = run("load", "x.duckdb", "-old.ndjson")
    assert ran.failed_well()
    assert "-old.ndjson is taken for an option. If the file is meant, write ./-old.ndjson." in ran.err


def test_version_names_what_the_answers_rest_on(run):
    for arguments in (["version"], ["--version"]):
        ran = run(*arguments)
        assert ran.code == 0
        assert all(word in ran.out for word in ("grantlens 0.", "duckdb 2.", "Python 3.", "schema"))
    assert f"grantlens {grantlens.__version__} " in ran.out


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "grantlens", "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("grantlens 0.")


def test_every_command_is_in_the_reference(root):
    page = (root / "docs" / "reference.md").read_text()
    assert [words for words in WORDS if f"`grantlens {words}" not in page] == []


def test_help_waits_for_nothing_heavy():
    program = "import sys; from grantlens.cli import main; code = main(['--help']); print(code, *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, *modules = done.stdout.splitlines()[-1].split()
    assert code == "0"
    assert {"duckdb", "numpy", "pandas", "polars", "pyarrow", "altair", "jinja2"}.isdisjoint(modules)
    assert len(modules) < 600


@pytest.mark.parametrize(
    "arguments",
    [
        ["coverage", "STORE"],
        ["report", "STORE", "-o", "report.html", "--now", "2026-10-01"],
        ["case", "STORE", "--client", "mailbox-mirror", "--format", "timeline"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_no_command_waits_for_pandas_or_a_grammar_of_addresses(sample_file, tmp_path, arguments):
    given = [str(sample_file) if word == "STORE" else word for word in arguments]
    program = "import sys; from grantlens.cli import main; print(main(), *{'pandas', 'lark'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program, *given], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.splitlines()[-1] == "0"
