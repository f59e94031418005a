"""The pages on logs: one for each loader, every fact with its source, every command harmless and whole."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grantlens.loaders import loaders

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "logs"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.name != "README.md")
FACTUAL = ("Where they come from", "Switch on", "Export", "How far back", "How late", "What truncates them")
HEADINGS = (*FACTUAL, "What grantlens reads", "Sources")
LOGS = ("issuance", "usage", "revocation")

# Loaders of no provider: our own format, and mappings that users write.
OF_NO_PROVIDER = {"native", "mapped"}

CITED = re.compile(r"\[(\d+)\]")
UNCHECKED = re.compile(r"\([^()]*\bnot checked\b[^()]*\)")
SOURCE = re.compile(r"- \[(\d+)\] [^<]+: <https://[^<> ]+>")
CHANGES_SOMETHING = re.compile(
    r"(-X|--request|--method)[ =]?['\"]?(POST|PUT|PATCH|DELETE)\b|--delete\b"
    r"|\baws [\w-]+ (create|delete|put|update|start|stop|attach|detach|rm\b|mv\b)"
    r"|\b(kubectl|vault|gcloud|az|gh) [^|\n]*\b(create|delete|apply|patch|edit|enable|disable|update|revoke|set|add)\b"
    # With -G the parameters go into the address, without it curl posts them.
    r"|\bcurl -(?!\w*G)[^|\n]* (-d|--data)"
)


def sections(text: str) -> dict[str, str]:
    """Return what stands under each heading, in the order of the page."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(section: str) -> list[str]:
    """Return the bullets, rows and paragraphs of a section, code left out."""
    text = re.sub(r"^```.*?^```$", "", section, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^\|.*\n\|[-| ]+\n", "", text, flags=re.MULTILINE)  # the head of a table
    found = re.split(r"\n\s*\n|\n(?=- |\|)", text)
    return [block.strip() for block in found if block.strip() and not block.strip().startswith("### ")]


def scripts(text: str) -> list[str]:
    """Return the shell commands of a page."""
    return re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def names(pages) -> list[str]:
    return [page.stem for page in pages]


@pytest.fixture(params=PAGES, ids=names(PAGES))
def page(request) -> Path:
    """Return one page after the other."""
    return request.param


@pytest.fixture
def text(page) -> str:
    """Return what the page says."""
    return page.read_text()


def test_each_loader_has_a_page_or_a_place_on_the_page_of_many():
    several = FOLDER / "saas.md"
    many = several.read_text() if several.exists() else ""
    missing = [
        name
        for name in loaders()
        if name not in OF_NO_PROVIDER and name not in names(PAGES) and f"(`{name}`)" not in many
    ]
    assert missing == []


def test_the_headings_are_there_in_order(text):
    assert tuple(sections(text)) == HEADINGS


def test_a_page_is_short(text):
    lines = [line for line in text.splitlines() if line.strip()]
    assert 25 <= len(lines) <= 80


def test_every_fact_has_a_source_or_says_that_it_was_not_checked(text):
    bare = [
        f"{heading}: {block}"
        for heading in FACTUAL
        for block in blocks(sections(text)[heading])
        if not CITED.search(block) and not UNCHECKED.search(" ".join(block.split()))
    ]
    assert bare == []


def test_no_section_of_facts_is_empty(text):
    assert [heading for heading in FACTUAL if not blocks(sections(text)[heading])] == []


def test_source_numbers_resolve_and_no_source_is_idle(text):
    body, sources = text.split("## Sources\n")
    entries = blocks(sources)
    assert [entry for entry in entries if not SOURCE.fullmatch(entry)] == []
    numbers = [int(CITED.search(entry)[1]) for entry in entries]
    assert numbers == list(range(1, len(entries) + 1))
    prose = re.sub(r"^```.*?^```$", "", body, flags=re.MULTILINE | re.DOTALL)
    assert {int(number) for number in CITED.findall(prose)} == set(numbers)


def test_it_ends_in_a_command_that_loads_what_was_exported(text):
    said = re.findall(r"^grantlens load acme\.duckdb (logs/\w+/)( --[\w-]+ \S+)*$", text, flags=re.MULTILINE)
    assert len(said) == 1
    assert said[0][0] in sections(text)["Export"]


@pytest.mark.parametrize("name", sorted(set(names(PAGES)) & set(loaders())))
def test_it_says_of_each_log_what_its_loader_reads(name):
    reads = blocks(sections((FOLDER / f"{name}.md").read_text())["What grantlens reads"])
    said = {match[1]: match[2] for block in reads if (match := re.match(r"- (\w+): (.*)", block))}
    assert set(said) == set(LOGS)
    loader = loaders()[name]
    given = {log: getattr(loader, log) is not None for log in LOGS}
    assert {log: not said[log].startswith("none") for log in LOGS} == given


def test_its_commands_are_shell_and_change_nothing(text):
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("no bash on this machine to parse the commands")
    for script in scripts(text):
        parsed = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, timeout=10)
        assert parsed.returncode == 0, parsed.stderr
        assert CHANGES_SOMETHING.search(script.replace("\\\n", "")) is None, script


