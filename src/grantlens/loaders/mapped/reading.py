"""Reading a mapping from TOML; a mistake names its line and the nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from grantlens.errors import LoadError
from grantlens.handwritten import Document, Entry, did_you_mean, read_document
from grantlens.loaders.loader import ACTORS, STRENGTHS, Join
from grantlens.loaders.mapped.column import COLUMNS, column, read_place
from grantlens.loaders.mapped.place import Place
from grantlens.loaders.mapped.rule import ALWAYS, Condition, Ignored, Mapped, Part, Recognise, Rule, When
from grantlens.schema import LOGS, TIMES

_NAME = r"[a-z][a-z0-9_]{1,39}"

_TOP = (
    "name",
    "source",
    "title",
    "version",
    "carries",
    "zone",
    "absent",
    "records",
    "pairs",
    "json",
    "keys_end",
    "actors",
    "join_note",
    "recognise",
    "ignored",
    "join",
)


def read(path: Path) -> Mapped:
    """Read a mapping file.

    Raises
    ------
    LoadError
        If it has a mistake.
    """
    document = read_document(path, LoadError)
    top = document.top
    top.check_keys((*_TOP, *LOGS))
    absent = tuple(top.texts("absent") or ())
    zone = top.text("zone")
    if zone is not None:
        top.check_zone("zone", zone)
    source = _source(top)
    parts = tuple(_part(document, log, entry, source) for log in LOGS for entry in document.tables(log, f"{log} table"))
    if not parts:
        raise top.mistake(
            "the mapping fills no log.", None, "Write [usage], [issuance] or [revocation], and the columns below it."
        )
    filled = [log for log in LOGS if any(part.log == log for part in parts)]
    carries = tuple(top.texts("carries") or ())
    for log in carries:
        _choice(top, "carries", log, LOGS)
        if log not in filled:
            raise top.mistake(
                f"'carries' names {log}, but the mapping fills no {log}.", "carries", f"Write [{log}], or leave it out."
            )
    recognise = [_recognise(document, entry) for entry in document.tables("recognise", "recognise table")]
    return Mapped(
        name=_name(top),
        title=top.text("title") or _name(top),
        version=_version(top),
        carries=carries,
        parts=parts,
        ignored=tuple(_ignored(document, entry) for entry in document.tables("ignored", "ignored table")),
        recognise=recognise[0] if recognise else None,
        zone=zone,
        absent=absent,
        lists=_keys(top, "records", top.text("records")) if "records" in top.values else (),
        pairs=tuple(_keys(top, "pairs", text) for text in top.texts("pairs") or ()),
        texts=tuple(_text_place(top, text) for text in top.texts("json") or ()),
        joins=_joins(document, filled, carries),
        keys_end=_keys_end(top),
        actors=top.text("actors", choices=ACTORS) or "",
        join_note=top.text("join_note") or "",
    )


def _name(top: Entry) -> str:
    name = top.text("name", required=True) or ""
    if not re.fullmatch(_NAME, name):
        raise top.mistake(
            f"'name' cannot be {name!r}.",
            "name",
            "Write a small letter, and then small letters, digits and _, up to 40 in all, such as acme_gateway.",
        )
    if name in {module.name for module in iter_modules([str(Path(__file__).parents[1])])}:
        raise top.mistake(
            f"'name' cannot be {name!r}: that is a part of grantlens.",
            "name",
            f'Call it my_{name}; where its records name tokens that {name} issued, say source = "{name}" too.',
        )
    return name


def _source(top: Entry) -> str | None:
    source = top.text("source")
    if source is not None and not re.fullmatch(_NAME, source):
        raise top.mistake(
            f"'source' cannot be {source!r}.", "source", "Write it as `grantlens coverage` does, such as keycloak."
        )
    return source


def _version(top: Entry) -> int:
    version = top.values.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise top.mistake(f"'version' must be a number from 1 on, not {version!r}.", "version", "Write version = 1.")
    return version


def _keys_end(top: Entry) -> bool:
    keys_end = top.values.get("keys_end", False)
    if not isinstance(keys_end, bool):
        raise top.mistake(f"'keys_end' must be true or false, not {keys_end!r}.", "keys_end", "Write keys_end = true.")
    return keys_end


def _part(document: Document, log: str, entry: Entry, source: str | None) -> Part:
    known = COLUMNS[log]
    # A word of the file, never a field: whose tokens they are no record may say of itself.
    columns: dict[str, Any] = {"source": (Rule((), constant=source),)} if source else {}
    for key in entry.values:
        if key in ("when", "unless"):
            continue
        if key not in known:
            remedy = did_you_mean(key, (*known, "when", "unless"), f"The columns are: {', '.join(known)}.")
            raise entry.mistake(f"{key!r} is no column of {log}.", key, remedy)
        columns[key] = column(document, log, entry, known[key], conditions)
    missing = [
        each.name for each in known.values() if each.required and each.name not in columns and each.name != "event_id"
    ]
    if missing:
        time = TIMES[log]
        example = f'{time} = "time"' if missing[0] == time else f'{missing[0]} = {{ constant = "..." }}'
        raise entry.mistake(f"{log} needs {missing[0]!r}.", None, f"Say where it stands or what it is: {example}")
    return Part(log, columns, conditions(document, log, entry))


def conditions(document: Document, name: str, entry: Entry) -> When:
    """Return what `when` and `unless` of an entry say."""
    found = {key: _condition(document, name, entry, key) for key in ("when", "unless") if key in entry.values}
    return When(found.get("when"), found.get("unless")) if found else ALWAYS


def _condition(document: Document, name: str, entry: Entry, key: str) -> Condition:
    given = entry.values[key]
    sets = given if isinstance(given, list) else [given]
    if not sets or not all(isinstance(each, dict) and each for each in sets):
        raise entry.mistake(
            f"{key!r} must say which values: a table of paths.", key, f'Write {key} = {{ "event" = ["tool.called"] }}.'
        )
    where = document.inside(entry, name, key, "condition") if isinstance(given, dict) else entry
    return Condition(
        tuple(
            tuple((read_place(where, path, path), _values(where, path, want)) for path, want in each.items())
            for each in sets
        )
    )


def _values(entry: Entry, key: str, given: Any) -> tuple[str, ...]:
    values = given if isinstance(given, list) else [given]
    if not values or not all(isinstance(value, (str, int, float)) for value in values):
        raise entry.mistake(
            f"{key!r} must be compared with texts or numbers, not {given!r}.", key, 'Write "*" for any value.'
        )
    return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in values)


def _ignored(document: Document, entry: Entry) -> Ignored:
    entry.check_keys(("reason", "when", "unless"))
    reason = entry.text("reason", required=True) or ""
    if not {"when", "unless"} & set(entry.values):
        raise entry.mistake(
            "without 'when' every record is ignored.", None, 'Say which: when = { "event" = "health.*" }.'
        )
    return Ignored(reason[:80], conditions(document, "ignored", entry))


def _recognise(document: Document, entry: Entry) -> Recognise:
    entry.check_keys(("keys", "any", "when", "unless"))
    keys, any_of = (tuple(read_place(entry, key, text) for text in entry.texts(key) or ()) for key in ("keys", "any"))
    only = conditions(document, "recognise", entry)
    if not keys and not any_of and only is ALWAYS:
        raise entry.mistake("'recognise' says nothing.", None, 'Write keys = ["a key that every record has"].')
    return Recognise(keys, any_of, only)


def _joins(document: Document, filled: Iterable[str], carries: Iterable[str]) -> tuple[Join, ...]:
    known = [log for log in LOGS if log in filled or log in carries]
    # The other log of a pair may be filled by another mapping of the same name.
    allowed = [pair for pair in combinations(LOGS, 2) if {*pair} & {*known}]
    joins = {}
    for entry in document.tables("join", "join table"):
        entry.check_keys(("first", "second", "strength", "key", "note"))
        first, second = (entry.text(key, required=True, choices=LOGS) for key in ("first", "second"))
        if (first, second) not in allowed:
            near = ", ".join(" and ".join(pair) for pair in allowed)
            raise entry.mistake(
                f"{first} and {second} are no pair of which this mapping fills one.", "first", f"There are: {near}."
            )
        strength = entry.text("strength", required=True, choices=STRENGTHS) or ""
        joins[(first, second)] = Join(
            first or "", second or "", strength, entry.text("key") or "", entry.text("note") or ""
        )
    # What nobody said of a pair is not known: that nothing joins it is an answer too, which a mapping has to give.
    return tuple(joins[pair] for pair in allowed if pair in joins)


def _keys(top: Entry, key: str, text: str | None) -> tuple[str, ...]:
    found = read_place(top, key, (text or "").replace("[*]", ""))
    way = found.ways[-1]
    if not all(isinstance(step, str) for step in way):
        raise top.mistake(f"{key!r} cannot be {text!r}.", key, 'Write the keys that lead to the list: "batches.calls".')
    return tuple(str(step) for step in way)


def _text_place(top: Entry, text: str) -> Place:
    found = read_place(top, "json", text)
    if found.lists:
        raise top.mistake(
            f"'json' cannot be {text!r}: it names one text.", "json", 'Write the path to it: json = ["result._raw"].'
        )
    return found


def _choice(entry: Entry, key: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        remedy = did_you_mean(value, choices, f"There are: {', '.join(choices)}.")
        raise entry.mistake(f"{key!r} cannot name {value!r}.", key, remedy)
