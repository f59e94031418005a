"""Long lists on a short axis: the first ones keep their names, the others are added up as "N more"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grantlens.charts.label import shorten

FOLDED = "#E4E8EC"
"""Fill of what is added up: it must not outshine the single ones."""


@dataclass(frozen=True)
class Fold:
    """The label of each name, the labels in order, and the one that stands for the rest (None: nothing folded)."""

    label: dict[str, str]
    order: tuple[str, ...]
    rest: str | None


def fold(names: Sequence[str], top: int, noun: str, length: int = 44) -> Fold:
    """Fold a ranked list of names.

    Examples
    --------
    >>> fold(["a", "b", "c", "d"], 2, "clients").order
    ('a', 'b', '2 more clients')
    >>> fold(["a", "b", "c"], 2, "clients").order
    ('a', 'b', 'c')
    """
    if len(names) <= top + 1:
        labels = shorten(list(names), length)
        return Fold(labels, tuple(labels[name] for name in names), None)
    labels = shorten(list(names[:top]), length)
    rest = f"{len(names) - top:,} more {noun}"
    return Fold({name: labels.get(name, rest) for name in names}, (*labels.values(), rest), rest)
