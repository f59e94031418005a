"""The parts of pages that follow from what loaders and rules declare: what can be concluded, the rules, a line for each provider.

`python -m grantlens.report.conclude_page docs/conclude.md docs/providers.md docs/rules.md` writes each between its two marks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.conclusion.conclusion import LOG_PAIRS, Conclusion, Source, conclude, source_of, together
from grantlens.loaders import loaders
from grantlens.report.markdown_text import table
from grantlens.report.rules_page import anchor, rules
from grantlens.rules import registry
from grantlens.schema import LOGS

if TYPE_CHECKING:
    from grantlens.loaders import Join

CELLS = {"verdict": "**V**", "bounds": "b", "no": "·"}
"""How a level stands in the matrix."""

WORDS = {"verdict": "Verdicts", "bounds": "Bounds", "no": "Nothing"}


def written(page: str) -> str:
    """Return a page with what stands between marks written anew.

    Raises
    ------
    ValueError
        If the page holds no two marks of a part, in order.

    Examples
    --------
    >>> written("no marks")
    Traceback (most recent call last):
    ...
    ValueError: The page holds no part to write: <!-- concluded: begin --> or <!-- providers: begin --> or <!-- rules: begin -->, and its end after it.
    """
    found = False
    for part, lines in PARTS.items():
        head, begin, rest = page.partition(f"<!-- {part}: begin -->\n")
        _, end, tail = rest.partition(f"<!-- {part}: end -->")
        if begin and end:
            page = head + begin + "\n".join(lines()) + end + tail
            found = True
    if not found:
        marks = " or ".join(f"<!-- {part}: begin -->" for part in PARTS)
        raise ValueError(f"The page holds no part to write: {marks}, and its end after it.")
    return page


def providers() -> list[str]:
    """Return a table with a line for each provider: which logs it has, and what joins each pair of them."""
    return table(
        ["log", *LOGS, *(f"{first} – {second}" for first, second in LOG_PAIRS)],
        [
            [
                f"[{source.title}](conclude.md#{_anchor(source)}) `{source.name}`",
                *("full" if log in source.carries else "in part" if log in source.logs else "" for log in LOGS),
                *(join.strength if (join := source.join(*pair)) else "" for pair in LOG_PAIRS),
            ]
            for source in map(source_of, loaders())
        ],
    )


def concluded() -> list[str]:
    """Return the lines of the matrix, and of a block for each provider."""
    sources = [source_of(name) for name in loaders()]
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
    lines += table(
        ["rule", "question"], [[f"[{rule.id}](rules.md#{anchor(rule)})", rule.question] for rule in registry().values()]
    )
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
    yield f"Logs: {_logs(source)}. {source.note}".strip()
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


PARTS = {"concluded": concluded, "providers": providers, "rules": rules}
"""The marks of a part, and what gives its lines."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pages that are named."""
    for page in map(Path, sys.argv[1:] if arguments is None else arguments):
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
