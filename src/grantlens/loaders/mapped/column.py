"""Reading what a mapping says of one column."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from grantlens.handwritten import Document, Entry, did_you_mean
from grantlens.loaders.mapped.place import Place, place
from grantlens.loaders.mapped.rule import UNITS, Rule, When
from grantlens.loaders.mapped.secret import check_secrets
from grantlens.schema import LOGS, Column
from grantlens.schema.vocabulary import ENUMS

FILLED = ("source", "batch_id", "line_no")
"""Columns that are filled by the load itself."""

COLUMNS = {
    log: {column.name: column for column in table.columns if column.name not in FILLED} for log, table in LOGS.items()
}
"""By log, the columns that a mapping may fill."""

NO_KEYS = "Write the keys from the outermost on, with dots between them; quote a key that holds a dot."

_SOURCES = ("path", "parts", "constant")
_KEYS = (
    *_SOURCES,
    "between",
    "values",
    "otherwise",
    "absent",
    "pattern",
    "unit",
    "format",
    "zone",
    "split",
    "hash",
    "when",
    "unless",
)
_NOT_RE2 = re.compile(r"\(\?(?![:imsU-]|P<)|\\[1-9ZGK]|[*+?}]\+|\{\d{4,}")
"""What Python's expressions have and DuckDB's have not: lookaround, backreferences, possessive repeats."""

_SPECIFIERS = {f"%{letter}" for letter in "aAbBcdfgGhHIjmMnpSTuUVwWxXyYzZ%"} | {f"%-{letter}" for letter in "dHIjmMSy"}
"""What `format` may hold."""

Conditions = Callable[[Document, str, Entry], When]


def column(document: Document, log: str, entry: Entry, target: Column, conditions: Conditions) -> tuple[Rule, ...]:
    """Read the rules of a column.

    Parameters
    ----------
    document
        The file.
    log
        Name of the table that holds it.
    entry
        That table.
    target
        The column.
    conditions
        Reads `when` and `unless` of an entry.
    """
    given = entry.values[target.name]
    texts = [given] if isinstance(given, str) else given
    if isinstance(texts, list) and texts and all(isinstance(each, str) for each in texts):
        places = tuple(read_place(entry, target.name, each) for each in texts)
        _check_lists(entry, target.name, places, target)
        check_secrets(entry, target.name, places)
        return (Rule(places, absent=_nothing(target)),)
    if isinstance(given, dict):
        where = document.inside(entry, log, target.name, f"{target.name} rule")
        return (_rule(document, f"{log}.{target.name}", where, target, conditions),)
    if not isinstance(given, list) or not given or not all(isinstance(each, (str, dict)) for each in given):
        raise entry.mistake(
            f"{target.name!r} cannot be {given!r}: a text here is a path into the record.",
            target.name,
            f"For a value of your own write {target.name} = {{ constant = ... }}.",
        )
    line = entry.lines.get(target.name, entry.line)
    rules = []
    for each in given:
        values = {"path": each} if isinstance(each, str) else each
        where = Entry(entry.file, f"{target.name} rule", values, line, {}, entry.error)
        rules.append(_rule(document, f"{log}.{target.name}", where, target, conditions))
    return tuple(rules)


def _rule(document: Document, name: str, entry: Entry, target: Column, conditions: Conditions) -> Rule:
    entry.check_keys(_KEYS)
    sources = [key for key in _SOURCES if key in entry.values]
    if len(sources) != 1:
        raise entry.mistake(
            f"{target.name!r} has {'several sources' if sources else 'no source'}: it needs one of path, parts and constant.",
            sources[-1] if sources else None,
            f'For example {target.name} = {{ path = "app.id" }}.',
        )
    is_time, is_list = target.type == "TIMESTAMPTZ", target.type.endswith("[]")
    for key, fits, kind in (
        ("unit", is_time, "time"),
        ("format", is_time, "time"),
        ("zone", is_time, "time"),
        ("split", is_list, "list"),
    ):
        if key in entry.values and not fits:
            raise entry.mistake(
                f"{key!r} is for columns that hold a {kind}; {target.name} holds none.", key, f"Leave {key} out."
            )
    places, parts = (_places(entry, key) for key in ("path", "parts"))
    _check_lists(entry, sources[0], (*places, *parts), target)
    check_secrets(entry, sources[0], (*places, *parts))
    zone = entry.text("zone")
    if zone is not None:
        entry.check_zone("zone", zone)
    if "format" in entry.values and "unit" in entry.values:
        raise entry.mistake("'unit' is for numbers, 'format' for texts: it is one of them.", "format", "Leave one out.")
    return Rule(
        places,
        parts,
        between=entry.text("between") or "",
        constant=_constant(entry, target) if "constant" in entry.values else None,
        values=_values(document, name, entry, target),
        otherwise=_otherwise(entry, target),
        absent=tuple(entry.texts("absent") or ()) if "absent" in entry.values else _nothing(target),
        pattern=_pattern(entry),
        unit=entry.text("unit", choices=UNITS),
        format=_format(entry),
        zone=zone,
        split=_separator(entry),
        hash=entry.flag("hash"),
        only=conditions(document, name, entry),
    )


def _check_lists(entry: Entry, key: str, places: Iterable[Place], target: Column) -> None:
    if not target.type.endswith("[]") and any(each.lists for each in places):
        raise entry.mistake(f"[*] gives a list, and {target.name} holds none.", key, "Take one item: [0] is the first.")


def _nothing(target: Column) -> tuple[str, ...]:
    """Return what means that the log does not say: an empty text, but for lists, which it says to be empty."""
    return () if target.type.endswith("[]") else ("",)


def _places(entry: Entry, key: str) -> tuple[Place, ...]:
    given = entry.values.get(key, [])
    texts = [given] if isinstance(given, str) and key == "path" else given
    if (
        not isinstance(texts, list)
        or not all(isinstance(text, str) for text in texts)
        or (key in entry.values and not texts)
    ):
        raise entry.mistake(
            f"{key!r} must be {'a path or ' if key == 'path' else ''}a list of paths, not {given!r}.", key
        )
    return tuple(read_place(entry, key, text) for text in texts)


def _constant(entry: Entry, target: Column) -> str | tuple[str, ...]:
    given = entry.values["constant"]
    if target.type.endswith("[]"):
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise entry.mistake(
                f"{target.name} holds a list, so its constant must be one.", "constant", 'Write constant = ["one"].'
            )
        return tuple(given)
    if isinstance(given, (dict, list)):
        raise entry.mistake(f"'constant' must be one value, not {given!r}.", "constant")
    return meant(entry, "constant", given, target)


def meant(entry: Entry, key: str, value: Any, target: Column) -> str:
    """Return a value that the mapping gives a column; one that the column cannot hold is a mistake."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    options = ENUMS.get(target.type)
    if options and text not in options:
        remedy = did_you_mean(text, options, f"Say one of: {', '.join(options)}.")
        raise entry.mistake(f"{target.name} cannot be {text!r}.", key, remedy)
    if target.type in ("SMALLINT", "BIGINT") and not re.fullmatch(r"-?\d+", text):
        raise entry.mistake(f"{target.name} holds a number, not {text!r}.", key)
    return text


