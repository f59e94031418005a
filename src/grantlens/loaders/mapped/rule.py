"""What a mapping says: where a column gets its value from, and when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grantlens.loaders.loader import Join
from grantlens.loaders.mapped.place import Place, text_of

UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Units of a time written as a number since 1970, and how many of them are a second."""


@dataclass(frozen=True)
class Condition:
    """One of these sets of values holds: each place in it has one of its values, where `*` stands for any text."""

    any_of: tuple[tuple[tuple[Place, tuple[str, ...]], ...], ...] = ()

    def holds(self, record: Any) -> bool:
        """True if a parsed record fulfils it."""
        return any(all(matches(place.find(record), values) for place, values in each) for each in self.any_of)


@dataclass(frozen=True)
class When:
    """When a part of a mapping applies: `when` holds and `unless` does not."""

    when: Condition | None = None
    unless: Condition | None = None

    def holds(self, record: Any) -> bool:
        """True if a parsed record fulfils it."""
        return (self.when is None or self.when.holds(record)) and not (self.unless and self.unless.holds(record))

    def places(self) -> list[Place]:
        """Return the places that are looked at."""
        conditions = [each for each in (self.when, self.unless) if each]
        return [place for each in conditions for one in each.any_of for place, _ in one]


ALWAYS = When()


@dataclass(frozen=True)
class Rule:
    """One way to a value of a column.

    Parameters
    ----------
    places
        Where it stands; the first that is there counts.
    parts
        Places whose values are joined by `between`, if all are there.
    constant
        The value itself.
    values
        What a value of the log means here; `*` stands for any text.
    otherwise
        What any other value means; None leaves it as it is (in a list the next rule is asked), False leaves nothing.
    absent
        Values that mean that the log does not say.
    pattern
        Regular expression whose group, or else whole, is the value.
    unit, format, zone
        How a time is written.
    split
        What separates the items of a list.
    hash
        True if the value is a secret: only its keyed hash is kept.
    only
        When the rule is asked at all.
    """

    places: tuple[Place, ...] = ()
    parts: tuple[Place, ...] = ()
    between: str = ""
    constant: str | tuple[str, ...] | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    otherwise: str | bool | None = None
    absent: tuple[str, ...] = ()
    pattern: str | None = None
    unit: str | None = None
    format: str | None = None
    zone: str | None = None
    split: str | None = None
    hash: bool = False
    only: When = ALWAYS


@dataclass(frozen=True)
class Part:
    """What fills the columns of one log from the records for which `only` holds."""

    log: str
    columns: Mapping[str, tuple[Rule, ...]]
    only: When = ALWAYS


@dataclass(frozen=True)
class Ignored:
    """Records that say nothing about access, and why."""

    reason: str
    only: When = ALWAYS


@dataclass(frozen=True)
class Recognise:
    """How a log is told by its first records: most have all of `keys` and fulfil `only`, one has a value of `any_of`."""

    keys: tuple[Place, ...] = ()
    any_of: tuple[Place, ...] = ()
    only: When = ALWAYS


@dataclass(frozen=True)
class Mapped:
    """A mapping, read and checked."""

    name: str
    title: str
    version: int
    carries: tuple[str, ...]
    parts: tuple[Part, ...]
    ignored: tuple[Ignored, ...] = ()
    recognise: Recognise | None = None
    zone: str | None = None
    absent: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    pairs: tuple[tuple[str, ...], ...] = ()
    texts: tuple[Place, ...] = ()
    joins: tuple[Join, ...] = ()
    keys_end: bool = False
    actors: str = ""
    join_note: str = ""


def like(value: str) -> str:
    r"""Return a value with stars as a LIKE pattern, whose escape is a backslash.

    Examples
    --------
    >>> like("tool.*"), like("100%_")
    ('tool.%', '100\\%\\_')
    """
    return re.sub(r"([\\%_])", r"\\\1", value).replace("*", "%")


def matches(value: Any, values: tuple[str, ...]) -> bool:
    """True if a parsed value is one of these, where `*` stands for any text."""
    text = text_of(value)
    return text is not None and any(
        re.fullmatch(re.escape(each).replace(r"\*", ".*"), text, re.DOTALL) for each in values
    )
