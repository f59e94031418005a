"""Help, messages, pages and docstrings keep to the words of CONTRIBUTING; files not yet rewritten are on a list that only gets shorter.

`python -m tests.test_plain_english PATH...` prints every sentence that offends. Add `docstrings` to see docstrings too.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grantlens.schema import LOGS

LIST = Path(__file__).parent / "not_yet_plain.txt"
"""Each line names a kind of text, a file with offences of that kind, and nothing else."""

MOST_WORDS = 30
MOST_LETTERS = 80
LIST_COMMAS = 8
"""So many commas make a sentence a list, as that of the providers."""

OFFENCES = {
    "is no": re.compile(r"\b(?:is|are|was|were) no\b(?! (?:longer|more))", re.IGNORECASE),
    "is told": re.compile(r"\b(?:is|are|was|were|be|been) told\b", re.IGNORECASE),
    "stands in": re.compile(r"\b(?:stand|stands|stood) (?:in|at|on)\b", re.IGNORECASE),
    "of which": re.compile(r"\bof which\b", re.IGNORECASE),
    "told apart": re.compile(r"\b(?:told|tell|tells) (?:\w+ )?apart\b|\btaken for (?:one|an?)\b", re.IGNORECASE),
    "kept aside": re.compile(r"\b(?:kept|put|set) aside\b|\bworked out\b", re.IGNORECASE),
    "headless": re.compile(r"(?:^|; )(?:what|who|whose)\b[^?]*$", re.IGNORECASE),
}
"""What CONTRIBUTING rules out, by name."""

SQL = re.compile(r"\b(?:SELECT|FROM|WHERE|CREATE|INSERT|UPDATE|CASE WHEN|JOIN|coalesce|UNION)\b|::|\$\$|\{%")
NO_VERB = {
    "a",
    "an",
    "the",
    "what",
    "whether",
    "if",
    "how",
    "who",
    "whose",
    "of",
    "all",
    "one",
    "each",
    "where",
    "when",
    "which",
}
ENDS_IN_S = {"pass", "process", "address", "cross", "discuss", "express", "guess", "press", "focus", "compress", "miss"}


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a paragraph, code spans counted as one word."""
    text = re.sub(r"`[^`]*`|\$\{?\w+\}?|<https?:[^>]*>|https?://\S+", "X", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    for part in re.split(r"(?<=[.?!])[\"”)*]*\s+(?=[^a-z]|grantlens\b)|\n\s*\n", text):
        if sentence := " ".join(part.split()).strip("*_ "):
            yield sentence


def offences(text: str) -> set[str]:
    """Return the names of the offences in a text."""
    found = set()
    for sentence in sentences(text):
        found |= {name for name, pattern in OFFENCES.items() if pattern.search(sentence)}
        words = sum(any(letter.isalpha() for letter in word) for word in sentence.split())
        if words > MOST_WORDS and sentence.count(",") < LIST_COMMAS:
            found.add("long sentence")
    return found


def docstring_offences(text: str, function: bool) -> set[str]:
    """Return the names of the offences in a docstring."""
    prose = re.split(r"\n\s*(?:Examples|Parameters|Returns|Raises|Yields|Notes)\n\s*-+", text)[0]
    first = prose.strip().split("\n")[0]
    found = offences(prose)
    if len(first) > MOST_LETTERS:
        found.add("long first line")
    word = first.split(" ")[0].lower()
    if function and (word in NO_VERB or (word.endswith("s") and word not in ENDS_IN_S)):
        found.add("not imperative")
    return found


def blocks(page: str) -> Iterator[str]:
    """Yield the paragraphs, bullets and table cells of a Markdown page, code left out."""
    page = re.sub(r"^ *```.*?^ *```", "", page, flags=re.MULTILINE | re.DOTALL)
    page = re.sub(r"<!--.*?-->|<a id=[^>]*></a>", "", page, flags=re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?= *(?:[-*|] ?|\d+\. |#))", page):
        block = re.sub(r"^\s*(?:[-*] |\d+\. |#+ )", "", block)
        yield from block.split("|") if block.lstrip().startswith("|") else [block]


def strings(tree: ast.AST) -> tuple[list[str], list[tuple[str, bool]]]:
    """Return the messages of a module, SQL reduced to its literals, and its docstrings with whether a function has it."""
    docstrings, seen = [], set()
    for node in ast.walk(tree):
        for place, child in enumerate(
            getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []
        ):
            if (
                isinstance(child, ast.Expr)
                and isinstance(child.value, ast.Constant)
                and isinstance(child.value.value, str)
            ):
                seen.add(child.value)
                function = place == 0 and isinstance(node, ast.FunctionDef)
                docstrings.append((child.value.value, function))
    messages = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            seen |= set(node.values)
            text = "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in seen:
            text = node.value
        else:
            continue
        text = re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE) if SQL.search(text) else text
        messages += re.findall(r"'((?:[^'\n]|'')+)'", text) if SQL.search(text) else [text]
    return [text for text in messages if len(text.split()) > 3], docstrings


def passages(path: Path) -> Iterator[tuple[str, bool | None]]:
    """Yield each passage of a file, and of a docstring whether a function has it, else None."""
    raw = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        messages, docstrings = strings(ast.parse(raw))
        yield from ((text, None) for text in messages)
        yield from docstrings
        return
    if path.suffix == ".ipynb":
        raw = "\n\n".join(
            "".join(cell["source"]) for cell in json.loads(raw)["cells"] if cell["cell_type"] == "markdown"
        )
    if path.suffix in (".html", ".j2"):
        raw = re.sub(r"<(script|style).*?</\1>|\{#.*?#\}|\{%.*?%\}", "", raw, flags=re.DOTALL)
        raw = re.sub(r"</?(?:p|li|td|th|h\d|div|dd|dt|tr|ul|summary|section|caption|figcaption)\b[^>]*>", "\n\n", raw)
        raw = re.sub(r"\{\{.*?\}\}", "X", re.sub(r"<[^>]*>", " ", raw), flags=re.DOTALL)
    yield from ((block, None) for block in blocks(raw))


def found_in(path: Path) -> dict[str, set[str]]:
    """Return the offences of a file by kind of text."""
    found: dict[str, set[str]] = {}
    for text, function in passages(path):
        kind, names = (
            ("text", offences(text)) if function is None else ("docstrings", docstring_offences(text, function))
        )
        found.setdefault(kind, set()).update(names)
    return found


def files(root: Path) -> list[Path]:
    """Return every file whose words a user or a contributor reads."""
    package = root / "src" / "grantlens"
    found = [path for path in package.rglob("*.py") if "simulate" not in path.parts]
    found += [path for path in (package / "report" / "templates").rglob("*") if path.suffix in (".html", ".j2")]
    found += [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "notebooks").glob("*.ipynb")]
    return sorted(found)


def test_only_files_on_the_list_offend_and_each_of_them_does(root):
    offending = {}
    for path in files(root):
        for kind, found in found_in(path).items():
            if found:
                offending[f"{kind} {path.relative_to(root).as_posix()}"] = sorted(found)
    listed = LIST.read_text().splitlines()
    assert {line: found for line, found in offending.items() if line not in listed} == {}, (
        "write these in plain English"
    )
    assert [line for line in listed if line not in offending] == [], "take these off the list: they are plain now"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("'x' is no window.", "is no"),
        ("What is undecided is told by reason.", "is told"),
        ("The parameters stand at the head.", "stands in"),
        ("A file of which nothing was read.", "of which"),
        ("Two clusters are told apart by name.", "told apart"),
        ("The record is kept aside.", "kept aside"),
        ("What is clear is left out.", "headless"),
        ("It reads the log; what is wrong goes.", "headless"),
        (" ".join(["word"] * 31) + ".", "long sentence"),
    ],
)
def test_an_offence_is_found(text, name):
    assert name in offences(f"This is plain. {text} So is this.")


