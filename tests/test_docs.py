"""The pages on logs: one for each loader, every fact with its source, every command harmless and whole."""

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
    known = (FOLDER / "saas.md").read_text()
    known += "".join(page.read_text().partition("\n")[0] for page in PAGES)
    assert [name for name in loaders() if name not in OF_NO_PROVIDER and f"`{name}`" not in known] == []


def test_the_headings_are_there_in_order(text):
    assert tuple(sections(text)) == HEADINGS


def test_a_page_is_short(page, text):
    lines = [line for line in text.splitlines() if line.strip()]
    assert 25 <= len(lines) <= (120 if page.stem == "saas" else 80)


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


def loaders_of(page) -> list:
    """Return the loaders that the title of a page names."""
    named = re.findall(r"`(\w+)`", page.read_text().partition("\n")[0])
    return [loaders()[name] for name in named if name in loaders()]


@pytest.mark.parametrize("page", [page for page in PAGES if loaders_of(page)], ids=lambda page: page.stem)
def test_it_says_of_each_log_what_its_loader_reads(page):
    reads = blocks(sections(page.read_text())["What grantlens reads"])
    said = {match[1]: match[2] for block in reads if (match := re.match(r"- (\w+): (.*)", block))}
    assert set(said) == set(LOGS)
    given = {log: any(getattr(loader, log) is not None for loader in loaders_of(page)) for log in LOGS}
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
import pathlib, sys
def after(flag):
    return sys.argv[sys.argv.index(flag) + 1] if flag in sys.argv else None
assert any(a.startswith("https://") for a in sys.argv), sys.argv
calls = pathlib.Path("calls")
second = calls.exists()
calls.write_text((calls.read_text() if second else "") + "call\n")
assert len(calls.read_text().splitlines()) < 20, "the loop does not end"
if "-D" in sys.argv:
    link = "" if second else 'link: <https://x.invalid/1>; rel="self", <https://x.invalid/2>; rel="next"'
    pathlib.Path(after("-D")).write_text("HTTP/2 200\r\n" + link + "\r\n")
pathlib.Path(after("-o")).write_text({last!r} if second else {first!r})
"""

WAYS = {
    "@odata.nextLink": (
        '{"value": [{"id": "1"}], "@odata.nextLink": "https://x.invalid/2"}',
        '{"value": [{"id": "2"}]}',
    ),
    ".nextPageToken": ('{"items": [{"id": "1"}], "nextPageToken": "2"}', '{"items": [{"id": "2"}]}'),
    ".next_cursor": (
        '{"entries": [{"id": "1"}], "response_metadata": {"next_cursor": "2"}}',
        '{"entries": [{"id": "2"}], "response_metadata": {"next_cursor": ""}}',
    ),
    ".has_more": (
        '{"data": [{"id": "1"}], "has_more": true, "last_id": "1"}',
        '{"data": [{"id": "2"}], "has_more": false, "last_id": "2"}',
    ),
    ".result_info.cursor": ('{"result": [{"id": "1"}], "result_info": {"cursor": "2"}}', '{"result": [{"id": "2"}]}'),
    ".result | length": ('{"result": [{"id": "1"}]}', '{"result": []}'),
    ".pagination.next_page": (
        '{"data": [{"id": "1"}], "pagination": {"next_page": 2}}',
        '{"data": [{"id": "2"}], "pagination": {"next_page": null}}',
    ),
    ".pagination.next //": (
        '{"results": [{"id": "1"}], "pagination": {"next": 2}}',
        '{"results": [{"id": "2"}], "pagination": {"next": 0}}',
    ),
    "._links.next.href": (
        '{"_embedded": {"activities": [{"id": "1"}]}, "_links": {"next": {"href": "https://x.invalid/2"}}}',
        '{"_embedded": {"activities": [{"id": "2"}]}, "_links": {"self": {"href": "https://x.invalid/1"}}}',
    ),
    "first=$((n": ('[{"id": "1"}]', "[]"),
    "[Ll]ink:": ('[{"id": "1"}]', '[{"id": "2"}]'),
}
LOOPS = [
    pytest.param(script, way, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, script in enumerate(scripts(page.read_text()))
    if re.search(r"^ *while (:|\[)", script, flags=re.MULTILINE)
    for way in WAYS
    if way in script
]


@pytest.mark.parametrize(("script", "way"), LOOPS)
def test_a_loop_over_pages_takes_the_second_and_ends(tmp_path, script, way):
    shell, jq, python = shutil.which("bash"), shutil.which("jq"), shutil.which("python3")
    if shell is None or jq is None:
        pytest.skip("no bash or no jq on this machine to run the commands")
    first, last = WAYS[way]
    curl = tmp_path / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text(CURL.format(python=python, first=first, last=last))
    curl.chmod(0o755)
    # One kind of record is enough: each loop over kinds begins anew.
    script = re.sub(r"^for (\w+) in (\S+) .*; do$", r"for \1 in \2; do", script, flags=re.MULTILINE)
    variables = dict.fromkeys(re.findall(r"\$\{?([A-Z_]{3,})", script), "x")
    path = f"{curl.parent}:{os.environ['PATH']}"
    run = subprocess.run(
        [shell, "-eu", "-c", script],
        env={"PATH": path, **variables},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "calls").read_text().splitlines() == ["call"] * 2
    kept = [file.read_text() for file in sorted((tmp_path / "logs").rglob("*.*"))]
    assert re.findall(r'"id": ?"(\d)"', "".join(kept)) == (["1", "2"] if '"id"' in last else ["1"])
    assert all('"id"' in text for text in kept)


def test_each_loop_over_pages_is_one_that_the_test_above_knows():
    unknown = [
        script
        for page in PAGES
        for script in scripts(page.read_text())
        if re.search(r"^ *while (:|\[)", script, flags=re.MULTILINE) and sum(way in script for way in WAYS) != 1
    ]
    assert unknown == []


def test_the_index_names_every_page_and_every_loader():
    index = (FOLDER / "README.md").read_text()
    assert [page.name for page in PAGES if f"({page.name})" not in index] == []
    several = (FOLDER / "saas.md").read_text()
    assert [name for name in loaders() if name not in OF_NO_PROVIDER and f"`{name}`" not in index + several] == []


@pytest.mark.parametrize("path", sorted(FOLDER.parent.rglob("*.md")), ids=lambda path: path.stem)
def test_links_inside_the_repository_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []
