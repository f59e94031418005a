"""The house rules that a linter of lines cannot see."""

import ast
import importlib
import importlib.util
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

HEAVY = (
    "pandas",
    "polars",
    "altair",
    "scipy",
    "pyarrow",
    "numpy",
    "IPython",
    "cyclopts",
    "rich",
    "jinja2",
)
"""What `import grantlens` must not load: each costs a notebook or a nightly job its start."""

ONLY_IN = {"duckdb": ("engine",), "altair": ("charts", "report"), "jinja2": ("report",), "cyclopts": ("cli",)}
"""Which rooms may import a library at all."""

LONGEST = 400
"""Lines after which a file must say here why it is longer."""

LONGER: dict[str, str] = {}
"""Files that may be longer, with the reason."""


def sources(root: Path) -> list[Path]:
    return sorted((root / "src" / "grantlens").rglob("*.py"))


def imported(source: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_imports_go_down_the_house_only(root, capsys):
    code = lint_imports(config_filename=str(root / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_import_grantlens_is_light():
    program = "import sys, json, grantlens; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "grantlens" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stays_in_its_room(root, library):
    home = root / "src" / "grantlens"
    strays = [
        str(source.relative_to(home))
        for source in sources(root)
        if library in imported(source) and source.relative_to(home).parts[0] not in ONLY_IN[library]
    ]
    assert strays == []


def test_files_stay_short(root):
    lengths = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in sources(root)}
    too_long = {path: lines for path, lines in lengths.items() if lines > LONGEST and path not in LONGER}
    assert too_long == {}, "cut the file where its idea splits, or give the reason in LONGER"
    assert set(LONGER) <= {path for path, lines in lengths.items() if lines > LONGEST}, (
        "LONGER names a file that is short"
    )


def test_no_drawer_for_odds_and_ends(root):
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [str(path) for path in sources(root) if path.stem in drawers] == []


ONE_EACH = {"relations": ("RELATION", {"relation"}), "rules": ("RULE", set())}
"""Rooms whose every module declares one thing, by what it is called there; beside them only what says what that is."""


@pytest.mark.parametrize("room", ONE_EACH)
def test_a_room_of_declarations_holds_nothing_else(room):
    name, beside = ONE_EACH[room]
    package = importlib.import_module(f"grantlens.{room}")
    modules = {module.name: f"grantlens.{room}.{module.name}" for module in pkgutil.iter_modules(package.__path__)}
    bare = {short for short, module in modules.items() if not hasattr(importlib.import_module(module), name)}
    assert bare == beside


def test_type_checkers_see_what_python_finds(root):
    import grantlens as gl

    tree = ast.parse((root / "src" / "grantlens" / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names if alias.name != "detect"}
    assert sorted([*homes, "detect"]) == gl.__all__
    for name, home in homes.items():
        assert getattr(importlib.import_module(home), name) is getattr(gl, name)
        # Of a function and a module of one name in one package a type checker takes the module.
        package = hasattr(importlib.import_module(home), "__path__")
        assert not (package and importlib.util.find_spec(f"{home}.{name}")), f"{name} is a module of {home}, too"


def test_every_public_name_has_an_example():
    import inspect

    import grantlens as gl
    from grantlens import detect

    public = [(name, getattr(gl, name)) for name in gl.__all__ if name != "detect"]
    public += [(f"detect.{name}", getattr(detect, name)) for name in detect.__all__]
    bare = [name for name, thing in public if ">>> " not in (inspect.getdoc(thing) or "")]
    assert bare == []


def test_requirements_are_pinned_with_hashes_and_name_no_host(root):
    text = (root / "requirements.txt").read_text()
    assert not re.search(r"https?:|--(?:extra-)?index-url|--find-links|--trusted-host| @ ", text)
    entries = re.split(r"\n(?=\S)", text)
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert len(pinned) > 50
    assert [entry for entry in pinned if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_no_lock_file_with_addresses(root):
    done = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    assert [name for name in done.stdout.split() if Path(name).name in {"uv.lock", "poetry.lock", "pdm.lock"}] == []


def test_notebooks_are_stripped(root):
    for path in (root / "notebooks").glob("*.ipynb"):
        code = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
        kept = [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None]
        assert kept == [], f"{path.name} holds outputs; strip them"