def _values(document: Document, name: str, entry: Entry, target: Column) -> dict[str, str]:
    given = entry.values.get("values", {})
    if not isinstance(given, dict) or any(isinstance(value, (dict, list)) for value in given.values()):
        raise entry.mistake(
            "'values' must say what each value means.", "values", 'Write values = { "ok" = "success" }.'
        )
    where = document.inside(entry, name, "values", "values table") if given else entry
    return {key: meant(where, key, value, target) for key, value in given.items()}


def _otherwise(entry: Entry, target: Column) -> str | bool | None:
    given = entry.values.get("otherwise")
    if given is None or given is False:
        return given
    if "values" not in entry.values:
        raise entry.mistake(
            "'otherwise' needs 'values' beside it.", "otherwise", "For a value that is always the same write constant."
        )
    if isinstance(given, (dict, list)) or given is True:
        raise entry.mistake(f"'otherwise' must be one value, or false, not {given!r}.", "otherwise")
    return meant(entry, "otherwise", given, target)


def _pattern(entry: Entry) -> str | None:
    text = entry.text("pattern")
    if text is None:
        return None
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise entry.mistake(f"'pattern' is no regular expression: {error}.", "pattern") from None
    if _NOT_RE2.search(text) or groups > 1:
        raise entry.mistake(
            "'pattern' may hold one group, and neither lookaround nor backreferences.",
            "pattern",
            "Put (...) around what to keep.",
        )
    return text


def _format(entry: Entry) -> str | None:
    text = entry.text("format")
    if text is None:
        return None
    unknown = [each for each in re.findall(r"%-?.?", text) if each not in _SPECIFIERS]
    if unknown:
        raise entry.mistake(
            f"'format' cannot hold {unknown[0]!r}.", "format", f"There are: {' '.join(sorted(_SPECIFIERS))}."
        )
    if not re.search(r"%(-?y|Y|c|x|G)", text):
        raise entry.mistake(
            "'format' has no year, so no time can be told from it.", "format", "For example %d/%b/%Y:%H:%M:%S %z."
        )
    return text


def _separator(entry: Entry) -> str | None:
    text = entry.text("split")
    if text == "":
        raise entry.mistake(
            "'split' must say what stands between the items.", "split", 'Write split = " " or split = ",".'
        )
    return text


def read_place(entry: Entry, key: str, text: str) -> Place:
    """Return the place that a text names; one that cannot be read is a mistake of this key."""
    try:
        return replace(place(text), line=entry.lines.get(key, entry.line))
    except ValueError as error:
        raise entry.mistake(f"{error}.", key, NO_KEYS) from None
