"""The notebooks run from the first cell to the last, on the samples, in a kernel of their own."""

import ast
import json
import re
from pathlib import Path

import pytest

import grantlens as gl
from grantlens.rules import registry

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_all_five_are_there():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_tour",
        "02_out_of_scope",
        "03_unused_privileges",
        "04_revocation_lag",
        "05_incident",
    ]


def code_of(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def test_all_open_the_samples_in_the_same_words():
    assert len({code_of(path)[1] for path in NOTEBOOKS}) == 1
    assert all("\nSTORE = None\n" in code_of(path)[0] for path in NOTEBOOKS)


LOADED = ("02_out_of_scope", "03_unused_privileges", "04_revocation_lag")
"""Those that are given the samples as a store: the tour and the last load them, in the same words."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, sample_file):
    nbclient = pytest.importorskip("nbclient", reason="nbclient comes with the extra `notebook`")
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    if path.stem in LOADED:
        first = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
        first.source = first.source.replace("STORE = None", f"STORE = {str(sample_file)!r}")
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("text/html" in output.get("data", {}) for output in outputs), "no result was shown"
    assert not [output for output in outputs if output.output_type == "error"]
    shown = json.dumps([output.get("data", {}).get("text/html", "") for output in outputs])
    assert "<script" not in shown
    if path.stem == "03_unused_privileges":
        assert "crm.export, crm.cases.read" in shown, "advice to remove something is among what is shown"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_reads_well(path):
    cells = json.loads(path.read_text())["cells"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
    assert len(tagged) == 1, "one cell is tagged `parameters`"
    assert cells[0]["cell_type"] == "markdown"
    assert "".join(cells[-1]["source"]).startswith("## What to do next")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_answers_are_named_in_the_order_in_which_they_come(path):
    """`detect.run` answers in the order of reports, whatever the order in which rules are named."""
    code = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])
    for listed in re.findall(r"detect\.run\(\w+, (\[[^\]]*\])", code):
        asked = json.loads(listed)
        assert asked == sorted(asked, key=list(registry()).index)


NOBODY = {
    "log": "usage",
    "used_at": "2025-03-01T09:00:00Z",
    "event_id": "u1",
    "method": "GET",
    "target": "/x",
    "outcome": "success",
}
CLIENTS = [
    NOBODY | {"event_id": "u2", "client_id": "<b>Éclair</b>\x1b[31m", "token_id": "t1"},
    {
        "log": "issuance",
        "issued_at": "2025-03-01T08:00:00Z",
        "kind": "token",
        "outcome": "success",
        "client_id": "app",
        "event_id": "i1",
    },
]
OWN = {"no event": [], "a call of nobody": [NOBODY], "two clients": CLIENTS}
THEN = {"SINCE": None, "UNTIL": None, "NOW": None}


@pytest.mark.parametrize(
    ("records", "then"), [("no event", THEN), ("a call of nobody", THEN), ("two clients", {})], ids=OWN
)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_on_a_store_of_ones_own(path, records, then, tmp_path):
    """Whoever names a store of their own meets no error, and no time that is in no log; what it cannot show is said."""
    (tmp_path / "own.ndjson").write_text("".join(f"{json.dumps(record)}\n" for record in OWN[records]))
    with gl.open(tmp_path / "own.duckdb") as store:
        assert store.load(tmp_path / "own.ndjson").total("records") == len(OWN[records])
    known, shown = {}, []
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            code = ast.parse("".join(cell["source"]))
            last = code.body.pop() if isinstance(code.body[-1], ast.Expr) else None
            exec(compile(code, path.name, "exec"), known)
            if "parameters" in cell["metadata"].get("tags", ()):
                known |= {"STORE": str(tmp_path / "own.duckdb"), **then}
            if last is not None:
                value = eval(compile(ast.Expression(last.value), path.name, "eval"), known)
                shown.append(getattr(value, "_repr_html_", value.__repr__)())
    known["store"].close()
    text = " ".join(text.partition("<details>")[0] for text in shown)
    assert "1970" not in text
    cells = [text for text in shown if text.startswith("<")]
    assert not [text for text in cells if "<b>É" in text]
    assert not [text for text in cells if "\x1b" in text and 'class="dataframe"' not in text], "but in frames of pandas"
    if path.stem == "05_incident":
        told = "app" if records == "two clients" else "No log of this store names a client"
        assert told in text
    elif records == "no event":
        assert "a store without events" in text
