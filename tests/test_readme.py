"""The README says what the code does now."""

import re

from grantlens.loaders import loaders

CARRIED = ("issuance", "usage", "revocation")


def provider_table() -> list[str]:
    """Return the table of providers, from the declarations of the loaders."""
    rows = ["| provider | logs | what joins, and what does not |", "|---|---|---|"]
    for loader in loaders().values():
        logs = ", ".join(log for log in CARRIED if log in loader.carries)
        rows.append(f"| {loader.title} (`{loader.name}`) | {logs} | {loader.join_note} |")
    return rows


def test_the_provider_table_is_what_the_loaders_declare(root):
    readme = (root / "README.md").read_text()
    table = re.search(r"<!-- providers: begin -->\n(.*)<!-- providers: end -->", readme, re.DOTALL)
    assert table is not None
    assert table[1].splitlines() == provider_table(), "write this in its place:\n" + "\n".join(provider_table())


def test_every_file_it_links_to_is_there(root):
    readme = (root / "README.md").read_text()
    missing = [
        link
        for link in re.findall(r"\]\(([^)#]+)\)", readme)
        if not link.startswith("http") and not (root / link).exists()
    ]
    assert missing == []
