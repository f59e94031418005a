"""The part of docs/conclude.md that follows from what loaders and rules declare.

`python -m grantlens.report.conclude_page docs/conclude.md` writes it between the page's two marks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.loaders import loaders
from grantlens.report.markdown_text import table
from grantlens.rules import registry
from grantlens.rules.conclusion import Conclusion, Source, conclude, source_of, together
from grantlens.schema import LOGS

if TYPE_CHECKING:
    from grantlens.loaders import Join

BEGIN, END = "<!-- concluded: begin -->", "<!-- concluded: end -->"

CELLS = {"verdict": "**V**", "bounds": "b", "no": "·"}
"""How a level stands in the matrix."""

WORDS = {"verdict": "Verdicts", "bounds": "Bounds", "no": "Nothing"}


def written(page: str) -> str:
    """Return a page with the part between its marks written anew.

    Raises
    ------
    ValueError
        If the page does not hold the two marks, in order.

    Examples
    --------
    >>> written("no marks")
    Traceback (most recent call last):
    ...
    ValueError: The page does not hold <!-- concluded: begin --> and <!-- concluded: end -->, in this order.
    """
    head, begin, rest = page.partition(f"{BEGIN}\n")
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"The page does not hold {BEGIN} and {END}, in this order.")
    return head + begin + "\n".join(concluded()) + END + tail


def concluded() -> list[str]:
    """Return the lines of the matrix, and of a block for each provider."""
    sources = [source_of(loader) for loader in loaders().values()]
    told = {source.name: [conclude(rule, source) for rule in registry().values()] for source in sources}
    lines = ["", "## Providers and rules", ""]
    lines += table(
        ["", *registry()],
        [
            [f"[{source.name}](#{_anchor(source)})", *(CELLS[each.level] for each in told[source.name])]
            for source in sources
        ],
    )
    lines += ["## The rules", ""]
    lines += table(["rule", "question"], [[rule.id, rule.question] for rule in registry().values()])
    lines += ["## Provider by provider", ""]
    for source in sources:
        lines += _block(source, told[source.name])
    return lines


def _anchor(source: Source) -> str:
    return source.name.replace("_", "-")


def _block(source: Source, told: list[Conclusion]) -> Iterator[str]:
    yield f'<a id="{_anchor(source)}"></a>'
    yield ""
    yield f"### {source.title} (`{source.name}`)"
    yield ""
    yield f"Logs: {_logs(source)}."
    yield ""
    if source.joins:
        yield from table(["logs", "join by", "key", "what it leaves open"], [_join(join) for join in source.joins])
    for level, word in WORDS.items():
        lines = list(_reasons(each for each in told if each.level == level))
        if lines:
            yield f"**{word}**"
            yield ""
            yield from lines
            yield ""


def _logs(source: Source) -> str:
    parts = [log if log in source.carries else f"{log} in part" for log in LOGS if log in source.logs]
    return ", ".join([*parts, *(f"no {log}" for log in LOGS if log not in source.logs)])


def _join(join: Join) -> list[str]:
    key = ", ".join(f"`{part.strip()}`" for part in join.key.split(",")) if join.key else ""
    return [f"{join.first} – {join.second}", join.strength, key, join.note]


def _reasons(conclusions: Iterable[Conclusion]) -> Iterator[str]:
    for lacks, by_open in together(conclusions):
        told = [(", ".join(map(_named, group)), leaves_open) for leaves_open, group in by_open]
        if not lacks or len(told) == 1:
            for rules, leaves_open in told:
                reason = "; ".join(filter(None, (lacks, leaves_open)))
                yield f"- {rules}: {reason}" if reason else f"- {rules}"
        else:
            yield f"- {lacks}:"
            yield from (f"  - {rules}: {leaves_open}" if leaves_open else f"  - {rules}" for rules, leaves_open in told)


def _named(conclusion: Conclusion) -> str:
    return conclusion.rule + (f" ({', '.join(conclusion.brought)})" if conclusion.brought else "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page that is named."""
    (name,) = sys.argv[1:] if arguments is None else arguments
    page = Path(name)
    page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