def test_plain_text_is_left_alone():
    assert (
        offences("Which log is it? What can `is no` mean? The grant is no longer live. " + "Word " * 30 + ".") == set()
    )


def test_a_docstring_begins_with_a_verb_and_is_short():
    assert docstring_offences("Return the rows.", True) == set()
    assert docstring_offences("Returns the rows.", True) == docstring_offences("The rows.", True) == {"not imperative"}
    assert docstring_offences("Return " + "x" * 80, True) == {"long first line"}


def test_messages_are_found_in_code_and_in_its_sql():
    tree = ast.parse(
        '"""Do it."""\nX = f"{y} is no window at all"\nS = "SELECT \'a grant that is no grant\' AS title"\n'
    )
    assert strings(tree) == (["X is no window at all", "a grant that is no grant"], [("Do it.", False)])


def glossary(root) -> list[tuple[str, str]]:
    """Return each term of CONTRIBUTING with its column."""
    part = (
        (root / "CONTRIBUTING.md")
        .read_text()
        .partition("| term | column | meaning |\n|---|---|---|\n")[2]
        .partition("\n\n")[0]
    )
    return [tuple(cell.strip(" `") for cell in line.split("|")[1:3]) for line in part.splitlines()]


def test_the_glossary_is_sorted_and_names_columns_that_exist(root):
    terms = glossary(root)
    columns = {column.name for log in LOGS.values() for column in log.columns}
    assert [term for term, _ in terms] == sorted({term for term, _ in terms})
    assert [column for _, column in terms if column and column not in columns] == []
    assert 35 <= len(terms) <= 55


def test_every_id_of_the_logs_is_the_id_of_a_term(root):
    terms = {term.replace(" ", "_") for term, _ in glossary(root)}
    ids = {
        column.name.removesuffix("_id")
        for log in LOGS.values()
        for column in log.columns
        if column.name.endswith("_id")
    }
    assert len(ids) > 7
    assert [name for name in ids if name not in terms and name.split("_")[-1] not in terms] == []


if __name__ == "__main__":
    root = Path(__file__).parent.parent
    for path in files(root):
        if any(path.is_relative_to(Path(word).resolve()) for word in sys.argv[1:]):
            for text, function in passages(path):
                if function is not None and "docstrings" not in sys.argv:
                    continue
                for name in sorted(offences(text) if function is None else docstring_offences(text, function)):
                    sys.stdout.write(f"{path.relative_to(root)}: {name}: {' '.join(text.split())}\n")
