"""The README and the pages that it leads to say what the code does now."""

import re

import grantlens as gl
from grantlens.loaders import loaders
from grantlens.report.conclude_page import written
from grantlens.rules import registry

MOST = 8 * 1024
"""Bytes of the README: one sitting."""


def readme(root) -> str:
    """Return the text of the README."""
    return (root / "README.md").read_text(encoding="utf-8")


def test_it_is_read_in_one_sitting(root):
    assert len(readme(root).encode()) <= MOST


def test_the_table_of_providers_is_what_the_loaders_declare(root):
    page = (root / "docs" / "providers.md").read_text(encoding="utf-8")
    assert page == written(page), "write it anew: python -m grantlens.report.conclude_page docs/providers.md"


def test_a_line_of_the_table_is_what_its_loader_declares(root):
    page = (root / "docs" / "providers.md").read_text(encoding="utf-8")
    lines = {
        match[1]: match[2].split(" | ") for match in re.finditer(r"^\| \[.*\) `(\w+)` \| (.*) \|$", page, re.MULTILINE)
    }
    assert list(lines) == list(loaders())
    assert lines["okta"] == ["full", "in part", "full", "token", "token", "token"]
    assert [cell.strip() for cell in lines["caep_ssf"]] == ["", "", "full", "", "", ""]


def test_it_names_every_provider_and_no_other(root):
    line = readme(root).partition("## Which logs it reads\n\n")[2].partition("\n")[0]
    names = line.removesuffix(".").split(", ")
    titles = {loader.title for loader in loaders().values() if loader.name not in ("native", "mapped")}
    assert len(names) > 30
    assert [title for title in titles if not title.startswith(tuple(names))] == []
    assert [name for name in names if not any(title.startswith(name) for title in titles)] == []


def test_the_notebook_session_prints_its_table(root, sample_file, tmp_path, monkeypatch):
    session, table = re.search(r"```python\n(.*?)```\n\n((?:\|[^\n]*\n)+)", readme(root), re.DOTALL).groups()
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "demo.duckdb").write_bytes(sample_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    lines = session.splitlines()
    assert sum(1 for line in lines if line) == 8
    names: dict = {}
    exec(compile("\n".join(lines[:-1]), "README.md", "exec"), names)
    shown = eval(lines[-1], names)
    names["store"].close()
    printed = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert [printed[0], *printed[2:]] == [list(shown.columns), *shown.astype(str).values.tolist()]


def test_the_picture_is_the_chart_of_a_case_of_the_samples(root, sample_file):
    (title,) = re.findall(r"!\[(.*)\]\(docs/timeline\.png\)", readme(root))
    with gl.open(sample_file, read_only=True) as store:
        chart = gl.Case(store, client="sales-pulse").timeline().chart()
    assert f">{title}<" in chart.svg()


def test_every_file_it_links_to_is_there(root):
    missing = [
        link
        for link in re.findall(r"\]\(([^)#]+)", readme(root))
        if not link.startswith("http") and not (root / link).exists()
    ]
    assert missing == []


def test_the_index_leads_to_every_page(root):
    folder = root / "docs"
    pages = {page.name for page in folder.glob("*.md")} - {"index.md"}
    assert pages - set(re.findall(r"\]\(([\w.]+)\)", (folder / "index.md").read_text())) == set()


def test_the_changelog_counts_loaders_and_rules_and_fits_one_page(root):
    page = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"Loaders for {len(loaders().keys() - {'native'})} logs" in page
    assert f"{len(registry())} [rules]" in page
    assert len(page.splitlines()) <= 60
