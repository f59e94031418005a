"""What a load report shows: which files failed and why, in a terminal and in a cell of a notebook."""

import pytest

from grantlens.store import Store
from tests.ingest.oracle import ndjson, usage


@pytest.fixture
def report(tmp_path):
    ndjson(tmp_path / "good.ndjson", [usage(1)])
    for name in ("notes.txt", "more\x1b[31m.txt", *(f"{number}.txt" for number in range(4))):
        (tmp_path / name).write_text("Where these logs come from\n")
    (tmp_path / "<b>.json").write_text('{"log":')
    with Store(":memory:") as store:
        return store.load(tmp_path)


def test_the_files_that_failed_are_named_with_the_reason(report):
    first, *lines = repr(report).splitlines()
    assert first == "1 file: 1 record, 0 issuance, 1 usage, 0 revocation, 0 ignored, 0 duplicates, 0 rejected; 7 failed"
    assert "is neither JSON nor CSV nor Parquet" in lines[0]
    assert "begin a mapping: grantlens load --explain" in lines[0]
    assert lines[1].startswith("The same is true of 5 other files: ")
    assert lines[1].endswith(", 2 more.")
    assert "<b>.json" in lines[2]
    assert len(lines) == 3
    assert "\x1b" not in repr(report)


def test_a_cell_of_a_notebook_says_the_same(report):
    shown = report._repr_html_()
    assert shown.count("<li>") == 3
    assert "is neither JSON nor CSV nor Parquet" in shown
    assert "The same is true of 5 other files: " in shown
    assert "&lt;b&gt;.json" in shown
    assert "<b>" not in shown
    assert "\x1b" not in shown
