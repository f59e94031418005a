"""What a rule is: a question, its severity and remedy, its parameters, one SQL text, and examples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grantlens.rule.evidence import UNDECLARED, Evidence
from grantlens.rule.example import Example

SEVERITIES = ("info", "low", "medium", "high", "critical")
"""From the least to the worst."""

VERDICTS = ("clear", "indeterminate", "violation")
"""From the best to the worst."""


@dataclass(frozen=True)
class Parameter:
    """One number that a rule lets its user choose; bound in the SQL as $name."""

    name: str
    default: float
    unit: str
    doc: str


@dataclass(frozen=True)
class Rule:
    """One rule.

    The SQL reads the tables of the store and the relations in `needs`, binds $since and $until and the
    rule's own parameters, and gives one row for each finding, in columns of `findings.frame.COLUMNS`.
    """

    id: str
    version: int
    name: str
    """As a Python name."""
    key: tuple[str, ...]
    """Columns and details that, beside the source, tell one finding from another: what is equal in two reviews is the same finding."""
    question: str
    """What it answers, as a person would ask."""
    severity: str
    """Where it starts; the SQL may raise or lower it."""
    remedy: str
    """What to do about a finding."""
    basis: str
    """The standard, page or paper that it rests on."""
    sql: str
    needs: tuple[str, ...] = ()
    """Relations that the SQL reads."""
    parameters: tuple[Parameter, ...] = ()
    fires: tuple[Example, ...] = ()
    silent: tuple[Example, ...] = ()
    undecidable: tuple[Example, ...] = ()
    rests_on: Evidence = UNDECLARED
    """What it must see for a verdict, and what for less: docs/conclude.md and `grantlens coverage --explain` follow from it."""
    conclude: Callable[[list[dict[str, Any]], Mapping[str, Any]], None] | None = None
    """The part of the answer that is mathematics, not SQL: sets verdict, severity, explained_by, title and detail in
    the rows of the SQL."""

    @property
    def family(self) -> str:
        """The part of the id before the number: OOS, PRV, REV, INT or GOV."""
        return self.id.split("-")[0]

    @property
    def examples(self) -> tuple[Example, ...]:
        """All examples: those that fire, those that stay silent, those that cannot be decided."""
        return self.fires + self.silent + self.undecidable