@pytest.mark.parametrize(
    "command",
    [
        "curl -sS -X POST https://example.invalid",
        "curl -sS https://example.invalid -d scope=all",
        "curl -sS --data scope=all https://example.invalid",
        "aws iam delete-access-key --access-key-id x",
        "aws s3 sync s3://x . --delete",
        "kubectl delete pod x",
        "gcloud logging sinks create x",
        "vault audit enable file",
        "az monitor diagnostic-settings create",
    ],
)
def test_a_command_that_changes_something_is_noticed(command):
    assert CHANGES_SOMETHING.search(command)


# A stand-in for curl that gives two pages and says in each known way that there is a second one, and no third.
CURL = r"""#!{python}
import json, pathlib, sys
asked = [a for a in sys.argv[1:] if not a.startswith("-")]
def after(flag):
    return sys.argv[sys.argv.index(flag) + 1] if flag in sys.argv else None
def said(*names):
    return any(a.split("=", 1)[0] in names and a.split("=", 1)[-1] for a in sys.argv)
url = next(a for a in asked if a.startswith("https://"))
calls = pathlib.Path("calls")
second = calls.exists()
calls.write_text((calls.read_text() if second else "") + " ".join(sys.argv[1:]) + "\n")
assert len(calls.read_text().splitlines()) < 20, "the loop does not end"
record = {{"id": "2" if second else "1", "log_id": "2" if second else "1"}}
page = json.loads({page!r})
for name in page:
    if isinstance(page[name], list):
        page[name] = [record]
if second:
    page = {{name: value for name, value in page.items() if isinstance(value, list)}}
body = json.dumps([record] if {bare} else page)
if "-D" in sys.argv:
    link = "" if second else 'link: <https://example.invalid/first>; rel="self", <https://example.invalid/second>; rel="next"'
    pathlib.Path(after("-D")).write_text("HTTP/2 200\r\n" + link + "\r\n")
pathlib.Path(after("-o")).write_text(body) if "-o" in sys.argv else print(body)
"""

WAYS = {
    "@odata.nextLink": {"value": [], "@odata.nextLink": "https://example.invalid/second"},
    "nextPageToken": {"items": [], "nextPageToken": "second"},
    "next_cursor": {"entries": [], "response_metadata": {"next_cursor": "second"}},
    "has_more": {"data": [], "has_more": True, "last_id": "second"},
    "[Ll]ink:": None,
}
LOOPS = [
    pytest.param(script, way, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, script in enumerate(scripts(page.read_text()))
    if "while" in script
    for way in WAYS
    if way in script
]


@pytest.mark.parametrize(("script", "way"), LOOPS)
def test_a_loop_over_pages_takes_the_second_and_ends(tmp_path, script, way):
    shell, jq = shutil.which("bash"), shutil.which("jq")
    if shell is None or jq is None:
        pytest.skip("no bash or no jq on this machine to run the commands")
    commands = tmp_path / "bin"
    commands.mkdir()
    curl = commands / "curl"
    page = WAYS[way]
    python = shutil.which("python3")
    curl.write_text(CURL.format(python=python, page=json.dumps(page or {}), bare=page is None))
    curl.chmod(0o755)
    path = f"{commands}:{os.environ['PATH']}"
    # `application` and the like: one kind of record is enough, each loop over kinds begins anew.
    script = re.sub(r"^for (\w+) in (\S+) .*; do$", r"for \1 in \2; do", script, flags=re.MULTILINE)
    run = subprocess.run([shell, "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=30,
                         env={"PATH": path, **dict.fromkeys(re.findall(r"\$\{?([A-Z_]{3,})", script), "x")})  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert len((tmp_path / "calls").read_text().splitlines()) == 2
    assert len([file for file in (tmp_path / "logs").rglob("*.*") if file.is_file()]) == 2


def test_the_index_names_every_page_and_every_loader():
    index = (FOLDER / "README.md").read_text()
    assert [page.name for page in PAGES if f"({page.name})" not in index] == []
    assert [name for name in loaders() if name not in OF_NO_PROVIDER and f"`{name}`" not in index] == []


@pytest.mark.parametrize("path", sorted(FOLDER.parent.rglob("*.md")), ids=lambda path: path.stem)
def test_links_inside_the_repository_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []
