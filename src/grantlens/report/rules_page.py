"""The part of docs/rules.md that follows from what rules declare: what each asks, on what basis, and the cases that its tests hold it to."""

from __future__ import annotations

from collections.abc import Iterator

from grantlens.report.labels import label
from grantlens.report.markdown_text import code, table, told
from grantlens.rule.example import Example
from grantlens.rule.rule import VERDICTS, Rule
from grantlens.rules import registry

OUTCOMES = {
    "violation": "A violation",
    "indeterminate": "Left undecided",
    "clear": "Told as clear",
    "nothing": "Not told",
}
"""What may come of a case, the worst first, and its words."""


def rules() -> list[str]:
    """Return the lines of a table of all rules, and of a block for each."""
    lines = [""]
    lines += table(
        ["rule", "name", "from", "question"],
        [
            [f"[{rule.id}](#{anchor(rule)})", code(rule.name), rule.severity, rule.question]
            for rule in registry().values()
        ],
    )
    for rule in registry().values():
        lines += _block(rule)
    return lines


def anchor(rule: Rule) -> str:
    """Return where a rule's block stands."""
    return rule.id.lower()


def _block(rule: Rule) -> Iterator[str]:
    yield f'<a id="{anchor(rule)}"></a>'
    yield ""
    yield f"## {rule.id} `{rule.name}`"
    yield ""
    yield f"**{rule.question}**"
    yield ""
    yield f"- Severity: {rule.severity}, where nothing raises or lowers it. Version {rule.version}."
    yield f"- One finding for each: {', '.join(label(part).lower() for part in ('source', *rule.key))}."
    yield f"- Basis: {told(rule.basis)}."
    yield f"- What to do: {told(rule.remedy)}"
    yield ""
    if rule.parameters:
        yield from table(
            ["parameter", "default", "meaning"],
            [[code(each.name), f"{each.default:g} {each.unit}", each.doc] for each in rule.parameters],
        )
    cases: dict[str, list[str]] = {outcome: [] for outcome in OUTCOMES}
    for example in rule.examples:
        cases[outcome_of(example)].append(example.title)
    for outcome, titles in cases.items():
        if titles:
            yield f"{OUTCOMES[outcome]}:"
            yield ""
            yield from (f"- {told(title)}" for title in titles)
            yield ""


def outcome_of(example: Example) -> str:
    """Return the worst that comes of a case."""
    verdicts = {finding.get("verdict", "violation") for finding in example.expect}
    return next((verdict for verdict in reversed(VERDICTS) if verdict in verdicts), "nothing")
