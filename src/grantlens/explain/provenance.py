"""From which paths of a record the values of its columns came, as far as that can be told."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens.explain.leaves import leaves, safe
from grantlens.schema import LOGS
from grantlens.schema.vocabulary import ENUMS
from grantlens.window import format_time

if TYPE_CHECKING:
    from grantlens.loaders import Loader

_OURS = ("source", "batch_id", "line_no", "usage_id", "caller_id", "target_id")


@dataclass(frozen=True)
class Filled:
    """One column, its value, and the paths from which it came; none where it was worked out."""

    column: str
    value: str
    paths: list[str]


@dataclass(frozen=True)
class Leftover:
    """A value that stands in no column; `read` tells that a loader written in SQL looks at it all the same."""

    path: str
    value: str
    read: bool


def by_mapping(
    loader: Loader, record: dict[str, Any], rows: dict[str, list[dict[str, Any]]]
) -> tuple[list[tuple[str, list[Filled]]], list[str], list[str]]:
    """Return what a mapping filled, the paths that decided, and those that were taken; in the mapping's own words."""
    filled: list[tuple[str, list[Filled]]] = []
    decided: list[str] = []
    taken: list[str] = []
    values = {_anywhere(path): value for path, value in reversed(leaves(record))}
    origins = loader.origins(record) if loader.origins else {}
    for log, columns in origins.items():
        decided += columns.get("when", [])
        row = next(iter(rows.get(log, [])), None)
        found = []
        for column, paths in columns.items():
            if column == "when":
                continue
            value = row[column] if row else values.get(_anywhere(paths[0])) if paths else None
            if value is not None:
                found.append(Filled(column, _shown(column, value), list(paths)))
                taken += paths
        if log in LOGS:
            filled.append((log, found))
    shown = [] if "unmapped" in origins else decided  # what no table takes is to be seen with its values
    return filled, list(dict.fromkeys(decided)), [*taken, *shown]


def by_value(
    record: dict[str, Any], rows: dict[str, list[dict[str, Any]]]
) -> tuple[list[tuple[str, list[Filled]]], list[str], list[str]]:
    """Return the same of a loader that is written in SQL: the paths whose values stand in the columns."""
    filled: list[tuple[str, list[Filled]]] = []
    taken: list[str] = []
    single = leaves(record)
    types = {column.name: column.type for table in LOGS.values() for column in table.columns}
    for log, found in rows.items():
        for row in found:
            columns = []
            for column, value in row.items():
                if column in _OURS or value is None or str(value).startswith(("md5:", "derived:")):
                    continue
                alike = [path for path, each in single if _same(each, value)]
                if column in alike:  # a log that names it as we do
                    alike = [column]
                elif types[column] in ENUMS:  # a word of ours
                    alike = []
                columns.append(Filled(column, _shown(column, value), alike[:3]))
                taken += alike
            filled.append((log, columns))
    return filled, [], taken


def _same(logged: Any, value: Any) -> bool:
    """True if a logged value is the one that stands in the column.

    Examples
    --------
    >>> _same("200", 200), _same("a b", ["a", "b"]), _same("2026-07-01T10:00:00Z", datetime.fromisoformat("2026-07-01T12:00:00+02:00"))
    (True, True, True)
    """
    if isinstance(value, datetime):
        return _moment(logged, value)
    if isinstance(value, list):
        items = logged if isinstance(logged, list) else re.split(r"[\s,;]+", str(logged))
        return bool(value) and sorted(map(str, items)) == sorted(map(str, value))
    return not isinstance(logged, (list, bool)) and len(str(value)) > 1 and str(logged) == str(value)


def _moment(logged: Any, value: datetime) -> bool:
    try:
        number = float(logged)
    except (TypeError, ValueError):
        try:
            moment = datetime.fromisoformat(str(logged).strip())
        except ValueError:
            return False
        return moment == value if moment.tzinfo else moment == value.replace(tzinfo=None)
    return any(abs(number / unit - value.timestamp()) < 0.001 for unit in (1, 1e3, 1e6, 1e9))


def _shown(column: str, value: Any) -> str:
    if isinstance(value, datetime):
        return format_time(value)
    return safe(column, value)


def _anywhere(path: str) -> str:
    """Return a path as a mapping writes it: of a list any item, not the one that was met."""
    return re.sub(r"\[\d+\]", "[*]", path)


def _within(path: str, taken: Sequence[str]) -> bool:
    general = _anywhere(path)
    return any(
        each in (path, general)
        or path.startswith((each + ".", each + "["))
        or general.startswith((each + ".", each + "["))
        for each in taken
    )


def _reads(loader: Loader) -> Any:
    """Return what tells whether a loader looks at a path at all, as far as it declares what it parses."""
    try:
        fields = json.loads(loader.fields)
    except ValueError:
        return lambda path: True
    if not isinstance(fields, dict):
        return lambda path: True
    return lambda path: _declared(
        fields, re.findall(r"\"[^\"]+\"|'[^']+'|[^.\[\]]+", re.sub(r"\[[\d*]+\]", "", path)), path
    )


def _declared(fields: Any, keys: list[str], path: str) -> bool:
    if isinstance(fields, list):
        return _declared(fields[0], keys, path) if fields else False
    if not isinstance(fields, dict):
        return True
    if path in fields:
        return True
    if not keys:
        return True
    key = keys[0].strip("\"'")
    return key in fields and _declared(fields[key], keys[1:], "\0")


def left_over(loader: Loader, record: dict[str, Any], taken: Sequence[str]) -> list[Leftover]:
    """Return the values of a record that no column took."""
    read = _reads(loader)
    moment = record.get("#time")
    return [
        Leftover(path, safe(path, value), loader.origins is None and read(path))
        for path, value in leaves(record)
        if not _within(path, taken) and not (path.startswith("#") and value == moment)
    ]
