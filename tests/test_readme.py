"""The README says what the code does now."""

import re

from grantlens.loaders import loaders
from grantlens.report.conclude_page import written


def test_the_provider_table_is_what_the_loaders_declare(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert readme == written(readme), "write it anew: python -m grantlens.report.conclude_page README.md"


def test_a_line_of_the_table_is_what_its_loader_declares(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    lines = {
        match[1]: match[2].split(" | ")
        for match in re.finditer(r"^\| \[.*\) `(\w+)` \| (.*) \|$", readme, re.MULTILINE)
    }
    assert list(lines) == list(loaders())
    assert lines["okta"] == ["full", "in part", "full", "token", "token", "token"]
    assert [cell.strip() for cell in lines["caep_ssf"]] == ["", "", "full", "", "", ""]


def test_it_names_the_logs_of_which_no_real_record_was_seen(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^(.*) are read as their documentation describes them", readme, re.MULTILINE)
    unproven = [loader.title for loader in loaders().values() if "Not proven on a real record" in loader.join_note]
    assert [title.split()[0] for title in unproven] == [name for line in named for name in re.split(", | and ", line)]


def test_every_file_it_links_to_is_there(root):
    readme = (root / "README.md").read_text()
    missing = [
        link
        for link in re.findall(r"\]\(([^)#]+)\)", readme)
        if not link.startswith("http") and not (root / link).exists()
    ]
    assert missing == []
