"""Which paths of a record fill which column, by a mapping: what `grantlens load --explain` shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grantlens.loaders.mapped.place import Place, text_of, written
from grantlens.loaders.mapped.rule import Mapped, Rule, matches


def origins(mapped: Mapped, record: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return for each log that a parsed record fills, by column, the paths that its value came from.

    Beside the columns stands `when`: what was looked at to decide. A record that is ignored, or that no table takes, has
    nothing but that.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for each in mapped.ignored:
        if each.only.holds(record):
            return {"ignored": {"when": _paths(record, each.only.places())}}
    for part in mapped.parts:
        if part.log not in found and part.only.holds(record):
            columns = {name: _origin(mapped, rules, record) for name, rules in part.columns.items()}
            asked = [place for rules in part.columns.values() for rule in rules for place in rule.only.places()]
            found[part.log] = {"when": _paths(record, [*part.only.places(), *asked]), **columns}
    if not found:
        return {"unmapped": {"when": _paths(record, [place for part in mapped.parts for place in part.only.places()])}}
    return found


def _origin(mapped: Mapped, rules: Sequence[Rule], record: Mapping[str, Any]) -> list[str]:
    for rule in rules:
        if not rule.only.holds(record):
            continue
        if rule.constant is not None:
            return []
        if rule.parts:
            return _paths(record, rule.parts)
        for place in rule.places:
            value = text_of(place.find(record))
            if value is None or value in (*rule.absent, *mapped.absent):
                continue
            last = rule is rules[-1] or rule.otherwise is not None
            if not rule.values or last or any(matches(value, (key,)) for key in rule.values):
                return _paths(record, [place])
            break
    return []


def _paths(record: Mapping[str, Any], places: Iterable[Place]) -> list[str]:
    ways = (place.way(record) for place in places)
    return list(dict.fromkeys(written(list(way)) for way in ways if way is not None))
