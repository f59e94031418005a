"""docs/conclude.md says what loaders and rules declare now."""

import re

import pytest

from grantlens.conclusion.conclusion import conclude, source_of
from grantlens.loaders import loaders
from grantlens.report.conclude_page import CELLS, concluded, main, written
from grantlens.rules import registry

BEGIN, END = "<!-- concluded: begin -->", "<!-- concluded: end -->"


def test_the_page_is_what_is_declared(root):
    page = (root / "docs" / "conclude.md").read_text(encoding="utf-8")
    assert page == written(page), "write it anew: python -m grantlens.report.conclude_page docs/conclude.md"


@pytest.fixture(scope="module")
def lines():
    return concluded()


def test_the_matrix_has_a_cell_for_every_provider_and_rule(lines):
    rows = {
        match[1]: [cell.strip() for cell in match[2].split("|")]
        for line in lines
        if (match := re.fullmatch(r"\| \[(\w+)\]\(#[\w-]+\) \| (.*) \|", line))
    }
    assert list(rows) == list(loaders())
    for name in ("okta", "slack", "google_workspace"):
        source = source_of(name)
        assert rows[name] == [CELLS[conclude(rule, source).level] for rule in registry().values()]
    assert {cell for row in rows.values() for cell in row} == set(CELLS.values())


def test_every_link_of_the_matrix_has_its_block(lines):
    linked = {match[1] for line in lines for match in re.finditer(r"\]\(#([\w-]+)\)", line)}
    assert linked == {match[1] for line in lines if (match := re.fullmatch(r'<a id="([\w-]+)"></a>', line))}


def test_each_block_says_in_short_what_joins(lines):
    text = "\n".join(lines)
    for loader in loaders().values():
        block = text.partition(f"(`{loader.name}`)")[2].partition("###")[0]
        assert loader.join_note in block


def test_each_block_names_each_rule_once(lines):
    blocks = "\n".join(lines).split("\n### ")[1:]
    assert len(blocks) == len(loaders())
    for block in blocks:
        named = [rule for line in block.splitlines() if line.lstrip().startswith("- ") for rule in rules_of(line)]
        assert sorted(named) == sorted(registry())


def rules_of(line):
    """Return the rules that a line is about, not those that its reason may mention."""
    named = re.match(r" *- ((?:[A-Z]{3}-\d+(?: \([a-z, ]+\))?(?:, )?)+)", line)
    return re.findall(r"[A-Z]{3}-\d+", named[1]) if named else []


def test_only_what_stands_between_the_marks_is_written(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Mine\n\n{BEGIN}\nan old line\n{END}\n\nMine too\n")
    main([str(page)])
    text = page.read_text()
    assert text.startswith(f"# Mine\n\n{BEGIN}\n\n## Providers and rules\n")
    assert text.endswith(f"{END}\n\nMine too\n")
    assert "an old line" not in text
    main([str(page)])
    assert page.read_text() == text


@pytest.mark.parametrize("text", ["", f"{BEGIN}\n", f"{END}\n{BEGIN}\n"])
def test_a_page_without_its_marks_is_left_alone(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="holds no part to write"):
        main([str(page)])
    assert page.read_text() == text
